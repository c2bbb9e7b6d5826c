//! What one worker keeps of a pool's balance from choice to choice.

use super::p2c::PeakEwma;
use super::round_robin::RoundRobin;

/// One worker's part of a balance.
#[derive(Debug, Clone)]
pub struct Local {
    pub(super) round: RoundRobin,
    pub(super) chance: fastrand::Rng,
    pub(super) times: Vec<PeakEwma>,
    /// When a server of the pool answered last, in microseconds.
    pub(super) now: u64,
    /// Used while choosing, so that a choice needs no memory of its own.
    pub(super) open: Vec<bool>,
}

impl Local {
    /// For a pool of `servers` servers; all chance comes from `seed`.
    pub fn new(servers: usize, seed: u64) -> Self {
        Self {
            round: RoundRobin::new(servers),
            chance: fastrand::Rng::with_seed(seed),
            times: vec![PeakEwma::default(); servers],
            now: 0,
            open: Vec::with_capacity(servers),
        }
    }

    /// Goes `turns` turns ahead: workers begin their rounds apart, or their first clients would all meet one server.
    pub fn skip(&mut self, turns: usize, weight: impl Fn(usize) -> u16) {
        for _ in 0..turns {
            self.round.choose(&weight);
        }
    }

    /// The same for other servers: those that were there `before`, by their places, keep what is known of them.
    #[must_use]
    pub fn carried(&self, before: impl Iterator<Item = Option<usize>>) -> Self {
        let (round, times) = before
            .map(|place| {
                let time = place.and_then(|place| self.times.get(place)).copied().unwrap_or_default();
                (place, time)
            })
            .unzip::<_, _, Vec<_>, Vec<_>>();
        Self {
            round: self.round.carried(&round),
            chance: self.chance.clone(),
            open: Vec::with_capacity(times.len()),
            times,
            now: self.now,
        }
    }

    /// A server has answered after `took` microseconds; `now` in microseconds on any clock of the worker.
    pub fn answered(&mut self, server: usize, took: u64, now: u64) {
        self.now = now;
        if let Some(time) = self.times.get_mut(server) {
            time.observe(took, now);
        }
    }
}
