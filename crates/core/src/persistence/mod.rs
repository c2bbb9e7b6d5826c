//! How a client comes back to its server: recall before a server is chosen, stamp after one has answered.

pub mod cookie;
pub mod explain;
pub mod seal;

use self::cookie::{Home, OpenError, Purpose, SHARED_NONCE, Session};
use self::seal::KeyRing;
use crate::http::cookies;
use crate::http::field::Known;
use crate::http::h1::encode::Lines;
use crate::pool::{Pool, ServerId};

/// At most so many cookies of our name are tried in one request; a hostile client gains nothing by sending more.
const MOST_CANDIDATES: usize = 8;

/// Why an exchange went to the server it went to; one word each in logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// The pool keeps no sessions.
    None,
    /// The client brought no cookie.
    New,
    /// The session reached its home.
    Recalled,
    /// A cookie that is not one of ours, or was tampered with.
    NotOurs,
    /// A cookie sealed by a key that is not in the ring.
    SealedByUnknownKey,
    /// The home is no longer a server of the pool.
    HomeRemoved,
    /// The home did not answer.
    HomeDown,
}

impl Reason {
    /// All reasons, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::None,
        Self::New,
        Self::Recalled,
        Self::NotOurs,
        Self::SealedByUnknownKey,
        Self::HomeRemoved,
        Self::HomeDown,
    ];

    /// The word for logs and metrics.
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::New => "new",
            Self::Recalled => "recalled",
            Self::NotOurs => "not_ours",
            Self::SealedByUnknownKey => "sealed_by_unknown_key",
            Self::HomeRemoved => "home_removed",
            Self::HomeDown => "home_down",
        }
    }
}

/// What a request says about its session.
#[derive(Debug, Clone, Copy)]
pub struct Recall {
    session: Option<Session>,
    home: Option<ServerId>,
    reason: Reason,
}

impl Recall {
    fn without_session(reason: Reason) -> Self {
        Self { session: None, home: None, reason }
    }

    /// The server that holds the session, where it is still there.
    pub fn home(&self) -> Option<ServerId> {
        self.home
    }

    /// The session, also when its home is gone.
    pub fn session(&self) -> Option<&Session> {
        self.session.as_ref()
    }

    /// Why the exchange went to `server`, now that it has answered.
    pub fn reason(&self, server: ServerId) -> Reason {
        match self.home {
            Some(home) if home != server => Reason::HomeDown,
            _ => self.reason,
        }
    }
}

/// A pool's persistence: the kinds in the order they are asked.
#[derive(Debug, Default)]
pub struct Chain {
    kinds: Vec<Kind>,
}

/// One way of coming back.
#[derive(Debug)]
pub enum Kind {
    /// Our own sealed cookie.
    Cookie(SealedCookie),
}

/// A cookie of ours, prepared for one pool.
#[derive(Debug)]
pub struct SealedCookie {
    /// The cookie's name.
    pub name: String,
    /// What its seal is bound to.
    pub purpose: Purpose,
    /// The text before the value, from `Set-Cookie:` on.
    pub before: String,
    /// The attributes after the value on a plain connection.
    pub after_plain: String,
    /// The attributes after the value over TLS.
    pub after_secure: String,
}

impl SealedCookie {
    /// Prepares the cookie `name` for the pool `scope`.
    pub fn new(name: &str, path: &str, scope: &str) -> Self {
        Self {
            name: name.to_owned(),
            purpose: Purpose::new(scope, name),
            before: format!("Set-Cookie: {name}="),
            // Without Secure the cookie reaches TLS too, with it plain HTTP would lose it: each scheme sets its own.
            after_plain: format!("; Path={path}; HttpOnly; SameSite=Lax\r\n"),
            after_secure: format!("; Path={path}; HttpOnly; SameSite=Lax; Secure\r\n"),
        }
    }

    fn recall(&self, ring: &KeyRing, lines: Lines<'_>) -> Result<Session, Reason> {
        let mut reason = Reason::New;
        let fields = lines.fields.iter().filter(|field| field.known == Known::Cookie);
        let values = fields.flat_map(|field| {
            let value = field.value.of(lines.bytes);
            cookies::find(value, self.name.as_bytes()).map(|found| &value[found.value])
        });
        for value in values.take(MOST_CANDIDATES) {
            match cookie::open(ring, &self.purpose, value) {
                Ok(session) => return Ok(session),
                Err(OpenError::UnknownKey) => reason = Reason::SealedByUnknownKey,
                Err(_) if reason == Reason::New => reason = Reason::NotOurs,
                Err(_) => {}
            }
        }
        Err(reason)
    }
}

/// What stamping needs to know of the moment.
#[derive(Debug, Clone, Copy)]
pub struct Moment {
    /// Unix time in seconds.
    pub now: u64,
    /// A random number, for the id of a session that is born now.
    pub chance: u64,
    /// Whether the client came over TLS.
    pub secure: bool,
}

impl Chain {
    /// A chain of kinds, asked in this order.
    pub fn new(kinds: Vec<Kind>) -> Self {
        Self { kinds }
    }

    /// The kinds, in the order they are asked.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The name of our cookie: taken out of requests, and of servers' responses.
    pub fn cookie_name(&self) -> Option<&str> {
        self.kinds.first().map(|Kind::Cookie(cookie)| cookie.name.as_str())
    }

    /// Reads a request's session.
    pub fn recall(&self, ring: &KeyRing, pool: &Pool, lines: Lines<'_>) -> Recall {
        let mut recall = Recall::without_session(Reason::None);
        for Kind::Cookie(cookie) in &self.kinds {
            match cookie.recall(ring, lines) {
                Ok(session) => {
                    let home = pool.find_home(session.home);
                    let reason = if home.is_some() { Reason::Recalled } else { Reason::HomeRemoved };
                    return Recall { session: Some(session), home, reason };
                }
                Err(reason) => recall.reason = reason,
            }
        }
        recall
    }

    /// Appends the Set-Cookie line for a response of `server`, unless the client has a cookie that says so already.
    pub fn stamp(
        &self,
        ring: &KeyRing,
        recall: &Recall,
        server: (ServerId, Home),
        at: Moment,
        out: &mut Vec<u8>,
    ) {
        if recall.home == Some(server.0) {
            return;
        }
        let Some(Kind::Cookie(cookie)) = self.kinds.first() else { return };
        let session = match recall.session {
            Some(lost) => Session { home: server.1, seen: at.now, ..lost },
            None => Session::born(at.chance, server.1, at.now),
        };
        let token = cookie::seal(ring, &cookie.purpose, &session, SHARED_NONCE);
        out.extend_from_slice(cookie.before.as_bytes());
        out.extend_from_slice(token.as_bytes());
        out.extend_from_slice(if at.secure { &cookie.after_secure } else { &cookie.after_plain }.as_bytes());
    }
}
