//! What a request says about its session, and what became of that while a server was looked for.

use std::num::NonZeroU64;

use super::Reason;
use super::cookie::{Session, SessionId};
use super::rules::{self, Verdict};
use super::table::Key;
use crate::pool::{Pool, ServerId};

/// What a request says about its session, judged.
#[derive(Debug, Clone, Copy)]
pub struct Recall {
    pub(super) session: Option<Session>,
    pub(super) id: Option<SessionId>,
    pub(super) home: Option<ServerId>,
    /// Where the session lived, as far as that is still a server of the pool.
    pub(super) lost: Option<ServerId>,
    pub(super) learnt: Option<Key>,
    pub(super) restamp: bool,
    pub(super) birth: bool,
    pub(super) overflow: bool,
    /// The home failed this request, which goes elsewhere for once.
    pub(super) failed: bool,
    pub(super) reason: Reason,
    /// A bit for each kind of the chain that is asked for such a request.
    pub(super) asked: u32,
    /// What chooses the server where no session does.
    pub(super) key: Option<NonZeroU64>,
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
            failed: false,
            reason,
            asked: u32::MAX,
            key: None,
        }
    }

    /// The server that holds the session, where it may go there.
    pub fn home(&self) -> Option<ServerId> {
        self.home
    }

    /// Which session; it chooses the next home when there is none.
    pub fn id(&self) -> Option<SessionId> {
        self.id
    }

    /// What chooses the server where no session does, in a pool whose balance is by a key.
    pub fn key(&self) -> Option<u64> {
        self.key.map(NonZeroU64::get)
    }

    /// Whether the kind at this place of the chain is asked for such a request.
    pub(super) fn asks(&self, place: usize) -> bool {
        self.asked & 1 << place != 0
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

    /// Where the session lives by what the client brought, as far as that is still in the pool.
    pub fn known_home(&self) -> Option<ServerId> {
        self.lost.or(self.home).filter(|_| !self.birth)
    }

    /// Where the session lived, now that `server` has it: another server, as far as that is still in the pool.
    pub fn home_before(&self, server: ServerId) -> Option<ServerId> {
        self.known_home().filter(|home| *home != server)
    }

    /// Whether the session is on its way to a server that it does not live at yet.
    pub fn is_moving(&self) -> bool {
        self.home.is_some() && matches!(self.reason, Reason::FailedBack | Reason::Rebalanced)
    }

    /// The server that the session was to move to does not take it: it stays where it lives, as far as that goes.
    /// Whether it was to move at all.
    pub fn turn_back(&mut self, pool: &Pool, now: u64) -> bool {
        let Some(session) = self.session.filter(|_| self.is_moving()) else { return false };
        (self.home, self.reason) = match rules::judge_where_it_lives(pool, &session, now) {
            Verdict::Home(home, reason) | Verdict::Restamp(home, reason) => (Some(home), reason),
            Verdict::Homeless(reason) | Verdict::Over(reason) => (None, reason),
        };
        true
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

    /// The home failed this request: whoever takes it does so for this once.
    pub fn fail_home(&mut self) {
        self.failed = true;
    }

    /// `server` takes the request next; where the home has failed it, the session keeps that home.
    pub fn go_on_to(&mut self, server: ServerId) {
        if let Some(home) = self.home.filter(|_| self.failed) {
            self.go_to(server, home);
        }
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
            _ if self.overflow && !self.birth && self.failed => Reason::HomeFailed,
            _ if self.overflow && !self.birth => Reason::Overflow,
            Some(home) if home != server && !self.birth => Reason::HomeDown,
            // Nobody else was left.
            _ if self.reason == Reason::HomeDrainingMoved && self.lost == Some(server) => Reason::Recalled,
            _ => self.reason,
        }
    }
}
