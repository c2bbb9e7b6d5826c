//! The server's cookie with our sealed value in the place of its own; the server reads only that it is there.
//!
//! Nothing is written where the server sets no cookie: a session that was re-homed keeps its old token until the
//! next `Set-Cookie`, and reaches the same new home by the rendezvous of its id.

use super::candidates::Candidates;
use super::seal::KeyRing;
use super::stamping::Order;
use super::{Ask, Claim, Purposes, Reason};
use crate::http::cookies;
use crate::http::edits::Edits;
use crate::http::set_cookie;
use crate::snapshot::wire::{Cookie, Duplicates};

/// A cookie of the server's whose value is ours.
#[derive(Debug)]
pub struct Rewrite {
    name: String,
    purposes: Purposes,
    duplicates: Duplicates,
}

impl Rewrite {
    /// Prepares the cookie.
    pub fn new(cookie: &Cookie, purposes: Purposes) -> Self {
        Self { name: cookie.name.clone(), purposes, duplicates: cookie.duplicates }
    }

    /// The cookie's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What its values are sealed for.
    pub fn purposes(&self) -> &Purposes {
        &self.purposes
    }

    pub(super) fn recall(&self, ring: &KeyRing, ask: &Ask<'_>) -> Result<Claim, Reason> {
        let mut candidates =
            Candidates::new(ring, self.purposes.on(ask.listener), ask.opened, self.duplicates);
        for value in cookies::values(ask.lines, self.name.as_bytes()) {
            candidates.try_one(value.of(ask.lines.bytes));
        }
        candidates.claim()
    }

    /// Whether the server set the cookie, and so the client hears of its session. One that ends stays as it is.
    pub(super) fn stamp(&self, order: &Order<'_>, edits: &mut Edits) -> bool {
        if !order.names() {
            return false;
        }
        let asked = &order.at.asked;
        let set = set_cookie::named(order.at.lines, self.name.as_bytes(), asked.now);
        let mut written = false;
        for cookie in set.filter(|cookie| !cookie.ends) {
            let Some(token) = order.token(self.purposes.on(asked.listener)) else { return false };
            edits.replace(cookie.value, token.as_bytes());
            written = true;
        }
        written
    }
}
