//! Opens a connection to a server, and proves over TLS, where its pool asks for it, that it is the one.

use std::sync::Arc;

use equalizer_core::fault::Fault;
use equalizer_core::proxy_head;
use equalizer_core::snapshot::wire::Protocol;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::serve::Client;
use crate::setup::{ServerSeat, Spoken};
use crate::socket::Socket;
use crate::tls::failed;

/// A new connection, and whether HTTP/2 is spoken on it.
pub(super) struct Connected {
    pub(super) socket: Socket,
    pub(super) http2: bool,
}

/// Connects; small writes leave at once. HTTP/1.1 is all that is offered for an exchange that wants to be `alone`.
pub(super) async fn connect(seat: &ServerSeat, alone: bool, client: &Client) -> Result<Connected, Fault> {
    let Spoken { protocol, introduction, tls } = &seat.spoken;
    let mut stream = TcpStream::connect(seat.address).await.map_err(|_| Fault::Connect)?;
    stream.set_nodelay(true).map_err(|_| Fault::Connect)?;
    if seat.is_told() {
        let mut head = Vec::new();
        proxy_head::write(*introduction, client.ends(), &mut head);
        stream.write_all(&head).await.map_err(|_| Fault::Closed)?;
    }
    let Some(tls) = tls else {
        return Ok(Connected { socket: Socket::plain(stream), http2: *protocol == Protocol::H2c && !alone });
    };
    let config = if alone { &tls.http1 } else { &tls.config };
    let agreed = TlsConnector::from(Arc::clone(config)).connect(tls.name.clone(), stream).await;
    let socket = match agreed {
        Ok(agreed) => Socket::tls(agreed.into()),
        Err(error) => {
            let (fault, why) = failed::with_server(&error);
            seat.shook_hands(why);
            return Err(fault);
        }
    };
    let http2 = socket.agreed_on_http2();
    match protocol {
        // A server that knows nothing of ALPN agrees on TLS all the same (RFC 7301, 3.1).
        Protocol::H2 if !http2 && !alone => {
            seat.shook_hands(failed::NO_HTTP2);
            return Err(Fault::Tls);
        }
        Protocol::Auto if !alone => seat.chose_http1.set(!http2),
        _ => {}
    }
    seat.shook_hands("");
    Ok(Connected { socket, http2 })
}
