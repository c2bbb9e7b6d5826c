//! Decides whether a request that failed at one server goes on to another: whether that is safe, wanted, and within
//! the pool's budget.
//!
//! A session is not moved because its home is slow or says that it is busy: only a home that cannot be reached, or
//! hangs up, is left.

use std::sync::Arc;

use super::{Pool, ServerId, Tried};
use crate::fault::{Fault, Sent};
use crate::http::method::Method;
use crate::persistence::Recall;
use crate::snapshot::wire::{self, RetryOn, RetrySessions};
use crate::tally::Tally;

/// Seconds over which retries are compared with requests.
const WINDOW: u32 = 10;
const WHOLE: u64 = 10_000;

/// Which failures are tried again, how often, and how long each try may take.
#[derive(Debug)]
pub struct Retry {
    written: wire::Retry,
    budget: Option<Arc<Tally>>,
}

/// An attempt that failed.
#[derive(Clone, Copy)]
pub struct Failed<'a> {
    /// Whose request it was.
    pub recall: &'a Recall,
    /// The servers that had failed before.
    pub tried: &'a Tried,
    /// This one.
    pub server: ServerId,
    /// Why.
    pub fault: Fault,
    /// What was asked.
    pub method: Method,
    /// How much of it the server may have seen.
    pub sent: Sent,
}

/// What becomes of a request that failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It goes to another server.
    Again,
    /// It would, but there is no other: that is told where one is looked for.
    Nobody,
    /// It would, but too many do already.
    OverBudget,
    /// It ends so.
    Ends,
}

impl Retry {
    /// As written; what was counted goes on under the same budget.
    pub fn new(written: &wire::Retry, before: Option<&Self>) -> Self {
        let kept = before.and_then(|before| before.budget.clone());
        let budget = written.budget.is_some().then(|| kept.unwrap_or_else(|| Arc::new(Tally::new(WINDOW))));
        Self { written: written.clone(), budget }
    }

    /// Milliseconds until the head of a response, for each try; `all` is what holds for every pool.
    pub fn patience(&self, all: u32) -> u32 {
        if self.written.per_try == 0 { all } else { self.written.per_try.min(all) }
    }

    /// Whether an answer with such a status may be tried again.
    pub fn is_for(&self, status: u16) -> bool {
        self.written.statuses.contains(&status)
    }

    /// Counts a request. `now` in seconds.
    pub fn begin(&self, now: u64) {
        if let Some(budget) = &self.budget {
            budget.add(now, 1, 0);
        }
    }

    fn wants(&self, fault: Fault) -> bool {
        let on = |condition| self.written.on.contains(&condition);
        match fault {
            Fault::Connect | Fault::ConnectTimeout | Fault::Tls | Fault::Untrusted => on(RetryOn::Connect),
            Fault::Closed => on(RetryOn::Closed),
            Fault::ResponseTimeout => on(RetryOn::ResponseTimeout),
            Fault::Status(status) => self.is_for(status),
            Fault::CutShort | Fault::Broken(_) => false,
        }
    }

    fn lends(&self) -> bool {
        self.written.sessions == RetrySessions::Elsewhere
    }

    /// Takes one retry of the budget, where there is one. Workers that ask at the same moment may take one each.
    fn grants(&self, now: u64) -> bool {
        let (Some(budget), Some(tally)) = (&self.written.budget, &self.budget) else { return true };
        let counted = tally.sum(now);
        let share = counted.all.saturating_mul(u64::from(budget.share)) / WHOLE;
        let granted = counted.some < share + u64::from(budget.least) * u64::from(WINDOW);
        if granted {
            tally.add(now, 0, 1);
        }
        granted
    }
}

/// Whether the server is there, and busy or slow: what it holds is not lost.
fn is_soft(fault: Fault) -> bool {
    matches!(fault, Fault::Status(_) | Fault::ResponseTimeout)
}

impl Pool {
    /// Whether a session that goes on elsewhere after this keeps its home.
    pub fn lends(&self, recall: &Recall, server: ServerId, fault: Fault) -> bool {
        is_soft(fault) && self.retry.lends() && recall.home() == Some(server) && !recall.is_birth()
    }

    /// What becomes of a request whose attempt failed. `now` in seconds.
    pub fn after(&self, failed: Failed<'_>, now: u64) -> Next {
        let Failed { recall, tried, server, fault, method, sent } = failed;
        let tries = tried.count() + 1;
        let enough = self.retry.written.attempts > 0 && tries >= self.retry.written.attempts as usize;
        if enough || !tried.may_go_on(fault, method, sent) || !self.retry.wants(fault) {
            return Next::Ends;
        }
        let held = !recall.is_birth() && recall.home().is_some() && !recall.is_moving();
        let leaves = !is_soft(fault) || self.retry.lends() || !held;
        match (self.has_another(recall, tried, server), leaves) {
            (true, true) if self.retry.grants(now) => Next::Again,
            (true, true) => Next::OverBudget,
            // An answer is better than none.
            (false, true) if !matches!(fault, Fault::Status(_)) => Next::Nobody,
            _ => Next::Ends,
        }
    }

    fn has_another(&self, recall: &Recall, tried: &Tried, server: ServerId) -> bool {
        let is_left = |other| other != server && !tried.contains(other);
        if recall.home().is_some_and(is_left)
            || (recall.is_moving() && recall.known_home().is_some_and(is_left))
        {
            return true;
        }
        let mut others = self.servers.iter().enumerate();
        let takes = |other: &super::Server| {
            !other.live.state().is_away() && other.live.weight(other.weight).max(other.lasting_weight()) > 0
        };
        !(self.sessions.strict && recall.had_home())
            && others.any(|(place, other)| is_left(ServerId(place)) && takes(other))
    }
}
