//! Records in a file: what a restart takes back, and what it refuses.

mod support;

use std::net::IpAddr;
use std::sync::Arc;

use equalizer_core::persistence::address::Addresses;
use equalizer_core::persistence::cookie::{Home, home_of};
use equalizer_core::persistence::learn::Learnt;
use equalizer_core::persistence::records::{Taken, Unreadable, read, write};
use equalizer_core::persistence::table::Restored;
use equalizer_core::persistence::{Carrier, Kind, Reason, Recall};
use equalizer_core::snapshot::Snapshot;
use equalizer_core::snapshot::build::{At, build};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{NOW, address, cookie, field, rebuilt, wire};

fn kinds() -> Vec<Value> {
    vec![address(), cookie("learn", "JSESSIONID", &json!({})), field("learn", "Mcp-Session-Id")]
}

/// As a process begins: with chance of its own.
fn snapshot(kinds: &[Value], chance: u64) -> Snapshot {
    build(&wire(kinds, &json!({})), None, At { now: NOW, chance }).expect("a snapshot that runs")
}

fn addresses(snapshot: &Snapshot) -> &Arc<Addresses> {
    snapshot.pools[0].persistence.addresses(&Recall::nobody(Reason::New)).expect("a table of addresses")
}

fn learnt<'a>(snapshot: &'a Snapshot, carrier: &Carrier) -> &'a Arc<Learnt> {
    let kinds = snapshot.pools[0].persistence.kinds().iter();
    let mut found = kinds.filter_map(|kind| match kind {
        Kind::Learned(learned) if learned.carrier() == carrier => Some(learned.table()),
        _ => None,
    });
    found.next().expect("a table of values")
}

fn client(number: u32) -> IpAddr {
    IpAddr::V4((0x0a00_0000 | number).into())
}

fn carriers() -> [Carrier; 2] {
    [Carrier::Cookie("JSESSIONID".to_owned()), Carrier::Field("mcp-session-id".to_owned())]
}

/// A file of three addresses and a value of each carrier, of a process that began with chance 1.
fn file() -> Vec<u8> {
    let before = snapshot(&kinds(), 1);
    addresses(&before).record(client(1), home_of("web1"), NOW - 100);
    addresses(&before).record(client(2), home_of("web2"), NOW - 10);
    addresses(&before).record(client(3), home_of("web3"), NOW - 599);
    addresses(&before).opened(client(3), NOW - 500);
    for carrier in carriers() {
        let table = learnt(&before, &carrier);
        table.record(table.key(b"0A1B"), home_of("web4"), NOW - 50);
    }
    write(&before, NOW)
}

#[test]
fn records_outlive_a_restart_and_go_on_ageing() {
    let mut after = snapshot(&kinds(), 2);
    let taken = read(&file(), &mut after, NOW + 505).expect("as written");
    let restored = Restored { taken: 4, expired: 1, no_room: 0 };
    assert_eq!(taken, Taken { restored, unclaimed: 0 });
    let recalled = |number, now| addresses(&after).recall(client(number), now);
    assert_eq!(recalled(1, NOW + 505), None);
    assert_eq!(recalled(2, NOW + 589), Some(home_of("web2")));
    assert_eq!(recalled(2, NOW + 590), None);
    assert_eq!(recalled(3, NOW + 599), Some(home_of("web3")), "it was in use when the file was written");
    for carrier in carriers() {
        let table = learnt(&after, &carrier);
        assert_eq!(table.recall(table.key(b"0A1B"), NOW + 505), Some(home_of("web4")));
        assert_eq!(table.recall(table.key(b"0A1C"), NOW + 505), None);
    }
}

#[test]
fn records_of_kinds_that_are_gone_are_counted_and_dropped() {
    let mut after = snapshot(&kinds()[1..2], 2);
    let taken = read(&file(), &mut after, NOW).expect("as written");
    assert_eq!((taken.restored.taken, taken.unclaimed), (1, 4));
}

#[test]
fn records_beyond_the_capacity_are_counted_and_the_longest_idle_go() {
    let before = snapshot(&kinds(), 1);
    for number in 0..300 {
        addresses(&before).record(client(number), home_of("web1"), NOW - 300 + u64::from(number));
    }
    let mut small = address();
    small["capacity"] = json!(100);
    let mut after = snapshot(&[small], 2);
    let taken = read(&write(&before, NOW), &mut after, NOW).expect("as written");
    assert_eq!(taken.restored, Restored { taken: 100, expired: 0, no_room: 200 });
    assert_eq!(addresses(&after).recall(client(299), NOW), Some(home_of("web1")));
    assert_eq!(addresses(&after).recall(client(199), NOW), None);
}

#[test]
fn a_generation_ends_what_records_stand_for() {
    let change = |pool: u16, web2: u16| {
        let mut wire = wire(&kinds(), &json!({}));
        wire.pools[0].sessions.generation = pool;
        wire.pools[0].servers[1].generation = web2;
        wire
    };
    for (pool, web2, left) in [(1, 0, [true, true]), (1, 1, [true, false]), (2, 0, [false, false])] {
        let before = rebuilt(&change(1, 0), None, NOW);
        let homes = [home_of("web1"), home_of("web2")];
        for (number, home) in (0u8..).zip(homes) {
            addresses(&before).record(client(number.into()), home, NOW);
            for carrier in carriers() {
                let table = learnt(&before, &carrier);
                table.record(table.key(&[number]), home, NOW);
            }
        }
        let after = rebuilt(&change(pool, web2), Some(&before), NOW);
        for ((number, home), stays) in (0u8..).zip(homes).zip(left) {
            let kept = stays.then_some(home);
            assert_eq!(addresses(&after).recall(client(number.into()), NOW), kept, "{pool} {web2}");
            for carrier in carriers() {
                let table = learnt(&after, &carrier);
                assert_eq!(table.recall(table.key(&[number]), NOW), kept, "{pool} {web2}");
            }
        }
    }
}

#[test]
fn what_is_no_file_of_records_is_told_apart() {
    let whole = file();
    let mut newer = whole.clone();
    newer[9] = 7;
    let mut flipped = whole.clone();
    flipped[60] ^= 1;
    for (file, error) in [
        (b"".as_slice(), Unreadable::Foreign),
        (b"[[keys]]", Unreadable::Foreign),
        (b"EQRECORD", Unreadable::Damaged),
        (&newer, Unreadable::Version(7)),
        (&flipped, Unreadable::Damaged),
        (&whole[..whole.len() - 1], Unreadable::Damaged),
        (&[&whole, b"x".as_slice()].concat(), Unreadable::Damaged),
    ] {
        assert_eq!(read(file, &mut snapshot(&kinds(), 2), NOW), Err(error));
    }
}

#[test]
fn an_engine_that_keeps_nothing_writes_a_file_of_nothing() {
    let file = write(&snapshot(&[], 1), NOW);
    assert_eq!(read(&file, &mut snapshot(&kinds(), 2), NOW), Ok(Taken::default()));
}

/// A body with a right checksum, so that what is behind the checksum is tried too.
fn sealed(body: &[u8]) -> Vec<u8> {
    let file = [b"EQRECORD\0\x01", body].concat();
    let checksum = xxhash_rust::xxh3::xxh3_64(&file).to_be_bytes();
    [file, checksum.to_vec()].concat()
}

proptest! {
    #[test]
    fn no_file_makes_a_start_fail(
        body in prop::collection::vec(any::<u8>(), 0..200),
        cut: prop::sample::Index,
        change: (prop::sample::Index, u8),
    ) {
        let mut after = snapshot(&kinds(), 2);
        prop_assert_eq!(read(&body, &mut after, NOW), Err(Unreadable::Foreign));
        // Whatever it says of itself, it is read or it is damaged.
        for body in [&body[..], &[&[1, 0, 4], b"shop\0\0".as_slice(), &body].concat()] {
            let read = read(&sealed(body), &mut after, NOW);
            prop_assert!(matches!(read, Ok(_) | Err(Unreadable::Damaged)), "{read:?}");
        }

        let whole = file();
        let cut = &whole[..cut.index(whole.len())];
        prop_assert!(read(cut, &mut after, NOW).is_err());
        let mut changed = whole.clone();
        changed[change.0.index(whole.len())] ^= change.1;
        prop_assert_eq!(read(&changed, &mut after, NOW).is_ok(), change.1 == 0);
    }

    #[test]
    fn whatever_was_recorded_comes_back(
        homes in prop::collection::vec((any::<u64>(), 0..599_u64), 0..300),
    ) {
        let before = snapshot(&kinds(), 1);
        for (number, &(home, idle)) in (0..).zip(&homes) {
            addresses(&before).record(client(number), Home(home), NOW - idle);
        }
        let mut after = snapshot(&kinds(), 2);
        let taken = read(&write(&before, NOW), &mut after, NOW).expect("as written");
        prop_assert_eq!(taken.restored.taken, homes.len() as u64);
        for (number, &(home, idle)) in (0..).zip(&homes) {
            let end = NOW - idle + 600;
            prop_assert_eq!(addresses(&after).recall(client(number), end - 1), Some(Home(home)));
            prop_assert_eq!(addresses(&after).recall(client(number), end), None);
        }
    }
}
