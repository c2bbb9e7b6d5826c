//! What goes out on a stream: a message in HTTP/1.1's words, sent as HTTP/2's frames.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use equalizer_core::http::field::{Field, Known};
use equalizer_core::http::h1::chunked::{Chunked, Piece};
use equalizer_core::http::h1::decode::{self, Framing, ResponseHead};
use equalizer_core::http::h1::encode;
use equalizer_core::http::method::Method;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::header::{HeaderName, HeaderValue};
use http::{Response, StatusCode};

/// Content that is handed over at once at most, whatever the window allows: more would lie in memory twice.
const PIECE: usize = 64 * 1024;

/// How far a response has gone out.
pub(super) enum Outgoing {
    /// Its head is being written.
    Head(Answer),
    /// Its body is.
    Body(SendStream<Bytes>, Content),
    /// It has ended, or was given up.
    Ended,
}

/// Where a response's head goes, and what was written of it.
pub(super) struct Answer {
    respond: SendResponse<Bytes>,
    method: Method,
    text: Vec<u8>,
    fields: Vec<Field>,
}

/// How the rest of a body is told.
pub(super) enum Content {
    Length(u64),
    Chunks(Chunked),
    /// Everything until the end.
    Rest,
}

impl Answer {
    pub(super) fn new(respond: SendResponse<Bytes>, method: Method) -> Self {
        Self { respond, method, text: Vec::new(), fields: Vec::new() }
    }

    /// The head, once all of it was written.
    fn head(&mut self) -> io::Result<Option<ResponseHead>> {
        decode::response(&self.text, u32::MAX, self.method, &mut self.fields).map_err(io::Error::other)
    }

    /// The head as HTTP/2 has it: what concerns one connection only has no place in it (RFC 9113, 8.2.2).
    fn response(&self, head: &ResponseHead) -> io::Result<Response<()>> {
        let mut response = Response::new(());
        *response.status_mut() = StatusCode::from_u16(head.status).map_err(io::Error::other)?;
        let fields = response.headers_mut();
        fields.reserve(self.fields.len());
        for field in &self.fields {
            if matches!(field.known, Known::Connection | Known::TransferEncoding | Known::HopByHop) {
                continue;
            }
            let name = HeaderName::from_bytes(field.name.of(&self.text)).map_err(io::Error::other)?;
            let value = HeaderValue::from_bytes(field.value.of(&self.text)).map_err(io::Error::other)?;
            fields.append(name, value);
        }
        Ok(response)
    }
}

impl Outgoing {
    /// Takes some of `bytes`, which are not empty.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match self {
            Self::Head(answer) => {
                let before = answer.text.len();
                answer.text.extend_from_slice(bytes);
                let Some(head) = answer.head()? else { return Poll::Ready(Ok(bytes.len())) };
                let length = head.length as usize;
                self.send_head(&head)?;
                Poll::Ready(Ok(length - before))
            }
            Self::Body(stream, content) => {
                let (taken, ended) = ready!(content.poll_write(context, stream, bytes))?;
                if ended {
                    *self = Self::Ended;
                }
                Poll::Ready(Ok(taken))
            }
            Self::Ended => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    fn send_head(&mut self, head: &ResponseHead) -> io::Result<()> {
        let Self::Head(answer) = self else { return Ok(()) };
        let response = answer.response(head)?;
        if head.status < 200 {
            answer.respond.send_informational(response).map_err(super::broken)?;
            answer.text.clear();
            return Ok(());
        }
        let content = match head.framing {
            Framing::None | Framing::Length(0) => None,
            Framing::Length(length) => Some(Content::Length(length)),
            Framing::Chunked => Some(Content::Chunks(Chunked::default())),
            Framing::UntilClose => Some(Content::Rest),
        };
        let stream = answer.respond.send_response(response, content.is_none()).map_err(super::broken)?;
        *self = content.map_or(Self::Ended, |content| Self::Body(stream, content));
        Ok(())
    }

    /// Waits until the other side gives the stream up.
    pub(super) fn poll_reset(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Head(answer) => answer.respond.poll_reset(context).map(|_| ()),
            Self::Body(stream, _) => stream.poll_reset(context).map(|_| ()),
            Self::Ended => Poll::Pending,
        }
    }

    /// Gives the stream up.
    pub(super) fn reset(&mut self, reason: Reason) {
        match self {
            Self::Head(answer) => answer.respond.send_reset(reason),
            Self::Body(stream, _) => stream.send_reset(reason),
            Self::Ended => {}
        }
    }
}

impl Content {
    /// Sends some of `bytes`: how many were taken, and whether they were the last.
    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        stream: &mut SendStream<Bytes>,
        bytes: &[u8],
    ) -> Poll<io::Result<(usize, bool)>> {
        match self {
            Self::Length(left) => {
                let most = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
                let room = ready!(poll_room(context, stream, most))?;
                *left -= room as u64;
                let ended = *left == 0;
                send(stream, &bytes[..room], ended)?;
                Poll::Ready(Ok((room, ended)))
            }
            Self::Rest => {
                let room = ready!(poll_room(context, stream, bytes.len()))?;
                send(stream, &bytes[..room], false)?;
                Poll::Ready(Ok((room, false)))
            }
            Self::Chunks(chunked) => {
                // The decoder is asked on a copy: where the window is closed, the same bytes come again.
                let mut ahead = chunked.clone();
                let (skip, piece) = ahead.next(bytes).map_err(io::Error::other)?;
                match piece {
                    Piece::More => {
                        *chunked = ahead;
                        Poll::Ready(Ok((skip, false)))
                    }
                    Piece::End => {
                        send(stream, &[], true)?;
                        Poll::Ready(Ok((skip, true)))
                    }
                    Piece::Data(length) => {
                        let room = ready!(poll_room(context, stream, length))?;
                        let data = &bytes[skip..skip + room];
                        let mut ahead = chunked.clone();
                        ahead.next(&bytes[..skip + room]).map_err(io::Error::other)?;
                        *chunked = ahead;
                        let last = bytes[skip + room..].strip_prefix(b"\r\n") == Some(encode::LAST_CHUNK);
                        send(stream, data, last)?;
                        Poll::Ready(Ok(if last { (bytes.len(), true) } else { (skip + room, false) }))
                    }
                }
            }
        }
    }
}

/// Room for up to `most` bytes in the other side's window: at least one.
fn poll_room(
    context: &mut Context<'_>,
    stream: &mut SendStream<Bytes>,
    most: usize,
) -> Poll<io::Result<usize>> {
    let most = most.min(PIECE);
    stream.reserve_capacity(most);
    while stream.capacity() == 0 {
        match ready!(stream.poll_capacity(context)) {
            Some(room) => drop(room.map_err(super::broken)?),
            None => return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }
    Poll::Ready(Ok(stream.capacity().min(most)))
}

fn send(stream: &mut SendStream<Bytes>, data: &[u8], ended: bool) -> io::Result<()> {
    stream.send_data(Bytes::copy_from_slice(data), ended).map_err(super::broken)
}
