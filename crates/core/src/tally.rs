//! Counts of the last seconds, of all and of some, for all workers together.
//!
//! A second is one number that is changed whole, so that no worker counts into another's second. Seconds are those of
//! any clock that seldom goes back: one that does begins its seconds anew.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Each count of a second has so many bits, and stays at the highest number; the second has the rest.
const BITS: u32 = 20;
const MOST: u64 = (1 << BITS) - 1;
const SECONDS: u64 = (1 << (u64::BITS - 2 * BITS)) - 1;

/// Counts by second, for a fixed number of them.
#[derive(Debug)]
pub struct Tally(Box<[AtomicU64]>);

/// What was counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Of all.
    pub all: u64,
    /// Of some.
    pub some: u64,
}

impl Tally {
    /// Of so many seconds, the one that runs included; at least one.
    pub fn new(seconds: u32) -> Self {
        Self((0..seconds.max(1)).map(|_| AtomicU64::default()).collect())
    }

    /// Counts so many more of all, and of some; the two are apart.
    pub fn add(&self, now: u64, all: u64, some: u64) {
        let count = |found: u64| {
            let (second, before) = unpacked(found);
            let before = if second == now & SECONDS { before } else { Counts::default() };
            Some(packed(now, Counts { all: before.all + all, some: before.some + some }))
        };
        // It always has a new value, and so always succeeds.
        let _ = self.0[self.place(now)].fetch_update(Relaxed, Relaxed, count);
    }

    /// What was counted in the last seconds.
    pub fn sum(&self, now: u64) -> Counts {
        let live = self.0.iter().map(|slot| unpacked(slot.load(Relaxed))).filter(|(second, _)| {
            let age = now.wrapping_sub(*second) & SECONDS;
            age < self.0.len() as u64
        });
        live.fold(Counts::default(), |sum, (_, one)| Counts {
            all: sum.all + one.all,
            some: sum.some + one.some,
        })
    }

    /// Begins anew.
    pub fn clear(&self) {
        self.0.iter().for_each(|slot| slot.store(0, Relaxed));
    }

    fn place(&self, now: u64) -> usize {
        usize::try_from(now % self.0.len() as u64).unwrap_or(0)
    }
}

fn packed(second: u64, counts: Counts) -> u64 {
    (second & SECONDS) << (2 * BITS) | counts.all.min(MOST) << BITS | counts.some.min(MOST)
}

fn unpacked(found: u64) -> (u64, Counts) {
    (found >> (2 * BITS), Counts { all: found >> BITS & MOST, some: found & MOST })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn workers_count_together_through_the_seconds() {
        let tally = Tally::new(10);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..4000).for_each(|turn| tally.add(100 + turn / 1000, 1, turn % 2)));
            }
        });
        assert_eq!(tally.sum(103), Counts { all: 16_000, some: 8_000 });
        assert_eq!(tally.sum(112), Counts { all: 4_000, some: 2_000 });
        assert_eq!(tally.sum(113), Counts::default());
    }

    #[test]
    fn a_second_that_is_full_stays_full() {
        let tally = Tally::new(1);
        tally.add(5, MOST + 7, 1);
        tally.add(5, 1, 0);
        assert_eq!(tally.sum(5), Counts { all: MOST, some: 1 });
    }

    proptest! {
        #[test]
        fn it_counts_what_happened_in_its_seconds(
            seconds in 1..20_u32, mut steps in prop::collection::vec((0..60_u64, 0..3_u64, 0..3_u64), 1..200),
        ) {
            steps.sort_unstable();
            let tally = Tally::new(seconds);
            let mut now = 0;
            for &(at, all, some) in &steps {
                now = 1_800_000_000 + at;
                tally.add(now, all, some);
            }
            let live = steps.iter().filter(|(at, ..)| 1_800_000_000 + at + u64::from(seconds) > now);
            let wanted = live.fold(Counts::default(), |sum, (_, all, some)| Counts {
                all: sum.all + all,
                some: sum.some + some,
            });
            prop_assert_eq!(tally.sum(now), wanted);
        }
    }
}
