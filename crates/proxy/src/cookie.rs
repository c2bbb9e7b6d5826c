//! Cookies opened and made for their owner: a snapshot is enough, nothing has to run.

use equalizer_core::persistence::explain::{self, Explained};
use equalizer_core::snapshot::build::{At, build};
use equalizer_core::snapshot::{Snapshot, wire};

use crate::clock::unix_now;
use crate::engine::Refused;

/// What a cookie value holds, and whether it would be honoured while this is said of servers; those that are not there
/// are passed over: whoever serves may have others than the snapshot.
pub fn explain(snapshot: &[u8], states: &[u8], value: &str) -> Result<Explained, Refused> {
    let (rules, now) = (read(snapshot)?, unix_now());
    let mut states: Vec<wire::ServerState> = serde_json::from_slice(states)?;
    states.retain(|said| rules.server(&said.pool, &said.server).is_some());
    rules.set_states(&states, now).map_err(|unknown| Refused::no_such(&unknown.pool, &unknown.server))?;
    Ok(explain::explain(&rules, value, now))
}

/// A cookie value that makes `server` the home of a session that was born and last seen `idle` seconds ago.
pub fn seal(snapshot: &[u8], pool: &str, server: &str, idle: u64) -> Result<String, Refused> {
    let seen = unix_now().saturating_sub(idle);
    explain::seal(&read(snapshot)?, pool, server, seen, fastrand::u64(..))
        .ok_or_else(|| Refused::no_such(pool, server))
}

fn read(snapshot: &[u8]) -> Result<Snapshot, Refused> {
    let wire: wire::Snapshot = serde_json::from_slice(snapshot)?;
    build(&wire, None, At { now: unix_now(), chance: fastrand::u64(..) }).map_err(Refused::Mistakes)
}
