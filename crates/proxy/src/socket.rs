//! One connection's bytes, plain or under TLS, or one HTTP/2 stream's, behind one thin type.
//!
//! Both directions may be polled by turns from one task, so the stream sits in a cell that is borrowed for one
//! system call at a time.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use rustls::ProtocolVersion;
use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

use crate::pipe::Pipe;
use crate::stream::Stream;
use crate::tls::{HTTP2, failed};

/// A connected socket.
pub(crate) struct Socket(RefCell<Carrier>);

enum Carrier {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Http2(Box<Stream>),
}

impl Carrier {
    /// The connection that is this one's alone.
    fn tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Plain(stream) => Some(stream),
            Self::Tls(stream) => Some(stream.get_ref().0),
            Self::Http2(_) => None,
        }
    }
}

fn peek(stream: &TcpStream) -> io::Result<usize> {
    SockRef::from(stream).peek(&mut [std::mem::MaybeUninit::uninit()])
}

fn not_plain() -> io::Error {
    io::ErrorKind::Unsupported.into()
}

impl Socket {
    pub(crate) fn plain(stream: TcpStream) -> Self {
        Self(RefCell::new(Carrier::Plain(stream)))
    }

    pub(crate) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self(RefCell::new(Carrier::Tls(Box::new(stream))))
    }

    pub(crate) fn http2(stream: Stream) -> Self {
        Self(RefCell::new(Carrier::Http2(Box::new(stream))))
    }

    /// Whether this is one stream of many: it gives and takes no more than a frame at a time.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(&*self.0.borrow(), Carrier::Http2(_))
    }

    /// Whether it is known that the other side cannot have begun with the request.
    pub(crate) fn is_untouched(&self) -> bool {
        matches!(&*self.0.borrow(), Carrier::Http2(stream) if stream.is_untouched())
    }

    pub(crate) fn is_tls(&self) -> bool {
        matches!(&*self.0.borrow(), Carrier::Tls(_))
    }

    /// Whether both sides have agreed on HTTP/2 when they shook hands.
    pub(crate) fn agreed_on_http2(&self) -> bool {
        match &*self.0.borrow() {
            Carrier::Tls(stream) => stream.get_ref().1.alpn_protocol() == Some(HTTP2),
            Carrier::Plain(_) | Carrier::Http2(_) => false,
        }
    }

    /// The version of TLS; `None` where there is none.
    pub(crate) fn tls_version(&self) -> Option<&'static str> {
        let Carrier::Tls(stream) = &*self.0.borrow() else { return None };
        match stream.get_ref().1.protocol_version() {
            Some(ProtocolVersion::TLSv1_3) => Some("1.3"),
            Some(ProtocolVersion::TLSv1_2) => Some("1.2"),
            _ => None,
        }
    }

    /// Reads what is there; 0 bytes is the end.
    pub(crate) fn poll_read(&self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut into = ReadBuf::new(into);
        let done = match &mut *self.0.borrow_mut() {
            Carrier::Plain(stream) => Pin::new(stream).poll_read(context, &mut into),
            Carrier::Tls(stream) => {
                Pin::new(stream.as_mut()).poll_read(context, &mut into).map_err(failed::afterwards)
            }
            Carrier::Http2(stream) => return stream.poll_read(context, into.initialize_unfilled()),
        };
        ready!(done)?;
        Poll::Ready(Ok(into.filled().len()))
    }

    /// Writes what there is room for.
    pub(crate) fn poll_write(
        &self,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match (&mut *self.0.borrow_mut(), parts) {
            (Carrier::Plain(stream), [only]) => Pin::new(stream).poll_write(context, only),
            (Carrier::Plain(stream), _) => Pin::new(stream).poll_write_vectored(context, parts),
            (Carrier::Tls(stream), _) => Pin::new(stream.as_mut()).poll_write_vectored(context, parts),
            (Carrier::Http2(stream), _) => stream.poll_write(context, parts),
        }
    }

    /// Whether its bytes are those on the wire, so that the kernel can move them by itself.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(&*self.0.borrow(), Carrier::Plain(_))
    }

    /// Moves what has come, at most `most` bytes, into an empty pipe; 0 bytes is the end. It must be plain.
    pub(crate) fn poll_fill(
        &self,
        context: &mut Context<'_>,
        pipe: &mut Pipe,
        most: u64,
    ) -> Poll<io::Result<usize>> {
        let Carrier::Plain(stream) = &*self.0.borrow() else { return Poll::Ready(Err(not_plain())) };
        loop {
            ready!(stream.poll_read_ready(context))?;
            match stream.try_io(Interest::READABLE, || pipe.fill(stream, most)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                filled => return Poll::Ready(filled),
            }
        }
    }

    /// Moves everything out of a pipe. It must be plain.
    pub(crate) fn poll_drain(&self, context: &mut Context<'_>, pipe: &mut Pipe) -> Poll<io::Result<()>> {
        let Carrier::Plain(stream) = &*self.0.borrow() else { return Poll::Ready(Err(not_plain())) };
        while !pipe.is_empty() {
            ready!(stream.poll_write_ready(context))?;
            match stream.try_io(Interest::WRITABLE, || pipe.drain(stream)) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                drained => drained?,
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes everything, in as few system calls as it takes.
    pub(crate) async fn write(&self, mut parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        IoSlice::advance_slices(&mut parts, 0);
        while !parts.is_empty() {
            let written = poll_fn(|context| self.poll_write(context, parts)).await?;
            if written == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            IoSlice::advance_slices(&mut parts, written);
        }
        poll_fn(|context| self.poll_flush(context)).await
    }

    /// Sends on what was written.
    pub(crate) fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self.0.borrow_mut() {
            Carrier::Plain(_) | Carrier::Http2(_) => Poll::Ready(Ok(())),
            Carrier::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    /// Says that nothing more will be written.
    pub(crate) async fn finish(&self) -> io::Result<()> {
        poll_fn(|context| self.poll_finish(context)).await
    }

    pub(crate) fn poll_finish(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self.0.borrow_mut() {
            Carrier::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Carrier::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
            Carrier::Http2(stream) => Poll::Ready(stream.finish()),
        }
    }

    /// Closes in good order. TCP does so by itself; TLS has a word for it (RFC 8446, 6.1), without which
    /// the other side has to take the end for an attack.
    pub(crate) async fn close(&self) {
        if matches!(&*self.0.borrow(), Carrier::Tls(_)) {
            // The other side may be gone already.
            let _ = self.finish().await;
        }
    }

    /// Makes the end a reset: the other side shall not take what it has for all there is.
    pub(crate) fn abort(&self) {
        match &mut *self.0.borrow_mut() {
            Carrier::Http2(stream) => stream.abort(),
            // Where even this fails the connection is gone.
            carrier => {
                let _ = carrier.tcp().map(|tcp| SockRef::from(tcp).set_linger(Some(Duration::ZERO)));
            }
        }
    }

    /// Waits until the other side gives up a stream, or resets a connection of its own. Of one that only closes it cannot
    /// be told: who sends nothing more may still read. Nor while there are bytes that nobody has read.
    pub(crate) fn poll_reset(&self, context: &mut Context<'_>) -> Poll<()> {
        let mut carrier = self.0.borrow_mut();
        if let Carrier::Http2(stream) = &mut *carrier {
            return stream.poll_reset(context);
        }
        let Some(tcp) = carrier.tcp() else { return Poll::Pending };
        loop {
            if ready!(tcp.poll_read_ready(context)).is_err() {
                return Poll::Ready(());
            }
            match tcp.try_io(Interest::READABLE, || peek(tcp)) {
                Ok(_) => return Poll::Pending,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(_) => return Poll::Ready(()),
            }
        }
    }

    /// Whether this is a stream that was reset for what came on it; what is left of that is dropped.
    pub(crate) fn is_malformed(&self) -> bool {
        match &mut *self.0.borrow_mut() {
            Carrier::Http2(stream) => stream.is_malformed(),
            Carrier::Plain(_) | Carrier::Tls(_) => false,
        }
    }

    /// What is awaited did not come in time: those who share the connection shall know.
    pub(crate) fn is_late(&self) {
        if let Carrier::Http2(stream) = &*self.0.borrow() {
            stream.is_late();
        }
    }

    /// Whether nothing has come, not even the end: an idle connection that can still be used.
    pub(crate) fn is_quiet(&self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.poll_read(&mut context, &mut [0]).is_pending()
    }

    /// Asks the kernel, not only what was told of the socket so far, whether the other side has closed.
    pub(crate) fn is_alive(&self) -> bool {
        // Under TLS, what has come meanwhile may be no end; a new connection is the safe guess.
        let quiet = |tcp| peek(tcp).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        self.0.borrow().tcp().is_none_or(quiet)
    }

    /// Whether the kernel has bytes that were not read yet.
    pub(crate) fn has_bytes(&self) -> bool {
        let carrier = self.0.borrow();
        carrier.tcp().is_some_and(|tcp| peek(tcp).is_ok_and(|length| length > 0))
    }
}

impl AsyncRead for Socket {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = ready!(Self::poll_read(&self, context, into.initialize_unfilled()))?;
        into.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Self::poll_write(&self, context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Self::poll_write(&self, context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Self::poll_flush(&self, context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_finish(context)
    }
}
