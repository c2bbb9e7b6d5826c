//! What a run has seen.

use std::collections::BTreeMap;

use equalizer_bench_tools::hist::Histogram;
use serde_json::{Value, json};

#[derive(Default)]
pub(crate) struct Tally {
    latency: Histogram,
    statuses: BTreeMap<u16, u64>,
    servers: Vec<(Vec<u8>, u64)>,
    /// Failures by their text.
    errors: BTreeMap<String, u64>,
    /// Responses that set a cookie.
    pub(crate) stamps: u64,
    /// Responses from another server than the cookie's.
    pub(crate) strays: u64,
    /// Events that were due earlier are not part of the measurement; `None`: none is.
    pub(crate) since: Option<u64>,
    /// Handshakes of the measured connections: full and resumed.
    handshakes: (u64, u64),
}

impl Tally {
    pub(crate) fn done(&mut self, nanos: u64, resumed: Option<bool>) {
        self.latency.record(nanos);
        match resumed {
            Some(true) => self.handshakes.1 += 1,
            Some(false) => self.handshakes.0 += 1,
            None => {}
        }
    }

    /// Counts an event that was due at `due` and came at `now`.
    pub(crate) fn heard(&mut self, due: u64, now: u64) {
        if self.since.is_some_and(|since| since <= due) {
            self.done(now.saturating_sub(due), None);
        }
    }

    /// Counts a response; returns the number its server goes by in this run.
    pub(crate) fn answered(&mut self, status: u16, server: &[u8]) -> usize {
        *self.statuses.entry(status).or_default() += 1;
        let known = self.servers.iter().position(|(name, _)| name == server);
        let at = known.unwrap_or_else(|| {
            self.servers.push((server.to_vec(), 0));
            self.servers.len() - 1
        });
        self.servers[at].1 += 1;
        at
    }

    pub(crate) fn failed(&mut self, why: &impl ToString) {
        *self.errors.entry(why.to_string()).or_default() += 1;
    }

    pub(crate) fn requests(&self) -> u64 {
        self.latency.total()
    }

    pub(crate) fn failures(&self) -> u64 {
        self.errors.values().sum()
    }

    /// Forgets what the preparation counted, but keeps the numbers the servers go by.
    pub(crate) fn restart(&mut self) {
        let servers = self.servers.drain(..).map(|(name, _)| (name, 0)).collect();
        *self = Self { servers, ..Self::default() };
    }

    #[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^52")]
    pub(crate) fn report(&self, seconds: f64, unsent: u64) -> Value {
        let micros = |thousandths| self.latency.quantile(thousandths) as f64 / 1000.0;
        let servers: BTreeMap<_, _> =
            self.servers.iter().map(|(name, count)| (String::from_utf8_lossy(name), count)).collect();
        json!({
            "requests": self.requests(),
            "seconds": seconds,
            "per_second": self.requests() as f64 / seconds,
            "p50_us": micros(500),
            "p99_us": micros(990),
            "statuses": self.statuses,
            "servers": servers,
            "errors": self.errors,
            "stamps": self.stamps,
            "strays": self.strays,
            "handshakes": { "full": self.handshakes.0, "resumed": self.handshakes.1 },
            "unsent": unsent,
        })
    }
}
