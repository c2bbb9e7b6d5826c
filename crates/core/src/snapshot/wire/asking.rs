//! Which requests a kind of persistence is asked for, and which of several values it believes, as it crosses the
//! boundary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The requests that a kind is asked for; with neither, all.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Condition {
    /// One must match, where there is any.
    pub when: Vec<Matcher>,
    /// None may match.
    pub unless: Vec<Matcher>,
}

/// What a request must be like: every key that has values must hold, by one of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matcher {
    /// Paths without their query; `*` for any run of characters.
    pub path: Vec<String>,
    /// Methods.
    pub method: Vec<String>,
    /// Hosts, or `*.` and the host above them.
    pub host: Vec<String>,
    /// Values of fields, by their names; `*` for any run of characters.
    pub field: BTreeMap<String, Vec<String>>,
    /// Addresses, or prefixes such as `192.0.2.0/24`.
    pub client: Vec<String>,
    /// Schemes.
    pub scheme: Vec<Scheme>,
}

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scheme {
    /// In the clear.
    Http,
    /// Over TLS.
    Https,
}

/// Which of several values of one name is believed, where they open to different sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Duplicates {
    /// The first that opens.
    First,
    /// The last that opens.
    Last,
    /// The one stamped last.
    Newest,
    /// None: the client is a new one.
    Refuse,
}
