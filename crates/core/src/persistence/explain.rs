//! What a cookie's owner may learn of it: everything it holds, and whether it would be honoured now.

use serde::Serialize;

use super::cookie::{self, Generation, Incarnation, Session};
use super::{Kind, Reason};
use crate::pool::Pool;
use crate::snapshot::Snapshot;

/// A cookie value, opened for its owner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "opened")]
pub enum Explained {
    /// It opens for a pool.
    #[serde(rename = "yes")]
    Opened {
        /// The pool it is for.
        pool: String,
        /// The server that holds the session; absent when it is no longer in the pool.
        home: Option<String>,
        /// The session's id, in hexadecimal.
        session: String,
        /// Unix time in seconds.
        born: u64,
        /// Unix time in seconds.
        seen: u64,
        /// The id of the key that sealed it.
        key: u16,
        /// The pool's and the home's, as they were when it was sealed.
        generation: Generation,
        /// The life of the home that knows the session, in hexadecimal; absent when nobody said.
        incarnation: Option<String>,
        /// Whether a request that carries it would reach its home.
        honoured: bool,
        /// Why, in the word of logs and metrics.
        reason: &'static str,
    },
    /// It opens for none.
    #[serde(rename = "no")]
    Closed {
        /// Why, in the word of logs and metrics.
        reason: &'static str,
    },
}

/// Opens `value` for whichever pool it was sealed for.
pub fn explain(snapshot: &Snapshot, value: &str) -> Explained {
    let mut reason = Reason::NotOurs;
    for pool in &snapshot.pools {
        for Kind::Cookie(cookie) in pool.persistence.kinds() {
            match cookie::open(&snapshot.ring, &cookie.purpose, value.as_bytes()) {
                Ok(session) => return opened(pool, &session, value),
                Err(cookie::OpenError::UnknownKey) => reason = Reason::SealedByUnknownKey,
                Err(_) => {}
            }
        }
    }
    Explained::Closed { reason: reason.word() }
}

fn opened(pool: &Pool, session: &Session, value: &str) -> Explained {
    let home = pool.find_home(session.home);
    let reason = if home.is_some() { Reason::Recalled } else { Reason::HomeRemoved };
    Explained::Opened {
        pool: pool.name.clone(),
        home: home.map(|home| pool.servers[home.0].name.clone()),
        session: format!("{:016x}", session.id.0),
        born: session.born,
        seen: session.seen,
        key: cookie::key_id(value.as_bytes()).unwrap_or_default(),
        generation: session.generation,
        incarnation: (session.incarnation != Incarnation::UNKNOWN)
            .then(|| format!("{:08x}", session.incarnation.0)),
        honoured: home.is_some(),
        reason: reason.word(),
    }
}

/// A value for a new session at `server` of `pool`; `None` when there is no such server, or no sealed cookie.
pub fn seal(snapshot: &Snapshot, pool: &str, server: &str, now: u64, chance: u64) -> Option<String> {
    let pool = snapshot.pools.iter().find(|candidate| candidate.name == pool)?;
    let server = pool.servers.iter().find(|candidate| candidate.name == server)?;
    let Kind::Cookie(cookie) = pool.persistence.kinds().first()?;
    let session = Session::born(chance, server.home, now);
    Some(cookie::seal(&snapshot.ring, &cookie.purpose, &session, cookie::SHARED_NONCE).as_str().to_owned())
}
