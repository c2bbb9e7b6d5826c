//! Of two servers drawn by chance and weight, the one that will answer sooner: peak EWMA of its response time, times
//! what it has in flight for its weight.
//!
//! A time that is worse than known counts at once, one that is better only over the decay: a server that becomes slow
//! is left alone after its first slow answer. Without new answers a bad time is forgotten as slowly, and the server
//! tried again. A light server is not drawn much more often than its weight says, however soon it answers.

use super::local::Local;
use super::random;

/// Microseconds in which what was known loses two thirds of its say.
const DECAY: f64 = 10_000_000.0;
/// A server that has not answered yet, and has requests in flight: it may not answer at all.
const UNKNOWN: f64 = 1_000_000.0;
const USUAL_WEIGHT: f64 = 100.0;

/// The response time of a server: its peaks, and an average that moves with each answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct PeakEwma {
    micros: f64,
    /// When it was computed, in microseconds; 0 for never.
    at: u64,
}

impl PeakEwma {
    /// One more answer.
    pub fn observe(&mut self, took: u64, now: u64) {
        let took = float(took);
        let known = kept(now.saturating_sub(self.at));
        self.micros = if took > self.micros { took } else { self.micros * known + took * (1.0 - known) };
        self.at = now.max(1);
    }

    /// What a request costs there: its time, as often as there are requests for the server's weight. One that has
    /// none costs the same whatever its weight, which has its say when two are drawn.
    fn cost(&self, now: u64, in_flight: u32, weight: u16) -> f64 {
        let each = match self.at {
            0 if in_flight > 0 => UNKNOWN,
            at => self.micros * kept(now.saturating_sub(at)),
        };
        (each + 1.0) * (f64::from(in_flight) / f64::from(weight) + 1.0 / USUAL_WEIGHT)
    }
}

fn kept(elapsed: u64) -> f64 {
    (-float(elapsed) / DECAY).exp()
}

#[expect(clippy::cast_precision_loss, reason = "microseconds of a century would be exact enough")]
fn float(micros: u64) -> f64 {
    micros as f64
}

/// One of `servers` servers; `weight` gives 0 for a server that may not be chosen.
pub fn choose(
    servers: usize,
    weight: impl Fn(usize) -> u16,
    in_flight: impl Fn(usize) -> u32,
    local: &mut Local,
) -> Option<usize> {
    let first = random::choose(servers, &weight, &mut local.chance)?;
    let drawn = random::choose(servers, &weight, &mut local.chance)?;
    let is_twice = drawn == first;
    let other = |server: usize| if server == first { 0 } else { weight(server) };
    let second =
        if is_twice { random::choose(servers, other, &mut local.chance).unwrap_or(first) } else { drawn };
    let cost = |server: usize| {
        let time = local.times.get(server).copied().unwrap_or_default();
        time.cost(local.now, in_flight(server), weight(server))
    };
    // Of two servers both would be in every draw, and the lighter one get all that it answers a little sooner: who was
    // drawn twice is left only for one that is better by as much as it is lighter.
    let lighter = f64::from(weight(first)) / f64::from(weight(second));
    let handicap = if is_twice { lighter.max(1.0) } else { 1.0 };
    Some(if cost(second) * handicap < cost(first) { second } else { first })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000;

    fn chosen(weights: &[u16], flights: &[u32], local: &mut Local, times: u32) -> Vec<u32> {
        let mut counts = vec![0; weights.len()];
        for _ in 0..times {
            let server = choose(weights.len(), |at| weights[at], |at| flights[at], local);
            counts[server.expect("a server")] += 1;
        }
        counts
    }

    #[test]
    fn equal_servers_share_and_the_seed_decides() {
        let share = |seed| chosen(&[100; 4], &[0; 4], &mut Local::new(4, seed), 40_000);
        assert_eq!(share(3), share(3));
        assert_ne!(share(3), share(4));
        assert!(share(3).iter().all(|count| count.abs_diff(10_000) < 400), "{:?}", share(3));
    }

    #[test]
    fn the_slowest_of_three_is_never_the_better_of_two() {
        let mut local = Local::new(3, 1);
        for (server, took) in [(0, 1_000), (1, 2_000), (2, 50_000)] {
            local.answered(server, took, SECOND);
        }
        let counts = chosen(&[100; 3], &[0; 3], &mut local, 3_000);
        assert_eq!(counts[2], 0);
        assert!(counts[0].abs_diff(2 * counts[1]) < 200, "{counts:?}");
    }

    #[test]
    fn a_peak_counts_at_once_and_is_forgotten_slowly() {
        let mut time = PeakEwma::default();
        time.observe(1_000, SECOND);
        time.observe(100_000, 2 * SECOND);
        let peak = time.cost(2 * SECOND, 99, 100);
        assert!((100_000.0..100_002.0).contains(&peak), "{peak}");
        time.observe(1_000, 3 * SECOND);
        let soon = time.cost(3 * SECOND, 99, 100);
        assert!((80_000.0..100_000.0).contains(&soon), "{soon}");
        assert!(time.cost(60 * SECOND, 99, 100) < 1_000.0);
    }

    #[test]
    fn requests_in_flight_and_weights_count() {
        let mut local = Local::new(2, 1);
        (0..2).for_each(|server| local.answered(server, 1_000, SECOND));
        assert_eq!(chosen(&[100, 100], &[3, 2], &mut local, 100), [0, 100]);
        assert_eq!(chosen(&[200, 100], &[3, 2], &mut local, 100), [100, 0]);
    }

    #[test]
    fn a_light_server_gets_twice_its_share_at_most_unless_it_is_better_by_more_than_that() {
        let mut local = Local::new(2, 1);
        local.answered(0, 2_000, SECOND);
        local.answered(1, 1_000, SECOND);
        let counts = chosen(&[90, 10], &[0, 0], &mut local, 10_000);
        assert!((1_500..2_000).contains(&counts[1]), "{counts:?}");
        local.answered(0, 50_000, SECOND);
        assert_eq!(chosen(&[90, 10], &[0, 0], &mut local, 100), [0, 100]);
        assert_eq!(chosen(&[10, 90], &[0, 0], &mut local, 100), [0, 100]);
    }

    #[test]
    fn a_server_that_has_never_answered_gets_one_request_to_begin_with() {
        let mut local = Local::new(2, 1);
        local.answered(0, 5_000, SECOND);
        assert_eq!(chosen(&[100, 100], &[0, 0], &mut local, 10), [0, 10]);
        assert_eq!(chosen(&[100, 100], &[0, 1], &mut local, 10), [10, 0]);
    }

    #[test]
    fn without_weight_nobody_is_chosen() {
        assert_eq!(choose(2, |_| 0, |_| 0, &mut Local::new(2, 1)), None);
    }
}
