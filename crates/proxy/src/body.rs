//! Moves bodies that do not travel with their heads: from one socket to the other, a piece at a time.
//!
//! The next piece is read when the last one is written, so a slow reader slows its writer and memory stays bounded.

use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::Pin;

use equalizer_core::http::h1::chunked::{Chunked, Piece};
use equalizer_core::http::h1::decode::Framing;
use equalizer_core::http::h1::encode;
use equalizer_core::http::refusal::Refusal;
use equalizer_core::http::reserved::Reserved;
use equalizer_core::http::trailers;

use crate::buffer::{Buffer, Buffers};
use crate::clock::{Deadline, Late};
use crate::pipe::Pipe;
use crate::socket::Socket;

/// A body longer than this is moved through a large buffer.
const LARGE: u64 = 16 * 1024;

/// From so many bytes on, the rest of a body is moved inside the kernel where that can be.
const SPLICED: u64 = 32 * 1024;

/// A message up to this size leaves in one write; so much of a body that comes after its head is kept.
const GATHERED: usize = 16 * 1024 - 64;

/// How far a body has been read.
pub(crate) enum Source {
    /// Nothing more comes but these trailers, if the other side is told the end by chunks.
    Done(Vec<u8>),
    /// So many bytes are still to come.
    Length(u64),
    /// Chunks.
    Chunked {
        decoder: Chunked,
        /// How much content there may still be.
        most: u64,
    },
    /// Everything until the end of the connection.
    UntilClose,
}

/// Why a body did not arrive whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Broken {
    /// The sender is gone or too slow.
    Source { late: bool },
    /// The receiver is gone or too slow.
    Sink,
    /// The framing is malformed.
    Malformed(Refusal),
}

impl Source {
    /// A body of any size.
    pub(crate) fn new(framing: Framing) -> Self {
        Self::within(framing, u64::MAX)
    }

    /// A body whose content may have `most` bytes, where only its chunks tell how many there are.
    pub(crate) fn within(framing: Framing, most: u64) -> Self {
        match framing {
            Framing::None | Framing::Length(0) => Self::Done(Vec::new()),
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked { decoder: Chunked::default(), most },
            Framing::UntilClose => Self::UntilClose,
        }
    }

    pub(crate) fn is_done(&self) -> bool {
        matches!(self, Self::Done(_))
    }

    /// Appends the last chunk, with the trailers but those that are `spoken`.
    fn last_chunk(&self, spoken: &Reserved, out: &mut Vec<u8>) {
        out.extend_from_slice(b"0\r\n");
        if let Self::Done(trailers) = self {
            trailers::write(trailers, spoken, out);
        }
        out.extend_from_slice(b"\r\n");
    }

    /// Finds the next content in `buffer`: its length once what stands before it is consumed; 0 for none yet.
    fn next(&mut self, buffer: &mut Buffer) -> Result<usize, Refusal> {
        match self {
            Self::Done(_) => Ok(0),
            Self::UntilClose => Ok(buffer.filled().len()),
            Self::Length(left) => {
                let here = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.filled().len());
                *left -= here as u64;
                if *left == 0 {
                    *self = Self::Done(Vec::new());
                }
                Ok(here)
            }
            Self::Chunked { decoder, most } => {
                let (skip, piece) = decoder.next(buffer.filled())?;
                buffer.consume(skip);
                match piece {
                    Piece::Data(length) => {
                        *most = most.checked_sub(length as u64).ok_or(Refusal::BodyTooLarge)?;
                        return Ok(length);
                    }
                    Piece::More => {}
                    Piece::End => *self = Self::Done(std::mem::take(decoder).into_trailers()),
                }
                Ok(0)
            }
        }
    }
}

/// Appends to `out` what `buffer` holds of a body, as far as it fits; how many bytes of the body that were.
pub(crate) fn gather(
    buffer: &mut Buffer,
    source: &mut Source,
    chunked: bool,
    spoken: &Reserved,
    out: &mut Vec<u8>,
) -> Result<usize, Refusal> {
    let mut gathered = 0;
    while !source.is_done() && !buffer.is_empty() && out.len() + buffer.filled().len() <= GATHERED {
        let length = source.next(buffer)?;
        if chunked && length > 0 {
            encode::chunk_size(length, out);
        }
        out.extend_from_slice(&buffer.filled()[..length]);
        if chunked && length > 0 {
            out.extend_from_slice(b"\r\n");
        }
        if chunked && source.is_done() {
            source.last_chunk(spoken, out);
        }
        buffer.consume(length);
        gathered += length;
    }
    Ok(gathered)
}

/// One body on its way.
pub(crate) struct Transfer<'a> {
    pub(crate) from: &'a Socket,
    pub(crate) to: &'a Socket,
    /// What was read from `from` already.
    pub(crate) buffer: &'a mut Buffer,
    pub(crate) source: &'a mut Source,
    /// Whether the receiver is told its end by chunks.
    pub(crate) chunked: bool,
    /// The fields that count in heads alone.
    pub(crate) spoken: &'a Reserved,
    pub(crate) deadline: &'a Deadline,
    /// Milliseconds between two pieces.
    pub(crate) wait: u32,
    pub(crate) buffers: &'a Buffers,
}

impl Transfer<'_> {
    /// Moves the whole body, with `before` in front of it; `moved` hears of every piece before it leaves.
    pub(crate) async fn run(mut self, before: &[u8], moved: impl Fn(usize)) -> Result<(), Broken> {
        let mut before = before;
        let mut chunk = Vec::new();
        loop {
            let length = self.source.next(self.buffer).map_err(Broken::Malformed)?;
            let done = self.source.is_done();
            if length > 0 || (done && (self.chunked || !before.is_empty())) {
                moved(length);
                chunk.clear();
                let after = self.frame(length, done, &mut chunk);
                let data = &self.buffer.filled()[..length];
                let parts = [before, &chunk, data, after].map(IoSlice::new);
                self.write(parts).await?;
                before = &[];
                self.buffer.consume(length);
            }
            if done {
                return Ok(());
            }
            // Content that is here already goes first; so does what is written before any content.
            if self.buffer.is_empty() {
                if !before.is_empty() {
                    self.write([
                        IoSlice::new(before),
                        IoSlice::new(&[]),
                        IoSlice::new(&[]),
                        IoSlice::new(&[]),
                    ])
                    .await?;
                    before = &[];
                }
                if let Some(pipe) = self.pipe() {
                    return self.splice(pipe, moved).await;
                }
                if self.fill().await? == 0 {
                    return self.ended().await;
                }
            }
        }
    }

    /// Moves a body that comes after its head as far as it fits into `kept`, where it can be sent from once more; whether
    /// that was all. `moved` hears of every piece before it leaves.
    async fn keep(&mut self, kept: &mut Vec<u8>, moved: impl Fn(usize)) -> Result<bool, Broken> {
        loop {
            let from = kept.len();
            let gathered = gather(self.buffer, self.source, self.chunked, self.spoken, kept);
            moved(gathered.map_err(Broken::Malformed)?);
            if kept.len() > from {
                self.write([&kept[from..], &[], &[], &[]].map(IoSlice::new)).await?;
            }
            let is_large = matches!(self.source, Source::Length(left) if *left > GATHERED as u64);
            if self.source.is_done() || is_large || !self.buffer.is_empty() {
                return Ok(self.source.is_done());
            }
            if self.fill().await? == 0 {
                return Err(Broken::Source { late: false });
            }
        }
    }

    /// A pipe, where what is left of the body is large and travels as it is.
    fn pipe(&self) -> Option<Pipe> {
        let large = matches!(self.source, Source::Length(SPLICED..)) && !self.chunked;
        if large && self.from.is_plain() && self.to.is_plain() { self.buffers.take_pipe() } else { None }
    }

    /// Moves the rest of a body of known length through a pipe.
    async fn splice(self, mut pipe: Pipe, moved: impl Fn(usize)) -> Result<(), Broken> {
        while let Source::Length(left) = self.source {
            let fill = poll_fn(|context| self.from.poll_fill(context, &mut pipe, *left));
            let length = match self.deadline.within(self.wait, fill).await {
                Ok(Ok(length @ 1..)) => length,
                Ok(_) => return Err(Broken::Source { late: false }),
                Err(Late) => return Err(Broken::Source { late: true }),
            };
            *left -= length as u64;
            moved(length);
            match self
                .deadline
                .within(self.wait, poll_fn(|context| self.to.poll_drain(context, &mut pipe)))
                .await
            {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(Late) => return Err(Broken::Sink),
            }
            if *left == 0 {
                *self.source = Source::Done(Vec::new());
            }
        }
        self.buffers.give_pipe(pipe);
        Ok(())
    }

    /// Writes the frame of a chunk around `length` bytes; returns what follows them.
    fn frame(&self, length: usize, done: bool, chunk: &mut Vec<u8>) -> &'static [u8] {
        if !self.chunked {
            return &[];
        }
        if length > 0 {
            encode::chunk_size(length, chunk);
        }
        match (length, done) {
            (0, true) => {
                self.source.last_chunk(self.spoken, chunk);
                b""
            }
            (_, true) => b"\r\n0\r\n\r\n",
            (_, false) => b"\r\n",
        }
    }

    async fn write(&self, mut parts: [IoSlice<'_>; 4]) -> Result<(), Broken> {
        match self.deadline.within(self.wait, self.to.write(&mut parts)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(Late) => Err(Broken::Sink),
        }
    }

    async fn fill(&mut self) -> Result<usize, Broken> {
        let streamed = self.from.is_stream() || self.to.is_stream();
        let large = !streamed && matches!(self.source, Source::Length(LARGE..));
        let fill = poll_fn(|context| {
            if large {
                self.buffers.enlarge(self.buffer);
            }
            self.buffers.poll_fill(self.buffer, context, self.from)
        });
        match self.deadline.within(self.wait, fill).await {
            Ok(Ok(length)) => Ok(length),
            // Of a connection, TLS may say the same.
            Ok(Err(error)) if self.from.is_stream() && error.kind() == io::ErrorKind::InvalidData => {
                Err(Broken::Malformed(Refusal::Malformed))
            }
            Ok(Err(_)) => Err(Broken::Source { late: false }),
            Err(Late) => Err(Broken::Source { late: true }),
        }
    }

    /// The sender has closed: that ends only a body without a length.
    async fn ended(&mut self) -> Result<(), Broken> {
        if !matches!(self.source, Source::UntilClose) {
            return Err(Broken::Source { late: false });
        }
        *self.source = Source::Done(Vec::new());
        if self.chunked {
            let last = [encode::LAST_CHUNK, &[], &[], &[]].map(IoSlice::new);
            self.write(last).await?;
        }
        Ok(())
    }
}

type Running<'a> = Pin<Box<dyn Future<Output = Result<(), Broken>> + 'a>>;

/// A request body that is still being sent while the response is awaited or relayed.
pub(crate) struct Upload<'a> {
    running: Option<Running<'a>>,
    whole: bool,
}

impl<'a> Upload<'a> {
    /// Nothing is left to send.
    pub(crate) fn none() -> Self {
        Self { running: None, whole: true }
    }

    /// Sends the rest of a body, and keeps what is small of it; `moved` hears of every piece before it leaves, and
    /// whether it is kept.
    pub(crate) fn start(
        mut transfer: Transfer<'a>,
        kept: &'a mut Vec<u8>,
        moved: impl Fn(usize, bool) + 'a,
    ) -> Self {
        let running = async move {
            if transfer.keep(kept, |length| moved(length, true)).await? {
                return Ok(());
            }
            transfer.run(&[], |length| moved(length, false)).await
        };
        Self { running: Some(Box::pin(running)), whole: false }
    }

    /// Whether the request has been sent to its end.
    pub(crate) fn is_whole(&self) -> bool {
        self.whole
    }

    /// Does `main`, and sends the body alongside; gives up only when the client's side of the body fails.
    /// `wait` is given anew to `main` when the body has been sent.
    pub(crate) async fn alongside<T>(
        &mut self,
        deadline: &Deadline,
        wait: u32,
        mut main: Pin<&mut impl Future<Output = T>>,
    ) -> Result<T, Broken> {
        poll_fn(|context| {
            if let Some(running) = &mut self.running
                && let std::task::Poll::Ready(ended) = running.as_mut().poll(context)
            {
                self.running = None;
                match ended {
                    Ok(()) => {
                        self.whole = true;
                        deadline.set(wait);
                    }
                    // The server takes no more; it may have answered already.
                    Err(Broken::Sink) => deadline.set(wait),
                    Err(broken) => return std::task::Poll::Ready(Err(broken)),
                }
            }
            main.as_mut().poll(context).map(Ok)
        })
        .await
    }
}
