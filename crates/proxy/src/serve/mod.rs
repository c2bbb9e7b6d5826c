//! Client connections: what every protocol has in common.

pub(crate) mod h1;
mod held;

use std::cell::Cell;
use std::io::{self, IoSlice};

use equalizer_core::http::forwarded::Origin;
use equalizer_core::persistence::births;

pub(crate) use self::held::Held;
use crate::clock::{Deadline, Late};
use crate::socket::Socket;
use crate::worker::Worker;

/// A client's connection.
pub(crate) struct Client {
    pub(crate) socket: Socket,
    pub(crate) deadline: Deadline,
    pub(crate) origin: Origin,
    /// The listener it came to, by its place in the snapshot.
    pub(crate) listener: usize,
    /// No other connection of any worker has this number.
    pub(crate) number: u64,
    /// The session that began on this connection last, if requests on others may share it.
    pub(crate) birth: Cell<Option<births::Client>>,
    /// Its address's records.
    pub(crate) addresses: Held,
}

impl Client {
    /// Writes everything, or fails when the client takes nothing for too long.
    pub(crate) async fn write(&self, worker: &Worker, parts: &mut [IoSlice<'_>]) -> io::Result<()> {
        let wait = worker.setup().rules.timeouts.body;
        match self.deadline.within(wait, self.socket.write(parts)).await {
            Ok(written) => written,
            Err(Late) => Err(io::ErrorKind::TimedOut.into()),
        }
    }
}

/// What becomes of a client's connection after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum After {
    /// It serves the next request.
    Keep,
    /// Everything was read and written: it closes.
    Close,
    /// The client may still be sending: it hears the answer before the connection goes.
    Linger,
    /// The response is cut short, and a clean end would hide it.
    Abort,
}
