//! Every balance as a snapshot has it: who takes newcomers, by weights, states and keys.

mod support;

use std::collections::BTreeMap;

use equalizer_core::balance::Local;
use equalizer_core::http::edits::Edits;
use equalizer_core::http::h1::decode::{self, Limits};
use equalizer_core::http::h1::encode::Lines;
use equalizer_core::persistence::opened::Opened;
use equalizer_core::persistence::{Ask, Reason, Recall};
use equalizer_core::pool::{Pool, ServerId, Tried};
use equalizer_core::snapshot::Snapshot;
use equalizer_core::snapshot::build::{At, build};
use equalizer_core::snapshot::wire::{self, ServerWeight};
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{NOW, rebuilt, wire};

const BARE: [&str; 5] = ["round_robin", "random", "least_requests", "p2c", "dynamic"];

fn key(over: &str) -> Value {
    json!({"over": over, "name": "room", "prefix4": 32, "prefix6": 64})
}

fn every() -> Vec<Value> {
    let keyed = [
        json!({"kind": "rendezvous", "key": key("query")}),
        json!({"kind": "maglev", "key": key("query"), "bound": 0}),
        json!({"kind": "maglev", "key": key("query"), "bound": 125}),
    ];
    BARE.iter().map(|kind| json!({ "kind": kind })).chain(keyed).collect()
}

fn written(balance: &Value, weights: [u16; 4]) -> wire::Snapshot {
    let mut wire = wire(&[], &json!({}));
    wire.pools[0].balance = serde_json::from_value(balance.clone()).expect("a balance");
    for (server, weight) in wire.pools[0].servers.iter_mut().zip(weights) {
        server.weight = weight;
    }
    wire
}

fn shop(balance: &Value, weights: [u16; 4]) -> Snapshot {
    rebuilt(&written(balance, weights), None, NOW)
}

/// A client without a session, who wants this.
fn newcomer(snapshot: &Snapshot, target: &str) -> Recall {
    let head = format!("GET {target} HTTP/1.1\r\nHost: shop.example\r\n\r\n");
    let mut fields = Vec::new();
    let limits = Limits { head: 8192, target: 8192, fields: 10 };
    decode::request(head.as_bytes(), limits, &mut fields).expect("a request").expect("whole");
    let ask = Ask {
        lines: Lines { bytes: head.as_bytes(), fields: &fields },
        target: target.as_bytes(),
        host: b"shop.example",
        method: b"GET",
        client: [192, 0, 2, 7].into(),
        secure: false,
        listener: 0,
        now: NOW,
        opened: &Opened::default(),
    };
    let pool = &snapshot.pools[0];
    pool.persistence.recall(&snapshot.ring, pool, &ask, &mut Edits::default())
}

/// How many newcomers of a thousand rooms each server gets.
fn shares(snapshot: &Snapshot, local: &mut Local) -> [u32; 4] {
    let mut counts = [0; 4];
    for room in 0..1000 {
        let recall = newcomer(snapshot, &format!("/?room={room}"));
        counts[snapshot.pools[0].pick(&recall, &Tried::default(), local).expect("a server").0] += 1;
    }
    counts
}

fn give(snapshot: &Snapshot, server: &str, given: u16, now: u16) {
    let said = [ServerWeight { pool: "shop".to_owned(), server: server.to_owned(), given, now }];
    snapshot.set_weights(&said).expect("a server of the pool");
}

#[test]
fn newcomers_are_shared_by_weight() {
    for balance in every() {
        let snapshot = shop(&balance, [100, 200, 0, 100]);
        let counts = shares(&snapshot, &mut Local::new(4, 7));
        assert_eq!(counts[2], 0, "{balance}");
        for (count, share) in counts.iter().zip([250, 500, 0, 250]) {
            assert!(count.abs_diff(share) <= 40, "{balance}: {counts:?}");
        }
    }
}

#[test]
fn the_seed_decides_alone() {
    for balance in every() {
        let snapshot = shop(&balance, [100, 200, 50, 100]);
        let [one, same] = [5, 5].map(|seed| shares(&snapshot, &mut Local::new(4, seed)));
        assert_eq!(one, same, "{balance}");
    }
}

#[test]
fn the_shares_of_a_seed_are_exact() {
    let found = every().into_iter().map(|balance| {
        let snapshot = shop(&balance, [100, 200, 50, 100]);
        let kind = balance["kind"].as_str().expect("a word").to_owned();
        (kind, shares(&snapshot, &mut Local::new(4, 7)))
    });
    let exact: [(&str, [u32; 4]); 7] = [
        ("round_robin", [222, 445, 111, 222]),
        ("random", [225, 446, 115, 214]),
        ("least_requests", [222, 445, 111, 222]),
        ("p2c", [235, 450, 117, 198]),
        ("dynamic", [222, 445, 111, 222]),
        ("rendezvous", [232, 435, 108, 225]),
        ("maglev", [221, 429, 129, 221]),
    ];
    let exact: BTreeMap<String, [u32; 4]> = exact.map(|(kind, shares)| (kind.to_owned(), shares)).into();
    assert_eq!(found.collect::<BTreeMap<_, _>>(), exact);
}

#[test]
fn a_weight_that_was_given_counts_for_every_balance() {
    for balance in every() {
        let snapshot = shop(&balance, [100; 4]);
        give(&snapshot, "web2", 0, 0);
        let without = shares(&snapshot, &mut Local::new(4, 7));
        assert_eq!(without[1], 0, "{balance}");
        give(&snapshot, "web2", 200, 200);
        let with = shares(&snapshot, &mut Local::new(4, 7));
        assert!(with[1] > 300, "{balance}: {with:?}");
    }
}

#[test]
fn a_given_weight_outlives_a_reload_and_a_wrong_name_changes_nothing() {
    let wire = written(&json!({"kind": "round_robin"}), [100; 4]);
    let before = rebuilt(&wire, None, NOW);
    give(&before, "web1", 0, 0);
    let after = rebuilt(&wire, Some(&before), NOW);
    assert_eq!(shares(&after, &mut Local::new(4, 1))[0], 0);
    let nobody = [ServerWeight { pool: "shop".into(), server: "web9".into(), given: 1, now: 1 }];
    assert_eq!(after.set_weights(&nobody).expect_err("nobody").server, "web9");
    assert_eq!(shares(&after, &mut Local::new(4, 1))[0], 0);
    after.set_weights(&[]).expect("all as configured");
    assert_eq!(shares(&after, &mut Local::new(4, 1)), [250; 4]);
}

#[test]
fn a_session_gets_another_home_by_what_people_say_and_not_by_the_second() {
    let snapshot = shop(&json!({"kind": "dynamic"}), [100; 4]);
    let pool = &snapshot.pools[0];
    let homes = || (0..200).map(|id| next_home(pool, id)).collect::<Vec<_>>();
    let before = homes();
    give(&snapshot, "web2", 100, 50);
    assert_eq!(homes(), before);
    give(&snapshot, "web2", 0, 0);
    assert!(!homes().contains(&ServerId(1)));
}

/// Where a session goes that lost its home.
fn next_home(pool: &Pool, id: u64) -> ServerId {
    let id = equalizer_core::persistence::cookie::SessionId(id);
    pool.elsewhere(id, ServerId(3)).expect("a server")
}

#[test]
fn least_requests_counts_what_all_workers_have_in_flight() {
    let snapshot = shop(&json!({"kind": "least_requests"}), [100; 4]);
    let pool = &snapshot.pools[0];
    let mut workers = [1, 2, 3].map(|seed| Local::new(4, seed));
    let recall = Recall::nobody(Reason::New);
    for turn in 0..40 {
        let server = pool.pick(&recall, &Tried::default(), &mut workers[turn % 3]).expect("a server");
        pool.servers[server.0].live.departs();
    }
    assert_eq!(pool.servers.iter().map(|server| server.live.in_flight()).collect::<Vec<_>>(), [10; 4]);
}

#[test]
fn a_balance_outside_falls_back_to_one_that_chooses_by_itself() {
    let inner = json!({"kind": "python", "wait": 5, "fallback": {"kind": "rendezvous", "key": key("query")}});
    let outside = shop(&inner, [100; 4]);
    let own = shop(&inner["fallback"], [100; 4]);
    assert_eq!(outside.pools[0].balance.waits(), Some(5));
    assert_eq!(own.pools[0].balance.waits(), None);
    assert_eq!(shares(&outside, &mut Local::new(4, 1)), shares(&own, &mut Local::new(4, 1)));
    let nested = written(&json!({"kind": "python", "wait": 5, "fallback": inner}), [100; 4]);
    let mistakes = build(&nested, None, At { now: NOW, chance: 1 }).expect_err("nobody chooses in the end");
    assert_eq!(mistakes[0].path, ["pools", "shop", "balance", "fallback"]);
}

#[test]
fn a_request_without_the_key_goes_to_whose_turn_it_is() {
    for balance in every().into_iter().filter(|balance| balance["key"].is_object()) {
        let snapshot = shop(&balance, [100; 4]);
        let mut local = Local::new(4, 1);
        let recall = newcomer(&snapshot, "/");
        assert_eq!(recall.key(), None);
        let found =
            [(); 4].map(|()| snapshot.pools[0].pick(&recall, &Tried::default(), &mut local).expect("one").0);
        assert_eq!(found, [0, 1, 2, 3], "{balance}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_key_chooses_the_same_server_everywhere(room: u32, seeds: (u64, u64), turns in 0..9usize) {
        for balance in every().into_iter().filter(|balance| balance["key"].is_object()) {
            let (one, other) = (shop(&balance, [100, 50, 200, 100]), shop(&balance, [100, 50, 200, 100]));
            let recall = newcomer(&one, &format!("/a?room={room}"));
            let mut local = Local::new(4, seeds.1);
            local.skip(turns, |_| 100);
            let first = one.pools[0].pick(&recall, &Tried::default(), &mut Local::new(4, seeds.0));
            prop_assert_eq!(first, other.pools[0].pick(&recall, &Tried::default(), &mut local));
        }
    }

    #[test]
    fn who_has_failed_is_not_chosen_again(failed in 0..4usize, seed: u64) {
        for balance in every() {
            let snapshot = shop(&balance, [100; 4]);
            let mut tried = Tried::default();
            tried.failed(ServerId(failed), equalizer_core::fault::Fault::Connect);
            let recall = newcomer(&snapshot, "/?room=1");
            for _ in 0..8 {
                let found = snapshot.pools[0].pick(&recall, &tried, &mut Local::new(4, seed));
                prop_assert_ne!(found.expect("a server"), ServerId(failed));
            }
        }
    }
}
