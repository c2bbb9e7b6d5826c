//! The snapshot as it crosses the boundary: JSON, written by `python/equalizer/snapshot/wire.py`.
//!
//! Unknown fields are refused, so that the two sides cannot drift apart unseen.
//! Times are whole milliseconds, sizes whole bytes, addresses always `IP:port`.

mod asking;
mod balance;
mod guards;
mod persistence;
mod seen;
mod sessions;
mod tls;

use serde::{Deserialize, Serialize};

pub use self::asking::{Condition, Duplicates, Matcher, Scheme};
pub use self::balance::{Balance, HashOver, Hashed, ServerWeight};
pub use self::guards::{Breaker, RateLimit, Retry, RetryBudget, RetryOn, RetrySessions};
pub use self::persistence::{
    Address, Attributes, Cache, CarryingField, Cookie, CookieMode, FieldMode, Hash, Persistence, SameSite,
    Scope, Secure,
};
pub use self::seen::{AccessFormat, AccessLog, Debugging};
pub use self::sessions::{FailBack, Foreign, ForeignFormat, Overflow, Rebalance, Sessions};
pub use self::tls::{Certificate, ClientFields, Clients, Own, ServerTls, Tls, Version};

/// Everything the engine needs to serve; applied whole or refused whole.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// Number of the configuration this was compiled from.
    pub revision: u64,
    /// Addresses to accept on.
    pub listeners: Vec<Listener>,
    /// Pools, each with its servers.
    pub pools: Vec<Pool>,
    /// In order; the first that matches wins.
    pub routes: Vec<Route>,
    /// The key ring: the first key seals, all open.
    pub keys: Vec<Key>,
    /// What a client may ask of us.
    pub limits: Limits,
    /// How long we wait.
    pub timeouts: Timeouts,
    /// Where exchanges are told; absent for nowhere.
    pub access_log: Option<AccessLog>,
    /// Who may ask why an exchange went where it went; absent for nobody.
    pub debug: Option<Debugging>,
}

/// An address we accept on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listener {
    /// Unique among the listeners.
    pub name: String,
    /// `IP:port`; port 0 asks the system for one.
    pub address: String,
    /// Present when the listener speaks TLS.
    pub tls: Option<Tls>,
    /// Whether clients may speak HTTP/2.
    pub http2: bool,
    /// The port of HTTPS to which every request is redirected; absent where requests are served.
    pub redirect: Option<u16>,
    /// The value of Strict-Transport-Security; empty for none.
    pub hsts: String,
    /// Whether a Location of the request's host is made HTTPS.
    pub location: bool,
    /// Addresses, or prefixes such as `192.0.2.0/24`, that are believed about their clients.
    pub trusted: Vec<String>,
    /// Whether every connection has to begin with a head of the PROXY protocol.
    pub proxy_protocol: bool,
    /// Connections that it takes at most; 0 for any number.
    pub connections: u32,
}

/// Interchangeable servers, with one balance and one persistence chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Unique among the pools.
    pub name: String,
    /// What its servers speak.
    pub protocol: Protocol,
    /// How its servers are told of the client.
    pub proxy_protocol: Introduction,
    /// What we call ourselves in Via; empty for no such field.
    pub via: String,
    /// How a server is chosen when nothing is recalled.
    pub balance: Balance,
    /// Asked in order; empty for none.
    pub persistence: Vec<Persistence>,
    /// What holds for the sessions of the pool, whatever carries them.
    pub sessions: Sessions,
    /// For requests that find every server they may go to at its limit.
    pub queue: Queue,
    /// What of its servers' answers is told beside the counts; absent for nothing.
    pub watch: Option<Watch>,
    /// How many requests it takes in a time; absent or empty for as many as come.
    #[serde(default)]
    pub rates: Vec<RateLimit>,
    /// Which failures of a server are tried at another.
    #[serde(default)]
    pub retry: Retry,
    /// When it is not asked any more; absent for never.
    pub breaker: Option<Breaker>,
    /// Present when the servers speak TLS.
    pub tls: Option<ServerTls>,
    /// At least one.
    pub servers: Vec<Server>,
}

/// Who may wait for a server that is at its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Queue {
    /// Milliseconds a request waits at most; 0 for not at all.
    pub wait: u32,
    /// Requests that wait for one server at most, and as many for any.
    pub length: u32,
}

/// What is told of servers' answers, for whoever decides what follows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Watch {
    /// Failures in a row after which a server is told of at once: attempts without an answer, and answers of 500 and
    /// above; 0 for never.
    pub failures: u32,
    /// Whether answers are timed.
    pub timed: bool,
}

/// What servers speak.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// HTTP/1.1.
    H1,
    /// HTTP/2, agreed on under TLS.
    H2,
    /// HTTP/2 without TLS, known beforehand.
    H2c,
    /// HTTP/2 or HTTP/1.1, whichever each server chooses under TLS.
    Auto,
}

/// With which version of the PROXY protocol a connection begins.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Introduction {
    /// With none.
    #[default]
    Off,
    /// The one that people can read.
    V1,
    /// The binary one.
    V2,
}

/// One process that answers requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its identity, unique in the pool; what the cookie means by "home".
    pub name: String,
    /// `IP:port`.
    pub address: String,
    /// The host as it was written, which its certificate names.
    pub host: String,
    /// 0 to 256; 0 takes no new sessions.
    pub weight: u16,
    /// Requests it may have in flight; 0 for any number.
    pub limit: u32,
    /// Whether it takes requests only where no other server can.
    pub spare: bool,
    /// Whether it may be a session's home.
    pub persist: bool,
    /// Sessions of this server stamped with another number have ended.
    pub generation: u16,
    /// A text that names this life of the server; empty where nobody says.
    pub incarnation: String,
}

/// What a person or a probe says of a server now; sent apart from the snapshot, kept through reloads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerState {
    /// The pool.
    pub pool: String,
    /// The server.
    pub server: String,
    /// Its state.
    pub state: State,
    /// Unix seconds from which a draining server's sessions are re-homed; 0 for never.
    pub deadline: u64,
    /// A session of a draining server that has been idle for so many seconds moves at its next request; 0 for never.
    pub idle_first: u32,
}

/// Who may use a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Everybody.
    Up,
    /// Its own sessions, and everybody when nothing else is left.
    Draining,
    /// Nobody; somebody works on it.
    Maintenance,
    /// Nobody; it does not answer.
    Down,
}

impl State {
    /// Whether nobody may use it.
    pub fn is_away(self) -> bool {
        matches!(self, Self::Maintenance | Self::Down)
    }
}

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Route {
    /// Name of the pool.
    pub pool: String,
}

/// One key of the ring.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Key {
    /// Unique in the ring; written into each cookie.
    pub id: u16,
    /// 32 bytes, base64 (standard alphabet, padded).
    pub secret: String,
}

/// Sizes beyond which a request is refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Limits {
    /// Start line and fields, in bytes (431 beyond).
    pub head: u32,
    /// Request target, in bytes (414 beyond).
    pub target: u32,
    /// Number of fields, at most 256 (431 beyond).
    pub fields: u16,
    /// Requests under way on one HTTP/2 connection.
    pub streams: u32,
    /// Bytes of a request's body; 0 for any number (413 beyond).
    pub body: u64,
    /// Requests that one connection serves; 0 for any number.
    pub requests: u32,
    /// What each client may have.
    pub clients: ClientLimit,
}

/// What the clients of one prefix may have together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientLimit {
    /// Connections; 0 for any number.
    pub connections: u32,
    /// Leading bits of an IPv4 address that count.
    pub prefix4: u8,
    /// Leading bits of an IPv6 address that count.
    pub prefix6: u8,
}

/// How long each step may take, in milliseconds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Timeouts {
    /// From the first byte of a request head to its last (408 beyond).
    pub head: u32,
    /// Between two bytes of a body, in either direction.
    pub body: u32,
    /// To connect to a server.
    pub connect: u32,
    /// From the request's end to the response head (504 beyond).
    pub response: u32,
    /// A kept-alive client connection without a request.
    pub idle_client: u32,
    /// A kept-alive server connection without a request.
    pub idle_server: u32,
    /// A connection that has changed its protocol, without a byte in either direction.
    pub tunnel: u32,
}

/// Shows that there is a key, never the key.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}
