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

/// Which failures of a server are tried at another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retry {
    /// Tries of one request; 0 for any number.
    pub attempts: u32,
    /// The faults that are tried again, where that is safe.
    pub on: Vec<RetryOn>,
    /// The statuses that are, for requests that may be carried out twice.
    pub statuses: Vec<u16>,
    /// Milliseconds to the response head of each try; 0 for as long as in all pools.
    pub per_try: u32,
    /// How many retries there may be; absent for any number.
    pub budget: Option<RetryBudget>,
    /// What becomes of a session's request that its home answers badly, or not in time.
    pub sessions: RetrySessions,
}

/// As it is where nobody says anything.
impl Default for Retry {
    fn default() -> Self {
        let on = vec![RetryOn::Connect, RetryOn::Closed];
        let sessions = RetrySessions::Stay;
        Self { attempts: 0, on, statuses: Vec::new(), per_try: 0, budget: None, sessions }
    }
}

/// A fault that may be tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetryOn {
    /// There was no connection, or no agreement on TLS.
    Connect,
    /// The connection ended before the first byte of a response.
    Closed,
    /// No response head in time.
    ResponseTimeout,
}

/// What becomes of a session's request that its home answers badly, or not in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RetrySessions {
    /// It ends so.
    Stay,
    /// Another server takes this request, and the session keeps its home.
    Elsewhere,
}

/// How many retries there may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryBudget {
    /// Hundredths of a percent of the requests.
    pub share: u32,
    /// A second, that there always may be.
    pub least: u32,
}

/// When a pool is not asked any more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Breaker {
    /// Hundredths of a percent of the requests that fail.
    pub share: u32,
    /// Of so many seconds.
    pub over: u32,
    /// Where there were at least so many.
    pub least: u32,
    /// Milliseconds that it stays open.
    pub open: u32,
    /// Requests that are let through to see; at least one.
    pub trials: u8,
    /// Statuses of answers that are failures.
    pub statuses: Vec<u16>,
}
