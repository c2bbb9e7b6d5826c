//! Decides how many sessions a server has: an estimate from their ids alone, in 64 KiB whatever their number.
//!
//! A `HyperLogLog` keeps, for each of 16,384 groups that a hash falls into, the longest run of zero bits it saw;
//! its error is 0.8 % (one standard deviation). The window slides by slots: each slot of time has its own
//! registers, a session is entered in the slot of now, and a count takes the largest of each register over the
//! slots still in the window. Slots are numbered from the start of time, so those of different workers match.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::cookie::SessionId;

const INDEX_BITS: u32 = 14;
const REGISTERS: usize = 1 << INDEX_BITS;
/// Hash bits that a register watches: its value is 0 to 15 and fits in half a byte.
const RUN_BITS: u32 = 14;
const VALUES: usize = RUN_BITS as usize + 2;
const SLOT_BYTES: usize = REGISTERS / 2;
const SLOTS: usize = 8;
/// Ids are random, but whoever holds a key ring could choose them; and the same seed makes workers agree.
const SEED: u64 = 0x6571_2e63_656e_7331;

/// Sessions seen within a window. Times are Unix seconds.
#[derive(Clone)]
pub struct Census {
    /// Seconds that a slot covers.
    span: u64,
    /// Which slot of time each ring position holds.
    numbers: [u64; SLOTS],
    /// Two registers a byte, slot after slot.
    registers: Box<[u8]>,
}

impl Census {
    /// Counts sessions seen in the last `window` seconds; those up to a seventh older may still be counted.
    pub fn new(window: u64) -> Self {
        let registers = vec![0; SLOT_BYTES * SLOTS].into_boxed_slice();
        Self { span: window.div_ceil(SLOTS as u64 - 1).max(1), numbers: [0; SLOTS], registers }
    }

    /// Enters a session.
    pub fn see(&mut self, SessionId(id): SessionId, now: u64) {
        let Some(slot) = self.slot(now / self.span) else { return };
        let hash = xxh3_64_with_seed(&id.to_be_bytes(), SEED);
        let register = (hash >> (u64::BITS - INDEX_BITS)) as usize;
        // At most 15, by the bit set behind those that a register watches.
        let watched = (hash << INDEX_BITS) | 1 << (u64::BITS - RUN_BITS - 1);
        let run = watched.leading_zeros().to_le_bytes()[0] + 1;
        let byte = &mut slot[register / 2];
        let shift = 4 * (register % 2);
        if run > *byte >> shift & 0xf {
            *byte = *byte & !(0xf << shift) | run << shift;
        }
    }

    /// What was seen within the window, an eighth of the size: workers send this while their clients wait.
    pub fn sketch(&self, now: u64) -> Sketch {
        let number = now / self.span;
        let mut seen: Option<Box<[u8; SLOT_BYTES]>> = None;
        for (at, slot) in self.registers.as_chunks().0.iter().enumerate() {
            if self.numbers[at] <= number && self.numbers[at] + SLOTS as u64 > number {
                match &mut seen {
                    Some(seen) => merge(seen, slot),
                    None => seen = Some(Box::new(*slot)),
                }
            }
        }
        Sketch(seen)
    }

    /// The registers of a slot of time, emptied if they held an older one; none if they hold a newer one.
    fn slot(&mut self, number: u64) -> Option<&mut [u8]> {
        // The lowest byte will do: the ring's length divides 256.
        let at = usize::from(number.to_le_bytes()[0]) % SLOTS;
        if number < self.numbers[at] {
            return None;
        }
        let slot = &mut self.registers[at * SLOT_BYTES..][..SLOT_BYTES];
        if number > self.numbers[at] {
            self.numbers[at] = number;
            slot.fill(0);
        }
        Some(slot)
    }
}

/// What a census has seen within its window; nothing at all takes no memory.
#[derive(Clone, Default)]
pub struct Sketch(Option<Box<[u8; SLOT_BYTES]>>);

impl Sketch {
    /// Adds what another worker saw of the same server in the same window.
    pub fn merge(&mut self, other: &Self) {
        match (&mut self.0, &other.0) {
            (Some(ours), Some(theirs)) => merge(ours, theirs),
            (ours @ None, theirs) => ours.clone_from(theirs),
            (Some(_), None) => {}
        }
    }

    /// About how many different sessions there are.
    pub fn count(&self) -> u64 {
        self.0.as_ref().map_or(0, |seen| estimate(&histogram(seen)))
    }
}

/// The larger of each register.
fn merge(ours: &mut [u8; SLOT_BYTES], theirs: &[u8; SLOT_BYTES]) {
    for (ours, theirs) in ours.iter_mut().zip(theirs) {
        *ours = (*ours & 0xf0).max(theirs & 0xf0) | (*ours & 0x0f).max(theirs & 0x0f);
    }
}

/// How many registers have each value.
fn histogram(registers: &[u8; SLOT_BYTES]) -> [u32; VALUES] {
    let mut counts = [0; VALUES];
    for byte in registers {
        counts[usize::from(byte & 0xf)] += 1;
        counts[usize::from(byte >> 4)] += 1;
    }
    counts
}

/// Ertl's improved estimator (arXiv:1702.01284, algorithm 6): good from nothing to full, without tables.
fn estimate(counts: &[u32; VALUES]) -> u64 {
    let all = f64::from(1 << INDEX_BITS);
    let mut sum = all * tau(1.0 - f64::from(counts[VALUES - 1]) / all);
    for &count in counts[1..VALUES - 1].iter().rev() {
        sum = 0.5 * (sum + f64::from(count));
    }
    sum += all * sigma(f64::from(counts[0]) / all);
    // Never negative, and at most about 2^28.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let count = (all * all / (2.0 * std::f64::consts::LN_2 * sum)).round() as u64;
    count
}

/// Corrects for registers still empty; infinite, for an estimate of 0, when all are.
fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut weight, mut sum) = (1.0, x);
    loop {
        x *= x;
        let before = sum;
        sum += x * weight;
        weight += weight;
        if sum <= before {
            return sum;
        }
    }
}

/// Corrects for registers that could not hold a longer run.
fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut weight, mut sum) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = sum;
        weight *= 0.5;
        sum -= (1.0 - x).powi(2) * weight;
        if sum >= before {
            return sum / 3.0;
        }
    }
}

/// Shows the count, not 16,384 registers.
impl std::fmt::Debug for Sketch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Sketch").field(&self.count()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: u64 = 1800;
    const NOW: u64 = 1_800_000_000;

    fn ids(seed: u64, count: u64) -> impl Iterator<Item = SessionId> {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..count).map(move |_| SessionId(random.u64(..)))
    }

    fn assert_close(estimate: u64, truth: u64) {
        assert!(estimate.abs_diff(truth) * 100 < truth * 3, "{estimate} is not {truth}");
    }

    #[test]
    fn the_error_is_under_3_percent_from_a_thousand_to_a_million() {
        for seed in 0..6 {
            let mut census = Census::new(WINDOW);
            for (already, id) in ids(seed, 1_000_000).enumerate() {
                if [1_000, 3_000, 10_000, 30_000, 100_000, 300_000].contains(&already) {
                    assert_close(census.sketch(NOW).count(), already as u64);
                }
                census.see(id, NOW);
            }
            assert_close(census.sketch(NOW).count(), 1_000_000);
        }
    }

    #[test]
    fn few_sessions_are_counted_to_the_one() {
        let mut census = Census::new(WINDOW);
        assert_eq!(census.sketch(NOW).count(), 0);
        for (already, id) in (1..=20).zip(ids(1, 20)) {
            census.see(id, NOW);
            assert_eq!(census.sketch(NOW).count(), already);
        }
    }

    #[test]
    fn a_session_counts_once_however_often_it_is_seen() {
        let mut census = Census::new(WINDOW);
        for second in 0..WINDOW {
            for id in ids(2, 50) {
                census.see(id, NOW + second);
            }
        }
        assert_close(census.sketch(NOW + WINDOW - 1).count(), 50);
    }

    #[test]
    fn a_session_leaves_the_count_when_the_window_has_passed() {
        let mut census = Census::new(WINDOW);
        ids(3, 5_000).for_each(|id| census.see(id, NOW));
        ids(4, 1_000).for_each(|id| census.see(id, NOW + WINDOW / 2));
        assert_close(census.sketch(NOW + WINDOW - 1).count(), 6_000);
        assert_close(census.sketch(NOW + WINDOW * 8 / 7).count(), 1_000);
        assert_eq!(census.sketch(NOW + 3 * WINDOW).count(), 0);
        ids(5, 2_000).for_each(|id| census.see(id, NOW + 3 * WINDOW));
        assert_close(census.sketch(NOW + 3 * WINDOW).count(), 2_000);
    }

    #[test]
    fn workers_that_share_sessions_merge_into_one_count() {
        let (mut one, mut two) = (Census::new(WINDOW), Census::new(WINDOW));
        ids(6, 20_000).take(15_000).for_each(|id| one.see(id, NOW));
        ids(6, 20_000).skip(5_000).for_each(|id| two.see(id, NOW + WINDOW / 2));
        let (one, two) = (one.sketch(NOW + WINDOW / 2), two.sketch(NOW + WINDOW / 2));
        let mut both = one.clone();
        both.merge(&two);
        assert_close(both.count(), 20_000);
        let mut turned = two;
        turned.merge(&one);
        assert_eq!(turned.count(), both.count());
    }

    #[test]
    fn who_has_seen_nobody_adds_nothing() {
        let (mut seen, unseen) = (Census::new(WINDOW), Census::new(WINDOW));
        ids(7, 1_000).for_each(|id| seen.see(id, NOW));
        let alone = seen.sketch(NOW);
        for (mut first, second) in [(alone.clone(), unseen.sketch(NOW)), (unseen.sketch(NOW), alone.clone())]
        {
            first.merge(&second);
            assert_eq!(first.count(), alone.count());
        }
    }

    #[test]
    fn a_server_costs_64_kib() {
        assert_eq!(Census::new(WINDOW).registers.len(), 64 * 1024);
    }
}
