//! How a client comes back to its server: recall before a server is chosen, stamp after one has answered.

mod accept;
pub mod address;
mod announce;
mod attributes;
pub mod births;
mod by_address;
mod candidates;
pub mod census;
pub mod cookie;
pub mod explain;
mod field;
mod hash;
mod insert;
pub mod learn;
mod learned;
mod prefix;
mod purposes;
mod reason;
mod rewrite;
mod route;
pub mod rules;
pub mod seal;
mod sealed_value;
mod shard;
mod stamping;
pub mod table;

use std::net::IpAddr;
use std::sync::Arc;

pub use self::accept::Foreign;
pub use self::announce::announcement;
pub use self::attributes::SetCookie;
pub use self::by_address::ByAddress;
pub use self::field::InsertField;
pub use self::hash::ByHash;
pub use self::insert::Insert;
pub use self::learned::{Carrier, Learned};
pub use self::prefix::Prefix;
pub use self::purposes::Purposes;
pub use self::reason::Reason;
pub use self::rewrite::Rewrite;
pub use self::route::Route;
pub use self::stamping::Stamping;

use self::address::Addresses;
use self::cookie::{Home, Session, SessionId};
use self::rules::Verdict;
use self::seal::KeyRing;
use self::stamping::Order;
use self::table::Key;
use crate::http::cookies;
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
    /// A home, from a record of a value; the key finds the record again.
    Learnt(Home, SessionId, Key),
    /// No home: the id chooses.
    Id(SessionId),
}

/// What a request says about its session, judged.
#[derive(Debug, Clone, Copy)]
pub struct Recall {
    session: Option<Session>,
    id: Option<SessionId>,
    home: Option<ServerId>,
    /// Where the session lived, as far as that is still a server of the pool.
    lost: Option<ServerId>,
    learnt: Option<Key>,
    restamp: bool,
    birth: bool,
    overflow: bool,
    reason: Reason,
}

impl Recall {
    /// A client without a session.
    pub fn nobody(reason: Reason) -> Self {
        Self {
            session: None,
            id: None,
            home: None,
            lost: None,
            learnt: None,
            restamp: false,
            birth: true,
            overflow: false,
            reason,
        }
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

    /// The home takes nobody any more: that was found out while the request waited for it.
    pub fn lose_home(&mut self, reason: Reason) {
        self.home = None;
        if !self.birth {
            self.reason = reason;
        }
    }

    /// Whether a session that finds no room at `home` has been elsewhere as often as the pool lets it.
    pub fn is_to_be_rehomed(&self, pool: &Pool, home: ServerId) -> bool {
        let rehomes = pool.sessions.overflow_rehome;
        let counted = self.session.filter(|session| !session.pinned && self.home == Some(home));
        counted.is_some_and(|session| rehomes > 0 && session.overflows.saturating_add(1) >= rehomes)
    }

    /// The session leaves `home`, which had no room for it too often.
    pub(crate) fn rehome(&mut self, home: ServerId) {
        (self.home, self.lost, self.reason) = (None, Some(home), Reason::OverflowRehomed);
    }

    /// Where `server` is not the `home` that was meant, it takes this request alone, and the session keeps its home.
    pub fn go_to(&mut self, server: ServerId, home: ServerId) {
        self.overflow = server != home && self.reason != Reason::OverflowRehomed;
    }

    /// Where the session lives, for a request that `server` has answered.
    pub fn lives_at(&self, server: ServerId) -> ServerId {
        if self.overflow { self.home.unwrap_or(server) } else { server }
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
            _ if self.overflow && !self.birth => Reason::Overflow,
            Some(home) if home != server && !self.birth => Reason::HomeDown,
            _ => self.reason,
        }
    }
}

/// A pool's persistence: the kinds in the order they are asked.
#[derive(Debug, Default)]
pub struct Chain {
    kinds: Vec<Kind>,
    accept: Vec<Foreign>,
}

/// One way of coming back.
#[derive(Debug)]
pub enum Kind {
    /// Our own sealed cookie.
    Insert(Insert),
    /// The server's cookie with our value.
    Rewrite(Rewrite),
    /// The server's cookie with our token before its value.
    Prefix(Prefix),
    /// Records of the values of the server's cookie or field.
    Learned(Learned),
    /// The server's cookie, which names its server.
    Route(Route),
    /// Our own sealed field.
    Field(InsertField),
    /// Records of addresses.
    Address(ByAddress),
    /// A hash of something that the request carries.
    Hash(ByHash),
}

impl Kind {
    /// What this kind reads in a request; what must not reach the server is taken out.
    fn recall(&self, ring: &KeyRing, pool: &Pool, ask: &Ask<'_>, edits: &mut Edits) -> Result<Claim, Reason> {
        match self {
            Self::Insert(insert) => insert.recall(ring, ask, edits),
            Self::Rewrite(rewrite) => rewrite.recall(ring, ask),
            Self::Prefix(prefix) => prefix.recall(ring, ask, edits),
            Self::Learned(learned) => learned.recall(ask),
            Self::Route(route) => route.recall(pool, ask),
            Self::Field(field) => field.recall(ring, ask, edits),
            Self::Address(address) => address.recall(ask.client, ask.now),
            Self::Hash(hash) => hash.recall(ask),
        }
    }

    /// Whether this kind stands for a session of ours, which is born once.
    fn is_sealed(&self) -> bool {
        matches!(self, Self::Insert(_) | Self::Rewrite(_) | Self::Prefix(_) | Self::Field(_))
    }
}

impl Chain {
    /// A chain of kinds, asked in this order, and the cookies of others that are honoured where none of them knows.
    pub fn new(kinds: Vec<Kind>, accept: Vec<Foreign>) -> Self {
        Self { kinds, accept }
    }

    /// The kinds, in the order they are asked.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The records of addresses, where they are kept: open connections keep theirs.
    pub fn addresses(&self) -> Option<&Arc<Addresses>> {
        self.kinds.iter().find_map(|kind| match kind {
            Kind::Address(address) => Some(address.table()),
            _ => None,
        })
    }

    /// Whether a new client gets a session of its own, so that a burst of its requests must agree on one.
    pub fn bears_sessions(&self) -> bool {
        self.kinds.iter().any(Kind::is_sealed)
    }

    /// Reads a request's session; the first kind that knows it is believed.
    pub fn recall(&self, ring: &KeyRing, pool: &Pool, ask: &Ask<'_>, edits: &mut Edits) -> Recall {
        let mut recall = Recall::nobody(if self.kinds.is_empty() { Reason::None } else { Reason::New });
        for (place, kind) in self.kinds.iter().enumerate() {
            let claim = kind.recall(ring, pool, ask, edits);
            if recall.id.is_some() {
                // Known already: this kind was asked only for what it takes out, and which record goes with it.
                if let Ok(Claim::Learnt(_, _, key)) = claim {
                    recall.learnt = recall.learnt.or(Some(key));
                }
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
        // A session of ours that has ended does not begin again by what the balancer before us said.
        let ended = matches!(recall.reason, Reason::ExpiredIdle | Reason::ExpiredLife | Reason::Generation);
        let unknown = recall.id.is_none() && !ended;
        if let Some(claim) = accept::recall(&self.accept, pool, ask, unknown, edits) {
            recall = judged(pool, claim, ask.now);
        }
        if pool.sessions.announce {
            ask.lines.named(announce::FIELD).for_each(|field| edits.cut(field.line));
        }
        cookies::leave_out(ask.lines, edits);
        edits.arrange();
        recall
    }

    /// Writes into a response of `server` what brings the client back: field lines to `out`, changes to `edits`.
    /// The reason is the server's own word, where that decided.
    pub fn stamp(&self, stamping: &Stamping<'_>, edits: &mut Edits, out: &mut Vec<u8>) -> Option<Reason> {
        let order = Order::read(stamping, edits);
        let mut written = false;
        for kind in &self.kinds {
            match kind {
                Kind::Insert(insert) => written |= insert.stamp(&order, written, edits, out),
                Kind::Rewrite(rewrite) => written |= rewrite.stamp(&order, edits),
                Kind::Prefix(prefix) => written |= prefix.stamp(&order, edits),
                Kind::Learned(learned) => learned.stamp(&order),
                Kind::Field(field) => written |= field.stamp(&order, written, edits, out),
                Kind::Address(address) => address.stamp(&order),
                Kind::Route(_) | Kind::Hash(_) => {}
            }
        }
        edits.arrange();
        order.reason()
    }
}

fn judged(pool: &Pool, claim: Claim, now: u64) -> Recall {
    let (session, home, id, verdict) = match claim {
        Claim::Session(session) => {
            (Some(session), session.home, session.id, rules::judge(pool, &session, now))
        }
        Claim::Home(home, id, reason) => (None, home, id, rules::judge_home(pool, home, now, reason)),
        Claim::Learnt(home, id, _) => (None, home, id, rules::judge_home(pool, home, now, Reason::Recalled)),
        Claim::Id(id) => return Recall { id: Some(id), birth: false, ..Recall::nobody(Reason::Recalled) },
    };
    let known = Recall {
        session,
        id: Some(id),
        lost: pool.find_home(home),
        learnt: if let Claim::Learnt(_, _, key) = claim { Some(key) } else { None },
        birth: false,
        ..Recall::nobody(Reason::Recalled)
    };
    match verdict {
        Verdict::Home(home, reason) => Recall { home: Some(home), reason, ..known },
        Verdict::Restamp(home, reason) => Recall { home: Some(home), restamp: true, reason, ..known },
        Verdict::Homeless(reason) => Recall { reason, ..known },
        Verdict::Over(reason) => Recall::nobody(reason),
    }
}
