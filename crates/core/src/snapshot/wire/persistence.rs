//! How clients come back to their servers, as it crosses the boundary.

use serde::{Deserialize, Serialize};

use super::{Condition, Duplicates, HashOver};

/// How a client comes back to its server.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Persistence {
    /// A cookie, ours or the application's.
    Cookie(Cookie),
    /// A field, ours or the application's.
    Field(CarryingField),
    /// A record of the client's address.
    Address(Address),
    /// No record: a hash of something the request carries chooses.
    Hash(Hash),
}

/// What a cookie does for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CookieMode {
    /// We set it, sealed.
    Insert,
    /// The server sets it, we put our sealed value in place of its own.
    Rewrite,
    /// The server sets it, we put our sealed value before its own and take it off again on the way in.
    Prefix,
    /// The server sets it, we remember which server set which value.
    Learn,
    /// The server sets it to a value that ends in a dot and the server's name.
    Route,
}

/// Settings of a cookie.
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cookie {
    /// What it does.
    pub mode: CookieMode,
    /// The cookie's name, a token of RFC 9110, with its `__Host-` or `__Secure-` prefix where it has one.
    pub name: String,
    /// What its seal is bound to beside its name: cookies of one scope open in all pools of that scope.
    pub scope: Scope,
    /// Which of several is believed; `insert`, `rewrite` and `prefix` only.
    pub duplicates: Duplicates,
    /// How browsers keep it; `insert` only.
    pub attributes: Attributes,
    /// Whether it is taken out of the request; `insert` only.
    pub strip: bool,
    /// Whether a server may set it itself, to end or take over persistence; `insert` only.
    pub preserve: bool,
    /// Whether it is set only in answers to POST; `insert` only.
    pub post_only: bool,
    /// What happens where a shared cache may store the response; `insert` only.
    pub cache: Cache,
    /// Whether the server's own value is sealed too; `prefix` only.
    pub seal_value: bool,
    /// Records kept at most; `learn` only.
    pub capacity: u32,
    /// Seconds a record lives without a request; `learn` only.
    pub record_idle: u32,
    /// Names under which a path parameter or a query parameter carries the same value; `route` only.
    pub parameters: Vec<String>,
    /// The requests it is asked for; `insert` and `learn` only.
    pub condition: Condition,
}

/// What the seal of a cookie is bound to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// This pool, on all listeners.
    Pool,
    /// This pool on one listener.
    Listener,
    /// All pools that name this group.
    Group(String),
}

/// How browsers keep a cookie.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attributes {
    /// `Path`.
    pub path: String,
    /// `Domain`.
    pub domain: Option<String>,
    /// `SameSite`: Lax, Strict or None; absent leaves it out.
    pub same_site: Option<SameSite>,
    /// `Secure`.
    pub secure: Secure,
    /// `HttpOnly`.
    pub http_only: bool,
    /// `Partitioned`, set over TLS only.
    pub partitioned: bool,
    /// `Max-Age` in seconds; absent until the browser closes.
    pub max_age: Option<u32>,
}

/// `SameSite`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SameSite {
    /// Sent with top-level navigation from elsewhere.
    Lax,
    /// Never sent from elsewhere.
    Strict,
    /// Sent from anywhere, over TLS; left out on a plain connection, where browsers refuse it.
    None,
}

/// When a cookie is `Secure`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Secure {
    /// Over TLS, not on a plain connection: a session that begins there is carried over to TLS.
    Auto,
    /// Always; plain connections then get no cookie.
    Always,
    /// Never.
    Never,
}

/// What happens to the cookie where a response may be stored by a shared cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cache {
    /// The response gets no cookie.
    Skip,
    /// The response gets the cookie and `Cache-Control: private`.
    Private,
    /// The response gets the cookie.
    Always,
}

/// A field that carries the session.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CarryingField {
    /// `insert` or `learn`.
    pub mode: FieldMode,
    /// The field's name.
    pub name: String,
    /// As for a cookie; `insert` only.
    pub scope: Scope,
    /// As for a cookie; `insert` only.
    pub duplicates: Duplicates,
    /// Records kept at most; `learn` only.
    pub capacity: u32,
    /// Seconds a record lives without a request; `learn` only.
    pub record_idle: u32,
    /// The requests it is asked for.
    pub condition: Condition,
}

/// What a field does for us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldMode {
    /// We set it, sealed.
    Insert,
    /// The server sets it, we remember which server set which value.
    Learn,
}

/// Records of client addresses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Address {
    /// Leading bits of an IPv4 address that count.
    pub prefix4: u8,
    /// Leading bits of an IPv6 address that count.
    pub prefix6: u8,
    /// Seconds a record lives without a request.
    pub idle: u32,
    /// Records kept at most.
    pub capacity: u32,
    /// The requests it is asked for.
    pub condition: Condition,
}

/// What a hash is taken of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hash {
    /// Where it stands.
    pub over: HashOver,
    /// The field's, cookie's or query parameter's name; empty for path and address.
    pub name: String,
    /// Leading bits of an IPv4 address that count.
    pub prefix4: u8,
    /// Leading bits of an IPv6 address that count.
    pub prefix6: u8,
    /// The requests it is taken of.
    pub condition: Condition,
}
