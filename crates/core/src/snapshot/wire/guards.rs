//! What a pool keeps from its servers, as it crosses the boundary.

use serde::{Deserialize, Serialize};

use super::{Condition, Hashed};

/// How many requests of one key a pool takes in a time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimit {
    /// Unique in the pool.
    pub name: String,
    /// So many requests, at least one.
    pub count: u32,
    /// In so many milliseconds, at least one.
    pub per: u32,
    /// Requests that may come at once, at least one.
    pub burst: u32,
    /// What is counted apart; absent for the whole pool. A request without it is not limited.
    pub key: Option<Hashed>,
    /// Keys that are remembered at most.
    pub capacity: u32,
    /// The requests that are limited.
    pub condition: Condition,
}

impl RateLimit {
    /// Whether what was counted for this one counts for the other as well.
    pub fn counts_as(&self, other: &Self) -> bool {
        let counts = |limit: &Self| (limit.count, limit.per, limit.burst, limit.capacity);
        self.name == other.name && counts(self) == counts(other) && self.key == other.key
    }
}
