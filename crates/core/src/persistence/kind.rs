//! The kinds of persistence, and what each is asked.

use super::seal::KeyRing;
use super::{Ask, ByAddress, ByHash, Claim, Insert, InsertField, Learned, Prefix, Reason, Rewrite, Route};
use crate::http::edits::Edits;
use crate::pool::Pool;

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
    pub(super) fn recall(
        &self,
        ring: &KeyRing,
        pool: &Pool,
        ask: &Ask<'_>,
        edits: &mut Edits,
    ) -> Result<Claim, Reason> {
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

    /// The record that was recalled is not idle.
    pub(super) fn touch(&self, claim: &Claim, ask: &Ask<'_>) {
        match (self, claim) {
            (Self::Learned(learned), Claim::Learnt(_, _, key)) => learned.touch(*key, ask.now),
            (Self::Address(address), _) => address.touch(ask.client, ask.now),
            _ => {}
        }
    }

    /// The cookie whose value is ours to write where a server sets it.
    pub(super) fn stamped_cookie(&self) -> Option<&str> {
        match self {
            Self::Insert(insert) => insert.guarded(),
            kind => kind.servers_cookie(),
        }
    }

    /// The server's own cookie that carries what is ours.
    pub(super) fn servers_cookie(&self) -> Option<&str> {
        match self {
            Self::Rewrite(rewrite) => Some(rewrite.name()),
            Self::Prefix(prefix) => Some(prefix.name()),
            _ => None,
        }
    }

    /// Whether this kind writes or records anything.
    pub(super) fn is_stamped(&self) -> bool {
        !matches!(self, Self::Route(_) | Self::Hash(_))
    }

    /// Whether this kind stands for a session of ours, which is born once.
    pub(super) fn is_sealed(&self) -> bool {
        matches!(self, Self::Insert(_) | Self::Rewrite(_) | Self::Prefix(_) | Self::Field(_))
    }
}
