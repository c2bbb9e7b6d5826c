//! Decides of which requests a kind takes notice: no session for static files, for bots, for a probe.
//!
//! A session that the request brings goes home all the same; it is only that nothing begins and nothing is written.

use crate::route::matcher::{Flaw, Matcher, Request};
use crate::snapshot::wire;

/// The requests that a kind is asked for.
#[derive(Debug)]
pub struct Condition {
    when: Vec<Matcher>,
    unless: Vec<Matcher>,
}

impl Condition {
    /// Reads it; none where a kind is asked for every request.
    pub fn new(written: &wire::Condition) -> Result<Option<Self>, Flaw> {
        let read =
            |matchers: &[wire::Matcher]| matchers.iter().map(Matcher::new).collect::<Result<Vec<_>, _>>();
        let (when, unless) = (read(&written.when)?, read(&written.unless)?);
        Ok((!when.is_empty() || !unless.is_empty()).then_some(Self { when, unless }))
    }

    /// Whether the kind is asked for this request: one of `when` matches, where there is any, and none of `unless`.
    pub fn holds(&self, request: &Request<'_>) -> bool {
        let matches = |matcher: &Matcher| matcher.matches(request);
        (self.when.is_empty() || self.when.iter().any(matches)) && !self.unless.iter().any(matches)
    }
}
