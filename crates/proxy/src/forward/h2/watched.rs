//! A connection to a server as HTTP/2 reads and writes it: its header blocks are looked at as they pass, for what the
//! library drops without a word.

use std::collections::BTreeSet;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use h2::Reason;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::frames::{DATA, END_STREAM, FRAME, Fields, Frames, HEADERS, Head, Piece, RST_STREAM, SETTINGS};
use crate::socket::Socket;
use crate::stream::{Malformed, Traffic};

/// Streams whose end is awaited; behind the end of older ones nothing is looked for.
const MOST: usize = 4_096;

pub(super) struct Watched {
    socket: Socket,
    frames: Frames,
    responses: Responses,
    /// Whether nothing more is looked at: the library ends the connection.
    blind: bool,
    malformed: Rc<Malformed>,
    traffic: Rc<Traffic>,
}

impl Watched {
    /// The streams whose responses are malformed are noted.
    pub(super) fn new(socket: Socket, malformed: &Rc<Malformed>, traffic: &Rc<Traffic>) -> Self {
        Self {
            socket,
            frames: Frames::behind(0),
            responses: Responses::default(),
            blind: false,
            malformed: Rc::clone(malformed),
            traffic: Rc::clone(traffic),
        }
    }

    /// Bytes came from the server.
    fn came(&mut self, mut bytes: &[u8]) {
        while !self.blind
            && let Some(piece) = self.frames.next(&mut bytes)
        {
            match piece {
                Piece::Head(frame) => {
                    self.blind = frame.length > FRAME;
                    self.responses.begins(frame);
                }
                Piece::Content(frame, _) if frame.kind == SETTINGS => {}
                Piece::Content(frame, content) => match self.responses.read(frame, content) {
                    Ok(malformed) => malformed.into_iter().for_each(|stream| self.malformed.note(stream)),
                    Err(_) => self.blind = true,
                },
            }
        }
    }
}

impl AsyncRead for Watched {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        let length = ready!(self.socket.poll_read(context, into.initialize_unfilled()))?;
        into.advance(length);
        self.traffic.hears();
        self.came(&into.filled()[before..]);
        // No server is malformed as often whose answers are still waited for.
        let failed = self.malformed.is_too_many();
        Poll::Ready(if failed { Err(io::ErrorKind::InvalidData.into()) } else { Ok(()) })
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.socket.poll_write(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.socket.poll_write(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_finish(context)
    }
}

/// The responses on one connection.
#[derive(Default)]
struct Responses {
    fields: Fields,
    /// Streams whose last head has come: another block is trailers.
    answered: BTreeSet<u32>,
    /// Whether the block that comes ends its stream.
    ends: bool,
}

impl Responses {
    /// A frame begins.
    fn begins(&mut self, frame: Head) {
        match frame.kind {
            HEADERS => self.ends = frame.has(END_STREAM),
            DATA if frame.has(END_STREAM) => drop(self.answered.remove(&frame.stream)),
            RST_STREAM => drop(self.answered.remove(&frame.stream)),
            _ => {}
        }
    }

    /// Reads HEADERS or CONTINUATION: gives its stream when its block is at an end and malformed.
    fn read(&mut self, frame: Head, content: &[u8]) -> Result<Option<u32>, Reason> {
        let Some(found) = self.fields.read(frame, content)? else { return Ok(None) };
        let trails = self.answered.contains(&frame.stream);
        if self.ends {
            self.answered.remove(&frame.stream);
        } else if !found.interim {
            self.answered.insert(frame.stream);
            if self.answered.len() > MOST {
                self.answered.pop_first();
            }
        }
        // RFC 9113, 8.1 and 8.3.2.
        Ok((if trails { found.pseudo } else { found.asks }).then_some(frame.stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::{CONTINUATION, END_HEADERS};

    const OK: &[u8] = b"\x88";
    const INTERIM: &[u8] = b"\x08\x03103";
    const TRAILERS: &[u8] = b"\x00\x01x\x01y";
    const ALL: u8 = END_HEADERS | END_STREAM;

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).expect("a short frame");
        [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
    }

    /// The malformed streams, when the bytes come `step` at a time.
    fn malformed(frames: &[Vec<u8>], step: usize) -> Vec<u32> {
        let (mut walk, mut responses) = (Frames::behind(0), Responses::default());
        let mut found = Vec::new();
        for mut bytes in frames.concat().chunks(step) {
            while let Some(piece) = walk.next(&mut bytes) {
                match piece {
                    Piece::Head(frame) => responses.begins(frame),
                    Piece::Content(frame, content) => {
                        found.extend(responses.read(frame, content).expect("header blocks"));
                    }
                }
            }
        }
        found
    }

    #[test]
    fn pseudo_fields_of_requests_and_of_trailers_are_malformed() {
        for step in [1, 5, 1000] {
            let frames = [
                frame(HEADERS, END_HEADERS, 1, INTERIM),
                frame(HEADERS, END_HEADERS, 1, OK),
                frame(HEADERS, END_HEADERS, 3, OK),
                frame(DATA, 0, 3, b"body"),
                frame(HEADERS, ALL, 3, OK),
                frame(HEADERS, ALL, 1, TRAILERS),
                frame(HEADERS, ALL, 5, b"\x88\x84"),
                frame(HEADERS, END_HEADERS, 7, OK),
                frame(HEADERS, END_STREAM, 7, b"\x00\x05:pa"),
                frame(CONTINUATION, END_HEADERS, 7, b"th\x01/"),
                frame(HEADERS, END_HEADERS, 9, INTERIM),
                frame(HEADERS, END_HEADERS, 9, b"\x08\x03103\x82"),
            ];
            assert_eq!(malformed(&frames, step), [3, 5, 7, 9], "{step} bytes at a time");
        }
    }

    #[test]
    fn streams_that_have_ended_are_forgotten() {
        let mut responses = Responses::default();
        let head = |kind, flags, stream| Head { length: 1, kind, flags, stream };
        let ends = [(DATA, END_STREAM), (RST_STREAM, 0)];
        for (stream, (kind, flags)) in (1..).step_by(2).zip(ends) {
            assert_eq!(responses.read(head(HEADERS, END_HEADERS, stream), OK), Ok(None));
            assert_eq!(responses.answered.len(), 1);
            responses.begins(head(kind, flags, stream));
            assert!(responses.answered.is_empty());
        }
        for stream in 1..=u32::try_from(MOST).expect("not many") + 9 {
            assert_eq!(responses.read(head(HEADERS, END_HEADERS, stream), OK), Ok(None));
        }
        assert_eq!(responses.answered.len(), MOST);
    }
}
