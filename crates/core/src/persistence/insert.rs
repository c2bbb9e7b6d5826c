//! Our own cookie, sealed: inserted where the client has none that counts, taken out before the server sees it.

use super::cookie::{self, OpenError, Purpose, SHARED_NONCE};
use super::seal::KeyRing;
use super::{Ask, Claim, Reason, SetCookie, Stamping};
use crate::http::caching::shared_cache_may_store;
use crate::http::cookies;
use crate::http::edits::Edits;
use crate::http::field::{Field, Known, Span};
use crate::http::method::Method;
use crate::snapshot::wire::{Cache, Cookie};

/// At most so many cookies of our name are tried in one request; a hostile client gains nothing by sending more.
const MOST_CANDIDATES: usize = 8;

/// A cookie of ours, prepared for one pool.
#[derive(Debug)]
pub struct Insert {
    name: String,
    purposes: Purposes,
    line: SetCookie,
    strip: bool,
    preserve: bool,
    post_only: bool,
    cache: Cache,
}

/// What seals are bound to: one purpose for all listeners, or one for each.
#[derive(Debug)]
pub enum Purposes {
    /// The same everywhere.
    One(Purpose),
    /// By the listener's place in the snapshot.
    Each(Vec<Purpose>),
}

impl Purposes {
    /// The purpose on a listener.
    pub fn on(&self, listener: usize) -> &Purpose {
        match self {
            Self::One(purpose) => purpose,
            Self::Each(purposes) => &purposes[listener],
        }
    }

    /// All of them.
    pub fn all(&self) -> &[Purpose] {
        match self {
            Self::One(purpose) => std::slice::from_ref(purpose),
            Self::Each(purposes) => purposes,
        }
    }
}

impl Insert {
    /// Prepares the cookie.
    pub fn new(cookie: &Cookie, purposes: Purposes) -> Self {
        Self {
            line: SetCookie::new(&cookie.name, &cookie.attributes),
            name: cookie.name.clone(),
            purposes,
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

    pub(super) fn recall(&self, ring: &KeyRing, ask: &Ask<'_>, edits: &mut Edits) -> Result<Claim, Reason> {
        let purpose = self.purposes.on(ask.listener);
        let mut found = Err(Reason::New);
        let mut tried = 0;
        for field in ask.lines.fields.iter().filter(|field| field.known == Known::Cookie) {
            let value = field.value.of(ask.lines.bytes);
            let mut taken = Taken::new(*field, value);
            for pair in cookies::find(value, self.name.as_bytes()) {
                taken.add(pair.cut);
                if found.is_ok() || tried == MOST_CANDIDATES {
                    continue;
                }
                tried += 1;
                found = match (cookie::open(ring, purpose, &value[pair.value]), found) {
                    (Ok(session), _) => Ok(Claim::Session(session)),
                    (Err(OpenError::UnknownKey), _) => Err(Reason::SealedByUnknownKey),
                    (Err(_), Err(Reason::New)) => Err(Reason::NotOurs),
                    (Err(_), before) => before,
                };
            }
            if self.strip {
                taken.write(value, edits);
            }
        }
        found
    }

    /// Whether the line was written; `written` when another kind has said it already.
    pub(super) fn stamp(
        &self,
        at: &Stamping<'_>,
        written: bool,
        edits: &mut Edits,
        out: &mut Vec<u8>,
    ) -> bool {
        let mut taken_over = false;
        for field in at.lines.fields.iter().filter(|field| field.known == Known::SetCookie) {
            if cookies::set_cookie_name(field.value.of(at.lines.bytes)) == self.name.as_bytes() {
                taken_over |= self.preserve;
                if !self.preserve {
                    edits.cut(field.line);
                }
            }
        }
        let asked = &at.asked;
        let due = !written && !taken_over && at.is_due();
        if !due || !self.line.may_set(asked.secure) || (self.post_only && asked.method != Method::Other) {
            return false;
        }
        if self.cache != Cache::Always && shared_cache_may_store(at.lines, asked.now) {
            match self.cache {
                Cache::Skip => return false,
                _ => out.extend_from_slice(b"Cache-Control: private\r\n"),
            }
        }
        let token = cookie::seal(at.ring, self.purposes.on(asked.listener), &at.session(), SHARED_NONCE);
        self.line.write(token.as_bytes(), asked.secure, out);
        true
    }
}

/// The pairs that are taken out of one Cookie field.
struct Taken {
    field: Field,
    bytes: usize,
    cuts: [Span; MOST_CANDIDATES],
    count: usize,
    length: usize,
}

impl Taken {
    fn new(field: Field, value: &[u8]) -> Self {
        Self { field, bytes: 0, cuts: [Span::default(); MOST_CANDIDATES], count: 0, length: value.len() }
    }

    fn add(&mut self, cut: std::ops::Range<usize>) {
        let start = self.field.value.start;
        let span = Span { start: start + place(cut.start), end: start + place(cut.end) };
        self.bytes += cut.len();
        if let Some(free) = self.cuts.get_mut(self.count) {
            *free = span;
        } else if let Some(last) = self.cuts.last_mut() {
            // So many of them are not a browser's: what stands between them goes too.
            last.end = span.end;
        }
        self.count = (self.count + 1).min(MOST_CANDIDATES);
    }

    /// Cuts the pairs; the whole line where no cookie is left in it.
    fn write(&self, value: &[u8], edits: &mut Edits) {
        let cuts = &self.cuts[..self.count];
        if cuts.is_empty() {
            return;
        }
        let start = self.field.value.start;
        let left = |at: u32, byte: &u8| {
            !matches!(byte, b';' | b' ' | b'\t')
                && !cuts.iter().any(|cut| (cut.start..cut.end).contains(&(start + at)))
        };
        let empty = self.bytes >= self.length || !(0..).zip(value).any(|(at, byte)| left(at, byte));
        if empty {
            edits.cut(self.field.line);
        } else {
            for cut in cuts {
                edits.cut(*cut);
            }
        }
    }
}

/// A place in a field, which is shorter than its head.
#[expect(clippy::cast_possible_truncation)]
fn place(position: usize) -> u32 {
    position as u32
}
