//! Opens a connection to a server, and proves over TLS, where its pool asks for it, that it is the one.

use std::io;

use equalizer_core::fault::Fault;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::setup::ServerSeat;
use crate::socket::Socket;

/// Connects; small writes leave at once.
pub(crate) async fn connect(seat: &ServerSeat) -> Result<Socket, Fault> {
    let stream = TcpStream::connect(seat.address).await.map_err(|_| Fault::Connect)?;
    stream.set_nodelay(true).map_err(|_| Fault::Connect)?;
    let Some(tls) = &seat.spoken.tls else { return Ok(Socket::plain(stream)) };
    let agreed = TlsConnector::from(tls.config.clone()).connect(tls.name.clone(), stream).await;
    agreed.map(|stream| Socket::tls(stream.into())).map_err(|error| fault(&error))
}

fn fault(error: &io::Error) -> Fault {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(_)) => Fault::Untrusted,
        _ => Fault::Tls,
    }
}
