//! A client's connection from its first byte to its last: hands are shaken, then one protocol or the other serves it.

use std::rc::Rc;

use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;

use super::{Client, h1, h2};
use crate::clock::{Deadline, Late};
use crate::socket::Socket;
use crate::tls::ListenerTls;
use crate::tls::failed::{self, Why};
use crate::worker::{Arrival, Worker};

/// A connection counts as open until this is dropped.
pub(crate) struct Open(Rc<Worker>);

impl Open {
    pub(crate) fn new(worker: &Rc<Worker>) -> Self {
        worker.opens();
        Self(Rc::clone(worker))
    }

    pub(crate) fn worker(&self) -> &Rc<Worker> {
        &self.0
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.closes();
    }
}

/// Serves a connection to its end.
pub(crate) async fn serve(open: Open, client: Rc<Client>) {
    if client.socket.agreed_on_http2() {
        // Boxed: its size is no idle connection's of HTTP/1.1.
        Box::pin(h2::serve(Rc::clone(&open.0), Rc::clone(&client), None)).await;
    } else {
        h1::serve(Rc::clone(&open.0), Rc::clone(&client)).await;
    }
    if let Some(birth) = client.birth.get() {
        open.0.births.gone(birth, client.number);
    }
}

/// Serves a connection over TLS, once client and server have agreed on its keys.
pub(crate) async fn serve_tls(open: Open, stream: TcpStream, tls: ListenerTls, mut arrival: Arrival) {
    let deadline = Deadline::new(&open.0.clock);
    // Boxed: it is large, and over when the first request comes.
    match Box::pin(agree(&open.0, stream, tls, &deadline)).await {
        Ok((socket, certificate)) => {
            arrival.certificate = certificate;
            arrival.tls = socket.tls_version();
            let client = open.0.client(socket, deadline, arrival);
            serve(open, client).await;
        }
        Err(why) => open.0.count_handshake(arrival.listener.get(), why),
    }
}

/// Shakes hands: the connection, and the field lines that tell of the client's certificate where it was asked for
/// one; else why they do not agree.
async fn agree(
    worker: &Worker,
    stream: TcpStream,
    tls: ListenerTls,
    deadline: &Deadline,
) -> Result<(Socket, Option<Rc<[u8]>>), Why> {
    let wait = worker.setup().rules.timeouts.head;
    let agreed = deadline.within(wait, TlsAcceptor::from(tls.config).accept(stream)).await;
    let stream = agreed.map_err(|Late| failed::LATE)?.map_err(|error| failed::why(&error))?;
    let certificate = match tls.telling {
        Some(telling) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            let lines = telling.lines(shown, worker.clock.unix()).ok_or(failed::UNTRUSTED)?;
            Some(Rc::from(lines))
        }
        None => None,
    };
    Ok((Socket::tls(stream.into()), certificate))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the future that a function of two arguments returns.
    fn size_of_future<A, B, F>(_: impl FnOnce(A, B) -> F) -> usize {
        size_of::<F>()
    }

    /// What a connection does lies in a desk; what it is, beside its socket, its timer and the runtime's record, is this.
    #[test]
    fn a_connection_is_small() {
        let size = size_of_future(serve);
        assert!(size <= 256, "{size} bytes");
    }
}
