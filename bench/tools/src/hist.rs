//! Counts times in buckets whose width grows with the value: every answer is within 1.6 % of the truth.

/// Six bits of precision under the leading one.
const BITS: u32 = 6;
const BUCKETS: usize = (64 - BITS as usize) * (1 << BITS) + (1 << BITS);

/// A histogram of nanoseconds.
pub struct Histogram {
    counts: Vec<u32>,
    total: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self { counts: vec![0; BUCKETS], total: 0 }
    }
}

impl Histogram {
    pub fn record(&mut self, nanos: u64) {
        self.counts[bucket(nanos)] += 1;
        self.total += 1;
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    /// The time that `thousandths` of the recorded ones do not exceed, in nanoseconds; 0 when there are none.
    pub fn quantile(&self, thousandths: u64) -> u64 {
        let wanted = (self.total * thousandths).div_ceil(1000).max(1);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += u64::from(*count);
            if seen >= wanted {
                return middle(index);
            }
        }
        0
    }
}

fn bucket(nanos: u64) -> usize {
    let shift = (nanos | 1).ilog2().saturating_sub(BITS);
    // At most 2^(BITS+1) is left after the shift, so this fits any usize.
    (shift as usize) * (1 << BITS) + usize::try_from(nanos >> shift).unwrap_or(0)
}

fn middle(index: usize) -> u64 {
    let shift = (index >> BITS).saturating_sub(1);
    let lowest = ((index - shift * (1 << BITS)) as u64) << shift;
    lowest + ((1_u64 << shift) >> 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_bucket_answers_within_its_promise() {
        for nanos in (0..=63).map(|bit| (1_u64 << bit) + (1_u64 << bit) / 3) {
            let answer = middle(bucket(nanos));
            let missed = u128::from(answer.abs_diff(nanos)) * 1000;
            assert!(missed <= u128::from(nanos) * 16, "{nanos} read back as {answer}");
        }
        assert!(bucket(u64::MAX) < BUCKETS);
    }

    #[test]
    fn quantiles_of_a_known_set() {
        let mut histogram = Histogram::default();
        for nanos in 1..=100 {
            histogram.record(nanos * 1000);
        }
        assert!(histogram.quantile(500).abs_diff(50_000) < 800);
        assert!(histogram.quantile(990).abs_diff(99_000) < 1600);
        assert_eq!(Histogram::default().quantile(500), 0);
    }
}
