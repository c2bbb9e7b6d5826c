//! Our token in a field instead of a cookie: for clients that send a field of a response back, as gRPC and MCP do.

use super::candidates::Candidates;
use super::seal::KeyRing;
use super::stamping::Order;
use super::{Ask, Claim, Purposes, Reason};
use crate::http::caching::shared_cache_may_store;
use crate::http::edits::Edits;
use crate::snapshot::wire::{CarryingField, Duplicates};

/// A field of ours, prepared for one pool.
#[derive(Debug)]
pub struct InsertField {
    name: String,
    purposes: Purposes,
    duplicates: Duplicates,
}

impl InsertField {
    /// Prepares the field.
    pub fn new(field: &CarryingField, purposes: Purposes) -> Self {
        Self { name: field.name.clone(), purposes, duplicates: field.duplicates }
    }

    /// What its values are sealed for.
    pub fn purposes(&self) -> &Purposes {
        &self.purposes
    }

    /// The field never reaches the server, whatever it says.
    pub(super) fn recall(&self, ring: &KeyRing, ask: &Ask<'_>, edits: &mut Edits) -> Result<Claim, Reason> {
        let mut candidates =
            Candidates::new(ring, self.purposes.on(ask.listener), ask.opened, self.duplicates);
        for field in ask.lines.named(self.name.as_bytes()) {
            candidates.try_one(field.value.of(ask.lines.bytes));
            edits.cut(field.line);
        }
        candidates.claim()
    }

    /// Whether the line was written, as for a cookie; a server's own is cut, so that there is one.
    ///
    /// A session that is released gets none: a client cannot be told to forget a field.
    pub(super) fn stamp(&self, order: &Order<'_>, may: bool, edits: &mut Edits, out: &mut Vec<u8>) -> bool {
        let (at, asked) = (order.at, &order.at.asked);
        for field in at.lines.named(self.name.as_bytes()) {
            edits.cut(field.line);
        }
        if !may || !order.is_due() || shared_cache_may_store(at.lines, asked.now) {
            return false;
        }
        let Some(token) = order.token(self.purposes.on(asked.listener)) else { return false };
        out.extend_from_slice(self.name.as_bytes());
        out.extend_from_slice(b": ");
        out.extend_from_slice(token.as_bytes());
        out.extend_from_slice(b"\r\n");
        true
    }
}
