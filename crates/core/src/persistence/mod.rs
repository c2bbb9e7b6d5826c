//! How a client comes back to its server: recall before a server is chosen, stamp after one has answered.

mod accept;
pub mod address;
mod announce;
mod attributes;
pub mod births;
mod by_address;
mod candidates;
pub mod census;
mod condition;
pub mod cookie;
pub mod explain;
mod field;
mod hash;
mod insert;
mod kind;
pub mod learn;
mod learned;
pub mod opened;
mod prefix;
mod purposes;
mod reason;
mod recall;
pub mod records;
mod rewrite;
mod route;
pub mod rules;
pub mod seal;
mod sealed_value;
mod shard;
mod stamping;
pub mod table;

use std::net::IpAddr;
use std::num::NonZeroU64;
use std::sync::Arc;

pub use self::accept::Foreign;
pub use self::announce::{SESSION_MOVED, announcement};
pub use self::attributes::SetCookie;
pub use self::by_address::ByAddress;
pub use self::condition::Condition;
pub use self::field::InsertField;
pub use self::hash::ByHash;
pub use self::insert::Insert;
pub use self::kind::Kind;
pub use self::learned::{Carrier, Learned};
pub use self::prefix::Prefix;
pub use self::purposes::Purposes;
pub use self::reason::Reason;
pub use self::recall::Recall;
pub use self::rewrite::Rewrite;
pub use self::route::Route;
pub use self::stamping::Stamping;

use self::address::Addresses;
use self::cookie::{Home, Session, SessionId};
use self::opened::Opened;
use self::rules::Verdict;
use self::seal::KeyRing;
use self::stamping::Order;
use self::table::Key;
use crate::http::cookies;
use crate::http::edits::Edits;
use crate::http::h1::encode::Lines;
use crate::http::method::Method;
use crate::http::set_cookie;
use crate::pool::Pool;
use crate::route::matcher::Request;

/// A request, as far as persistence looks at it.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// Its fields.
    pub lines: Lines<'a>,
    /// Its target.
    pub target: &'a [u8],
    /// Its authority.
    pub host: &'a [u8],
    /// Its method, as it stands there.
    pub method: &'a [u8],
    /// The client's address.
    pub client: IpAddr,
    /// Whether it came over TLS.
    pub secure: bool,
    /// The listener it came to, by its place in the snapshot.
    pub listener: usize,
    /// Unix time in seconds.
    pub now: u64,
    /// What its connection opened last.
    pub opened: &'a Opened,
}

impl<'a> Ask<'a> {
    /// As matchers look at it.
    pub(crate) fn request(&self) -> Request<'a> {
        let &Self { lines, target, host, method, client, secure, .. } = self;
        Request { lines, target, host, method, client, secure }
    }
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
}

/// What a request claims.
#[derive(Debug, Clone, Copy)]
pub enum Claim {
    /// A session, sealed by us.
    Session {
        /// What was sealed.
        session: Session,
        /// Whether a client that keeps this value is lost with the next rotation of the keys.
        key_goes: bool,
    },
    /// A home, from a record or a name; the id stands for the client when the home is gone.
    Home(Home, SessionId, Reason),
    /// A home, from a record of a value; the key finds the record again.
    Learnt(Home, SessionId, Key),
    /// No home: the id chooses.
    Id(SessionId),
}

/// A pool's persistence: the kinds in the order they are asked.
#[derive(Debug, Default)]
pub struct Chain {
    kinds: Vec<Kind>,
    /// The places of kinds that are not asked for every request.
    conditions: Vec<(usize, Condition)>,
    accept: Vec<Foreign>,
    /// Where in the chain those cookies are asked: before the kinds at its end by which many clients are one.
    accepts_at: usize,
    /// A bit for each kind that writes or records anything.
    stamped: u32,
    /// A bit for each kind that stands for sessions of ours.
    sealed: u32,
}

/// A chain is no longer than its bits.
pub const MOST_KINDS: usize = u32::BITS as usize;

impl Chain {
    /// A chain of at most [`MOST_KINDS`] kinds, asked in this order, with the places of those that are not asked for
    /// every request; and the cookies of others that are honoured where none of them knows.
    pub fn new(kinds: Vec<Kind>, conditions: Vec<(usize, Condition)>, accept: Vec<Foreign>) -> Self {
        let bits = |is: fn(&Kind) -> bool| {
            let places = (0..MOST_KINDS).zip(&kinds).filter(|(_, kind)| is(kind));
            places.fold(0, |bits, (place, _)| bits | 1 << place)
        };
        let (stamped, sealed) = (bits(Kind::is_stamped), bits(Kind::is_sealed));
        let own = kinds.iter().rposition(|kind| !matches!(kind, Kind::Address(_) | Kind::Hash(_)));
        let accepts_at = own.map_or(0, |place| place + 1);
        Self { kinds, conditions, accept, accepts_at, stamped, sealed }
    }

    /// The kinds, in the order they are asked.
    pub fn kinds(&self) -> &[Kind] {
        &self.kinds
    }

    /// The kinds, before anybody asks them.
    pub(super) fn kinds_mut(&mut self) -> &mut [Kind] {
        &mut self.kinds
    }

    /// The records of addresses, where they are kept for such a request: open connections keep theirs.
    pub fn addresses(&self, recall: &Recall) -> Option<&Arc<Addresses>> {
        self.kinds.iter().enumerate().find_map(|(place, kind)| match kind {
            Kind::Address(address) if recall.asks(place) => Some(address.table()),
            _ => None,
        })
    }

    /// Whether something is kept of a new client, so that its session begins with an id and a home.
    pub fn begins(&self, recall: &Recall) -> bool {
        recall.asked & self.stamped != 0
    }

    /// Whether a new client gets a session of its own, so that a burst of its requests must agree on one.
    pub fn bears_sessions(&self, recall: &Recall) -> bool {
        recall.asked & self.sealed != 0
    }

    /// The session that a request is counted for. A record's is known by what it records, so that a client is counted
    /// for it when it comes back: at its birth nothing had been said yet.
    pub fn seen(&self, recall: &Recall) -> Option<SessionId> {
        recall.id.filter(|_| !recall.birth || self.bears_sessions(recall))
    }

    /// Reads a request's session; the first kind that knows it is believed.
    pub fn recall(&self, ring: &KeyRing, pool: &Pool, ask: &Ask<'_>, edits: &mut Edits) -> Recall {
        let asked = self.asked(ask);
        let mut recall = self.first_known(asked, ring, pool, ask, edits);
        recall.asked = asked;
        if recall.id.is_none() {
            recall.key = pool.balance.key(ask).and_then(NonZeroU64::new);
        }
        // A chain that stamps nothing is asked all the same, where it has no conditions.
        if recall.id.is_none() && asked != u32::MAX && asked & self.stamped == 0 {
            (recall.birth, recall.reason) = (false, Reason::NotAsked);
        }
        cookies::leave_out(ask.lines, edits);
        edits.arrange();
        recall
    }

    /// A bit for each kind that is asked for such a request.
    fn asked(&self, ask: &Ask<'_>) -> u32 {
        let others = self.conditions.iter().filter(|(_, condition)| !condition.holds(&ask.request()));
        others.fold(u32::MAX, |bits, (place, _)| bits & !(1 << place))
    }

    /// What the first kind says that knows the session. One that is not `asked` is believed all the same, but its
    /// record stays as idle as it is.
    fn first_known(
        &self,
        asked: u32,
        ring: &KeyRing,
        pool: &Pool,
        ask: &Ask<'_>,
        edits: &mut Edits,
    ) -> Recall {
        let mut recall = Recall::nobody(if self.kinds.is_empty() { Reason::None } else { Reason::New });
        for (place, kind) in self.kinds.iter().enumerate() {
            if place == self.accepts_at {
                self.accepted(pool, ask, &mut recall, edits);
            }
            let claim = match kind {
                // What is no session but a choice is not made where it is not asked for.
                Kind::Hash(_) if asked & 1 << place == 0 => continue,
                kind => kind.recall(ring, pool, ask, edits),
            };
            if let Some(claim) = claim.as_ref().ok().filter(|_| asked & 1 << place != 0) {
                kind.touch(claim, ask);
            }
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
        if self.accepts_at == self.kinds.len() {
            self.accepted(pool, ask, &mut recall, edits);
        }
        recall
    }

    /// Believes a cookie of another balancer's where no kind so far has known the session.
    fn accepted(&self, pool: &Pool, ask: &Ask<'_>, recall: &mut Recall, edits: &mut Edits) {
        // A session of ours that has ended does not begin again by what the balancer before us said.
        let ended = matches!(
            recall.reason,
            Reason::ExpiredIdle | Reason::ExpiredLife | Reason::Generation | Reason::NotKept
        );
        let unknown = recall.id.is_none() && !ended;
        if let Some(claim) = accept::recall(&self.accept, pool, ask, unknown, edits) {
            *recall = judged(pool, claim, ask.now);
        }
    }

    /// Cuts the cookies of an interim response that would be stamped in a final one: some clients keep them from either.
    pub fn hold_back(&self, lines: Lines<'_>, edits: &mut Edits) {
        for name in self.kinds.iter().filter_map(Kind::stamped_cookie) {
            set_cookie::lines(lines, name.as_bytes()).for_each(|field| edits.cut(field.line));
        }
        edits.arrange();
    }

    /// Writes into a response of `server` what brings the client back: field lines to `out`, changes to `edits`.
    /// The reason is the server's own word, where that changed anything.
    pub fn stamp(&self, stamping: &Stamping<'_>, edits: &mut Edits, out: &mut Vec<u8>) -> Option<Reason> {
        let order = Order::read(stamping, edits);
        let (mut written, mut noted) = (false, false);
        for (place, kind) in self.kinds.iter().enumerate() {
            let asked = order.asks(place);
            noted |= kind.servers_cookie().is_some_and(|name| order.ends_with(name));
            match kind {
                Kind::Insert(insert) => written |= insert.stamp(&order, asked && !written, edits, out),
                Kind::Rewrite(rewrite) => written |= rewrite.stamp(&order, edits),
                Kind::Prefix(prefix) => written |= prefix.stamp(&order, edits),
                Kind::Learned(learned) => {
                    learned.stamp(&order, asked);
                    noted |= stamping.recall.learnt.is_some();
                }
                Kind::Field(field) => written |= field.stamp(&order, asked && !written, edits, out),
                Kind::Address(address) if asked => {
                    address.stamp(&order);
                    noted = true;
                }
                Kind::Address(_) | Kind::Route(_) | Kind::Hash(_) => {}
            }
        }
        edits.arrange();
        order.reason().filter(|_| written || noted)
    }
}

fn judged(pool: &Pool, claim: Claim, now: u64) -> Recall {
    let (session, home, id, verdict) = match claim {
        Claim::Session { session, .. } => {
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
        restamp: matches!(claim, Claim::Session { key_goes: true, .. }),
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
