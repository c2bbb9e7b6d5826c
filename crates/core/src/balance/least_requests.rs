//! The server with the fewest requests in flight for its weight; among equals, whose turn it is.

use super::round_robin::RoundRobin;

/// One of `servers` servers; `weight` gives 0 for a server that may not be chosen.
pub fn choose(
    servers: usize,
    weight: impl Fn(usize) -> u16,
    in_flight: impl Fn(usize) -> u32,
    round: &mut RoundRobin,
) -> Option<usize> {
    let mut least: Option<(u64, u64)> = None;
    for server in 0..servers {
        let load = (u64::from(in_flight(server)), u64::from(weight(server)));
        if load.1 > 0 && least.is_none_or(|least| load.0 * least.1 < least.0 * load.1) {
            least = Some(load);
        }
    }
    let least = least?;
    // Other workers count meanwhile: whoever has become better than the best is as good.
    let as_few = |server: usize| {
        let weight = weight(server);
        if u64::from(in_flight(server)) * least.1 <= least.0 * u64::from(weight) { weight } else { 0 }
    };
    // And where the best has got one more meanwhile, it is still a good choice.
    round.choose(as_few).or_else(|| round.choose(weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sends `requests` that never end.
    fn filled(weights: &[u16], requests: usize) -> Vec<u32> {
        let (mut round, mut flights) = (RoundRobin::new(weights.len()), vec![0; weights.len()]);
        for _ in 0..requests {
            let server = choose(weights.len(), |at| weights[at], |at| flights[at], &mut round);
            flights[server.expect("a server")] += 1;
        }
        flights
    }

    #[test]
    fn requests_that_stay_are_shared_by_weight() {
        assert_eq!(filled(&[100, 100, 100], 30), [10, 10, 10]);
        assert_eq!(filled(&[50, 100, 0, 250], 80), [10, 20, 0, 50]);
    }

    #[test]
    fn whoever_has_fewest_for_its_weight_is_next() {
        let (flights, weights) = ([4, 7, 3], [100, 200, 50]);
        let mut round = RoundRobin::new(3);
        assert_eq!(choose(3, |at| weights[at], |at| flights[at], &mut round), Some(1));
    }

    #[test]
    fn idle_servers_take_turns_by_weight() {
        let (mut round, weights) = (RoundRobin::new(2), [50, 100]);
        let mut turn = || choose(2, |at| weights[at], |_| 0, &mut round);
        assert_eq!([turn(), turn(), turn()], [Some(1), Some(0), Some(1)]);
    }

    #[test]
    fn without_weight_nobody_is_chosen() {
        assert_eq!(choose(2, |_| 0, |_| 0, &mut RoundRobin::new(2)), None);
    }
}
