//! Decides where a client that shows no cookie was last: records by source address.
//!
//! One table stands for one scope and is shared by all workers and by all listeners of its pool. Addresses that
//! share a prefix share a record, since a household or a phone has a whole IPv6 prefix and changes within it.

use std::net::{IpAddr, Ipv6Addr};

use super::cookie::Home;
use super::table::{Kept, Key, Losses, Restored, Table};
use crate::network::prefix;

/// How a pool records addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Leading bits of an IPv4 address that make the record, at most 32.
    pub prefix4: u8,
    /// Leading bits of an IPv6 address that make the record, at most 128.
    pub prefix6: u8,
    /// Seconds after the last connection of a prefix until its record is forgotten.
    pub idle: u32,
    /// Records at most.
    pub capacity: usize,
}

/// Homes by source address. Times are Unix seconds.
#[derive(Debug)]
pub struct Addresses {
    table: Table,
    prefix4: u8,
    prefix6: u8,
}

impl Addresses {
    /// Empty; `seed` is chance.
    pub fn new(settings: Settings, seed: u64) -> Self {
        let Settings { prefix4, prefix6, idle, capacity } = settings;
        Self { table: Table::new(capacity, idle, seed), prefix4, prefix6 }
    }

    /// The home of the client's prefix, unless it has been idle too long.
    pub fn recall(&self, client: IpAddr, now: u64) -> Option<Home> {
        self.table.recall(self.key(client), now)
    }

    /// Starts the idle time again; false if there is no record.
    pub fn touch(&self, client: IpAddr, now: u64) -> bool {
        self.table.touch(self.key(client), now)
    }

    /// Gives the client's prefix a home; false if there was no room.
    pub fn record(&self, client: IpAddr, home: Home, now: u64) -> bool {
        self.table.record(self.key(client), home, now)
    }

    /// Counts a connection of the client; while one is open the record stays.
    ///
    /// False if there is no record to count on, and then [`Self::closed`] must not be called: a connection
    /// counts from the first `record` or `recall` that made it matter.
    pub fn opened(&self, client: IpAddr, now: u64) -> bool {
        self.table.opened(self.key(client), now)
    }

    /// Ends a connection that [`Self::opened`] counted; the idle time starts with the last.
    pub fn closed(&self, client: IpAddr, now: u64) {
        self.table.closed(self.key(client), now);
    }

    /// Removes the record of the client's prefix; false if there was none.
    pub fn forget(&self, client: IpAddr) -> bool {
        self.table.forget(self.key(client))
    }

    /// Removes what has been idle too long.
    pub fn expire(&self, now: u64) {
        self.table.expire(now);
    }

    /// Records now held.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there is no record.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// What was lost so far for want of room.
    pub fn losses(&self) -> Losses {
        self.table.losses()
    }

    /// Bytes of memory when full.
    pub fn bytes(&self) -> usize {
        self.table.bytes()
    }

    /// All records; the key is the first address of the prefix, in IPv6's form.
    pub fn export(&self, now: u64) -> impl Iterator<Item = Kept> + '_ {
        self.table.export(now)
    }

    /// Takes records back when a table starts, under today's prefixes.
    pub fn import(&self, records: impl IntoIterator<Item = Kept>, now: u64) -> Restored {
        let under_prefix = |kept: Kept| Kept { key: self.key(Ipv6Addr::from(kept.key).into()), ..kept };
        self.table.import(records.into_iter().map(under_prefix), now)
    }

    /// The client's prefix.
    fn key(&self, client: IpAddr) -> Key {
        prefix(client, self.prefix4, self.prefix6).to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const IDLE: u32 = 60;

    fn addresses(prefix4: u8, prefix6: u8) -> Addresses {
        Addresses::new(Settings { prefix4, prefix6, idle: IDLE, capacity: 100 }, 5)
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn addresses_of_one_prefix_share_a_record() {
        for (prefix4, prefix6, recorded, same, other) in [
            (24, 64, "192.0.2.1", "192.0.2.255", "192.0.3.1"),
            (24, 64, "2001:db8:0:1::1", "2001:db8:0:1:ffff::2", "2001:db8:0:2::1"),
            (32, 128, "192.0.2.1", "::ffff:192.0.2.1", "192.0.2.2"),
            (32, 128, "2001:db8::1", "2001:db8::1", "2001:db8::2"),
            (0, 0, "192.0.2.1", "203.0.113.9", "2001:db8::1"),
            (0, 0, "2001:db8::1", "fe80::1", "192.0.2.1"),
        ] {
            let addresses = addresses(prefix4, prefix6);
            addresses.record(ip(recorded), Home(1), 1000);
            assert_eq!(addresses.recall(ip(same), 1000), Some(Home(1)), "{same}");
            assert_eq!(addresses.recall(ip(other), 1000), None, "{other}");
        }
    }

    #[test]
    fn idle_time_starts_when_the_last_connection_closes() {
        let (addresses, client) = (addresses(32, 64), ip("192.0.2.1"));
        addresses.record(client, Home(1), 1000);
        assert!(addresses.opened(client, 1000));
        assert!(addresses.opened(client, 1001));
        addresses.closed(client, 1002);
        assert_eq!(addresses.recall(client, 5000), Some(Home(1)));
        addresses.closed(client, 5000);
        assert_eq!(addresses.recall(client, 5059), Some(Home(1)));
        assert_eq!(addresses.recall(client, 5060), None);
    }

    #[test]
    fn a_connection_does_not_count_where_there_is_no_record() {
        let (addresses, client) = (addresses(32, 64), ip("192.0.2.1"));
        assert!(!addresses.opened(client, 1000));
        addresses.record(client, Home(1), 1000);
        assert!(!addresses.opened(client, 1060));
    }

    #[test]
    fn records_move_to_a_table_with_shorter_prefixes_and_the_later_of_two_is_right() {
        let before = addresses(24, 64);
        before.record(ip("192.0.2.7"), Home(1), 1010);
        before.record(ip("192.0.3.7"), Home(2), 1000);
        before.record(ip("2001:db8::7"), Home(3), 1010);
        before.record(ip("198.51.100.7"), Home(4), 900);
        before.record(ip("203.0.113.7"), Home(5), 900);
        before.opened(ip("203.0.113.7"), 900);
        let mut kept: Vec<_> = before.export(1020).collect();
        kept.sort_by_key(|kept| kept.seen);
        assert_eq!(kept.iter().map(|kept| kept.seen).collect::<Vec<_>>(), [1000, 1010, 1010, 1020]);

        let after = addresses(16, 48);
        assert_eq!(after.import(kept, 1030), Restored { taken: 4, expired: 0, no_room: 0 });
        assert_eq!(after.len(), 3);
        assert_eq!(after.recall(ip("192.0.99.1"), 1069), Some(Home(1)));
        assert_eq!(after.recall(ip("192.0.99.1"), 1070), None);
        assert_eq!(after.recall(ip("2001:db8:0:ff::1"), 1060), Some(Home(3)));
        assert_eq!(after.recall(ip("203.0.113.9"), 1079), Some(Home(5)));
    }

    #[test]
    fn a_million_records_take_48_bytes_each_at_most() {
        let settings = Settings { prefix4: 32, prefix6: 64, idle: IDLE, capacity: 1_000_000 };
        let addresses = Addresses::new(settings, 5);
        assert!(addresses.bytes() <= 48_000_000, "{} bytes", addresses.bytes());
    }
}
