//! The servers that have failed an exchange, whether one more may be asked after them, and what the client hears at the end.

use super::ServerId;
use crate::fault::{Fault, Sent};
use crate::http::method::Method;

/// Further servers that get a request at most when one that got it has closed the connection: what brings one down
/// may bring all of them down.
const MOST_FURTHER: usize = 3;

/// The servers that have already failed this exchange; empty, and without memory, in almost all of them.
#[derive(Debug, Default)]
pub struct Tried(Vec<(ServerId, Fault)>);

impl Tried {
    /// Remembers a server that failed.
    pub fn failed(&mut self, server: ServerId, fault: Fault) {
        self.0.push((server, fault));
    }

    /// Whether a server has failed.
    pub fn contains(&self, server: ServerId) -> bool {
        self.0.iter().any(|(failed, _)| *failed == server)
    }

    /// How many have failed.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether the request may go to one more server, now that one has failed with `fault`.
    pub(super) fn may_go_on(&self, fault: Fault, method: Method, sent: Sent) -> bool {
        let faults = self.0.iter().map(|(_, fault)| *fault).chain([fault]);
        let hung_up = faults.filter(|fault| *fault == Fault::Closed).count();
        hung_up <= MOST_FURTHER && fault.may_retry(method, sent)
    }

    /// The status the client gets when nobody is left: that of the last fault, where somebody was asked at all.
    pub fn status(&self) -> u16 {
        self.0.last().map_or(503, |(_, fault)| fault.status())
    }
}
