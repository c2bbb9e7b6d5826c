//! The application's own cookie or field as its session: a record of which server set which value.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::cookie::SessionId;
use super::learn::Learnt;
use super::stamping::Order;
use super::table::Key;
use super::{Ask, Claim, Reason};
use crate::http::cookies::{self, unquoted};
use crate::http::field::Span;
use crate::http::set_cookie;

/// Fixed for ever: every Equalizer re-homes a value to the same server.
const VALUE_SEED: u64 = 0x6571_2e76_616c_7531;

/// Values of one cookie or field, with their records, shared by all workers.
#[derive(Debug)]
pub struct Learned {
    carrier: Carrier,
    table: Arc<Learnt>,
}

/// What carries the values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Carrier {
    /// The cookie of this name.
    Cookie(String),
    /// The field of this name, in requests and responses.
    Field(String),
}

impl Learned {
    /// Records kept in `table`.
    pub fn new(carrier: Carrier, table: Arc<Learnt>) -> Self {
        Self { carrier, table }
    }

    /// What carries the values.
    pub fn carrier(&self) -> &Carrier {
        &self.carrier
    }

    /// The records.
    pub fn table(&self) -> &Arc<Learnt> {
        &self.table
    }

    pub(super) fn recall(&self, ask: &Ask<'_>) -> Result<Claim, Reason> {
        let found = match &self.carrier {
            Carrier::Cookie(name) => {
                cookies::values(ask.lines, name.as_bytes()).find_map(|value| self.record_of(value, ask))
            }
            Carrier::Field(name) => {
                ask.lines.named(name.as_bytes()).find_map(|field| self.record_of(field.value, ask))
            }
        };
        found.ok_or(Reason::New)
    }

    fn record_of(&self, value: Span, ask: &Ask<'_>) -> Option<Claim> {
        let value = unquoted(value.of(ask.lines.bytes));
        let key = self.table.key(value);
        let home = self.table.recall(key, ask.now)?;
        Some(Claim::Learnt(home, SessionId(xxh3_64_with_seed(value, VALUE_SEED)), key))
    }

    pub(super) fn touch(&self, key: Key, now: u64) {
        self.table.touch(key, now);
    }

    /// Learns what the server set; forgets what it ended, or released.
    ///
    /// Where the kind is not asked, nothing is learnt of a new client; one that is known may be given another value.
    pub(super) fn stamp(&self, order: &Order<'_>, asked: bool) {
        let (at, now) = (order.at, order.at.asked.now);
        let home = at.pool.servers[order.home.0].home;
        let known = at.recall.learnt;
        if !asked && known.is_none() {
            return;
        }
        if let Some(key) = known.filter(|_| asked && order.is_news()) {
            self.table.record(key, home, now);
        }
        let mut ends = order.releases();
        let learn = |value: Span| {
            let value = unquoted(value.of(at.lines.bytes));
            if !value.is_empty() && !order.releases() && order.is_kept() {
                self.table.record(self.table.key(value), home, now);
            }
        };
        match &self.carrier {
            Carrier::Cookie(name) => {
                for cookie in set_cookie::named(at.lines, name.as_bytes(), now) {
                    if cookie.ends {
                        ends = true;
                    } else {
                        learn(cookie.value);
                    }
                }
            }
            Carrier::Field(name) => at.lines.named(name.as_bytes()).for_each(|field| {
                ends |= field.value.of(at.lines.bytes).is_empty();
                learn(field.value);
            }),
        }
        if let Some(key) = known.filter(|_| ends) {
            self.table.forget(key);
        }
    }
}
