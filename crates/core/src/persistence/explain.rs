//! What a cookie's owner may learn of it: everything it holds, and whether it would be honoured now.

use serde::Serialize;

use super::cookie::{self, Generation, Incarnation, Session};
use super::rules::{self, Verdict};
use super::{Kind, Reason};
use crate::pool::{Pool, ServerId};
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
        /// Whether the server asked never to move it.
        pinned: bool,
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

/// Opens `value` for whichever pool it was sealed for. `now` in Unix seconds.
pub fn explain(snapshot: &Snapshot, value: &str, now: u64) -> Explained {
    let mut reason = Reason::NotOurs;
    // Before the application's own value stands the token that is ours.
    let value = value.trim_matches('"').split('~').next().unwrap_or_default();
    for pool in &snapshot.pools {
        for purpose in pool.persistence.kinds().iter().flat_map(purposes) {
            match cookie::open(&snapshot.ring, purpose, value.as_bytes()) {
                Ok(session) => return opened(pool, &session, value, now),
                Err(cookie::OpenError::UnknownKey) => reason = Reason::SealedByUnknownKey,
                Err(_) => {}
            }
        }
    }
    Explained::Closed { reason: reason.word() }
}

fn purposes(kind: &Kind) -> &[cookie::Purpose] {
    match kind {
        Kind::Insert(insert) => insert.purposes().all(),
        Kind::Rewrite(rewrite) => rewrite.purposes().all(),
        Kind::Prefix(prefix) => prefix.purposes().all(),
        Kind::Field(field) => field.purposes().all(),
        Kind::Learned(_) | Kind::Route(_) | Kind::Address(_) | Kind::Hash(_) => &[],
    }
}

fn opened(pool: &Pool, session: &Session, value: &str, now: u64) -> Explained {
    let (honoured, reason) = match rules::judge(pool, session, now) {
        Verdict::Home(_, reason) | Verdict::Restamp(_, reason) => (!reason.is_loss(), reason),
        Verdict::Homeless(reason) | Verdict::Over(reason) => (false, reason),
    };
    Explained::Opened {
        pool: pool.name.clone(),
        home: pool.find_home(session.home).map(|home| pool.servers[home.0].name.clone()),
        session: format!("{:016x}", session.id.0),
        born: session.born,
        seen: session.seen,
        generation: session.generation,
        incarnation: (session.incarnation != Incarnation::UNKNOWN)
            .then(|| format!("{:08x}", session.incarnation.0)),
        pinned: session.pinned,
        key: cookie::key_id(value.as_bytes()).unwrap_or_default(),
        honoured,
        reason: reason.word(),
    }
}

/// A value of the pool's first sealed cookie for a session at `server` of `pool` that was born and last seen at `seen`,
/// in Unix seconds; `None` when there is no such server, or no sealed cookie.
pub fn seal(snapshot: &Snapshot, pool: &str, server: &str, seen: u64, chance: u64) -> Option<String> {
    let pool = snapshot.pools.iter().find(|candidate| candidate.name == pool)?;
    let place = pool.servers.iter().position(|candidate| candidate.name == server)?;
    let cookies = pool.persistence.kinds().iter().filter(|kind| !matches!(kind, Kind::Field(_)));
    let purpose = cookies.flat_map(purposes).next()?;
    let session = Session {
        generation: pool.generation(ServerId(place)),
        incarnation: pool.servers[place].incarnation(),
        ..Session::born(chance, pool.servers[place].home, seen)
    };
    Some(cookie::seal(&snapshot.ring, purpose, &session, cookie::SHARED_NONCE).as_str().to_owned())
}
