//! Decides whether a pool is asked at all: where too many of its requests fail, none goes there for a while, then a few
//! to see, then all or none again.
//!
//! What all workers share is one number, changed whole, and a tally of the last seconds. Times are milliseconds on a
//! clock that all workers share.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::snapshot::wire;
use crate::tally::{Counts, Tally};

/// What the log says of a request that was refused.
pub const OPEN: &str = "breaker_open";

const WHOLE: u64 = 10_000;
const SECOND: u64 = 1000;
/// Rounds of trials are told apart by the last bits of their number.
const ROUNDS: u8 = 0x3f;

/// The breaker of a pool.
#[derive(Debug)]
pub struct Breaker {
    written: wire::Breaker,
    tally: Tally,
    now: AtomicU64,
    opened: AtomicU64,
    closed: AtomicU64,
    refused: AtomicU64,
    /// What was counted when it opened last: of all in the high half, of those that failed in the low one.
    because: AtomicU64,
}

/// As what a request is let through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Pass {
    /// It does not count: there is no breaker, or it has been counted.
    #[default]
    Uncounted,
    /// One of many.
    Usual,
    /// One of a few, to see how it fares; in this round of them.
    Trial(u8),
}

/// Where a breaker is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// All requests go through.
    Closed,
    /// None does.
    Open {
        /// When it opened.
        since: u64,
    },
    /// A few do.
    Trying {
        /// When the first of this round did.
        since: u64,
        /// How many did.
        begun: u8,
        /// How many of them went well.
        passed: u8,
    },
}

/// What a breaker has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Told {
    /// Where it is.
    pub phase: Phase,
    /// How often it opened; a trial that fails is no opening.
    pub opened: u64,
    /// How often it closed again.
    pub closed: u64,
    /// Requests that it has refused.
    pub refused: u64,
    /// The requests that were counted when it opened last, and those of them that failed.
    pub because: Counts,
}

/// The number that is shared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct State {
    round: u8,
    phase: Phase,
}

impl Breaker {
    /// Closed.
    pub fn new(written: &wire::Breaker) -> Self {
        let zero = AtomicU64::default;
        Self {
            tally: Tally::new(written.over),
            written: written.clone(),
            now: zero(),
            opened: zero(),
            closed: zero(),
            refused: zero(),
            because: zero(),
        }
    }

    /// Whether it is what these settings make.
    pub fn is_of(&self, written: &wire::Breaker) -> bool {
        self.written == *written
    }

    /// Whether all requests go through.
    pub fn is_closed(&self) -> bool {
        self.state().phase == Phase::Closed
    }

    /// Whether an answer with such a status is a failure.
    pub fn counts(&self, status: u16) -> bool {
        self.written.statuses.contains(&status)
    }

    /// A request comes: as what it is let through, or in how many seconds it may come again.
    pub fn enter(&self, now: u64) -> Result<Pass, u32> {
        let mut answer = Ok(Pass::Usual);
        self.change(|state| {
            let (after, told) = state.enter(now, u64::from(self.written.open), self.written.trials);
            answer = told;
            after
        });
        answer.map_err(|wait| {
            self.refused.fetch_add(1, Relaxed);
            u32::try_from(wait.div_ceil(SECOND).max(1)).unwrap_or(u32::MAX)
        })
    }

    /// A request that was let through has fared so.
    pub fn ends(&self, pass: Pass, failed: bool, now: u64) {
        match pass {
            Pass::Usual if self.is_closed() => {
                self.tally.add(now / SECOND, 1, u64::from(failed));
                if failed {
                    self.judge(now);
                }
            }
            // Let through before it opened: what it says is known.
            Pass::Usual | Pass::Uncounted => {}
            Pass::Trial(round) => {
                let trials = self.written.trials;
                let (before, after) = self.change(|state| state.tried(round, failed, now, trials));
                if before.phase != Phase::Closed && after.phase == Phase::Closed {
                    self.tally.clear();
                    self.closed.fetch_add(1, Relaxed);
                }
            }
        }
    }

    /// A request that was let through has not come to a server.
    pub fn leaves(&self, pass: Pass) {
        if let Pass::Trial(round) = pass {
            self.change(|state| state.left(round));
        }
    }

    /// What it has done.
    pub fn told(&self) -> Told {
        let because = self.because.load(Relaxed);
        Told {
            phase: self.state().phase,
            opened: self.opened.load(Relaxed),
            closed: self.closed.load(Relaxed),
            refused: self.refused.load(Relaxed),
            because: Counts { all: because >> 32, some: because & u64::from(u32::MAX) },
        }
    }

    /// Opens where too many have failed.
    fn judge(&self, now: u64) {
        let counts = self.tally.sum(now / SECOND);
        let many = counts.all >= u64::from(self.written.least);
        if !many || counts.some * WHOLE < counts.all * u64::from(self.written.share) {
            return;
        }
        let (before, after) = self.change(State::opened(now));
        if before != after {
            self.because.store(counts.all << 32 | counts.some.min(u64::from(u32::MAX)), Relaxed);
            self.opened.fetch_add(1, Relaxed);
            self.tally.clear();
        }
    }

    fn state(&self) -> State {
        State::unpacked(self.now.load(Relaxed))
    }

    /// The state before and after a change.
    fn change(&self, mut change: impl FnMut(State) -> State) -> (State, State) {
        let mut after = self.state();
        let found = self.now.fetch_update(Relaxed, Relaxed, |before| {
            after = change(State::unpacked(before));
            Some(after.packed())
        });
        let (Ok(before) | Err(before)) = found;
        (State::unpacked(before), after)
    }
}

impl State {
    /// What comes of a request, and when it may come again where it is refused.
    fn enter(self, now: u64, open: u64, trials: u8) -> (Self, Result<Pass, u64>) {
        let since = match self.phase {
            Phase::Closed => return (self, Ok(Pass::Usual)),
            Phase::Trying { since, begun, passed } if begun < trials => {
                let phase = Phase::Trying { since, begun: begun + 1, passed };
                return (Self { phase, ..self }, Ok(Pass::Trial(self.round)));
            }
            Phase::Open { since } | Phase::Trying { since, .. } => since,
        };
        let left = (since + open).saturating_sub(now);
        if left > 0 {
            return (self, Err(left));
        }
        // Trials that have not come back by now are as good as lost.
        let round = (self.round + 1) & ROUNDS;
        (Self { round, phase: Phase::Trying { since: now, begun: 1, passed: 0 } }, Ok(Pass::Trial(round)))
    }

    /// How a trial of this round went.
    fn tried(self, round: u8, failed: bool, now: u64, trials: u8) -> Self {
        match self.phase {
            Phase::Trying { .. } if self.round == round && failed => {
                Self { phase: Phase::Open { since: now }, ..self }
            }
            Phase::Trying { passed, .. } if self.round == round && passed + 1 >= trials => {
                Self { phase: Phase::Closed, ..self }
            }
            Phase::Trying { since, begun, passed } if self.round == round => {
                Self { phase: Phase::Trying { since, begun, passed: passed + 1 }, ..self }
            }
            _ => self,
        }
    }

    /// A trial of this round was none.
    fn left(self, round: u8) -> Self {
        match self.phase {
            Phase::Trying { since, begun, passed } if self.round == round => Self {
                phase: Phase::Trying { since, begun: begun.saturating_sub(1).max(passed), passed },
                ..self
            },
            _ => self,
        }
    }

    /// What opening makes of a state.
    fn opened(now: u64) -> impl Fn(Self) -> Self {
        move |state| match state.phase {
            Phase::Closed => Self { phase: Phase::Open { since: now }, ..state },
            _ => state,
        }
    }

    /// From the highest bit: 40 for the time, 35 years of it; 8 each for what begun and what passed; 6 for the round; 2
    /// for the phase.
    fn packed(self) -> u64 {
        let (phase, since, begun, passed) = match self.phase {
            Phase::Closed => (0, 0, 0, 0),
            Phase::Open { since } => (1, since, 0, 0),
            Phase::Trying { since, begun, passed } => (2, since, begun, passed),
        };
        since << 24
            | u64::from(begun) << 16
            | u64::from(passed) << 8
            | u64::from(self.round & ROUNDS) << 2
            | phase
    }

    fn unpacked(number: u64) -> Self {
        let [.., begun, passed, last] = number.to_be_bytes();
        let since = number >> 24;
        let phase = match last & 3 {
            0 => Phase::Closed,
            1 => Phase::Open { since },
            _ => Phase::Trying { since, begun, passed },
        };
        Self { round: last >> 2, phase }
    }
}

#[cfg(test)]
#[path = "breaker_tests.rs"]
mod tests;
