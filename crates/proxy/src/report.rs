//! What a worker counted; the engine adds the workers up.

use std::collections::BTreeMap;

use equalizer_core::persistence::census::Census;
use equalizer_core::snapshot::wire::State;
use serde::Serialize;

/// Counters since the engine began, and gauges as of now.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// Number of the configuration that runs.
    pub revision: u64,
    /// Client connections that are open.
    pub connections: u64,
    /// Requests answered by ourselves, by status.
    pub answers: BTreeMap<u16, u64>,
    /// By name.
    pub pools: BTreeMap<String, PoolReport>,
}

/// One pool's counters.
#[derive(Debug, Default, Serialize)]
pub struct PoolReport {
    /// Exchanges by the reason their server was chosen.
    pub reasons: BTreeMap<&'static str, u64>,
    /// Sessions that had a home and did not reach it, by reason.
    pub lost: BTreeMap<&'static str, u64>,
    /// By name.
    pub servers: BTreeMap<String, ServerReport>,
}

/// One server's counters.
#[derive(Debug, Serialize)]
pub struct ServerReport {
    /// Exchanges it has answered.
    pub exchanges: u64,
    /// Exchanges it has now.
    pub in_flight: u64,
    /// Connections opened to it.
    pub connects: u64,
    /// Connections through it that have changed to another protocol, now.
    pub tunnels: u64,
    /// Who may use it now.
    pub state: State,
    /// Sessions seen at it within the census's window.
    pub sessions: u64,
    #[serde(skip)]
    pub(crate) census: Option<Box<Census>>,
    /// Failed attempts, by fault.
    pub faults: BTreeMap<&'static str, u64>,
}

impl Report {
    /// Adds another worker's counters.
    pub(crate) fn add(&mut self, other: Self) {
        self.revision = self.revision.max(other.revision);
        self.connections += other.connections;
        add_all(&mut self.answers, other.answers);
        for (name, pool) in other.pools {
            let mine = self.pools.entry(name).or_default();
            add_all(&mut mine.reasons, pool.reasons);
            add_all(&mut mine.lost, pool.lost);
            for (name, server) in pool.servers {
                let Some(mine) = mine.servers.get_mut(&name) else {
                    mine.servers.insert(name, server);
                    continue;
                };
                mine.exchanges += server.exchanges;
                mine.in_flight += server.in_flight;
                mine.connects += server.connects;
                mine.tunnels += server.tunnels;
                if let (Some(mine), Some(other)) = (&mut mine.census, &server.census) {
                    mine.merge(other);
                }
                add_all(&mut mine.faults, server.faults);
            }
        }
    }

    /// Counts the sessions that the workers saw together. `now` in Unix seconds.
    pub(crate) fn count_sessions(&mut self, now: u64) {
        for server in self.pools.values_mut().flat_map(|pool| pool.servers.values_mut()) {
            server.sessions = server.census.take().map_or(0, |census| census.count(now));
        }
    }
}

fn add_all<K: Ord>(to: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
    for (key, count) in from {
        *to.entry(key).or_default() += count;
    }
}
