//! No session for static files or bots: what a kind does with requests that it is not asked for.

mod support;

use equalizer_core::persistence::Reason;
use equalizer_core::snapshot::wire::State;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{Bench, Exchange, address, cookie, cookies, field, unless, when};

const BOT: &str = "User-Agent: a bot\r\n";

fn bots() -> Value {
    json!({"field": {"User-Agent": ["*bot*"]}})
}

fn styles() -> Value {
    json!({"path": ["*.css"]})
}

fn insert() -> Value {
    cookie("insert", "EQ", &json!({}))
}

fn learn() -> Value {
    cookie("learn", "ID", &json!({}))
}

fn hash() -> Value {
    json!({"kind": "hash", "over": "path", "name": "", "prefix4": 32, "prefix6": 64,
        "condition": {"when": [], "unless": []}})
}

/// What a client has of a session that began at `server`.
fn session_at(bench: &mut Bench, server: &str, answer: &str) -> Exchange {
    let others: Vec<&str> =
        ["web1", "web2", "web3", "web4"].into_iter().filter(|name| *name != server).collect();
    bench.set_all(&others, State::Down);
    let first = bench.exchange("", answer);
    bench.set_all(&others, State::Up);
    first
}

#[test]
fn nothing_begins_with_a_request_that_is_not_asked_for() {
    for kind in [insert(), field("insert", "Session-Id"), learn(), address()] {
        let mut bench = Bench::new(&[unless(kind.clone(), &[bots()])], &json!({}));
        let seen: Vec<_> = (0..4).map(|_| bench.exchange(BOT, "Set-Cookie: ID=4711\r\n")).collect();
        let mut servers: Vec<&str> = seen.iter().map(|seen| seen.server.as_str()).collect();
        servers.sort_unstable();
        assert_eq!(servers, ["web1", "web2", "web3", "web4"], "the balance chooses: {kind}");
        for one in &seen {
            assert_eq!((one.reason, one.recall.is_birth(), one.recall.id()), (Reason::NotAsked, false, None));
            assert_eq!(one.set_cookies(), ["ID=4711"], "{kind}");
            assert!(!one.response.contains("Session-Id"), "{kind}");
            assert_eq!(bench.pool().persistence.seen(&one.recall), None, "{kind}");
        }
        // A client that is asked finds nothing that those have left.
        let first = bench.exchange("Cookie: ID=4711\r\n", "");
        assert_eq!(first.reason, Reason::New, "{kind}");
    }
}

#[test]
fn a_session_goes_home_with_every_request_and_only_some_stamp_it() {
    let rules = json!({"idle": 3600});
    let mut bench = Bench::new(&[unless(insert(), &[styles()])], &rules);
    let value = session_at(&mut bench, "web3", "").value("EQ").expect("stamped");
    let request = cookies(&[("a", "1"), ("EQ", &value)]);
    bench.now += 1800;
    bench.target = "/a.css?v=1".to_owned();
    let style = bench.exchange(&request, "");
    assert_eq!(
        (style.server.as_str(), style.reason, style.cookies()),
        ("web3", Reason::Recalled, Some("a=1"))
    );
    assert!(style.set_cookies().is_empty(), "due, but not here");
    assert_eq!(bench.pool().persistence.seen(&style.recall), style.recall.id());
    bench.target = "/".to_owned();
    assert_eq!(bench.exchange(&request, "").set_cookies().len(), 1);
}

#[test]
fn a_lost_session_has_the_same_next_home_before_it_is_stamped_there() {
    let mut bench = Bench::new(&[unless(insert(), &[styles()])], &json!({}));
    let value = session_at(&mut bench, "web3", "").value("EQ").expect("stamped");
    let request = cookies(&[("EQ", &value)]);
    bench.set("web3", State::Down);
    bench.target = "/a.css".to_owned();
    let style = bench.exchange(&request, "");
    bench.target = "/".to_owned();
    let page = bench.exchange(&request, "");
    assert_eq!((style.reason, style.set_cookies().len()), (Reason::HomeDown, 0));
    assert_eq!((&page.server, page.set_cookies().len()), (&style.server, 1));
}

#[test]
fn a_record_is_read_and_left_alone() {
    for kind in [learn(), address()] {
        let mut bench = Bench::new(&[unless(kind.clone(), &[bots()])], &json!({}));
        session_at(&mut bench, "web3", "Set-Cookie: ID=4711\r\n");
        let request = "Cookie: ID=4711\r\n";
        bench.now += 599;
        let bot = bench.exchange(&format!("{BOT}{request}"), "");
        assert_eq!((bot.server.as_str(), bot.reason), ("web3", Reason::Recalled), "{kind}");
        bench.now += 1;
        assert_eq!(bench.exchange(request, "").reason, Reason::New, "it was as idle as it was: {kind}");
    }
}

#[test]
fn a_value_that_replaces_a_known_one_is_learnt_whatever_asked() {
    let mut bench = Bench::new(&[unless(learn(), &[styles()])], &json!({}));
    session_at(&mut bench, "web3", "Set-Cookie: ID=4711\r\n");
    bench.target = "/a.css".to_owned();
    bench.exchange("Cookie: ID=4711\r\n", "Set-Cookie: ID=4712\r\n");
    assert_eq!(bench.exchange("Cookie: ID=4712\r\n", "").server, "web3");
}

#[test]
fn the_servers_word_on_a_session_counts_whatever_asked() {
    let rules = json!({"pin_field": "Session-Pin"});
    let mut bench = Bench::new(&[unless(insert(), &[styles()])], &rules);
    let value = session_at(&mut bench, "web3", "").value("EQ").expect("stamped");
    bench.target = "/a.css".to_owned();
    for (word, reason) in [("release", Reason::Released), ("move", Reason::Moved), ("pin", Reason::Recalled)]
    {
        let answer = format!("Session-Pin: {word}\r\n");
        let seen = bench.exchange(&cookies(&[("EQ", &value)]), &answer);
        assert_eq!((seen.reason, seen.set_cookies().len()), (reason, 1), "{word}");
        let nobody = bench.exchange("", &answer);
        assert_eq!((nobody.reason, nobody.set_cookies().len()), (Reason::NotAsked, 0), "{word}");
        assert!(!nobody.response.contains("Session-Pin"));
    }
}

#[test]
fn a_kind_behind_takes_what_the_first_is_not_asked_for() {
    let mut bench = Bench::new(&[unless(insert(), &[bots()]), address()], &json!({}));
    let bot = bench.exchange(BOT, "");
    assert_eq!((bot.reason, bot.set_cookies().len()), (Reason::New, 0));
    let again = bench.exchange(BOT, "");
    assert_eq!((&again.server, again.reason), (&bot.server, Reason::RecalledFallback));
    assert!(again.set_cookies().is_empty());
    let browser = bench.exchange("", "");
    assert_eq!((&browser.server, browser.set_cookies().len()), (&bot.server, 1));
}

#[test]
fn a_hash_is_taken_of_what_it_is_asked_for() {
    let cached = json!({"path": ["/cache/*"]});
    let mut bench = Bench::new(&[when(hash(), &[cached]), insert()], &json!({}));
    bench.target = "/cache/a".to_owned();
    let homes: Vec<_> = (0..4).map(|_| bench.exchange("", "").server).collect();
    assert!(homes.iter().all(|home| *home == homes[0]));
    bench.target = "/".to_owned();
    let page = bench.exchange("", "");
    assert_eq!((page.reason, page.set_cookies().len()), (Reason::New, 1));

    let mut alone = Bench::new(&[unless(hash(), &[styles()])], &json!({}));
    alone.target = "/a.css".to_owned();
    assert_eq!(alone.exchange("", "").reason, Reason::NotAsked);
}

#[test]
fn a_server_never_keeps_a_cookie_of_our_name() {
    let mut bench = Bench::new(&[unless(insert(), &[bots()])], &json!({}));
    let seen = bench.exchange(&format!("{BOT}{}", cookies(&[("EQ", "x")])), "Set-Cookie: EQ=y\r\n");
    assert_eq!((seen.reason, seen.cookies(), seen.set_cookies().len()), (Reason::NotAsked, None, 0));
}

#[test]
fn a_condition_may_change_and_the_records_stay() {
    let mut bench = Bench::new(&[address()], &json!({}));
    let first = bench.exchange("", "");
    bench.reload(&[unless(address(), &[bots()])], &json!({}));
    let next = bench.exchange("", "");
    assert_eq!((&next.server, next.reason), (&first.server, Reason::Recalled));
}

#[test]
fn a_prefix_that_cannot_be_read_is_a_mistake_with_its_place() {
    use equalizer_core::snapshot::build::{At, build};
    let wrong = unless(address(), &[json!({"client": ["10.0.0.0/40"]})]);
    let mut chain: Vec<Value> = vec![insert(), wrong];
    let mistakes =
        build(&support::wire(&chain, &json!({})), None, At { now: 1, chance: 1 }).expect_err("a mistake");
    assert_eq!(mistakes.len(), 1);
    assert_eq!(mistakes[0].path, ["pools", "shop", "persistence", "1", "client"]);

    chain = (0..33).map(|number| cookie("route", &format!("A{number}"), &json!({}))).collect();
    let mistakes =
        build(&support::wire(&chain, &json!({})), None, At { now: 1, chance: 1 }).expect_err("a mistake");
    assert_eq!(mistakes[0].path, ["pools", "shop", "persistence"]);
}

/// Every kind that may have a condition, alone and together.
fn chains() -> Vec<Vec<Value>> {
    let field = || field("insert", "Session-Id");
    vec![
        vec![insert()],
        vec![learn()],
        vec![address()],
        vec![field()],
        vec![insert(), learn(), field(), address()],
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whoever has a session is sent home, and whoever has none leaves none, however the two kinds of request mix.
    #[test]
    fn only_what_is_asked_for_begins_a_session(chain in 0..5usize, asks in prop::collection::vec(any::<bool>(), 1..12)) {
        let chain: Vec<Value> = chains()[chain].iter().map(|kind| unless(kind.clone(), &[styles()])).collect();
        let mut bench = Bench::new(&chain, &json!({}));
        let mut kept = String::new();
        let mut home: Option<String> = None;
        for asked in asks {
            bench.target = if asked { "/" } else { "/a.css" }.to_owned();
            bench.now += 60;
            let answer = if kept.is_empty() { "Set-Cookie: ID=4711\r\n" } else { "" };
            let seen = bench.exchange(&kept, answer);
            if let Some(home) = &home {
                prop_assert_eq!(&seen.server, home);
                prop_assert!(matches!(seen.reason, Reason::Recalled | Reason::RecalledFallback));
            } else {
                prop_assert_eq!(seen.reason, if asked { Reason::New } else { Reason::NotAsked });
                if asked {
                    let pairs = [("EQ", seen.value("EQ")), ("ID", seen.value("ID"))];
                    let pairs: Vec<_> =
                        pairs.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
                    kept = cookies(&pairs);
                    let ours = seen.response.lines().find(|line| line.starts_with("Session-Id: "));
                    kept.extend(ours.map(|line| format!("{line}\r\n")));
                    home = Some(seen.server);
                }
            }
        }
    }
}
