//! What goes out on a stream: a message in HTTP/1.1's words, sent as HTTP/2's frames.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use equalizer_core::http::field::Field;
use equalizer_core::http::h1::chunked::{Chunked, Piece};
use equalizer_core::http::h1::decode::{self, Framing, Limits};
use equalizer_core::http::h1::encode;
use equalizer_core::http::method::Method;
use h2::client::{ResponseFuture, SendRequest};
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::StatusCode;
use http::uri::Scheme;

use super::words::{self, Question};

/// Content that is handed over at once at most, whatever the window allows: more would lie in memory twice.
const PIECE: usize = 64 * 1024;

/// Our own heads are held to nothing: the other side has its limits.
const ANY: Limits = Limits { head: u32::MAX, target: u32::MAX, fields: u16::MAX };

/// A message on its way out.
pub(super) struct Outgoing {
    state: State,
    /// What answers the request that went out.
    response: Option<(ResponseFuture, Question)>,
}

enum State {
    /// Its head is being written.
    Head(Head),
    /// Its body is.
    Body(SendStream<Bytes>, Content),
    /// It has ended, or was given up.
    Ended,
}

/// What was written of a head, and where it goes.
struct Head {
    text: Vec<u8>,
    fields: Vec<Field>,
    to: To,
}

/// Who gets the message.
pub(super) enum To {
    /// A client that asked with this method, or for WebSocket.
    Client { respond: SendResponse<Bytes>, method: Method, websocket: bool },
    /// A server.
    Server { send: SendRequest<Bytes>, scheme: Scheme },
}

/// How the rest of a body is told.
enum Content {
    Length(u64),
    Chunks(Chunked),
    /// Everything until the end.
    Rest,
    /// The same of a protocol that both sides have changed to.
    Tunnel,
}

impl Outgoing {
    pub(super) fn new(to: To) -> Self {
        Self { state: State::Head(Head { text: Vec::new(), fields: Vec::new(), to }), response: None }
    }

    /// What answers the request, once, when it has gone out.
    pub(super) fn take_response(&mut self) -> Option<(ResponseFuture, Question)> {
        self.response.take()
    }

    /// Whether nothing of it has gone out.
    pub(super) fn is_unsent(&self) -> bool {
        matches!(self.state, State::Head(_))
    }

    /// Takes some of `bytes`, which are not empty.
    pub(super) fn poll_write(&mut self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.state {
            State::Head(head) => {
                let before = head.text.len();
                head.text.extend_from_slice(bytes);
                Poll::Ready(Ok(self.send_head()?.map_or(bytes.len(), |length| length - before)))
            }
            State::Body(stream, content) => {
                let (taken, ended) = ready!(content.poll_write(context, stream, bytes))?;
                if ended {
                    self.state = State::Ended;
                }
                Poll::Ready(Ok(taken))
            }
            State::Ended => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
        }
    }

    /// Sends the head once all of it was written: its length then.
    fn send_head(&mut self) -> io::Result<Option<usize>> {
        let State::Head(Head { text, fields, to }) = &mut self.state else { return Ok(None) };
        let (length, content, stream) = match to {
            To::Client { respond, method, websocket } => {
                let read = decode::response(text, u32::MAX, *method, fields).map_err(io::Error::other)?;
                let Some(head) = read else { return Ok(None) };
                let mut response = words::read_response(text, &head, fields)?;
                if *websocket && head.status != 101 && response.status().is_success() {
                    // The server has answered, and not agreed: a success would be taken for its consent (RFC 8441, 5).
                    *response.status_mut() = StatusCode::BAD_GATEWAY;
                }
                if head.status < 200 && head.status != 101 {
                    respond.send_informational(response).map_err(super::broken)?;
                    text.clear();
                    return Ok(Some(head.length as usize));
                }
                let content = Content::of(head.framing, head.status == 101);
                let stream = respond.send_response(response, content.is_none()).map_err(super::broken)?;
                (head.length, content, stream)
            }
            To::Server { send, scheme } => {
                let read = decode::request(text, ANY, fields).map_err(io::Error::other)?;
                let Some(head) = read else { return Ok(None) };
                let (request, question) = words::read_request(text, &head, fields, scheme.clone())?;
                let content = Content::of(head.framing, head.upgrade);
                let (response, stream) =
                    send.send_request(request, content.is_none()).map_err(super::broken)?;
                self.response = Some((response, question));
                (head.length, content, stream)
            }
        };
        self.state = content.map_or(State::Ended, |content| State::Body(stream, content));
        Ok(Some(length as usize))
    }

    /// Waits until the other side gives the stream up.
    pub(super) fn poll_reset(&mut self, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.state {
            State::Head(Head { to: To::Client { respond, .. }, .. }) => {
                respond.poll_reset(context).map(|_| ())
            }
            State::Body(stream, _) => stream.poll_reset(context).map(|_| ()),
            State::Head(_) | State::Ended => Poll::Pending,
        }
    }

    /// Ends a body that has no other end.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if let State::Body(stream, Content::Rest | Content::Tunnel) = &mut self.state {
            send(stream, &[], true)?;
            self.state = State::Ended;
        }
        Ok(())
    }

    /// Gives up a message that is not whole; what is no message any more is cancelled, as a connection is reset
    /// (RFC 8441, 5).
    pub(super) fn abort(&mut self) {
        let tunnel = matches!(self.state, State::Body(_, Content::Tunnel));
        self.reset(if tunnel { Reason::CANCEL } else { Reason::INTERNAL_ERROR });
    }

    /// Gives the stream up.
    pub(super) fn reset(&mut self, reason: Reason) {
        match &mut self.state {
            State::Head(Head { to: To::Client { respond, .. }, .. }) => respond.send_reset(reason),
            State::Body(stream, _) => stream.send_reset(reason),
            State::Head(_) | State::Ended => {}
        }
    }
}

impl Content {
    /// What follows a head; none where nothing does. A change of protocol is followed by bytes until the end.
    fn of(framing: Framing, changes: bool) -> Option<Self> {
        match framing {
            _ if changes => Some(Self::Tunnel),
            Framing::None | Framing::Length(0) => None,
            Framing::Length(length) => Some(Self::Length(length)),
            Framing::Chunked => Some(Self::Chunks(Chunked::default())),
            Framing::UntilClose => Some(Self::Rest),
        }
    }

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
            Self::Rest | Self::Tunnel => {
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
                        match words::read_trailers(&ahead.into_trailers())? {
                            Some(trailers) => stream.send_trailers(trailers).map_err(super::broken)?,
                            None => send(stream, &[], true)?,
                        }
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
