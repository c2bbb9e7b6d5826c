//! Client connections: what every protocol has in common.

pub(crate) mod connection;
pub(crate) mod h1;
pub(crate) mod h2;

use std::cell::{Cell, RefCell};
use std::io::{self, IoSlice};
use std::sync::Arc;

use equalizer_core::http::believed;
use equalizer_core::http::forwarded::Origin;
use equalizer_core::http::h1::decode::RequestHead;
use equalizer_core::http::h1::encode::Lines;
use equalizer_core::network::Networks;
use equalizer_core::persistence::address::Addresses;
use equalizer_core::persistence::opened::Opened;
use equalizer_core::persistence::{Chain, Recall, births};
use equalizer_core::snapshot::Snapshot;

use crate::clock::{Deadline, Late};
use crate::setup::Setup;
use crate::socket::Socket;
use crate::worker::{Arrival, Worker};

/// A client's connection.
pub(crate) struct Client {
    pub(crate) socket: Socket,
    pub(crate) deadline: Deadline,
    pub(crate) arrival: Arrival,
    /// Where the request under way came from: as the connection, unless somebody who is trusted says otherwise.
    pub(crate) origin: Cell<Origin>,
    /// No other connection of any worker has this number.
    pub(crate) number: u64,
    /// Requests that have come.
    pub(crate) requests: Cell<u32>,
    /// The session that began on this connection last, if requests on others may share it.
    pub(crate) birth: Cell<Option<births::Client>>,
    /// The session that it opened last.
    pub(crate) opened: Opened,
    /// Why the exchange under way does not go on, where that is its doing.
    pub(crate) parting: Cell<Option<Parting>>,
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
        if !held && table.opened(self.origin.get().client, self.deadline.unix()) {
            records.push(Arc::clone(table));
        }
    }

    /// Learns where a request comes from; the host that its client has asked for.
    pub(crate) fn hear<'a>(&self, setup: &Setup, lines: Lines<'a>, head: &RequestHead) -> &'a [u8] {
        let host = head.host.of(lines.bytes);
        if self.arrival.trusted { self.believe(setup, lines, head).unwrap_or(host) } else { host }
    }

    /// The version of HTTP in which a request came, as Via names it.
    pub(crate) fn received_in(&self, head: &RequestHead) -> &'static [u8] {
        match (self.socket.is_stream(), head.http11) {
            (true, _) => b"2",
            (false, true) => b"1.1",
            (false, false) => b"1.0",
        }
    }

    /// A request has come: whether the connection may serve another one after it.
    pub(crate) fn goes_on(&self, rules: &Snapshot) -> bool {
        if rules.requests == 0 {
            return self.arrival.full.is_none();
        }
        self.requests.set(self.requests.get().saturating_add(1));
        self.requests.get() < rules.requests && self.arrival.full.is_none()
    }

    /// Milliseconds that it may wait for a request.
    pub(crate) fn patience(&self, rules: &Snapshot) -> u32 {
        if self.arrival.full.is_some() { rules.timeouts.head } else { rules.timeouts.idle_client }
    }

    /// Whether what it says of clients counts now.
    pub(crate) fn is_believed(&self, setup: &Setup) -> bool {
        self.arrival.trusted && self.trusted(setup).is_some()
    }

    /// Whom its listener trusts now, where whoever has connected is among them.
    fn trusted<'a>(&self, setup: &'a Setup) -> Option<&'a Networks> {
        let trusted = setup.entrance(self.arrival.listener.get()).map(|one| &one.trusted);
        trusted.filter(|trusted| trusted.holds(self.arrival.origin.client))
    }

    /// Takes somebody's word, as far as it still counts.
    #[cold]
    fn believe<'a>(&self, setup: &Setup, lines: Lines<'a>, head: &RequestHead) -> Option<&'a [u8]> {
        let (seen, trusted) = (self.arrival.origin, self.trusted(setup));
        let believed = trusted.map(|trusted| believed::read(lines, trusted)).unwrap_or_default();
        let secure = believed.secure.or(head.scheme_secure.filter(|_| trusted.is_some()));
        self.comes_from(Origin {
            client: believed.client.unwrap_or(seen.client),
            secure: secure.unwrap_or(seen.secure),
        });
        believed.host
    }

    /// The next request is this one's: the records of another are not held any longer.
    pub(crate) fn comes_from(&self, origin: Origin) {
        if self.origin.get().client != origin.client {
            self.release_records();
        }
        self.origin.set(origin);
    }

    fn release_records(&self) {
        for table in self.records.take() {
            table.closed(self.origin.get().client, self.deadline.unix());
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
        self.release_records();
    }
}

/// How a client has ended its exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Parting {
    /// It wants no answer any more.
    Gone,
    /// Its stream was reset, since what came on it was malformed.
    Malformed,
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
