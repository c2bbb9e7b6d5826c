//! A session that would move, back or to a server that joined, and is not taken there: it stays where it lives.

mod support;

use equalizer_core::persistence::Reason;
use equalizer_core::snapshot::wire::{Server, State};
use serde_json::{Value, json};
use support::{Bench, Exchange, NOW, cookie, cookies, rebuilt, wire};

fn insert() -> Value {
    cookie("insert", "EQ", &json!({}))
}

fn request(seen: &Exchange) -> String {
    cookies(&[("EQ", &seen.value("EQ").expect("stamped"))])
}

/// Sessions that were born at web1 to web3, in a pool that web4 has joined, and their homes.
fn before_web4_joined(sessions: &Value) -> (Bench, Vec<(String, String)>) {
    let mut written = wire(&[insert()], sessions);
    // A server that nobody is born at stands where web4 will.
    let last = written.pools[0].servers.pop().expect("web4");
    written.pools[0].servers.push(Server { name: "old4".to_owned(), weight: 0, ..last.clone() });
    let mut bench = Bench::new(&[insert()], sessions);
    bench.snapshot = rebuilt(&written, None, NOW);
    let born = (0..40).map(|_| bench.exchange("", "")).map(|seen| (request(&seen), seen.server)).collect();
    written.pools[0].servers[3] = last;
    bench.now += 100;
    bench.snapshot = rebuilt(&written, Some(&bench.snapshot), bench.now);
    (bench, born)
}

#[test]
fn a_session_stays_where_the_server_that_joined_does_not_take_it() {
    for strict in [false, true] {
        let rebalance = json!({"per_minute": 1_000_000, "idle_over": 10});
        let (mut bench, born) = before_web4_joined(&json!({"rebalance": rebalance, "strict": strict}));
        let mut moves = 0;
        for (cookie, home) in born {
            let there = bench.exchange(&cookie, "").reason == Reason::Rebalanced;
            moves += usize::from(there);
            let stays = bench.exchange_after(&cookie, "", &["web4"]);
            assert_eq!((stays.server, stays.reason), (home, Reason::Recalled), "strict {strict}");
        }
        assert!(moves > 2, "{moves}");
    }
}

#[test]
fn a_session_stays_where_the_server_it_was_at_before_does_not_take_it() {
    let (mut bench, born) = before_web4_joined(&json!({"fail_back": "return", "announce": true}));
    for (cookie, first) in born {
        bench.set(&first, State::Maintenance);
        // web4 has joined, but this one knows nothing of it yet.
        bench.set("web4", State::Down);
        let away = bench.exchange(&cookie, "");
        bench.set_all(&[&first, "web4"], State::Up);
        let stays = bench.exchange_after(&request(&away), "", &[&first]);
        assert_eq!((&stays.server, stays.reason), (&away.server, Reason::Recalled));
        assert!(!stays.request.contains("Session-Moved"), "{}", stays.request);
        let again = if stays.value("EQ").is_some() { request(&stays) } else { request(&away) };
        let back = bench.exchange(&again, "");
        assert_eq!((&back.server, back.reason), (&first, Reason::FailedBack));
        bench.set(&away.server, State::Down);
        let lost = bench.exchange_after(&request(&away), "", &[&first]);
        assert_eq!(lost.reason, Reason::HomeDown);
        bench.set(&away.server, State::Up);
    }
}

#[test]
fn a_session_whose_draining_home_let_it_go_is_not_lost_where_nobody_else_answers() {
    for strict in [false, true] {
        let mut bench = Bench::new(&[insert()], &json!({"strict": strict}));
        let first = bench.exchange("", "");
        for server in ["web1", "web2", &first.server] {
            bench.say(server, State::Draining, bench.now, 0);
        }
        let others: Vec<&str> =
            ["web3", "web4"].into_iter().filter(|server| *server != first.server).collect();
        if strict {
            bench.set_all(&others, State::Down);
        }
        let stays = bench.exchange_after(&request(&first), "", if strict { &[] } else { &others });
        assert_eq!((stays.server, stays.reason), (first.server, Reason::Recalled));
    }
}
