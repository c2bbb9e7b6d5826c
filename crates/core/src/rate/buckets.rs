//! Buckets by key, in memory that does not grow, for all workers together.
//!
//! A key has its place in one set of eight. A newcomer takes the place that is full, or will be soonest: what is
//! forgotten so was nearly free again, and whoever is beyond his rate is remembered longest.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Rate;

/// Places of a set: with the lock about two cache lines, so that a look is cheap.
const WAYS: usize = 8;

/// One key's bucket; one that nobody has is a full one of key 0, which is as good.
#[derive(Debug, Clone, Copy, Default)]
struct Bucket {
    key: u64,
    full: u64,
}

/// The buckets of many keys. Keys are hashes with a secret seed, so that nobody can choose where his goes.
#[derive(Debug)]
pub struct Buckets {
    sets: Box<[Mutex<[Bucket; WAYS]>]>,
    evicted: AtomicU64,
}

impl Buckets {
    /// For `capacity` keys, rounded up to whole sets.
    pub fn new(capacity: usize) -> Self {
        let sets = capacity.div_ceil(WAYS).max(1);
        Self { sets: (0..sets).map(|_| Mutex::default()).collect(), evicted: AtomicU64::default() }
    }

    /// One more request of a key; or how long until it may come, in nanoseconds.
    pub fn take(&self, key: u64, rate: Rate, now: u64) -> Result<(), u64> {
        let mut set = self.set(key);
        let known = set.iter().position(|bucket| bucket.key == key);
        let place = known.unwrap_or_else(|| soonest(&set));
        let before = known.map_or(0, |place| set[place].full);
        let full = rate.take(before, now)?;
        if known.is_none() && set[place].full > now {
            self.evicted.fetch_add(1, Relaxed);
        }
        set[place] = Bucket { key, full };
        Ok(())
    }

    /// A request that was counted is not to be.
    pub fn give_back(&self, key: u64, rate: Rate) {
        if let Some(bucket) = self.set(key).iter_mut().find(|bucket| bucket.key == key) {
            bucket.full = rate.give_back(bucket.full);
        }
    }

    /// Keys that were forgotten before their buckets were full, for want of room.
    pub fn evicted(&self) -> u64 {
        self.evicted.load(Relaxed)
    }

    fn set(&self, key: u64) -> MutexGuard<'_, [Bucket; WAYS]> {
        // The high half, scaled to the number of sets.
        let place = ((key >> 32) * self.sets.len() as u64) >> 32;
        // A worker that panicked left a set whole: each change is one assignment.
        self.sets[usize::try_from(place).unwrap_or(0)].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The place in a set whose bucket is full first.
fn soonest(set: &[Bucket; WAYS]) -> usize {
    (0..WAYS).min_by_key(|&place| set[place].full).unwrap_or(0)
}
