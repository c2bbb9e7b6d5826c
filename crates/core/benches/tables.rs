//! What the tables, the census and rendezvous cost, at their largest.
#![allow(missing_docs)]

use std::net::{IpAddr, Ipv4Addr};

use divan::{Bencher, black_box};
use equalizer_core::balance::rendezvous::rank;
use equalizer_core::persistence::address::{Addresses, Settings};
use equalizer_core::persistence::census::Census;
use equalizer_core::persistence::cookie::{Home, SessionId, home_of};
use equalizer_core::persistence::learn::Learnt;

const MILLION: u32 = 1_000_000;
const NOW: u64 = 1_800_000_000;
const IDLE: u32 = 1800;

fn main() {
    divan::main();
}

fn client(number: u32) -> IpAddr {
    IpAddr::V4(Ipv4Addr::from_bits(number.wrapping_mul(2_654_435_761)))
}

fn addresses() -> Addresses {
    let settings = Settings { prefix4: 32, prefix6: 64, idle: IDLE, capacity: MILLION as usize };
    let addresses = Addresses::new(settings, 5);
    for number in 0..MILLION {
        addresses.record(client(number), Home(number.into()), NOW);
    }
    println!("{} records, {} bytes each when full", addresses.len(), addresses.bytes() / MILLION as usize);
    addresses
}

#[divan::bench(sample_size = 10_000)]
fn address_recall(bencher: Bencher) {
    let addresses = addresses();
    let mut random = fastrand::Rng::with_seed(1);
    bencher.bench_local(|| addresses.recall(client(random.u32(..MILLION)), NOW));
}

/// All records for a file, as every minute or so; no lock is held for more than 4096 of them.
#[divan::bench(sample_size = 1, sample_count = 10)]
fn address_export(bencher: Bencher) {
    let addresses = addresses();
    bencher.bench_local(|| addresses.export(NOW).count());
}

/// All records of a file, as at a start.
#[divan::bench(sample_size = 1, sample_count = 5)]
fn address_import(bencher: Bencher) {
    let kept: Vec<_> = addresses().export(NOW).collect();
    let settings = Settings { prefix4: 32, prefix6: 64, idle: IDLE, capacity: MILLION as usize };
    bencher
        .with_inputs(|| Addresses::new(settings, 6))
        .bench_local_values(|addresses| addresses.import(kept.iter().copied(), NOW));
}

/// Most touches: the record's place in the order is recent enough.
#[divan::bench(sample_size = 10_000)]
fn address_touch(bencher: Bencher) {
    let addresses = addresses();
    let mut random = fastrand::Rng::with_seed(1);
    bencher.bench_local(|| addresses.touch(client(random.u32(..MILLION)), NOW));
}

/// The dearest touch: every record moves to the end of the order.
#[divan::bench(sample_size = 10_000, sample_count = 50)]
fn address_touch_after_a_minute(bencher: Bencher) {
    let addresses = addresses();
    let (mut number, mut later) = (0_u32, NOW);
    bencher.bench_local(|| {
        number = number.wrapping_add(618_033);
        if number >= MILLION {
            number -= MILLION;
        }
        later += u64::from(number == 0) * 60;
        addresses.touch(client(number), later + 60)
    });
}

/// A newcomer to a full table: the longest idle goes.
#[divan::bench(sample_size = 10_000)]
fn address_record_when_full(bencher: Bencher) {
    let addresses = addresses();
    let mut number = MILLION;
    bencher.bench_local(|| {
        number += 1;
        addresses.record(client(number), Home(1), NOW)
    });
}

#[divan::bench(sample_size = 10_000)]
fn learn_recall(bencher: Bencher) {
    let learnt = Learnt::new(MILLION as usize, IDLE, 5);
    let value = |number: u32| (u128::from(number) << 96 | 0xfeed).to_be_bytes();
    for number in 0..MILLION {
        learnt.record(learnt.key(&value(number)), Home(number.into()), NOW);
    }
    let mut random = fastrand::Rng::with_seed(1);
    bencher.bench_local(|| learnt.recall(learnt.key(&value(random.u32(..MILLION))), NOW));
}

#[divan::bench(sample_size = 10_000)]
fn census_see(bencher: Bencher) {
    let mut census = Census::new(IDLE.into());
    let mut random = fastrand::Rng::with_seed(1);
    bencher.bench_local(|| census.see(SessionId(random.u64(..)), NOW));
}

#[divan::bench]
fn census_count(bencher: Bencher) {
    let mut census = Census::new(IDLE.into());
    for second in 0..u64::from(IDLE) {
        census.see(SessionId(second), NOW + second);
    }
    bencher.bench(|| census.sketch(black_box(NOW + u64::from(IDLE))).count());
}

#[divan::bench(sample_size = 1000, args = [3, 10, 100])]
fn rendezvous(bencher: Bencher, servers: usize) {
    let servers: Vec<_> = (0..servers).map(|i| (i, home_of(&format!("web{i}")), 100)).collect();
    let mut session = 0;
    bencher.bench_local(|| {
        session += 1;
        rank(session, servers.iter().copied())
    });
}
