//! Which of several values under one name is believed: one of those that open, among the first eight.

use super::cookie::{self, OpenError, Purpose, Session};
use super::opened::Opened;
use super::seal::KeyRing;
use super::{Claim, Reason};
use crate::snapshot::wire::Duplicates;

/// At most so many values of a name are tried in one request; a hostile client gains nothing by sending more.
const MOST: usize = 8;

/// What the values seen so far say.
pub(super) struct Candidates<'a> {
    ring: &'a KeyRing,
    purpose: &'a Purpose,
    opened: &'a Opened,
    duplicates: Duplicates,
    tried: usize,
    /// The session that is believed so far, and whether its key goes next.
    believed: Option<(Session, bool)>,
    /// Whether two opened to different sessions.
    torn: bool,
    /// Why none opened, while none has.
    why: Reason,
}

impl<'a> Candidates<'a> {
    /// None seen yet.
    pub(super) fn new(
        ring: &'a KeyRing,
        purpose: &'a Purpose,
        opened: &'a Opened,
        duplicates: Duplicates,
    ) -> Self {
        Self { ring, purpose, opened, duplicates, tried: 0, believed: None, torn: false, why: Reason::New }
    }

    /// Tries one more value, while it could matter.
    pub(super) fn try_one(&mut self, value: &[u8]) {
        let decided = self.believed.is_some() && self.duplicates == Duplicates::First;
        if decided || self.tried == MOST {
            return;
        }
        self.tried += 1;
        match self.opened.open(self.ring, self.purpose, value) {
            Ok(session) => {
                let key_goes = self.ring.drops_next().is_some_and(|key| cookie::key_id(value) == Some(key));
                self.believe(session, key_goes);
            }
            Err(OpenError::UnknownKey) => self.why = Reason::SealedByUnknownKey,
            Err(_) if self.why == Reason::New => self.why = Reason::NotOurs,
            Err(_) => {}
        }
    }

    fn believe(&mut self, session: Session, key_goes: bool) {
        let Some((before, _)) = self.believed else {
            self.believed = Some((session, key_goes));
            return;
        };
        self.torn |= session.id != before.id;
        let instead = match self.duplicates {
            Duplicates::First => false,
            Duplicates::Last => true,
            // Of one session, what was stamped last is where it lives now.
            Duplicates::Newest | Duplicates::Refuse => session.seen > before.seen,
        };
        if instead {
            self.believed = Some((session, key_goes));
        }
    }

    /// What is claimed, or why nothing is.
    pub(super) fn claim(self) -> Result<Claim, Reason> {
        match self.believed {
            Some(_) if self.torn && self.duplicates == Duplicates::Refuse => Err(Reason::Ambiguous),
            Some((session, key_goes)) => Ok(Claim::Session { session, key_goes }),
            None => Err(self.why),
        }
    }
}
