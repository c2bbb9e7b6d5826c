//! Opens a connection to a server.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

/// Connects; small writes leave at once.
pub(crate) async fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}
