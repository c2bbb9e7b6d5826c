//! What a worker counted; the engine adds the workers up.

use std::collections::BTreeMap;

use equalizer_core::persistence::census::Sketch;
use equalizer_core::persistence::{Carrier, Kind};
use equalizer_core::pool::breaker::{Phase, Told};
use equalizer_core::snapshot::Snapshot;
use equalizer_core::snapshot::wire::State;
use serde::Serialize;

/// Counters since the engine began, and gauges as of now.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Report {
    /// Number of the configuration that runs.
    pub revision: u64,
    /// Client connections that are open.
    pub connections: u64,
    /// How often accepting had to wait, for want of descriptors or memory.
    pub pauses: u64,
    /// Requests answered by ourselves, by status.
    pub answers: BTreeMap<u16, u64>,
    /// Connections that were not served, by why.
    pub refused: BTreeMap<&'static str, u64>,
    /// Handshakes with clients that failed, by why, of each listener with TLS.
    pub handshakes: BTreeMap<String, BTreeMap<&'static str, u64>>,
    /// By name.
    pub pools: BTreeMap<String, PoolReport>,
    /// Lines of the access log.
    pub access_log: AccessLogReport,
    /// Panics inside the engine, by their place in the source.
    pub panics: BTreeMap<String, u64>,
    /// Workers that began again after one.
    pub restarts: u64,
}

/// What became of the lines of the access log.
#[derive(Debug, Default, Clone, Serialize)]
pub struct AccessLogReport {
    /// Lines written.
    pub written: u64,
    /// Lines that were not, since what they are written to was too slow, or refused them.
    pub dropped: u64,
}

/// One pool's counters.
#[derive(Debug, Default, Clone, Serialize)]
pub struct PoolReport {
    /// Exchanges by the reason their server was chosen.
    pub reasons: BTreeMap<&'static str, u64>,
    /// Exchanges that a limit decided, by reason.
    pub limited: BTreeMap<&'static str, u64>,
    /// What came of the births that were asked outside.
    pub choices: BTreeMap<&'static str, u64>,
    /// Requests that wait for any server.
    pub waiting: u64,
    /// Absent where there is none.
    pub breaker: Option<BreakerReport>,
    /// Retries that were made, and those that the budget did not allow.
    pub retries: BTreeMap<&'static str, u64>,
    /// By name.
    pub rates: BTreeMap<String, RateReport>,
    /// Sessions that had a home and did not reach it, by reason.
    pub lost: BTreeMap<&'static str, u64>,
    /// By what they are found by: `address`, `cookie:NAME`, `field:NAME`.
    pub records: BTreeMap<String, RecordsReport>,
    /// By name.
    pub servers: BTreeMap<String, ServerReport>,
}

/// A table of records, shared by all workers.
#[derive(Debug, Clone, Serialize)]
pub struct RecordsReport {
    /// Those there are now.
    pub held: usize,
    /// Made room for a newcomer before their time.
    pub evicted: u64,
    /// Newcomers that found no room.
    pub refused: u64,
}

/// A rate limit, shared by all workers.
#[derive(Debug, Clone, Serialize)]
pub struct RateReport {
    /// Requests that it has refused.
    pub refused: u64,
    /// Keys that it forgot too soon, for want of room.
    pub evicted: u64,
}

/// A breaker, shared by all workers.
#[derive(Debug, Clone, Serialize)]
pub struct BreakerReport {
    /// `closed`, `open` or `trying`.
    pub state: &'static str,
    /// How often it opened.
    pub opened: u64,
    /// How often it closed again.
    pub closed: u64,
    /// Requests that it has refused.
    pub refused: u64,
    /// The requests that were counted when it opened last.
    pub of: u64,
    /// Those of them that failed.
    pub failed: u64,
}

impl From<Told> for BreakerReport {
    fn from(told: Told) -> Self {
        let state = match told.phase {
            Phase::Closed => "closed",
            Phase::Open { .. } => "open",
            Phase::Trying { .. } => "trying",
        };
        let Told { opened, closed, refused, because, .. } = told;
        Self { state, opened, closed, refused, of: because.all, failed: because.some }
    }
}

/// One server's counters.
#[derive(Debug, Clone, Serialize)]
pub struct ServerReport {
    /// Exchanges it has answered.
    pub exchanges: u64,
    /// Exchanges it has now.
    pub in_flight: u64,
    /// How many it may have; 0 for any number.
    pub limit: u32,
    /// Requests that wait for it.
    pub waiting: u32,
    /// Answers that were timed: all where there are few, else some of them.
    pub timed: u64,
    /// What they took together, in microseconds, from the request to the head of the response.
    pub micros: u64,
    /// How many of them took up to so many microseconds, and more than the class before.
    pub times: BTreeMap<u64, u64>,
    /// Its weight for new sessions now.
    pub weight: u16,
    /// Connections opened to it.
    pub connects: u64,
    /// Connections through it that have changed to another protocol, now.
    pub tunnels: u64,
    /// Who may use it now.
    pub state: State,
    /// Sessions seen at it within the census's window; absent where they were not asked for.
    pub sessions: Option<u64>,
    #[serde(skip)]
    pub(crate) sketch: Option<Sketch>,
    /// Failed attempts, by fault.
    pub faults: BTreeMap<&'static str, u64>,
    /// Why the last handshake with it failed, in one word; empty where it did not, or there was none.
    pub handshake: &'static str,
    #[serde(skip)]
    pub(crate) handshake_at: u64,
    /// Answers of 500 and above.
    pub errors: u64,
    /// Attempts that are no exchange: without an answer, or with one for which another server was asked.
    pub given_up: u64,
    /// Attempts with a fault or an answer of 500 or above, each once.
    pub failures: u64,
}

impl Report {
    /// Adds another worker's counters.
    pub(crate) fn add(&mut self, other: Self) {
        self.revision = self.revision.max(other.revision);
        self.connections += other.connections;
        self.pauses += other.pauses;
        add_all(&mut self.answers, other.answers);
        add_all(&mut self.refused, other.refused);
        for (listener, failed) in other.handshakes {
            add_all(self.handshakes.entry(listener).or_default(), failed);
        }
        for (name, pool) in other.pools {
            let mine = self.pools.entry(name).or_default();
            add_all(&mut mine.reasons, pool.reasons);
            add_all(&mut mine.lost, pool.lost);
            add_all(&mut mine.choices, pool.choices);
            add_all(&mut mine.retries, pool.retries);
            add_all(&mut mine.limited, pool.limited);
            for (name, server) in pool.servers {
                let Some(mine) = mine.servers.get_mut(&name) else {
                    mine.servers.insert(name, server);
                    continue;
                };
                mine.exchanges += server.exchanges;
                mine.in_flight += server.in_flight;
                mine.timed += server.timed;
                mine.micros += server.micros;
                add_all(&mut mine.times, server.times);
                mine.connects += server.connects;
                mine.tunnels += server.tunnels;
                mine.errors += server.errors;
                mine.given_up += server.given_up;
                mine.failures += server.failures;
                if let (Some(mine), Some(other)) = (&mut mine.sketch, &server.sketch) {
                    mine.merge(other);
                }
                add_all(&mut mine.faults, server.faults);
                if server.handshake_at > mine.handshake_at {
                    (mine.handshake, mine.handshake_at) = (server.handshake, server.handshake_at);
                }
            }
        }
    }

    /// Adds what a worker before has counted, of the listeners, pools and servers that there still are.
    pub(crate) fn add_past(&mut self, past: &Self) {
        let mut past = past.clone();
        past.handshakes.retain(|listener, _| self.handshakes.contains_key(listener));
        past.pools.retain(|name, _| self.pools.contains_key(name));
        for (name, pool) in &mut past.pools {
            pool.servers.retain(|server, _| self.pools[name].servers.contains_key(server));
        }
        self.add(past);
    }

    /// Adds the records of a snapshot's pools, which no worker has for itself.
    pub(crate) fn count_records(&mut self, rules: &Snapshot) {
        for pool in &rules.pools {
            let Some(report) = self.pools.get_mut(&pool.name) else { continue };
            for kind in pool.persistence.kinds() {
                let (name, held, losses) = match kind {
                    Kind::Address(kind) => ("address".to_owned(), kind.table().len(), kind.table().losses()),
                    Kind::Learned(kind) => {
                        (carrier(kind.carrier()), kind.table().len(), kind.table().losses())
                    }
                    _ => continue,
                };
                let (evicted, refused) = (losses.evicted, losses.refused);
                report.records.insert(name, RecordsReport { held, evicted, refused });
            }
        }
    }

    /// Adds what the rate limits and the breakers have refused.
    pub(crate) fn count_guards(&mut self, rules: &Snapshot) {
        for pool in &rules.pools {
            let Some(report) = self.pools.get_mut(&pool.name) else { continue };
            report.breaker = pool.breaker.as_ref().map(|breaker| breaker.told().into());
            report.rates = pool
                .rates
                .all()
                .map(|limit| {
                    let told = RateReport { refused: limit.refused(), evicted: limit.evicted() };
                    (limit.name().to_owned(), told)
                })
                .collect();
        }
    }

    /// Tells how full the servers with a limit are: all workers share that.
    pub(crate) fn look_at_limits(&mut self, rules: &Snapshot) {
        for pool in rules.pools.iter().filter(|pool| pool.limited) {
            let Some(told) = self.pools.get_mut(&pool.name) else { continue };
            told.waiting = pool.gate.waiting() as u64;
            for server in &pool.servers {
                if let Some(told) = told.servers.get_mut(&server.name) {
                    told.in_flight = u64::from(server.live.taken());
                    (told.limit, told.waiting) = (server.live.limit(), server.live.waiting());
                }
            }
        }
    }

    /// Counts the sessions that the workers saw together.
    pub(crate) fn count_sessions(&mut self) {
        for server in self.pools.values_mut().flat_map(|pool| pool.servers.values_mut()) {
            server.sessions = server.sketch.take().map(|sketch| sketch.count());
        }
    }
}

fn carrier(carrier: &Carrier) -> String {
    match carrier {
        Carrier::Cookie(name) => format!("cookie:{name}"),
        Carrier::Field(name) => format!("field:{name}"),
    }
}

fn add_all<K: Ord>(to: &mut BTreeMap<K, u64>, from: BTreeMap<K, u64>) {
    for (key, count) in from {
        *to.entry(key).or_default() += count;
    }
}
