//! What a response says of its session: where it lives from now on, by our rules and by the server's own word.

use super::cookie::{self, Incarnation, Purpose, SHARED_NONCE, Session, Token};
use super::seal::KeyRing;
use super::{Asked, Reason, Recall, rules};
use crate::http::edits::Edits;
use crate::http::h1::encode::Lines;
use crate::http::set_cookie;
use crate::pool::{Pool, ServerId};

/// A response that is about to be stamped.
pub struct Stamping<'a> {
    /// The key ring.
    pub ring: &'a KeyRing,
    /// The pool.
    pub pool: &'a Pool,
    /// The server that answered.
    pub server: ServerId,
    /// What the request had said.
    pub recall: &'a Recall,
    /// What was asked.
    pub asked: Asked,
    /// The response's fields.
    pub lines: Lines<'a>,
}

/// What a server says of the session it answers, in the field that the pool names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Said {
    /// It has ended.
    Release,
    /// It lives elsewhere from the next request on.
    Move,
    /// It must never be moved.
    Pin,
}

/// A stamping, once the server's own word is known.
pub(super) struct Order<'a> {
    pub(super) at: &'a Stamping<'a>,
    /// Where the session lives from now on.
    pub(super) home: ServerId,
    /// Whether it may live there; else it stays where it was, or does not begin.
    kept: bool,
    said: Option<Said>,
}

impl<'a> Order<'a> {
    /// Reads the fields in which servers speak to us, and cuts them whatever they say.
    pub(super) fn read(at: &'a Stamping<'a>, edits: &mut Edits) -> Self {
        let rules = &at.pool.sessions;
        if !rules.incarnation_field.is_empty() {
            for field in at.lines.named(rules.incarnation_field.as_bytes()) {
                edits.cut(field.line);
                let life = field.value.of(at.lines.bytes);
                if !life.is_empty() {
                    at.pool.servers[at.server.0].live.tells(Incarnation::of(life));
                }
            }
        }
        let kept = at.pool.servers[at.recall.lives_at(at.server).0].persist;
        let mut order = Self { at, home: at.server, kept, said: None };
        if !rules.pin_field.is_empty() {
            for field in at.lines.named(rules.pin_field.as_bytes()) {
                edits.cut(field.line);
                order.said = said(field.value.of(at.lines.bytes)).or(order.said);
            }
        }
        if at.recall.id.is_none() {
            // It speaks of a session that has not begun.
            order.said = None;
        }
        if at.recall.overflow || !kept {
            // It does not hold the session: only that it has ended is true wherever it is said.
            order.said = order.said.filter(|said| *said == Said::Release);
        }
        if order.said == Some(Said::Move) {
            match at.recall.id.and_then(|id| at.pool.elsewhere(id, at.server)) {
                Some(home) => order.home = home,
                // There is nowhere else: it stays.
                None => order.said = None,
            }
        }
        order
    }

    /// The session as it shall be stamped; none where none has begun.
    pub(super) fn session(&self) -> Option<Session> {
        let Self { at, said, .. } = *self;
        let home = if at.recall.overflow { at.recall.lives_at(self.home) } else { self.home };
        let session = match at.recall.session {
            Some(session) if !self.kept => session,
            Some(session) if at.recall.overflow => rules::put_off(at.pool, &session, at.asked.now),
            Some(session) => self.settled(&session, home),
            None => Session {
                generation: at.pool.generation(home),
                incarnation: at.pool.servers[home.0].incarnation(),
                ..Session::born(at.recall.id?.0, at.pool.servers[home.0].home, at.asked.now)
            },
        };
        Some(match said {
            // Where it was before is nothing to it any more.
            Some(Said::Pin) => Session { pinned: true, before: None, ..session },
            // Neither the server that said it wants it back, nor one that had no room.
            Some(Said::Move) => Session { before: None, ..session },
            None if at.recall.reason == Reason::OverflowRehomed => Session { before: None, ..session },
            Some(Said::Release) | None => session,
        })
    }

    /// As it is from now on at `home`.
    fn settled(&self, session: &Session, home: ServerId) -> Session {
        let at = self.at;
        let settled = rules::settle(at.pool, session, home, at.asked.now);
        let known =
            [session.incarnation, settled.incarnation].iter().all(|life| *life != Incarnation::UNKNOWN);
        let stays = settled.home == session.home && at.recall.reason != Reason::IncarnationChanged;
        // A life that was told of since the session was recalled has forgotten it: the next request is counted so.
        if known && stays { Session { incarnation: session.incarnation, ..settled } } else { settled }
    }

    /// The same, sealed.
    pub(super) fn token(&self, purpose: &Purpose) -> Option<Token> {
        Some(cookie::seal(self.at.ring, purpose, &self.session()?, SHARED_NONCE))
    }

    /// Whether the kind at this place of the chain may write or record anything: it is asked for such requests, or
    /// the server itself speaks of a session that the client has.
    pub(super) fn asks(&self, place: usize) -> bool {
        self.at.recall.asks(place) || (self.said.is_some() && !self.at.recall.birth)
    }

    /// Whether the client has nothing yet that says where its session is now.
    pub(super) fn is_due(&self) -> bool {
        let recall = self.at.recall;
        if !self.kept {
            return recall.session.is_some() && recall.restamp;
        }
        match self.said {
            Some(Said::Release) => return false,
            Some(Said::Pin)
                if recall.session.is_some_and(|session| !session.pinned || session.before.is_some()) =>
            {
                return true;
            }
            _ => {}
        }
        if recall.overflow {
            let most = self.at.pool.sessions.overflow_rehome;
            return recall.session.is_some_and(|session| recall.restamp || session.overflows < most);
        }
        let put_off = recall.session.is_some_and(|session| session.overflows > 0);
        recall.session.is_none() || recall.restamp || put_off || recall.home != Some(self.home)
    }

    /// Whether a record has to say something else than it did when it was recalled, if it was.
    pub(super) fn is_news(&self) -> bool {
        let recall = self.at.recall;
        if recall.overflow || !self.kept {
            return false;
        }
        let told = recall.session.is_some() || recall.reason == Reason::Accepted;
        recall.birth || told || recall.restamp || recall.home != Some(self.home)
    }

    /// Whether the response may say which session it is of: one that lives somewhere, and goes on.
    pub(super) fn names(&self) -> bool {
        !self.releases() && (self.kept || self.at.recall.session.is_some())
    }

    /// Whether the client brought a session of ours.
    pub(super) fn is_known(&self) -> bool {
        self.at.recall.session.is_some()
    }

    /// Whether the server may be the home of what it begins.
    pub(super) fn is_kept(&self) -> bool {
        self.kept
    }

    /// Whether the session ends with this response.
    pub(super) fn releases(&self) -> bool {
        self.said == Some(Said::Release)
    }

    /// Whether it ends by a cookie of this name, which the server sets without what we would have written into it.
    pub(super) fn ends_with(&self, name: &str) -> bool {
        let at = self.at;
        self.releases() && set_cookie::named(at.lines, name.as_bytes(), at.asked.now).next().is_some()
    }

    /// Whether the server itself wants the client to be told.
    pub(super) fn is_demanded(&self) -> bool {
        self.said.is_some()
    }

    /// What the server's word made of the exchange.
    pub(super) fn reason(&self) -> Option<Reason> {
        match self.said {
            Some(Said::Release) => Some(Reason::Released),
            Some(Said::Move) => Some(Reason::Moved),
            Some(Said::Pin) | None => None,
        }
    }
}

fn said(value: &[u8]) -> Option<Said> {
    let words = [(&b"release"[..], Said::Release), (b"move", Said::Move), (b"pin", Said::Pin)];
    words.into_iter().find(|(word, _)| value.eq_ignore_ascii_case(word)).map(|(_, said)| said)
}
