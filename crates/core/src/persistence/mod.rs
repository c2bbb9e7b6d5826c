//! How a client comes back to its server: recall before a server is chosen, stamp after one has answered.

pub mod address;
mod attributes;
pub mod births;
mod by_address;
pub mod census;
pub mod cookie;
pub mod explain;
mod hash;
mod insert;
pub mod learn;
mod reason;
pub mod rules;
pub mod seal;
mod shard;
pub mod table;

use std::net::IpAddr;

pub use self::attributes::SetCookie;
pub use self::by_address::ByAddress;
pub use self::hash::ByHash;
pub use self::insert::{Insert, Purposes};
pub use self::reason::Reason;

use self::cookie::{Home, Session, SessionId};
use self::rules::Verdict;
use self::seal::KeyRing;
use crate::http::edits::Edits;
use crate::http::h1::encode::Lines;
use crate::http::method::Method;
use crate::pool::{Pool, ServerId};

/// A request, as far as persistence looks at it.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// Its fields.
    pub lines: Lines<'a>,
    /// Its target.
    pub target: &'a [u8],
    /// What it asks.
    pub method: Method,
    /// The client's address.
    pub client: IpAddr,
    /// Whether it came over TLS.
    pub secure: bool,
    /// The listener it came to, by its place in the snapshot.
    pub listener: usize,
    /// Unix time in seconds.
    pub now: u64,
}

/// What is known of a request once its response is there; its own bytes are gone by then.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// What it asked.
    pub method: Method,
    /// The client's address.
    pub client: IpAddr,
    /// Whether it came over TLS.
    pub secure: bool,
    /// The listener it came to, by its place in the snapshot.
    pub listener: usize,
    /// Unix time in seconds.
    pub now: u64,
    /// A random number, for the id of a session that is born now.
    pub chance: u64,
}

/// What a request claims.
#[derive(Debug, Clone, Copy)]
pub enum Claim {
    /// A session, sealed by us.
    Session(Session),
    /// A home, from a record or a name; the id stands for the client when the home is gone.
    Home(Home, SessionId, Reason),
    /// No home: the id chooses.
    Id(SessionId),
}

/// What a request says about its session, judged.
#[derive(Debug, Clone, Copy)]
pub struct Recall {
    session: Option<Session>,
    id: Option<SessionId>,
    home: Option<ServerId>,
    restamp: bool,
    birth: bool,
    reason: Reason,
}

impl Recall {
    /// A client without a session.
    pub fn nobody(reason: Reason) -> Self {
        Self { session: None, id: None, home: None, restamp: false, birth: true, reason }
    }

    /// The server that holds the session, where it may go there.
    pub fn home(&self) -> Option<ServerId> {
        self.home
    }

    /// What chooses the next home when there is none.
    pub fn id(&self) -> Option<SessionId> {
        self.id
    }

    /// Whether a session begins with this request.
    pub fn is_birth(&self) -> bool {
        self.birth
    }

    /// Whether the request had a home that it must not leave, were the pool strict.
    pub fn had_home(&self) -> bool {
        !self.birth && (self.home.is_some() || self.reason.is_loss())
    }

    /// A session begins: with this id, at this server; `shared` with another request of the same client.
    pub fn bear(&mut self, id: SessionId, home: ServerId, shared: bool) {
        (self.id, self.home) = (Some(id), Some(home));
        if shared {
            self.reason = Reason::NewShared;
        }
    }

    /// Why the request is turned away when no server is left for it.
    pub fn refusal(&self, pool: &Pool) -> Reason {
        match self.home {
            _ if pool.sessions.strict && self.had_home() => Reason::StrictRefused,
            Some(_) if !self.birth => Reason::HomeDown,
            _ => self.reason,
        }
    }

    /// Why the exchange went to `server`, now that it has answered.
    pub fn reason(&self, server: ServerId) -> Reason {
        match self.home {
            Some(home) if home != server && !self.birth => Reason::HomeDown,
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
    Insert(Insert),
    /// Records of addresses.
    Address(ByAddress),
    /// A hash of something that the request carries.
    Hash(ByHash),
}

impl Kind {
    /// What this kind reads in a request; what must not reach the server is taken out.
    fn recall(&self, ring: &KeyRing, ask: &Ask<'_>, edits: &mut Edits) -> Result<Claim, Reason> {
        match self {
            Self::Insert(insert) => insert.recall(ring, ask, edits),
            Self::Address(address) => address.recall(ask.client, ask.now),
            Self::Hash(hash) => hash.recall(ask),
        }
    }

    /// Whether a session that is stamped needs this kind to say so.
    fn is_sealed(&self) -> bool {
        matches!(self, Self::Insert(_))
    }
}

/// A response that is about to be stamped.
pub struct Stamping<'a> {
    /// The key ring.
    pub ring: &'a KeyRing,
    /// The pool.
    pub pool: &'a Pool,
    /// The server that answered.
    pub server: ServerId,
    /// What the request had said.
    pub recall: &'a Recall,
    /// What was asked.
    pub asked: Asked,
    /// The response's fields.
    pub lines: Lines<'a>,
}

impl Stamping<'_> {
    /// The session as it shall be stamped.
    fn session(&self) -> Session {
        let Self { pool, server, asked, .. } = *self;
        if let Some(session) = self.recall.session {
            return rules::settle(pool, &session, server, asked.now);
        }
        let id = self.recall.id.map_or(asked.chance, |id| id.0);
        let home = &pool.servers[server.0];
        Session {
            generation: pool.generation(server),
            incarnation: home.incarnation(),
            ..Session::born(id, home.home, asked.now)
        }
    }

    /// Whether the client has nothing yet that says where its session is now.
    fn is_due(&self) -> bool {
        self.recall.session.is_none() || self.recall.restamp || self.recall.home != Some(self.server)
    }
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

    /// Whether a new client gets a session of its own, so that a burst of its requests must agree on one.
    pub fn bears_sessions(&self) -> bool {
        self.kinds.iter().any(Kind::is_sealed)
    }

    /// Reads a request's session; the first kind that knows it is believed.
    pub fn recall(&self, ring: &KeyRing, pool: &Pool, ask: &Ask<'_>, edits: &mut Edits) -> Recall {
        let mut recall = Recall::nobody(if self.kinds.is_empty() { Reason::None } else { Reason::New });
        for (place, kind) in self.kinds.iter().enumerate() {
            let claim = kind.recall(ring, ask, edits);
            if recall.id.is_some() {
                // Known already: this kind was asked only for what it takes out.
                continue;
            }
            match claim {
                Ok(claim) => {
                    let before = recall.reason;
                    recall = judged(pool, claim, ask.now);
                    match recall.reason {
                        Reason::Recalled if place > 0 => recall.reason = Reason::RecalledFallback,
                        // Why the kind before did not know it says more than that this one did not either.
                        Reason::New if before != Reason::New => recall.reason = before,
                        _ => {}
                    }
                }
                Err(Reason::New) => {}
                Err(reason) => recall.reason = reason,
            }
        }
        edits.arrange();
        recall
    }

    /// Writes into a response of `server` what brings the client back: field lines to `out`, changes to `edits`.
    pub fn stamp(&self, stamping: &Stamping<'_>, edits: &mut Edits, out: &mut Vec<u8>) {
        let mut written = false;
        for kind in &self.kinds {
            match kind {
                Kind::Insert(insert) => written |= insert.stamp(stamping, written, edits, out),
                Kind::Address(address) => address.stamp(stamping),
                Kind::Hash(_) => {}
            }
        }
        edits.arrange();
    }
}

fn judged(pool: &Pool, claim: Claim, now: u64) -> Recall {
    let (session, id, verdict) = match claim {
        Claim::Session(session) => (Some(session), session.id, rules::judge(pool, &session, now)),
        Claim::Home(home, id, reason) => (None, id, rules::judge_home(pool, home, now, reason)),
        Claim::Id(id) => return Recall { id: Some(id), birth: false, ..Recall::nobody(Reason::Recalled) },
    };
    let known =
        Recall { session, id: Some(id), home: None, restamp: false, birth: false, reason: Reason::Recalled };
    match verdict {
        Verdict::Home(home, reason) => Recall { home: Some(home), reason, ..known },
        Verdict::Restamp(home, reason) => Recall { home: Some(home), restamp: true, reason, ..known },
        Verdict::Homeless(reason) => Recall { reason, ..known },
        Verdict::Over(reason) => Recall::nobody(reason),
    }
}
