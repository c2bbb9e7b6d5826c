//! One connection's bytes, plain or under TLS, behind one thin type.
//!
//! Both directions may be polled by turns from one task, so the stream sits in a cell that is borrowed for one
//! system call at a time.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::TlsStream;

/// A connected socket.
pub(crate) struct Socket(RefCell<Stream>);

enum Stream {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => stream.get_ref().0,
        }
    }
}

fn peek(stream: &TcpStream) -> io::Result<usize> {
    SockRef::from(stream).peek(&mut [std::mem::MaybeUninit::uninit()])
}

impl Socket {
    pub(crate) fn plain(stream: TcpStream) -> Self {
        Self(RefCell::new(Stream::Plain(stream)))
    }

    pub(crate) fn tls(stream: TlsStream<TcpStream>) -> Self {
        Self(RefCell::new(Stream::Tls(Box::new(stream))))
    }

    /// Reads what is there; 0 bytes is the end.
    pub(crate) fn poll_read(&self, context: &mut Context<'_>, into: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut into = ReadBuf::new(into);
        let done = match &mut *self.0.borrow_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_read(context, &mut into),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_read(context, &mut into),
        };
        ready!(done)?;
        Poll::Ready(Ok(into.filled().len()))
    }

    fn poll_write(&self, context: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match (&mut *self.0.borrow_mut(), parts) {
            (Stream::Plain(stream), [only]) => Pin::new(stream).poll_write(context, only),
            (Stream::Plain(stream), _) => Pin::new(stream).poll_write_vectored(context, parts),
            (Stream::Tls(stream), _) => Pin::new(stream.as_mut()).poll_write_vectored(context, parts),
        }
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

    fn poll_flush(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self.0.borrow_mut() {
            Stream::Plain(_) => Poll::Ready(Ok(())),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_flush(context),
        }
    }

    /// Says that nothing more will be written.
    pub(crate) async fn finish(&self) -> io::Result<()> {
        poll_fn(|context| match &mut *self.0.borrow_mut() {
            Stream::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Tls(stream) => Pin::new(stream.as_mut()).poll_shutdown(context),
        })
        .await
    }

    /// Closes in good order. TCP does so by itself; TLS has a word for it (RFC 8446, 6.1), without which
    /// the other side has to take the end for an attack.
    pub(crate) async fn close(&self) {
        if matches!(&*self.0.borrow(), Stream::Tls(_)) {
            // The other side may be gone already.
            let _ = self.finish().await;
        }
    }

    /// Makes the end a reset: the other side shall not take what it has for all there is.
    pub(crate) fn abort(&self) {
        let stream = self.0.borrow();
        // Where even this fails the connection is gone.
        let _ = SockRef::from(stream.tcp()).set_linger(Some(Duration::ZERO));
    }

    /// Whether nothing has come, not even the end: an idle connection that can still be used.
    pub(crate) fn is_quiet(&self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.poll_read(&mut context, &mut [0]).is_pending()
    }

    /// Asks the kernel, not only what was told of the socket so far, whether the other side has closed.
    pub(crate) fn is_alive(&self) -> bool {
        let stream = self.0.borrow();
        // Under TLS, what has come meanwhile may be no end; a new connection is the safe guess.
        peek(stream.tcp()).is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Whether the kernel has bytes that were not read yet.
    pub(crate) fn has_bytes(&self) -> bool {
        let stream = self.0.borrow();
        peek(stream.tcp()).is_ok_and(|length| length > 0)
    }
}
