//! Decides, from a session and the servers alone, which server a session belongs to: weighted rendezvous.
//!
//! Each server draws a number for the session from a hash of both, and the best draw wins. Who draws does not
//! depend on who else draws, so a server that leaves moves only its own sessions, and workers, processes and
//! machines agree without talking. A draw is `-log2(u) / weight` with `u` uniform in (0, 1): such draws race
//! like exponential clocks, and a server wins in proportion to its weight. The logarithm is integer arithmetic
//! on a table made at compile time, never libm's, whose last bit differs between platforms.

use std::cmp::Ordering;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::persistence::cookie::Home;

/// Fixed for ever: every Equalizer must draw the same numbers.
const SEED: u64 = 0x6571_2e72_656e_6431;

/// The server for `session` among `(index, home, weight)`, in whatever order; weight 0 never wins.
pub fn rank(session: u64, servers: impl Iterator<Item = (usize, Home, u16)>) -> Option<usize> {
    let draws = servers.filter(|&(.., weight)| weight > 0).map(|(index, home, weight)| Draw {
        index,
        home,
        length: minus_log2(hash(session, home)),
        weight: u64::from(weight),
    });
    draws.min_by(Draw::compare).map(|draw| draw.index)
}

struct Draw {
    index: usize,
    home: Home,
    length: u64,
    weight: u64,
}

impl Draw {
    /// Compares `length / weight` without dividing: a length is under 2^47 and a weight under 2^16.
    fn compare(&self, other: &Self) -> Ordering {
        let by_draw = (self.length * other.weight).cmp(&(other.length * self.weight));
        by_draw.then(self.home.cmp(&other.home))
    }
}

fn hash(session: u64, Home(home): Home) -> u64 {
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&session.to_be_bytes());
    bytes[8..].copy_from_slice(&home.to_be_bytes());
    xxh3_64_with_seed(&bytes, SEED)
}

/// Fractional bits of a logarithm.
const FRACTION: u32 = 40;
/// The table's steps between 1 and 2, as a power of two; straight lines between them err by 0.2 % at most.
const STEPS: u32 = 8;
/// `log2(1 + i / 256)`.
const LOG2: [u64; (1 << STEPS) + 1] = log2_table();

/// `-log2(u / 2^64)`, at least 1 unit: zero is drawn as one.
fn minus_log2(u: u64) -> u64 {
    let u = u.max(1);
    let zeros = u.leading_zeros();
    // u = 2^(63 - zeros) * (1 + x), and `x` keeps its bits from the top of `fraction`.
    let fraction = (u << zeros) << 1;
    let step = (fraction >> (64 - STEPS)) as usize;
    let within = (fraction << STEPS) >> 33;
    let log2 = LOG2[step] + (((LOG2[step + 1] - LOG2[step]) * within) >> 31);
    ((u64::from(zeros) + 1) << FRACTION) - log2
}

/// Bit by bit: squaring a number between 1 and 2 doubles its logarithm, and passing 2 shows its next bit.
const fn log2_table() -> [u64; (1 << STEPS) + 1] {
    let mut table = [0; (1 << STEPS) + 1];
    let mut i = 0;
    while i < 1 << STEPS {
        let mut number: u128 = ((1 << STEPS) + i as u128) << (62 - STEPS);
        let mut bit = FRACTION;
        while bit > 0 {
            bit -= 1;
            number = (number * number) >> 62;
            if number >> 63 == 1 {
                number >>= 1;
                table[i] |= 1 << bit;
            }
        }
        i += 1;
    }
    table[1 << STEPS] = 1 << FRACTION;
    table
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::persistence::cookie::home_of;

    fn servers(weights: &[u16]) -> Vec<(usize, Home, u16)> {
        weights.iter().enumerate().map(|(i, &weight)| (i, home_of(&format!("web{i}")), weight)).collect()
    }

    #[test]
    fn a_server_gets_its_weights_share() {
        for weights in [vec![1, 1, 1, 1], vec![100, 200, 300, 400], vec![256, 50, 100]] {
            let servers = servers(&weights);
            let mut sessions = vec![0_u32; weights.len()];
            for session in 0..100_000 {
                sessions[rank(session, servers.iter().copied()).expect("a server")] += 1;
            }
            let total: u32 = weights.iter().map(|&weight| u32::from(weight)).sum();
            for (&got, &weight) in sessions.iter().zip(&weights) {
                let share = 100_000.0 * f64::from(weight) / f64::from(total);
                assert!((f64::from(got) / share - 1.0).abs() < 0.02, "{weights:?} shared as {sessions:?}");
            }
        }
    }

    #[test]
    fn the_choice_is_the_same_for_ever() {
        let servers = servers(&[1, 100, 256, 50]);
        let chosen: Vec<_> = (0..12).filter_map(|session| rank(session, servers.iter().copied())).collect();
        assert_eq!(chosen, [3, 1, 1, 3, 2, 2, 1, 2, 2, 3, 2, 2]);
    }

    #[test]
    fn nobody_is_chosen_when_nobody_may_be() {
        assert_eq!(rank(1, servers(&[]).into_iter()), None);
        assert_eq!(rank(1, servers(&[0, 0]).into_iter()), None);
    }

    #[test]
    fn the_logarithm_is_close_and_never_zero() {
        for u in [1, 2, 3, 1 << 20, 0x1234_5678_9abc_def0, u64::MAX / 3, u64::MAX / 256 * 255, 3 << 62] {
            #[allow(clippy::cast_precision_loss)] // compared with a float on purpose
            let (ours, floats) = (minus_log2(u) as f64 / 2_f64.powi(40), 64.0 - (u as f64).log2());
            assert!((ours / floats - 1.0).abs() < 0.002, "{u}: {ours} is not {floats}");
        }
        assert!((1..8).contains(&minus_log2(u64::MAX)));
        assert_eq!(minus_log2(0), 64 << FRACTION);
    }

    fn pools() -> impl Strategy<Value = Vec<u16>> {
        prop::collection::vec(prop_oneof![Just(0), 1..=256_u16, Just(u16::MAX)], 1..20)
    }

    proptest! {
        #[test]
        fn a_server_that_leaves_moves_only_its_own_sessions(weights in pools(), session: u64, leaving: prop::sample::Index) {
            let all = servers(&weights);
            let leaving = leaving.index(all.len());
            let before = rank(session, all.iter().copied());
            let after = rank(session, all.iter().copied().filter(|&(index, ..)| index != leaving));
            if before == Some(leaving) {
                prop_assert_ne!(after, before);
            } else {
                prop_assert_eq!(after, before);
            }
        }

        #[test]
        fn order_does_not_matter(weights in pools(), session: u64) {
            let all = servers(&weights);
            prop_assert_eq!(rank(session, all.iter().copied()), rank(session, all.iter().rev().copied()));
        }

        #[test]
        fn weight_0_is_never_chosen(weights in pools(), session: u64) {
            if let Some(chosen) = rank(session, servers(&weights).into_iter()) {
                prop_assert_ne!(weights[chosen], 0);
            }
        }
    }
}
