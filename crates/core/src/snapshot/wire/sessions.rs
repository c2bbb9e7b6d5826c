//! What holds for a pool's sessions, as it crosses the boundary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What holds for a pool's sessions, whatever carries them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Sessions {
    /// Seconds a session lives without a request; 0 for ever.
    pub idle: u32,
    /// Seconds a session lives at all; 0 for ever.
    pub lifetime: u32,
    /// Sessions stamped with another number have ended.
    pub generation: u16,
    /// Whether a session whose home is gone is answered with 503 rather than re-homed.
    pub strict: bool,
    /// What happens to a re-homed session when its first home is back.
    pub fail_back: FailBack,
    /// The response field by which a server releases, moves or pins its session; empty for none.
    pub pin_field: String,
    /// The response field by which a server tells its incarnation; empty for none.
    pub incarnation_field: String,
    /// Whether a server that nobody could use begins a new life when it is back, where nobody tells its life.
    pub incarnation_on_return: bool,
    /// Whether a new home is told in a request field that a session was moved to it.
    pub announce: bool,
    /// Seconds within which a session must be seen to count as live.
    pub census_window: u32,
    /// Milliseconds within which requests of one client without a session share a birth; 0 for never.
    pub burst_ms: u32,
    /// Moves idle sessions to servers that joined; absent for never.
    pub rebalance: Option<Rebalance>,
    /// Cookies of the balancer before us that are honoured until ours takes their place.
    pub accept: Vec<Foreign>,
}

/// What happens when the home a session had before is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailBack {
    /// The session stays where it is now.
    Stay,
    /// It goes back to where it would be had nothing happened.
    Return,
    /// It goes back only to a server that has not been restarted.
    ReturnSameIncarnation,
}

/// How fast idle sessions move to servers that joined.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rebalance {
    /// Millionths of the sessions that may move in a minute.
    pub per_minute: u32,
    /// Seconds a session must have been idle.
    pub idle_over: u32,
}

/// A cookie of another balancer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Foreign {
    /// How its value names a server.
    pub format: ForeignFormat,
    /// The cookie's name; for `bigip` and `coyote` its beginning.
    pub name: String,
    /// What the value says, and the server it means.
    pub servers: BTreeMap<String, String>,
}

/// How another balancer's cookie names a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ForeignFormat {
    /// The server's name in the other's configuration.
    Literal,
    /// `ADDRESS.PORT.0000`, both as decimal numbers with their bytes turned round.
    Bigip,
    /// The server's address in hexadecimal, before a colon.
    Coyote,
}
