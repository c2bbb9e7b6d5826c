//! The snapshot as it crosses the boundary: JSON, written by `python/equalizer/snapshot/wire.py`.
//!
//! Unknown fields are refused, so that the two sides cannot drift apart unseen.
//! Times are whole milliseconds, sizes whole bytes, addresses always `IP:port`.

use serde::{Deserialize, Serialize};

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
}

/// A certificate chain and its private key, both PEM text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// Leaf first.
    pub certificate: String,
    /// PKCS#8, PKCS#1 or SEC1.
    pub key: String,
}

/// Interchangeable servers, with one balance and one persistence chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pool {
    /// Unique among the pools.
    pub name: String,
    /// How a server is chosen when nothing is recalled.
    pub balance: Balance,
    /// Asked in order; empty for none.
    pub persistence: Vec<Persistence>,
    /// At least one.
    pub servers: Vec<Server>,
}

/// How a pool chooses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Balance {
    /// Smooth weighted round robin.
    RoundRobin {},
}

/// How a client comes back to its server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Persistence {
    /// Our own sealed cookie.
    Cookie(Cookie),
}

/// Settings of the sealed cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cookie {
    /// The cookie's name, a token of RFC 9110.
    pub name: String,
    /// Its `Path` attribute.
    pub path: String,
}

/// One process that answers requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Server {
    /// Its identity, unique in the pool; what the cookie means by "home".
    pub name: String,
    /// `IP:port`.
    pub address: String,
    /// 0 to 256; 0 takes no new sessions.
    pub weight: u16,
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
}

/// Shows that there is a key, never the key.
impl std::fmt::Debug for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Key").field("id", &self.id).finish_non_exhaustive()
    }
}

/// Shows the certificate's size, never the key.
impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("certificate_bytes", &self.certificate.len()).finish_non_exhaustive()
    }
}
