//! One HTTP/2 stream as a socket that speaks HTTP/1.1: the exchange sees heads and bodies, and knows one language.
//!
//! What is read from it is a message in HTTP/1.1's words; what is written to it is one too. The rules of both are
//! applied, so a field that cannot travel in HTTP/1.1 does not come out of HTTP/2 either.

mod incoming;
mod malformed;
mod outgoing;
mod underway;
mod words;

use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};

use bytes::Bytes;
use equalizer_core::http::method::Method;
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::Request;
use http::uri::Scheme;

use self::incoming::Incoming;
pub(crate) use self::malformed::Malformed;
use self::outgoing::{Outgoing, To};
pub(crate) use self::underway::{Traffic, Underway};
pub(crate) use self::words::are_spaced;

/// One exchange on a connection that it shares.
pub(crate) struct Stream {
    incoming: Incoming,
    outgoing: Outgoing,
    underway: Option<Underway>,
}

impl Stream {
    /// A client's request, where its response goes, and where it is told when its trailers are malformed.
    pub(crate) fn served(
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        malformed: Rc<Malformed>,
    ) -> Self {
        let (head, body) = request.into_parts();
        let method = Method::read(head.method.as_str().as_bytes());
        let to = To::Client { respond, method, websocket: words::is_websocket(&head) };
        Self {
            incoming: Incoming::request(&head, body, malformed),
            outgoing: Outgoing::new(to),
            underway: None,
        }
    }

    /// A request that a server will be asked, and its response; where it is told when that is malformed.
    pub(crate) fn asked(
        send: SendRequest<Bytes>,
        scheme: Scheme,
        malformed: Rc<Malformed>,
        underway: Underway,
    ) -> Self {
        let outgoing = Outgoing::new(To::Server { send, scheme });
        Self { incoming: Incoming::nothing(malformed), outgoing, underway: Some(underway) }
    }

    /// Whether the server cannot have begun with the request.
    pub(crate) fn is_untouched(&self) -> bool {
        self.incoming.refused || self.outgoing.is_unsent()
    }

    /// Reads what has come; 0 bytes is the end.
    pub(crate) fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if let Some((response, question)) = self.outgoing.take_response() {
            self.incoming.awaits(response, question);
        }
        let read = ready!(self.incoming.poll_read(context, into));
        if self.incoming.is_malformed {
            self.outgoing.reset(Reason::PROTOCOL_ERROR);
        }
        Poll::Ready(read)
    }

    /// Writes some of a message; nothing when the other side's window is closed.
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

    /// Says that nothing more will be written, where the message did not say so itself.
    pub(crate) fn finish(&mut self) -> io::Result<()> {
        self.outgoing.finish()
    }

    /// Waits until the other side takes nothing more of this stream.
    pub(crate) fn poll_reset(&mut self, context: &mut Context<'_>) -> Poll<()> {
        ready!(self.outgoing.poll_reset(context));
        Poll::Ready(())
    }

    /// Whether it was reset for what came on it; what is left of that is dropped.
    pub(crate) fn is_malformed(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        loop {
            match self.incoming.poll_read(&mut context, &mut [0; 64]) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(Err(error)) => return error.kind() == io::ErrorKind::InvalidData,
                Poll::Ready(Ok(0)) | Poll::Pending => return false,
            }
        }
    }

    /// The answer did not come in time.
    pub(crate) fn is_late(&self) {
        if let Some(underway) = &self.underway {
            underway.is_late();
        }
    }

    /// Cuts the message short, so that the other side does not take what it has for all there is.
    pub(crate) fn abort(&mut self) {
        self.outgoing.abort();
    }
}

/// An error of HTTP/2 as one of a socket.
fn broken(error: h2::Error) -> io::Error {
    // The library resets a stream by itself when its message is malformed.
    if error.is_library() && error.is_reset() {
        return io::ErrorKind::InvalidData.into();
    }
    error.into_io().unwrap_or_else(|| io::ErrorKind::ConnectionReset.into())
}
