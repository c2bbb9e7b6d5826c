//! Our token before the application's own value, `TOKEN~VALUE`: the server sees its value byte for byte.
//!
//! Nothing is written where the server sets no cookie: a session that was re-homed keeps its old token until the
//! next `Set-Cookie` carries the new one, and reaches the same new home by the rendezvous of its id.
//! With `seal_value` the server's value is sealed too. What does not open then never reaches the server.

use memchr::memchr;

use super::candidates::Candidates;
use super::cookie::{self, TOKEN_LEN};
use super::seal::KeyRing;
use super::stamping::Order;
use super::{Ask, Claim, Purposes, Reason, sealed_value};
use crate::http::cookies::{self, unquoted};
use crate::http::edits::Edits;
use crate::http::field::Span;
use crate::http::set_cookie;
use crate::snapshot::wire::{Cookie, Duplicates};

/// Sealed values opened in one request at most; more of one name are no browser's, and are left out.
const MOST_VALUES: usize = 8;

/// A cookie of the server's that begins with our token.
#[derive(Debug)]
pub struct Prefix {
    name: String,
    purposes: Purposes,
    duplicates: Duplicates,
    /// What the server's values are sealed for, where they are.
    values: Option<Purposes>,
}

impl Prefix {
    /// Prepares the cookie.
    pub fn new(cookie: &Cookie, purposes: Purposes) -> Self {
        let values = cookie.seal_value.then(|| purposes.of_values());
        Self { name: cookie.name.clone(), purposes, duplicates: cookie.duplicates, values }
    }

    /// The cookie's name.
    pub(super) fn name(&self) -> &str {
        &self.name
    }

    /// What its tokens are sealed for.
    pub fn purposes(&self) -> &Purposes {
        &self.purposes
    }

    pub(super) fn recall(&self, ring: &KeyRing, ask: &Ask<'_>, edits: &mut Edits) -> Result<Claim, Reason> {
        let mut candidates =
            Candidates::new(ring, self.purposes.on(ask.listener), ask.opened, self.duplicates);
        for (place, span) in cookies::values(ask.lines, self.name.as_bytes()).enumerate() {
            let value = unquoted(span.of(ask.lines.bytes));
            if let Some(values) = &self.values {
                let tilde = memchr(b'~', value);
                candidates.try_one(&value[..tilde.unwrap_or(0)]);
                let sealed = tilde.filter(|_| place < MOST_VALUES).map(|at| &value[at + 1..]);
                match sealed.and_then(|text| sealed_value::open(ring, values.on(ask.listener), text)) {
                    Some(plain) => edits.replace(span, &plain),
                    None => edits.take(span),
                }
                continue;
            }
            let token = value.get(..TOKEN_LEN).filter(|_| value.get(TOKEN_LEN) == Some(&b'~'));
            candidates.try_one(token.unwrap_or_default());
            if token.is_some_and(|token| cookie::key_id(token).is_some()) {
                // Taken off as well where a key has been retired: what follows is the server's own.
                let start = span.start + u32::from(value.len() < span.of(ask.lines.bytes).len());
                edits.cut(Span { start, end: start + PREFIX_LEN });
            }
        }
        candidates.claim()
    }

    /// Whether the server set the cookie, and so the client hears of its session. One that ends stays as it is.
    pub(super) fn stamp(&self, order: &Order<'_>, edits: &mut Edits) -> bool {
        let (at, asked) = (order.at, &order.at.asked);
        let mut written = false;
        for cookie in set_cookie::named(at.lines, self.name.as_bytes(), asked.now) {
            if cookie.ends {
                continue;
            }
            let Some(token) = order.token(self.purposes.on(asked.listener)) else { return false };
            let mut text = Vec::with_capacity(TOKEN_LEN + 1);
            if order.names() {
                text.extend_from_slice(token.as_bytes());
                written = true;
            }
            let value = cookie.value.of(at.lines.bytes);
            match &self.values {
                Some(values) => {
                    text.push(b'~');
                    // What is too long to be sealed is too long for a browser as well: it gets an empty value.
                    sealed_value::seal(at.ring, values.on(asked.listener), value, &token, &mut text);
                    edits.replace(cookie.value, &text);
                }
                None if text.is_empty() => {}
                None => {
                    text.push(b'~');
                    let start = cookie.value.start + u32::from(unquoted(value).len() < value.len());
                    edits.replace(Span { start, end: start }, &text);
                }
            }
        }
        written
    }
}

/// A token and the character behind it.
#[expect(clippy::cast_possible_truncation, reason = "95 fits")]
const PREFIX_LEN: u32 = TOKEN_LEN as u32 + 1;
