//! Cookies opened and made for their owner: a snapshot is enough, nothing has to run.

use equalizer_core::persistence::explain::{self, Explained};
use equalizer_core::snapshot::build::{At, build};
use equalizer_core::snapshot::{Snapshot, wire};

use crate::clock::unix_now;
use crate::engine::Refused;

/// What a cookie value holds, and whether it would be honoured while this is said of servers; those that are not there
/// are passed over.
pub fn explain(snapshot: &[u8], states: &[u8], value: &str) -> Result<Explained, Refused> {
    let (rules, now) = (read(snapshot)?, unix_now());
    let states: Vec<wire::ServerState> = serde_json::from_slice(states)?;
    for pool in &rules.pools {
        for said in states.iter().filter(|said| said.pool == pool.name) {
            if let Some(server) = pool.servers.iter().find(|server| server.name == said.server) {
                pool.say(server, Some(said), now);
            }
        }
    }
    Ok(explain::explain(&rules, value, now))
}

/// A cookie value that makes `server` the home of a session that was born and last seen `idle` seconds ago.
pub fn seal(snapshot: &[u8], pool: &str, server: &str, idle: u64) -> Result<String, Refused> {
    let seen = unix_now().saturating_sub(idle);
    explain::seal(&read(snapshot)?, pool, server, seen, fastrand::u64(..))
        .ok_or_else(|| Refused::NoSuchServer { pool: pool.to_owned(), server: server.to_owned() })
}

fn read(snapshot: &[u8]) -> Result<Snapshot, Refused> {
    let wire: wire::Snapshot = serde_json::from_slice(snapshot)?;
    build(&wire, None, At { now: unix_now(), chance: fastrand::u64(..) }).map_err(Refused::Mistakes)
}
