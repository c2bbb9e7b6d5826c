//! Decides where a session of the application's own lives: a table learnt from its cookie or field values.
//!
//! A value is kept as its 128-bit hash, which is enough: it is never given back, only recognised, and among a
//! million values two collide by accident once in 10^26 tables. The hash is keyed with a seed that clients do not
//! know, so none can make two values that collide; if one could, it would only share a home with itself.
//! Values thus are not in memory for a core dump to show. They are no secret to whoever has both the table and
//! its seed, though (xxh3 can be turned round): a file of this table's records is as private as the sessions.

use xxhash_rust::xxh3::xxh3_128_with_seed;

use super::cookie::Home;
use super::table::{Kept, Key, Losses, Restored, Table};

/// Homes by the application's own values. Times are Unix seconds.
#[derive(Debug)]
pub struct Learnt {
    table: Table,
    capacity: usize,
    idle: u32,
    seed: u64,
}

impl Learnt {
    /// Empty, for at most `capacity` values, each forgotten `idle` seconds after it was last seen.
    ///
    /// `seed` is chance; a table that is to take another's records needs the same one.
    pub fn new(capacity: usize, idle: u32, seed: u64) -> Self {
        Self { table: Table::new(capacity, idle, seed), capacity, idle, seed }
    }

    /// Whether it was made for so many values and so long.
    pub fn is_for(&self, capacity: usize, idle: u32) -> bool {
        (self.capacity, self.idle) == (capacity, idle)
    }

    /// What a value is kept as.
    pub fn key(&self, value: &[u8]) -> Key {
        xxh3_128_with_seed(value, self.seed).to_be_bytes()
    }

    /// The home that a value was learnt for, unless it has been idle too long.
    pub fn recall(&self, key: Key, now: u64) -> Option<Home> {
        self.table.recall(key, now)
    }

    /// Starts the idle time again; false if there is no record.
    pub fn touch(&self, key: Key, now: u64) -> bool {
        self.table.touch(key, now)
    }

    /// Learns that a value lives at `home`; false if there was no room.
    pub fn record(&self, key: Key, home: Home, now: u64) -> bool {
        self.table.record(key, home, now)
    }

    /// Removes a record; false if there was none.
    pub fn forget(&self, key: Key) -> bool {
        self.table.forget(key)
    }

    /// Removes what has been idle too long.
    pub fn expire(&self, now: u64) {
        self.table.expire(now);
    }

    /// Records now held.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// What was lost so far for want of room.
    pub fn losses(&self) -> Losses {
        self.table.losses()
    }

    /// Empty, for the records of a table of this seed.
    #[must_use]
    pub fn seeded(&self, seed: u64) -> Self {
        Self::new(self.capacity, self.idle, seed)
    }

    /// What its records can be found by.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// All records.
    pub fn export(&self, now: u64) -> impl Iterator<Item = Kept> + '_ {
        self.table.export(now)
    }

    /// Takes records back when a table starts.
    pub fn import(&self, records: impl IntoIterator<Item = Kept>, now: u64) -> Restored {
        self.table.import(records, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_recognised_until_it_has_been_idle() {
        let learnt = Learnt::new(100, 60, 5);
        learnt.record(learnt.key(b"0A1B2C"), Home(1), 1000);
        assert_eq!(learnt.recall(learnt.key(b"0A1B2C"), 1059), Some(Home(1)));
        assert!(learnt.touch(learnt.key(b"0A1B2C"), 1059));
        assert_eq!(learnt.recall(learnt.key(b"0A1B2C"), 1118), Some(Home(1)));
        assert_eq!(learnt.recall(learnt.key(b"0A1B2C"), 1119), None);
        assert_eq!(learnt.recall(learnt.key(b"0A1B2D"), 1000), None);
    }

    #[test]
    fn a_session_that_ends_is_forgotten() {
        let learnt = Learnt::new(100, 60, 5);
        learnt.record(learnt.key(b"0A1B2C"), Home(1), 1000);
        assert!(learnt.forget(learnt.key(b"0A1B2C")));
        assert_eq!(learnt.recall(learnt.key(b"0A1B2C"), 1000), None);
        assert!(!learnt.forget(learnt.key(b"0A1B2C")));
    }

    #[test]
    fn records_are_found_in_a_table_with_the_same_seed() {
        let before = Learnt::new(100, 60, 5);
        before.record(before.key(b"0A1B2C"), Home(1), 1000);
        for (seed, home) in [(5, Some(Home(1))), (6, None)] {
            let after = before.seeded(seed);
            after.import(before.export(1000), 1010);
            assert_eq!(after.recall(after.key(b"0A1B2C"), 1010), home);
        }
    }
}
