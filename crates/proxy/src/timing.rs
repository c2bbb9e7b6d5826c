//! Which answers of servers are timed, and what they took.
//!
//! A time needs two looks at the clock. Of a quiet pool every answer is timed; of a busy one about one in sixteen, or
//! one in two where balance or ejection asks, so that each request costs next to nothing.

use std::cell::Cell;
use std::collections::BTreeMap;

use crate::clock::Moment;
use crate::worker::Worker;

/// Requests of a pool that are all timed, in one worker between two ticks of its clock.
const ALL: u32 = 16;
/// Beyond these: requests between two that are timed, and up to so many more. By chance, so that no client that asks in
/// turns is timed by the same turn for ever.
const BETWEEN: (u32, u32) = (8, 16);

/// Whether the next request of a pool is timed.
pub(crate) struct Timing {
    /// Whether balance or ejection asks.
    often: bool,
    tick: Cell<u64>,
    /// How many more are all timed in this tick.
    all: Cell<u32>,
    /// How many are not timed before the next.
    skip: Cell<u32>,
}

impl Timing {
    /// For a pool whose balance or ejection asks for times, or for one in which nobody does.
    pub(crate) fn new(often: bool) -> Self {
        Self { often, tick: Cell::new(0), all: Cell::new(ALL), skip: Cell::new(0) }
    }

    /// Whether balance or ejection asks.
    pub(crate) fn is_often(&self) -> bool {
        self.often
    }

    /// A request begins: when, if it is timed.
    pub(crate) fn begins(&self, worker: &Worker) -> Option<Moment> {
        let tick = worker.clock.now();
        if self.tick.replace(tick) != tick {
            self.all.set(ALL);
            self.skip.set(0);
        }
        let skip = self.skip.get();
        if skip > 0 {
            self.skip.set(skip - 1);
            return None;
        }
        let now = worker.clock.moment();
        match (self.all.get(), self.often) {
            (0, true) => self.skip.set(1),
            (0, false) => self.skip.set(BETWEEN.0 + now.chance(BETWEEN.1)),
            (all, _) => self.all.set(all - 1),
        }
        Some(now)
    }
}

/// Upper ends of the classes that times are counted in, in microseconds: ten to each power of ten, from 10 µs to 1000 s,
/// each about a quarter above the one before. What takes longer than the last counts there.
const ENDS: [u64; 81] = {
    const TEN: [u64; 10] = [100, 125, 160, 200, 250, 315, 400, 500, 630, 800];
    let (mut ends, mut place, mut power) = ([0; 81], 0, 1);
    while place < ends.len() {
        ends[place] = TEN[place % 10] * power / 10;
        place += 1;
        if place % 10 == 0 {
            power *= 10;
        }
    }
    ends
};

/// What the answers of a server took that were timed.
pub(crate) struct Times {
    answers: Cell<u64>,
    micros: Cell<u64>,
    counts: [Cell<u64>; ENDS.len()],
}

impl Default for Times {
    fn default() -> Self {
        Self {
            answers: Cell::default(),
            micros: Cell::default(),
            counts: [const { Cell::new(0) }; ENDS.len()],
        }
    }
}

impl Times {
    /// One more.
    pub(crate) fn add(&self, took: u64) {
        self.answers.set(self.answers.get() + 1);
        self.micros.set(self.micros.get() + took);
        let place = ENDS.partition_point(|end| *end < took).min(ENDS.len() - 1);
        self.counts[place].set(self.counts[place].get() + 1);
    }

    /// How many there were.
    pub(crate) fn answers(&self) -> u64 {
        self.answers.get()
    }

    /// What they took together.
    pub(crate) fn micros(&self) -> u64 {
        self.micros.get()
    }

    /// How many ended in which class, by its upper end.
    pub(crate) fn counts(&self) -> BTreeMap<u64, u64> {
        let counts = ENDS.iter().zip(&self.counts).map(|(end, count)| (*end, count.get()));
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{ENDS, Times};

    #[test]
    fn the_ends_of_classes_grow() {
        assert!(ENDS.is_sorted_by(|one, next| one < next));
        for end in [1_000, 2_500, 5_000, 1_000_000] {
            assert!(ENDS.contains(&end));
        }
    }

    #[test]
    fn a_time_counts_in_the_first_class_that_does_not_end_before_it() {
        let times = Times::default();
        for took in [0, 10, 11, 12, 1_000_000_001, u64::from(u32::MAX) + 1] {
            times.add(took);
        }
        assert_eq!(times.counts().into_iter().collect::<Vec<_>>(), [(10, 2), (12, 2), (1_000_000_000, 2)]);
        assert_eq!(times.answers(), 6);
    }
}
