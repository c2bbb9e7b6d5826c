//! One HTTP/2 stream as a socket that speaks HTTP/1.1: the exchange sees heads and bodies, and knows one language.
//!
//! What is read from it is a message in HTTP/1.1's words; what is written to it is one too. Its rules are applied to
//! both, so a field that cannot travel in HTTP/1.1 does not come out of HTTP/2 either.

mod incoming;
mod outgoing;

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::Request;

use equalizer_core::http::method::Method;

use self::incoming::Incoming;
use self::outgoing::{Answer, Outgoing};

/// One request of an HTTP/2 client, and the place of its response.
pub(crate) struct Stream {
    incoming: Incoming,
    outgoing: Outgoing,
}

impl Stream {
    /// A request that has come, with where its response goes.
    pub(crate) fn new(request: Request<RecvStream>, respond: SendResponse<Bytes>) -> Self {
        let (head, body) = request.into_parts();
        let method = Method::read(head.method.as_str().as_bytes());
        Self {
            incoming: Incoming::request(&head, body),
            outgoing: Outgoing::Head(Answer::new(respond, method)),
        }
    }

    /// Reads what has come of the request; 0 bytes is its end.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.incoming.poll_read(context, into)
    }

    /// Writes some of the response; nothing when the client's window is closed.
    pub(crate) fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let mut written = 0;
        for part in parts {
            let mut rest: &[u8] = part;
            while !rest.is_empty() {
                match self.outgoing.poll_write(context, rest) {
                    Poll::Ready(Ok(length)) => {
                        written += length;
                        rest = &rest[length..];
                    }
                    Poll::Pending if written > 0 => return Poll::Ready(Ok(written)),
                    other => return other,
                }
            }
        }
        Poll::Ready(Ok(written))
    }

    /// Waits until the client takes nothing more of this stream.
    pub(crate) fn poll_reset(&mut self, context: &mut Context<'_>) -> Poll<()> {
        ready!(self.outgoing.poll_reset(context));
        Poll::Ready(())
    }

    /// Cuts the response short, so that the client does not take what it has for all there is.
    pub(crate) fn abort(&mut self) {
        self.outgoing.reset(Reason::INTERNAL_ERROR);
    }
}

/// An error of HTTP/2 as one of a socket.
fn broken(error: h2::Error) -> io::Error {
    error.into_io().unwrap_or_else(|| io::ErrorKind::ConnectionReset.into())
}
