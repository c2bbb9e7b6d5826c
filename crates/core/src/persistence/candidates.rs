//! Which of several values under one name is believed: the first that opens, among the first eight.

use super::cookie::{self, OpenError, Purpose};
use super::seal::KeyRing;
use super::{Claim, Reason};

/// At most so many values of a name are tried in one request; a hostile client gains nothing by sending more.
const MOST: usize = 8;

/// What the values seen so far say.
pub(super) struct Candidates<'a> {
    ring: &'a KeyRing,
    purpose: &'a Purpose,
    found: Result<Claim, Reason>,
    tried: usize,
}

impl<'a> Candidates<'a> {
    /// None seen yet.
    pub(super) fn new(ring: &'a KeyRing, purpose: &'a Purpose) -> Self {
        Self { ring, purpose, found: Err(Reason::New), tried: 0 }
    }

    /// Tries one more value, while none has opened.
    pub(super) fn try_one(&mut self, value: &[u8]) {
        if self.found.is_ok() || self.tried == MOST {
            return;
        }
        self.tried += 1;
        self.found = match (cookie::open(self.ring, self.purpose, value), self.found) {
            (Ok(session), _) => {
                let key_goes = cookie::key_id(value).is_some_and(|key| self.ring.drops_next(key));
                Ok(Claim::Session { session, key_goes })
            }
            (Err(OpenError::UnknownKey), _) => Err(Reason::SealedByUnknownKey),
            (Err(_), Err(Reason::New)) => Err(Reason::NotOurs),
            (Err(_), before) => before,
        };
    }

    /// What is claimed, or why nothing is.
    pub(super) fn claim(self) -> Result<Claim, Reason> {
        self.found
    }
}
