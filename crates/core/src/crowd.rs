//! Counts the connections that the clients of each prefix have open, for all workers together.
//!
//! A prefix is known while it has a connection, so there are never more of them than connections.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// So that workers seldom wait for each other.
const SHARDS: usize = 64;
/// Odd, with its bits well spread.
const MIXING: u128 = 0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835;
/// Room that a shard keeps.
const FEW: usize = 64;

/// Open connections by prefix.
#[derive(Debug)]
pub struct Crowd(Box<[Mutex<HashMap<u128, u32>>]>);

impl Default for Crowd {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| Mutex::default()).collect())
    }
}

impl Crowd {
    /// A connection begins; how many its prefix has now.
    pub fn enter(&self, prefix: u128) -> u32 {
        let mut shard = self.shard(prefix);
        let count = shard.entry(prefix).or_default();
        *count = count.saturating_add(1);
        *count
    }

    /// One that had entered ends.
    pub fn leave(&self, prefix: u128) {
        let mut shard = self.shard(prefix);
        if let Entry::Occupied(mut count) = shard.entry(prefix) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
        if shard.capacity() > FEW && shard.len() < shard.capacity() / 4 {
            shard.shrink_to(FEW);
        }
    }

    /// Prefixes that have a connection.
    pub fn len(&self) -> usize {
        self.0.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Whether there is no connection.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, prefix: u128) -> MutexGuard<'_, HashMap<u128, u32>> {
        let [mixed, ..] = prefix.wrapping_mul(MIXING).to_be_bytes();
        self.0[usize::from(mixed) % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_counted_apart_and_forgotten_with_their_last_connection() {
        let crowd = Crowd::default();
        assert_eq!([crowd.enter(1), crowd.enter(1), crowd.enter(2)], [1, 2, 1]);
        crowd.leave(1);
        assert_eq!(crowd.enter(1), 2);
        for prefix in [1, 1, 2] {
            crowd.leave(prefix);
        }
        assert!(crowd.is_empty());
    }

    #[test]
    fn what_a_flood_has_taken_is_given_back() {
        let crowd = Crowd::default();
        assert!((0..100_000).all(|prefix| crowd.enter(prefix) == 1));
        assert_eq!(crowd.len(), 100_000);
        (0..100_000).for_each(|prefix| crowd.leave(prefix));
        let room: usize = crowd.0.iter().map(|shard| shard.lock().expect("no panic").capacity()).sum();
        assert!(room <= SHARDS * FEW * 2, "{room}");
    }

    #[test]
    fn workers_count_together() {
        let crowd = Crowd::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..10_000).all(|_| crowd.enter(7) > 0));
            }
        });
        assert_eq!(crowd.enter(7), 40_001);
    }
}
