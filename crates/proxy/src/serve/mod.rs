//! Client connections: what every protocol has in common.

pub(crate) mod h1;
pub(crate) mod h2;

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::sync::Arc;

use equalizer_core::persistence::address::Addresses;
use equalizer_core::persistence::{Chain, Recall, births};

use crate::clock::{Deadline, Late};
use crate::socket::Socket;
use crate::worker::{Arrival, Worker};

/// A client's connection.
pub(crate) struct Client {
    pub(crate) socket: Socket,
    pub(crate) deadline: Deadline,
    pub(crate) arrival: Arrival,
    /// No other connection of any worker has this number.
    pub(crate) number: u64,
    /// The session that began on this connection last, if requests on others may share it.
    pub(crate) birth: Cell<Option<births::Client>>,
    /// Its address's records.
    pub(crate) records: RefCell<Vec<Arc<Addresses>>>,
}

impl Client {
    /// Holds the record of the client's address in a pool's table, once, as soon as there is one: while a connection
    /// is open, a record is not idle.
    pub(crate) fn hold_record(&self, persistence: &Chain, recall: &Recall) {
        let Some(table) = persistence.addresses(recall) else { return };
        let mut records = self.records.borrow_mut();
        let held = records.iter().any(|held| Arc::ptr_eq(held, table));
        if !held && table.opened(self.arrival.origin.client, self.deadline.unix()) {
            records.push(Arc::clone(table));
        }
    }

    /// Writes everything, or fails when the client takes nothing for too long.
    pub(crate) fn write(
        &self,
        worker: &Worker,
        parts: &mut [IoSlice<'_>],
    ) -> impl Future<Output = Result<io::Result<()>, Late>> {
        self.deadline.within(worker.setup().rules.timeouts.body, self.socket.write(parts))
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        for table in self.records.get_mut() {
            table.closed(self.arrival.origin.client, self.deadline.unix());
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
