//! What the exchanges that share a connection to a server tell each other of it.

use std::cell::Cell;
use std::rc::Rc;

/// A connection, as far as its exchanges notice it.
#[derive(Default)]
pub(crate) struct Traffic {
    /// Exchanges under way.
    streams: Cell<usize>,
    /// How often something has come.
    heard: Cell<u64>,
    mute: Cell<bool>,
}

impl Traffic {
    /// How many exchanges are under way.
    pub(crate) fn streams(&self) -> usize {
        self.streams.get()
    }

    /// Something has come.
    pub(crate) fn hears(&self) {
        self.heard.set(self.heard.get().wrapping_add(1));
    }

    /// Whether an exchange has waited for as long as it may, and nothing came for anybody: the server, or what lies
    /// between, may have forgotten the connection.
    pub(crate) fn is_mute(&self) -> bool {
        self.mute.get()
    }
}

/// Counts as under way on its connection until it is dropped.
pub(crate) struct Underway {
    traffic: Rc<Traffic>,
    /// What had come before.
    heard: u64,
}

impl Underway {
    pub(crate) fn new(traffic: &Rc<Traffic>) -> Self {
        traffic.streams.set(traffic.streams.get() + 1);
        Self { traffic: Rc::clone(traffic), heard: traffic.heard.get() }
    }

    /// It has waited for as long as it may.
    pub(super) fn is_late(&self) {
        if self.traffic.heard.get() == self.heard {
            self.traffic.mute.set(true);
        }
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.traffic.streams.set(self.traffic.streams.get() - 1);
    }
}
