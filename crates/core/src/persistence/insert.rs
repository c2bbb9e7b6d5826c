//! Our own cookie, sealed: inserted where the client has none that counts, taken out before the server sees it.

use super::candidates::Candidates;
use super::seal::KeyRing;
use super::stamping::Order;
use super::{Ask, Claim, Purposes, Reason, SetCookie};
use crate::http::caching::{shared_cache_may_store, targeted};
use crate::http::cookies;
use crate::http::edits::Edits;
use crate::http::method::Method;
use crate::http::set_cookie;
use crate::snapshot::wire::{Cache, Cookie, Duplicates};

/// A cookie of ours, prepared for one pool.
#[derive(Debug)]
pub struct Insert {
    name: String,
    purposes: Purposes,
    duplicates: Duplicates,
    line: SetCookie,
    strip: bool,
    preserve: bool,
    post_only: bool,
    cache: Cache,
}

impl Insert {
    /// Prepares the cookie.
    pub fn new(cookie: &Cookie, purposes: Purposes) -> Self {
        Self {
            line: SetCookie::new(&cookie.name, &cookie.attributes),
            name: cookie.name.clone(),
            purposes,
            duplicates: cookie.duplicates,
            strip: cookie.strip,
            preserve: cookie.preserve,
            post_only: cookie.post_only,
            cache: cookie.cache,
        }
    }

    /// What its values are sealed for.
    pub fn purposes(&self) -> &Purposes {
        &self.purposes
    }

    /// The name of the cookie that a server may not set.
    pub(super) fn guarded(&self) -> Option<&str> {
        (!self.preserve).then_some(&self.name)
    }

    pub(super) fn recall(&self, ring: &KeyRing, ask: &Ask<'_>, edits: &mut Edits) -> Result<Claim, Reason> {
        let mut candidates =
            Candidates::new(ring, self.purposes.on(ask.listener), ask.opened, self.duplicates);
        for value in cookies::values(ask.lines, self.name.as_bytes()) {
            candidates.try_one(value.of(ask.lines.bytes));
            if self.strip {
                edits.take(value);
            }
        }
        candidates.claim()
    }

    /// Whether the line was written; it may be only where the kind is asked and none before has said it.
    pub(super) fn stamp(&self, order: &Order<'_>, may: bool, edits: &mut Edits, out: &mut Vec<u8>) -> bool {
        let taken_over = self.is_taken_over(order, edits);
        let asked = &order.at.asked;
        let due = may && !taken_over && (order.is_due() || order.releases());
        if !due || !self.line.may_set(asked.secure) {
            return false;
        }
        let Some(token) = order.token(self.purposes.on(asked.listener)) else { return false };
        // What the server itself says of the session must reach the client, whatever it asked.
        let demanded = order.is_demanded();
        // A client that only looks gets no session; whoever has one is told of what becomes of it.
        let begins = !order.is_known() && !demanded;
        if self.post_only && begins && asked.method != Method::Other {
            return false;
        }
        if self.cache != Cache::Always && shared_cache_may_store(order.at.lines, asked.now) {
            match self.cache {
                Cache::Skip if !demanded => return false,
                _ => {
                    targeted(order.at.lines).for_each(|field| edits.cut(field.line));
                    out.extend_from_slice(b"Cache-Control: private\r\n");
                }
            }
        }
        if order.releases() {
            self.line.write_end(asked.secure, out);
        } else {
            self.line.write(token.as_bytes(), asked.secure, out);
        }
        true
    }

    /// Whether the server sets the cookie itself and may; else its line is cut, so that there is one of a name.
    fn is_taken_over(&self, order: &Order<'_>, edits: &mut Edits) -> bool {
        let mut set = set_cookie::lines(order.at.lines, self.name.as_bytes());
        if self.preserve {
            return set.next().is_some();
        }
        set.for_each(|field| edits.cut(field.line));
        false
    }
}
