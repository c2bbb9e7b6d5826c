//! How many requests a pool takes in a time, from each client, of each value of a field, or in all.
//!
//! Asked before any server is chosen. A request that one limit refuses counts for none of them, so that their order
//! says nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::persistence::{Ask, ByHash, Condition};
use crate::rate::{Buckets, Rate};
use crate::route::matcher::Flaw;
use crate::snapshot::wire::RateLimit;

/// What the log says of a request that was refused.
pub const LIMITED: &str = "rate_limited";

/// A request is over a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// Which of them, from 0.
    pub place: usize,
    /// In how many seconds it may come again.
    pub retry_after: u32,
}

const NANOSECONDS: u64 = 1_000_000_000;

/// The rate limits of a pool; none, most often.
#[derive(Debug, Default)]
pub struct Rates(Box<[Limit]>);

/// One of them.
#[derive(Debug)]
pub struct Limit {
    written: RateLimit,
    rate: Rate,
    key: Option<ByHash>,
    condition: Option<Condition>,
    shared: Arc<Shared>,
}

/// What all workers have together, kept through reloads.
#[derive(Debug)]
struct Shared {
    buckets: Buckets,
    seed: u64,
    refused: AtomicU64,
}

impl Rates {
    /// As written; a limit that was there before under its name, with the same rate and key, goes on where it is.
    /// `seed` is chance. Conditions that cannot be read are told with their limits' names.
    pub fn new(
        written: &[RateLimit],
        before: Option<&Self>,
        seed: u64,
        mut tell: impl FnMut(&str, Flaw),
    ) -> Self {
        let limits = written.iter().map(|written| {
            let condition = Condition::new(&written.condition).unwrap_or_else(|flaw| {
                tell(&written.name, flaw);
                None
            });
            let old = before.into_iter().flat_map(Self::all).find(|old| old.written.counts_as(written));
            let shared = old.map_or_else(
                || {
                    let capacity = if written.key.is_some() { written.capacity as usize } else { 1 };
                    let refused = AtomicU64::default();
                    Arc::new(Shared { buckets: Buckets::new(capacity), seed, refused })
                },
                |old| Arc::clone(&old.shared),
            );
            Limit {
                rate: Rate::new(written.count, written.per, written.burst),
                key: written.key.as_ref().map(ByHash::new),
                condition,
                shared,
                written: written.clone(),
            }
        });
        Self(limits.collect())
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn all(&self) -> impl Iterator<Item = &Limit> {
        self.0.iter()
    }

    /// What the limit at a place is called.
    pub fn name(&self, place: usize) -> &str {
        self.0.get(place).map_or("", Limit::name)
    }

    /// Counts a request, or says what it is over. `now` in nanoseconds, on a clock that all workers share.
    pub fn take(&self, ask: &Ask<'_>, now: u64) -> Result<(), Over> {
        for (place, limit) in self.0.iter().enumerate() {
            let Some(key) = limit.key(ask) else { continue };
            if let Err(wait) = limit.shared.buckets.take(key, limit.rate, now) {
                limit.shared.refused.fetch_add(1, Relaxed);
                self.0[..place].iter().for_each(|other| other.give_back(ask));
                let retry_after = u32::try_from(wait.div_ceil(NANOSECONDS)).unwrap_or(u32::MAX);
                return Err(Over { place, retry_after });
            }
        }
        Ok(())
    }
}

impl Limit {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.written.name
    }

    /// Requests that it has refused.
    pub fn refused(&self) -> u64 {
        self.shared.refused.load(Relaxed)
    }

    /// Keys that it forgot too soon, for want of room.
    pub fn evicted(&self) -> u64 {
        self.shared.buckets.evicted()
    }

    /// What the request counts for; `None` where the limit does not mean it.
    fn key(&self, ask: &Ask<'_>) -> Option<u64> {
        if self.condition.as_ref().is_some_and(|condition| !condition.holds(&ask.request())) {
            return None;
        }
        match &self.key {
            Some(key) => key.hash_with(ask, self.shared.seed),
            None => Some(0),
        }
    }

    fn give_back(&self, ask: &Ask<'_>) {
        if let Some(key) = self.key(ask) {
            self.shared.buckets.give_back(key, self.rate);
        }
    }
}
