//! Births that parallel requests share: the first visit of a browser is several requests at once, none with a cookie.
//!
//! A birth is shared while the connection it happened on is open, for a short window and for a few uses: a client
//! that keeps no cookies is not held to one server, and neither is a proxy with a crowd behind it.
//! The table has a fixed size; a birth that finds its place taken puts the older one out, which costs at most a
//! second cookie for one client.

use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::cookie::{Home, SessionId};
use crate::route::PoolId;

const SHARDS: usize = 64;
const SLOTS: usize = 64;
/// Requests that share one birth at most: more than a browser sends at once.
const MOST_USES: u32 = 16;

/// The latest births of all pools, in fixed memory.
pub struct Births(Vec<Mutex<[Birth; SLOTS]>>);

/// Which client, as far as its first request tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Client(u64);

impl Client {
    /// The client of a pool at an address, told apart by its software and its scheme.
    pub fn new(pool: PoolId, address: IpAddr, user_agent: &[u8], secure: bool) -> Self {
        let place = (pool.0 as u64) << 1 | u64::from(secure);
        let software = xxh3_64_with_seed(user_agent, place);
        let hash = match address {
            IpAddr::V4(address) => xxh3_64_with_seed(&address.octets(), software),
            IpAddr::V6(address) => xxh3_64_with_seed(&address.octets(), software),
        };
        // 0 marks a free slot.
        Self(hash.max(1))
    }

    #[expect(clippy::cast_possible_truncation, reason = "any bits of the hash do")]
    fn place(self) -> (usize, usize) {
        ((self.0 as usize) % SHARDS, (self.0 >> 32) as usize % SLOTS)
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Birth {
    client: u64,
    connection: u64,
    at: u64,
    uses: u32,
    id: u64,
    home: u64,
}

impl Default for Births {
    fn default() -> Self {
        Self((0..SHARDS).map(|_| Mutex::new([Birth::default(); SLOTS])).collect())
    }
}

impl Births {
    /// The birth that `client` shares, or the one that `bear` gives it; true when it is shared.
    ///
    /// `now` and `window` in milliseconds. A birth whose home `serves` nobody any more is not shared. `bear` runs under
    /// a lock, so that of two requests one is first.
    pub fn share(
        &self,
        client: Client,
        connection: u64,
        now: u64,
        window: u32,
        serves: impl FnOnce(Home) -> bool,
        bear: impl FnOnce() -> Option<(SessionId, Home)>,
    ) -> Option<(SessionId, Home, bool)> {
        let (shard, slot) = client.place();
        let mut slots = self.0[shard].lock().unwrap_or_else(PoisonError::into_inner);
        let birth = &mut slots[slot];
        let fits = birth.client == client.0
            && birth.connection != connection
            && birth.uses < MOST_USES
            && now.saturating_sub(birth.at) <= u64::from(window)
            && serves(Home(birth.home));
        if fits {
            birth.uses += 1;
            return Some((SessionId(birth.id), Home(birth.home), true));
        }
        let (id, home) = bear()?;
        *birth = Birth { client: client.0, connection, at: now, uses: 1, id: id.0, home: home.0 };
        Some((id, home, false))
    }

    /// The connection of a birth has closed: nobody shares it any more.
    pub fn gone(&self, client: Client, connection: u64) {
        let (shard, slot) = client.place();
        let mut slots = self.0[shard].lock().unwrap_or_else(PoisonError::into_inner);
        if slots[slot].client == client.0 && slots[slot].connection == connection {
            slots[slot] = Birth::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GONE: Home = Home(13);

    fn client() -> Client {
        Client::new(PoolId(0), IpAddr::from([192, 0, 2, 1]), b"browser", false)
    }

    fn share(births: &Births, connection: u64, now: u64, id: u64) -> (u64, bool) {
        let bear = || Some((SessionId(id), Home(id)));
        let born = births.share(client(), connection, now, 2_000, |home| home != GONE, bear);
        born.map(|(id, _, shared)| (id.0, shared)).expect("somebody is born")
    }

    #[test]
    fn parallel_requests_share_a_birth_up_to_a_limit() {
        let births = Births::default();
        assert_eq!(share(&births, 1, 0, 100), (100, false));
        for connection in 2..=16 {
            assert_eq!(share(&births, connection, 1_999, 200), (100, true));
        }
        assert_eq!(share(&births, 17, 1_999, 200), (200, false));
    }

    #[test]
    fn a_birth_is_shared_only_within_its_window() {
        let births = Births::default();
        share(&births, 1, 0, 100);
        assert_eq!(share(&births, 2, 2_001, 200), (200, false));
    }

    #[test]
    fn a_birth_at_a_server_that_is_gone_is_not_shared() {
        let births = Births::default();
        assert_eq!(share(&births, 1, 0, GONE.0), (GONE.0, false));
        assert_eq!(share(&births, 2, 1, 200), (200, false));
        assert_eq!(share(&births, 3, 2, 300), (200, true));
    }

    #[test]
    fn a_client_without_cookies_is_not_held_to_one_server() {
        let births = Births::default();
        share(&births, 1, 0, 100);
        assert_eq!(share(&births, 1, 1, 200), (200, false), "the same connection has had its answer");
        births.gone(client(), 1);
        assert_eq!(share(&births, 2, 2, 300), (300, false), "its first connection is closed");
    }

    #[test]
    fn other_software_or_another_address_is_another_client() {
        let other = |address: [u8; 4], agent: &[u8], secure| {
            Client::new(PoolId(0), IpAddr::from(address), agent, secure)
        };
        let one = client();
        assert_ne!(one, other([192, 0, 2, 2], b"browser", false));
        assert_ne!(one, other([192, 0, 2, 1], b"other", false));
        assert_ne!(one, other([192, 0, 2, 1], b"browser", true));
    }
}
