//! From a stamped response back to its server: recall, pick and stamp together.

use equalizer_core::balance::Local;
use equalizer_core::fault::Fault;
use equalizer_core::http::edits::Edits;
use equalizer_core::http::h1::decode::{self, Limits};
use equalizer_core::http::h1::encode::Lines;
use equalizer_core::http::method::Method;
use equalizer_core::persistence::cookie::SessionId;
use equalizer_core::persistence::opened::Opened;
use equalizer_core::persistence::{Ask, Asked, Reason, Recall, Stamping};
use equalizer_core::pool::{Pool, ServerId, Tried};
use equalizer_core::snapshot::Snapshot;
use proptest::prelude::*;

mod common;

const LIMITS: Limits = Limits { head: 65536, target: 1024, fields: 100 };
const NAMES: [&str; 5] = ["web1", "web2", "web3", "web4", "web5"];

const NOW: u64 = 1_800_000_000;

fn recall(rules: &Snapshot, cookies: &str) -> Recall {
    let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{cookies}\r\n");
    let mut fields = Vec::new();
    decode::request(text.as_bytes(), LIMITS, &mut fields).expect("accepted").expect("complete");
    let pool = &rules.pools[0];
    let ask = Ask {
        lines: Lines { bytes: text.as_bytes(), fields: &fields },
        target: b"/",
        host: b"a",
        method: b"GET",
        client: [192, 0, 2, 7].into(),
        secure: false,
        listener: 0,
        now: NOW,
        opened: &Opened::default(),
    };
    pool.persistence.recall(&rules.ring, pool, &ask, &mut Edits::default())
}

fn stamp(rules: &Snapshot, recall: &Recall, server: ServerId, now: u64, chance: u64) -> String {
    let mut recall = *recall;
    if recall.is_birth() {
        recall.bear(SessionId(chance), server, false);
    }
    let mut out = Vec::new();
    let stamping = Stamping {
        ring: &rules.ring,
        pool: &rules.pools[0],
        server,
        recall: &recall,
        asked: Asked {
            method: Method::Idempotent,
            client: [192, 0, 2, 7].into(),
            secure: false,
            listener: 0,
            now,
        },
        lines: Lines { bytes: b"", fields: &[] },
    };
    rules.pools[0].persistence.stamp(&stamping, &mut Edits::default(), &mut out);
    String::from_utf8(out).expect("text")
}

/// The Cookie line of a client that was given this Set-Cookie line.
fn sent_back(line: &str) -> String {
    let pair = line.strip_prefix("Set-Cookie: ").and_then(|rest| rest.split(';').next()).expect("a cookie");
    format!("Cookie: {pair}\r\n")
}

fn named(pool: &Pool, name: &str) -> ServerId {
    ServerId(pool.servers.iter().position(|server| server.name == name).expect("a server"))
}

fn tried(servers: &[ServerId]) -> Tried {
    let mut tried = Tried::default();
    for &server in servers {
        tried.failed(server, Fault::Connect);
    }
    tried
}

proptest! {
    #[test]
    fn who_was_stamped_is_recalled_home(server in 0..5usize, now in NOW..1_900_000_000, chance: u64) {
        let rules = common::shop(&NAMES);
        let line = stamp(&rules, &recall(&rules, ""), ServerId(server), now, chance);
        let again = recall(&rules, &sent_back(&line));
        prop_assert_eq!(again.home(), Some(ServerId(server)));
        prop_assert_eq!(again.reason(ServerId(server)), Reason::Recalled);
        prop_assert_eq!(stamp(&rules, &again, ServerId(server), now, chance), "");
        let picked = rules.pools[0].pick(&again, &Tried::default(), &mut Local::new(5, 1));
        prop_assert_eq!(picked, Some(ServerId(server)));
    }

    #[test]
    fn a_home_is_its_name_whatever_its_place(server in 0..5usize, turn in 0..5usize, chance: u64) {
        let rules = common::shop(&NAMES);
        let line = stamp(&rules, &recall(&rules, ""), ServerId(server), NOW, chance);
        let mut names = NAMES;
        names.rotate_left(turn);
        let other = common::shop(&names);
        let home = recall(&other, &sent_back(&line)).home();
        prop_assert_eq!(home, Some(named(&other.pools[0], NAMES[server])));
    }

    #[test]
    fn a_lost_session_has_one_next_home_wherever_it_is_asked(chance: u64, turns in 0..9usize) {
        let rules = common::shop(&NAMES);
        let pool = &rules.pools[0];
        let lost = recall(&rules, &sent_back(&stamp(&rules, &recall(&rules, ""), ServerId(2), NOW, chance)));
        let next = pool.pick(&lost, &tried(&[ServerId(2)]), &mut Local::new(5, 1)).expect("a server");
        prop_assert_ne!(next, ServerId(2));
        prop_assert_eq!(lost.reason(next), Reason::HomeDown);
        let mut elsewhere = Local::new(5, 1);
        for _ in 0..turns {
            elsewhere.skip(1, |_| 100);
        }
        prop_assert_eq!(pool.pick(&lost, &tried(&[ServerId(2)]), &mut elsewhere), Some(next));
        let without = common::shop(&["web1", "web2", "web4", "web5"]);
        let removed = recall(&without, &sent_back(&stamp(&rules, &recall(&rules, ""), ServerId(2), NOW, chance)));
        prop_assert_eq!(removed.reason(ServerId(0)), Reason::HomeRemoved);
        let there = without.pools[0].pick(&removed, &Tried::default(), &mut Local::new(4, 1)).expect("a server");
        prop_assert_eq!(&without.pools[0].servers[there.0].name, &pool.servers[next.0].name);
        let moved = recall(&rules, &sent_back(&stamp(&rules, &lost, next, NOW + 9, 0)));
        prop_assert_eq!(moved.home(), Some(next));
        let id = |recall: &Recall| recall.id();
        prop_assert_eq!(id(&moved), id(&lost));
    }

    #[test]
    fn no_cookie_line_is_an_error(value in "[ -~\t]{0,200}") {
        let rules = common::shop(&NAMES);
        prop_assert_eq!(recall(&rules, &format!("Cookie: {value}; EQ={value}\r\n")).home(), None);
    }
}

#[test]
fn whoever_failed_is_not_picked_again_until_nobody_is_left() {
    let rules = common::shop(&NAMES);
    let pool = &rules.pools[0];
    let new = recall(&rules, "");
    let homed = recall(&rules, &sent_back(&stamp(&rules, &new, ServerId(3), NOW, 1)));
    for who in [new, homed] {
        let mut failed = Vec::new();
        while let Some(server) = pool.pick(&who, &tried(&failed), &mut Local::new(5, 1)) {
            assert!(!failed.contains(&server));
            failed.push(server);
        }
        assert_eq!(failed.len(), 5);
    }
}

#[test]
fn the_first_cookie_that_opens_wins() {
    let rules = common::shop(&NAMES);
    let cookie = |server| sent_back(&stamp(&rules, &recall(&rules, ""), ServerId(server), NOW, 1));
    let lines = format!("Cookie: EQ=x; a=1\r\n{}{}", cookie(4), cookie(1));
    assert_eq!(recall(&rules, &lines).home(), Some(ServerId(4)));
}

#[test]
fn only_the_first_eight_values_of_a_name_are_tried() {
    let rules = common::shop(&NAMES);
    let ours = sent_back(&stamp(&rules, &recall(&rules, ""), ServerId(4), NOW, 1));
    let after = |others| recall(&rules, &("Cookie: EQ=x\r\n".repeat(others) + &ours)).home();
    assert_eq!((after(7), after(8)), (Some(ServerId(4)), None));
}
