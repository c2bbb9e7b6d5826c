//! Opens a connection to a server.

use equalizer_core::fault::Fault;
use tokio::net::TcpStream;

use crate::setup::ServerSeat;
use crate::socket::Socket;

/// Connects; small writes leave at once.
pub(crate) async fn connect(seat: &ServerSeat) -> Result<Socket, Fault> {
    let stream = TcpStream::connect(seat.address).await.map_err(|_| Fault::Connect)?;
    stream.set_nodelay(true).map_err(|_| Fault::Connect)?;
    Ok(Socket::plain(stream))
}
