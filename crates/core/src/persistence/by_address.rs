//! The client's address as its session: a record of who was sent where, for clients that keep no cookies.

use std::net::IpAddr;
use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::address::{Addresses, Settings};
use super::cookie::SessionId;
use super::stamping::Order;
use super::{Claim, Reason};

/// Fixed for ever: every Equalizer re-homes an address to the same server.
const ADDRESS_SEED: u64 = 0x6571_2e61_6464_7231;

/// Records of addresses, shared by all workers.
#[derive(Debug)]
pub struct ByAddress {
    table: Arc<Addresses>,
    settings: Settings,
}

impl ByAddress {
    /// Records kept in `table`.
    pub fn new(settings: Settings, table: Arc<Addresses>) -> Self {
        Self { table, settings }
    }

    /// What they were made for.
    pub fn settings(&self) -> Settings {
        self.settings
    }

    /// The records.
    pub fn table(&self) -> &Arc<Addresses> {
        &self.table
    }

    pub(super) fn recall(&self, client: IpAddr, now: u64) -> Result<Claim, Reason> {
        let home = self.table.recall(client, now).ok_or(Reason::New)?;
        Ok(Claim::Home(home, self.id(client), Reason::Recalled))
    }

    pub(super) fn touch(&self, client: IpAddr, now: u64) {
        self.table.touch(client, now);
    }

    pub(super) fn stamp(&self, order: &Order<'_>) {
        let asked = &order.at.asked;
        if order.releases() {
            self.table.forget(asked.client);
        } else if order.is_news() {
            self.table.record(asked.client, order.at.pool.servers[order.home.0].home, asked.now);
        }
    }

    fn id(&self, client: IpAddr) -> SessionId {
        SessionId(address_hash(client, self.settings.prefix4, self.settings.prefix6, ADDRESS_SEED))
    }
}

/// A hash of the leading bits of an address.
pub(super) fn address_hash(client: IpAddr, prefix4: u8, prefix6: u8, seed: u64) -> u64 {
    match client.to_canonical() {
        IpAddr::V4(address) => {
            let kept = u32::MAX.checked_shl(32 - u32::from(prefix4.min(32))).unwrap_or(0);
            xxh3_64_with_seed(&(u32::from(address) & kept).to_be_bytes(), seed)
        }
        IpAddr::V6(address) => {
            let kept = u128::MAX.checked_shl(128 - u32::from(prefix6.min(128))).unwrap_or(0);
            xxh3_64_with_seed(&(u128::from(address) & kept).to_be_bytes(), seed)
        }
    }
}
