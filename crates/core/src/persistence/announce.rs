//! Tells a server that a session was moved to it: `Session-Moved: from=web1; reason=home_down`.
//!
//! `from` is left out when the home before is no longer in the pool.

use super::{Reason, Recall};
use crate::pool::{Pool, ServerId};

/// The field. Where a pool announces it is reserved, so that it can be believed.
pub const SESSION_MOVED: &str = "Session-Moved";

/// Appends the line for `server`, where the pool announces and the session has lost its home.
pub fn announcement(pool: &Pool, recall: &Recall, server: ServerId, out: &mut Vec<u8>) {
    let reason = recall.reason(server);
    let moved = matches!(
        reason,
        Reason::HomeRemoved
            | Reason::HomeDown
            | Reason::HomeMaintenance
            | Reason::HomeDrainingMoved
            | Reason::IncarnationChanged
            | Reason::OverflowRehomed
    );
    if !pool.sessions.announce || !moved {
        return;
    }
    out.extend_from_slice(SESSION_MOVED.as_bytes());
    out.extend_from_slice(b": ");
    // A home that was tried and did not answer was recalled as one that would.
    let from = recall.home.filter(|home| *home != server).or(recall.lost);
    if let Some(from) = from.and_then(|from| pool.servers.get(from.0)) {
        out.extend_from_slice(b"from=");
        out.extend_from_slice(from.name.as_bytes());
        out.extend_from_slice(b"; ");
    }
    out.extend_from_slice(b"reason=");
    out.extend_from_slice(reason.word().as_bytes());
    out.extend_from_slice(b"\r\n");
}
