//! How a pool chooses when nothing is recalled, as it crosses the boundary.

use serde::{Deserialize, Serialize};

/// How a pool chooses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Balance {
    /// Smooth weighted round robin.
    RoundRobin {},
    /// By chance, weighted.
    Random {},
    /// Fewest requests in flight over all workers, weighted.
    LeastRequests {},
    /// Of two by chance the better one, by peak EWMA of the response time times requests in flight, weighted.
    P2c {},
    /// A key of the request chooses, weighted.
    Rendezvous {
        /// What is hashed; requests without it go round robin.
        key: Hashed,
    },
    /// The same by a table, with a bound.
    Maglev {
        /// As above.
        key: Hashed,
        /// Hundredths of its share that a server may have in flight, more than 100; 0 for any number.
        bound: u32,
    },
    /// Smooth weighted round robin, by weights that are computed from response times and requests in flight.
    Dynamic {},
    /// A function outside chooses for sessions that are born; the fallback for everybody else, and where it does not.
    Python {
        /// Milliseconds that a birth waits for its answer at most.
        wait: u32,
        /// Any but another of this kind.
        fallback: Box<Balance>,
    },
}

/// What a hash is taken of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hashed {
    /// Where it stands.
    pub over: HashOver,
    /// The field's, cookie's or query parameter's name; empty for path and address.
    pub name: String,
    /// Leading bits of an IPv4 address that count.
    pub prefix4: u8,
    /// Leading bits of an IPv6 address that count.
    pub prefix6: u8,
}

/// Where the hashed text stands in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HashOver {
    /// A field's value.
    Field,
    /// A cookie's value.
    Cookie,
    /// A query parameter's value.
    Query,
    /// The path.
    Path,
    /// The client's address.
    Address,
}

/// A weight that was given after the snapshot was made; sent apart from it, kept through reloads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerWeight {
    /// The pool.
    pub pool: String,
    /// The server.
    pub server: String,
    /// What a person gave it, 0 to 256: it counts where sessions get another home, which must not change by the second.
    pub given: u16,
    /// Its weight for new sessions now, 0 to 384: a balance may make half as much again of what was given.
    pub now: u16,
}
