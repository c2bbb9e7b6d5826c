//! Decides whether one more request keeps within a rate: a bucket of tokens, as one number.
//!
//! The number is the moment when the bucket will be full again (the generic cell rate algorithm): nothing has to be
//! poured in meanwhile, and a bucket that is full is as good as none.

mod buckets;

pub use self::buckets::Buckets;

const NANOSECONDS_A_MS: u64 = 1_000_000;

/// So many in such a time, and so many at once. Times are nanoseconds on any clock that does not go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// What one request takes.
    interval: u64,
    /// What the others of a burst take together.
    tolerance: u64,
}

impl Rate {
    /// `count` requests in `per` milliseconds, `burst` of them at once; each at least one.
    pub fn new(count: u32, per: u32, burst: u32) -> Self {
        // Rounded up: never more than was written.
        let interval = (u64::from(per.max(1)) * NANOSECONDS_A_MS).div_ceil(u64::from(count.max(1)));
        Self { interval, tolerance: interval.saturating_mul(u64::from(burst.max(1)) - 1) }
    }

    /// One more request, of a bucket that is full at `full`: when it will be full then, or else how long until it
    /// holds enough.
    pub fn take(self, full: u64, now: u64) -> Result<u64, u64> {
        let missing = full.saturating_sub(now);
        match missing.checked_sub(self.tolerance) {
            None | Some(0) => Ok(now.saturating_add(missing).saturating_add(self.interval)),
            Some(wait) => Err(wait),
        }
    }

    /// When a bucket is full that gets back what one request took.
    fn give_back(self, full: u64) -> u64 {
        full.saturating_sub(self.interval)
    }
}

#[cfg(test)]
#[path = "rate_tests.rs"]
mod tests;
