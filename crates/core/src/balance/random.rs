//! By chance, in proportion to the weights.

/// One of `servers` servers; `weight` gives 0 for a server that may not be chosen.
pub fn choose(servers: usize, weight: impl Fn(usize) -> u16, chance: &mut fastrand::Rng) -> Option<usize> {
    let total: u64 = (0..servers).map(|server| u64::from(weight(server))).sum();
    if total == 0 {
        return None;
    }
    let mut draw = chance.u64(..total);
    (0..servers).find(|&server| {
        let share = u64::from(weight(server));
        let hit = draw < share;
        draw = draw.saturating_sub(share);
        hit
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(weights: &[u16], draws: u32, seed: u64) -> Vec<u32> {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut counts = vec![0; weights.len()];
        for _ in 0..draws {
            let server = choose(weights.len(), |server| weights[server], &mut chance).expect("a server");
            counts[server] += 1;
        }
        counts
    }

    #[test]
    fn a_server_gets_its_weights_share() {
        let counts = drawn(&[100, 200, 0, 100], 40_000, 7);
        assert_eq!(counts, drawn(&[100, 200, 0, 100], 40_000, 7), "the seed decides");
        assert_ne!(counts, drawn(&[100, 200, 0, 100], 40_000, 8));
        assert_eq!(counts[2], 0);
        for (count, share) in [(counts[0], 10_000), (counts[1], 20_000), (counts[3], 10_000)] {
            assert!(count.abs_diff(share) < share / 30, "{counts:?}");
        }
    }

    #[test]
    fn without_weight_nobody_is_chosen() {
        let mut chance = fastrand::Rng::with_seed(1);
        assert_eq!(choose(2, |_| 0, &mut chance), None);
        assert_eq!(choose(0, |_| 1, &mut chance), None);
    }
}
