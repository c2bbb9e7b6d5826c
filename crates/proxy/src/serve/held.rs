//! Which records of its client's address a connection keeps: while one is open, a record is not idle.

use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

use equalizer_core::persistence::Chain;
use equalizer_core::persistence::address::Addresses;

use crate::clock::Clock;

/// A connection's hold on records, which ends with it.
pub(crate) struct Held {
    client: IpAddr,
    clock: Rc<Clock>,
    tables: RefCell<Vec<Arc<Addresses>>>,
}

impl Held {
    /// Nothing is held yet.
    pub(crate) fn new(client: IpAddr, clock: &Rc<Clock>) -> Self {
        Self { client, clock: Rc::clone(clock), tables: RefCell::default() }
    }

    /// Holds the client's record in a pool's table, once, as soon as there is one.
    pub(crate) fn hold(&self, persistence: &Chain) {
        let Some(table) = persistence.addresses() else { return };
        let mut tables = self.tables.borrow_mut();
        let held = tables.iter().any(|held| Arc::ptr_eq(held, table));
        if !held && table.opened(self.client, self.clock.unix()) {
            tables.push(Arc::clone(table));
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        for table in self.tables.get_mut() {
            table.closed(self.client, self.clock.unix());
        }
    }
}
