//! Which answers of servers are timed, and what they took: only where the pool's balance asks.
//!
//! A time needs two looks at the clock: of two requests one is timed, so that each costs one.

use std::cell::Cell;

use crate::clock::Moment;
use crate::worker::Worker;

/// Whether the next request of a pool is timed.
pub(crate) struct Timing(Option<Cell<bool>>);

/// What the answers of a server took that were timed.
#[derive(Clone, Default)]
pub(crate) struct Times {
    pub(crate) answers: Cell<u64>,
    pub(crate) micros: Cell<u64>,
}

impl Timing {
    /// For a pool whose answers are timed, or for one whose are not.
    pub(crate) fn new(timed: bool) -> Self {
        Self(timed.then(Cell::default))
    }

    /// A request begins: when, if it is timed.
    pub(crate) fn begins(&self, worker: &Worker) -> Option<Moment> {
        let last = self.0.as_ref()?;
        let was_timed = last.replace(!last.get());
        if was_timed { None } else { Some(worker.clock.moment()) }
    }
}

impl Times {
    /// One more.
    pub(crate) fn add(&self, took: u64) {
        self.answers.set(self.answers.get() + 1);
        self.micros.set(self.micros.get() + took);
    }
}
