//! A server as it is now: what people and servers said of it since the snapshot was made, shared by all workers.

use std::sync::atomic::{AtomicU8, AtomicU16, AtomicU32, AtomicU64, Ordering::Relaxed};

use crate::persistence::cookie::Incarnation;
use crate::snapshot::wire::{self, State};

/// The present of one server. Each value is read and written by itself: nothing here must agree with its neighbour.
#[derive(Debug, Default)]
pub struct Live {
    state: AtomicU8,
    deadline: AtomicU64,
    idle_first: AtomicU32,
    incarnation: AtomicU32,
    returned: AtomicU64,
    known: u64,
    joined: AtomicU64,
    limit: AtomicU32,
    taken: AtomicU32,
    waiting: AtomicU32,
    in_flight: AtomicU32,
    failures: AtomicU32,
    /// Weights that were given, plus one; 0 where none was.
    given: AtomicU16,
    weight: AtomicU16,
}

impl Live {
    /// A server that is up, and known of since `now`; `joined` is 0 for one that was there from the beginning. Both in
    /// Unix seconds.
    pub fn new(joined: u64, now: u64) -> Self {
        Self { joined: AtomicU64::new(joined), known: now, ..Self::default() }
    }

    /// Who may use it.
    pub fn state(&self) -> State {
        match self.state.load(Relaxed) {
            0 => State::Up,
            1 => State::Draining,
            2 => State::Maintenance,
            _ => State::Down,
        }
    }

    /// Takes a new state over.
    pub fn set(&self, said: &wire::ServerState) {
        self.deadline.store(said.deadline, Relaxed);
        self.idle_first.store(said.idle_first, Relaxed);
        self.state.store(said.state as u8, Relaxed);
    }

    /// Is up again, without a deadline.
    pub fn set_up(&self) {
        self.state.store(State::Up as u8, Relaxed);
        self.deadline.store(0, Relaxed);
        self.idle_first.store(0, Relaxed);
    }

    /// Whether a draining server's session, idle for `idle` seconds, moves now.
    pub fn lets_go(&self, now: u64, idle: u64) -> bool {
        let (deadline, idle_first) = (self.deadline.load(Relaxed), u64::from(self.idle_first.load(Relaxed)));
        self.state() == State::Draining
            && ((deadline > 0 && now >= deadline) || (idle_first > 0 && idle >= idle_first))
    }

    /// After how many idle seconds a draining server's sessions move; 0 for never.
    pub fn idle_first(&self) -> u32 {
        self.idle_first.load(Relaxed)
    }

    /// The life it told last, or began when it was back; unknown until then.
    pub fn incarnation(&self) -> Incarnation {
        Incarnation(self.incarnation.load(Relaxed))
    }

    /// It told its life.
    pub fn tells(&self, incarnation: Incarnation) {
        if self.incarnation() != incarnation {
            self.incarnation.store(incarnation.0, Relaxed);
        }
    }

    /// It is back, and has forgotten its sessions.
    ///
    /// Its life is made of the life before, not of the time: Equalizers that saw it come back equally often agree
    /// without talking, whichever of them was told first.
    pub fn returns(&self, now: u64) {
        self.tells(Incarnation::of(&self.incarnation().0.to_be_bytes()));
        self.returned.store(now, Relaxed);
    }

    /// When it was back, in Unix seconds; 0 for a server that was never away.
    pub fn returned(&self) -> u64 {
        self.returned.load(Relaxed)
    }

    /// Whether a stamp of then, with the life that it has now, is of another life all the same: lives are counted from
    /// when it was first known of, and one that was stamped before that had been counted by somebody else.
    pub fn repeats(&self, seen: u64) -> bool {
        self.returned() > 0 && seen < self.known
    }

    /// When it joined the pool, in Unix seconds.
    pub fn joined(&self) -> u64 {
        self.joined.load(Relaxed)
    }

    /// Requests that it may have in flight; 0 for any number.
    pub fn limit(&self) -> u32 {
        self.limit.load(Relaxed)
    }

    /// The weight that a person gave it, else `configured`.
    pub fn given_weight(&self, configured: u16) -> u16 {
        self.given.load(Relaxed).checked_sub(1).unwrap_or(configured)
    }

    /// Its weight for new sessions now; `configured` where nobody gave another.
    pub fn weight(&self, configured: u16) -> u16 {
        self.weight.load(Relaxed).checked_sub(1).unwrap_or(configured)
    }

    /// Takes over the weights that were given it; as configured again where there are none.
    pub fn set_weight(&self, said: Option<&wire::ServerWeight>) {
        let stored =
            |weight: fn(&wire::ServerWeight) -> u16| said.map_or(0, |said| weight(said).saturating_add(1));
        self.given.store(stored(|said| said.given), Relaxed);
        self.weight.store(stored(|said| said.now), Relaxed);
    }

    /// Requests that all workers have in flight with it; counted only where its pool's balance asks.
    pub fn in_flight(&self) -> u32 {
        self.in_flight.load(Relaxed)
    }

    /// One more is in flight.
    pub fn departs(&self) {
        self.in_flight.fetch_add(1, Relaxed);
    }

    /// One fewer is in flight.
    pub fn arrives(&self) {
        self.in_flight.fetch_sub(1, Relaxed);
    }

    /// Whatever failed in a row begins anew.
    pub fn forget_failures(&self) {
        self.failures.store(0, Relaxed);
    }

    /// An exchange with it has ended well, or failed; whether it is the last of `most` failures in a row, which then
    /// begin anew. Asked only where its pool watches for that.
    pub fn has_failed(&self, failed: bool, most: u32) -> bool {
        if !failed {
            // Most often there is nothing to be forgotten, and so nothing that other workers would have to hear of.
            if self.failures.load(Relaxed) > 0 {
                self.failures.store(0, Relaxed);
            }
            return false;
        }
        let last = self.failures.fetch_add(1, Relaxed) + 1 >= most;
        if last {
            self.failures.store(0, Relaxed);
        }
        last
    }

    /// Slots that are taken; counted only while its pool has a limit.
    pub fn taken(&self) -> u32 {
        self.taken.load(Relaxed)
    }

    /// Requests that wait for it.
    pub fn waiting(&self) -> u32 {
        self.waiting.load(Relaxed)
    }

    /// Whether it has as many requests in flight as it may. What changes that happens under the lock of the gate.
    pub fn is_full(&self) -> bool {
        self.limit() > 0 && self.taken() >= self.limit()
    }

    pub(super) fn set_limit(&self, limit: u32) {
        self.limit.store(limit, Relaxed);
    }

    pub(super) fn set_waiting(&self, waiting: usize) {
        self.waiting.store(u32::try_from(waiting).unwrap_or(u32::MAX), Relaxed);
    }

    pub(super) fn set_taken(&self, taken: u32) {
        self.taken.store(taken, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_failures_in_a_row_count_and_each_row_is_told_once() {
        let live = Live::default();
        let told = |exchanges: &[bool]| -> Vec<bool> {
            exchanges.iter().map(|failed| live.has_failed(*failed, 3)).collect()
        };
        assert_eq!(told(&[true, true, false, true, true]), [false; 5]);
        assert_eq!(told(&[true, true, true, true]), [true, false, false, true]);
        assert!(live.has_failed(true, 1));
    }
}
