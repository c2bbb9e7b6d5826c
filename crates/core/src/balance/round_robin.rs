//! Smooth weighted round robin: each server in proportion to its weight, as evenly spread as it goes.
//!
//! Every turn each server gains its weight; the richest is chosen and pays the sum of all weights.

/// The position of one worker in a pool's round.
#[derive(Debug, Clone, Default)]
pub struct RoundRobin {
    credit: Vec<i64>,
}

impl RoundRobin {
    /// A round over `servers` servers.
    pub fn new(servers: usize) -> Self {
        Self { credit: vec![0; servers] }
    }

    /// The same over other servers: those that were there `before`, by their places, keep their credit.
    #[must_use]
    pub fn carried(&self, before: &[Option<usize>]) -> Self {
        let credit = |place: &Option<usize>| place.and_then(|place| self.credit.get(place)).copied();
        Self { credit: before.iter().map(|place| credit(place).unwrap_or_default()).collect() }
    }

    /// The next server among those with a weight; `weight` gives 0 for a server that may not be chosen.
    pub fn choose(&mut self, weight: impl Fn(usize) -> u16) -> Option<usize> {
        let mut best: Option<usize> = None;
        let mut total = 0;
        for server in 0..self.credit.len() {
            let gain = i64::from(weight(server));
            if gain == 0 {
                continue;
            }
            total += gain;
            self.credit[server] += gain;
            if best.is_none_or(|best| self.credit[server] > self.credit[best]) {
                best = Some(server);
            }
        }
        let best = best?;
        self.credit[best] -= total;
        Some(best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn turns(weights: &[u16], count: usize) -> Vec<usize> {
        let mut round = RoundRobin::new(weights.len());
        (0..count).filter_map(|_| round.choose(|server| weights[server])).collect()
    }

    #[test]
    fn equal_servers_take_turns() {
        assert_eq!(turns(&[100, 100, 100], 6), [0, 1, 2, 0, 1, 2]);
    }

    #[test]
    fn a_heavy_server_is_spread_over_the_round() {
        assert_eq!(turns(&[5, 1, 1], 7), [0, 0, 1, 0, 2, 0, 0]);
    }

    #[test]
    fn shares_are_exact_over_a_round() {
        let chosen = turns(&[50, 100, 0, 106], 256);
        let count = |server| chosen.iter().filter(|&&it| it == server).count();
        assert_eq!([count(0), count(1), count(2), count(3)], [50, 100, 0, 106]);
    }

    #[test]
    fn a_server_that_joins_does_not_begin_the_round_anew() {
        let mut round = RoundRobin::new(3);
        assert_eq!(round.choose(|_| 100), Some(0));
        let mut after = round.carried(&[Some(2), Some(0), None]);
        assert_eq!(after.choose(|_| 100), Some(0), "the third was next but one");
        assert_eq!(round.choose(|_| 100), Some(1));
    }

    #[test]
    fn without_weight_nobody_is_chosen() {
        assert!(turns(&[0, 0], 1).is_empty());
        assert!(turns(&[], 1).is_empty());
    }
}
