//! Decides which records are kept: a bounded table from a key to a home, oldest-idle out.
//!
//! Shared by all workers, in shards, each behind its own lock that is held for one look-up. A shard is a slab of
//! 32-byte records, 8 bytes each that thread them from the longest idle to the latest, and an open-addressing
//! index of 4-byte entries with 12 bits of the hash in each, so that a look-up seldom reads a record that it does
//! not want. A record costs 46 bytes in all; the system gives the memory when it is first written.
//!
//! A record in use (it has open connections) is not idle: it neither expires nor makes room. When nothing is idle
//! it is the newcomer that finds no room.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::cookie::Home;
use super::shard::{RECORDS_MAX, Shard, hash_of};

/// What a record is found by.
pub type Key = [u8; 16];

/// Records of one shard, before more shards are made.
const SHARD_MIN: usize = 1024;
/// Enough that workers seldom meet.
const SHARDS_MAX: usize = 64;
/// Records copied under one lock when all are asked for: some microseconds in which a worker may have to wait.
const AT_ONCE: usize = 4096;

/// A bounded, expiring table from keys to homes. Times are Unix seconds.
pub struct Table {
    shards: Box<[Mutex<Shard>]>,
    seed: u64,
}

/// One record, as it leaves the table and comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// What it is found by.
    pub key: Key,
    /// Where it points.
    pub home: Home,
    /// When it was last used.
    pub seen: u64,
}

/// What happened to records; they only grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Losses {
    /// Made room for a newcomer before their time.
    pub evicted: u64,
    /// Newcomers that found no room, because every record was in use.
    pub refused: u64,
}

/// What became of records that came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Restored {
    /// Are here now.
    pub taken: u64,
    /// Had been idle too long.
    pub expired: u64,
    /// Found no room, or made it for those that were idle less.
    pub no_room: u64,
}

impl std::ops::AddAssign for Restored {
    fn add_assign(&mut self, more: Self) {
        self.taken += more.taken;
        self.expired += more.expired;
        self.no_room += more.no_room;
    }
}

impl Table {
    /// For at most `capacity` records (rounded up to whole shards, and no more than 67,108,800), each forgotten
    /// `idle` seconds after its last use; `seed` is chance, so that no client can choose keys that collide.
    pub fn new(capacity: usize, idle: u32, seed: u64) -> Self {
        let shards = (capacity / SHARD_MIN).clamp(1, SHARDS_MAX);
        let shards = if shards.is_power_of_two() { shards } else { shards.next_power_of_two() / 2 };
        let each = capacity.div_ceil(shards).clamp(1, RECORDS_MAX);
        Self { shards: (0..shards).map(|_| Mutex::new(Shard::new(each, idle, seed))).collect(), seed }
    }

    /// The home of `key`, unless it has been idle too long.
    pub fn recall(&self, key: Key, now: u64) -> Option<Home> {
        let (hash, shard) = self.at(key);
        shard.recall(hash, key, seconds(now))
    }

    /// Starts the idle time of `key` again; false if there is no such record.
    pub fn touch(&self, key: Key, now: u64) -> bool {
        let (hash, mut shard) = self.at(key);
        shard.touch(hash, key, seconds(now))
    }

    /// Points `key` to `home`; false if there was no room.
    pub fn record(&self, key: Key, home: Home, now: u64) -> bool {
        let (hash, mut shard) = self.at(key);
        shard.record(hash, key, home, seconds(now))
    }

    /// Counts one more use; false if there is no such record, and then nothing is to be closed.
    pub fn opened(&self, key: Key, now: u64) -> bool {
        let (hash, mut shard) = self.at(key);
        shard.opened(hash, key, seconds(now))
    }

    /// Counts one use less; the idle time starts with the last.
    pub fn closed(&self, key: Key, now: u64) {
        let (hash, mut shard) = self.at(key);
        shard.closed(hash, key, seconds(now));
    }

    /// Removes a record; false if there was none.
    pub fn forget(&self, key: Key) -> bool {
        let (hash, mut shard) = self.at(key);
        shard.forget(hash, key)
    }

    /// Removes what has been idle too long.
    pub fn expire(&self, now: u64) {
        for shard in &self.shards {
            lock(shard).expire(seconds(now), usize::MAX);
        }
    }

    /// Records now held, those included that a newcomer or [`Self::expire`] has yet to remove.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What was lost so far.
    pub fn losses(&self) -> Losses {
        self.shards.iter().map(|shard| lock(shard).losses()).fold(Losses::default(), |sum, one| Losses {
            evicted: sum.evicted + one.evicted,
            refused: sum.refused + one.refused,
        })
    }

    /// Bytes of memory when full.
    pub fn bytes(&self) -> usize {
        self.shards.iter().map(|shard| size_of::<Mutex<Shard>>() + lock(shard).bytes()).sum()
    }

    /// All that are not idle too long, a few under each lock; a record in use counts as seen `now`.
    pub fn export(&self, now: u64) -> impl Iterator<Item = Kept> + '_ {
        let parts = self.shards.iter().flat_map(move |shard| {
            let firsts = (0..).step_by(AT_ONCE);
            firsts.map_while(move |first| lock(shard).places(first, AT_ONCE, seconds(now)))
        });
        parts.flatten()
    }

    /// Takes records back, in whatever order; of two of one key the later stays.
    pub fn import(&self, records: impl IntoIterator<Item = Kept>, now: u64) -> Restored {
        let mut records: Vec<_> = records.into_iter().collect();
        records.sort_by_key(|kept| kept.seen);
        let lost = self.losses();
        let mut restored = Restored::default();
        for &Kept { key, home, seen } in &records {
            let (hash, mut shard) = self.at(key);
            let live = shard.take_back(hash, key, home, seconds(seen.min(now)), seconds(now));
            restored.expired += u64::from(!live);
        }
        let losses = self.losses();
        restored.no_room = losses.evicted - lost.evicted + losses.refused - lost.refused;
        restored.taken = (records.len() as u64).saturating_sub(restored.expired + restored.no_room);
        restored
    }

    fn at(&self, key: Key) -> (u64, MutexGuard<'_, Shard>) {
        let hash = hash_of(self.seed, key);
        let shard = usize::from(hash.to_le_bytes()[0]) & (self.shards.len() - 1);
        (hash, lock(&self.shards[shard]))
    }
}

/// A worker that panicked left a shard whole enough: each change is a few assignments.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Until the year 2106.
fn seconds(now: u64) -> u32 {
    u32::try_from(now).unwrap_or(u32::MAX)
}

/// Shows how full it is, not whom it holds.
impl std::fmt::Debug for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Table").field("len", &self.len()).finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "table_tests.rs"]
mod tests;
