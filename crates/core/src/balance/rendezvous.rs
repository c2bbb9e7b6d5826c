//! Placeholder until merged.
use crate::persistence::cookie::Home;
/// x
pub fn rank(session: u64, servers: impl Iterator<Item = (usize, Home, u16)>) -> Option<usize> {
    servers
        .filter(|s| s.2 > 0)
        .max_by_key(|s| xxhash_rust::xxh3::xxh3_64_with_seed(&s.1.0.to_le_bytes(), session))
        .map(|s| s.0)
}
