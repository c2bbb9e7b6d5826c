//! What is told of exchanges, and to whom, as it crosses the boundary.

use serde::{Deserialize, Serialize};

/// The access log: one line an exchange.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccessLog {
    /// The file's absolute path; absent for the standard output.
    pub file: Option<String>,
    /// How a line is written.
    pub format: AccessFormat,
    /// Whether queries are told.
    pub query: bool,
}

/// How a line of the access log is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AccessFormat {
    /// An object.
    Json,
    /// As Apache and nginx do, with pool, server and reason behind.
    Combined,
}

/// Who may ask why an exchange went where it went.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Debugging {
    /// What a request has to show.
    pub token: String,
}

/// Shows that there is a token, never the token.
impl std::fmt::Debug for Debugging {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Debugging").finish_non_exhaustive()
    }
}
