//! Each kind of persistence, as its client and its server see it.

mod support;

use std::collections::BTreeMap;

use equalizer_core::persistence::Reason;
use equalizer_core::persistence::explain::{Explained, explain};
use equalizer_core::snapshot::wire::State;
use proptest::prelude::*;
use serde_json::{Value, json};
use support::{Bench, address, cookie, cookies, field};

fn bench(kind: Value) -> Bench {
    Bench::new(&[kind], &json!({}))
}

fn set(value: &str) -> String {
    format!("Set-Cookie: ID={value}; Path=/app; HttpOnly\r\n")
}

#[test]
fn rewrite_puts_our_value_in_the_place_of_the_servers() {
    let mut bench = bench(cookie("rewrite", "ID", &json!({})));
    let first = bench.exchange("", "Set-Cookie: a=1\r\nSet-Cookie: ID=x; Path=/app; HttpOnly\r\n");
    let value = first.value("ID").expect("the server set it");
    assert_eq!(value.len(), 95);
    assert!(
        first
            .response
            .contains(&format!("Set-Cookie: a=1\r\nSet-Cookie: ID={value}; Path=/app; HttpOnly\r\n"))
    );
    for _ in 0..5 {
        let next = bench.exchange(&cookies(&[("ID", &value)]), "");
        assert_eq!((&next.server, next.reason), (&first.server, Reason::Recalled));
        assert_eq!(next.cookies(), Some(format!("ID={value}").as_str()), "the server reads that it is there");
        assert!(next.set_cookies().is_empty());
    }
}

#[test]
fn a_cookie_that_the_server_ends_is_left_as_it_is() {
    for mode in ["rewrite", "prefix"] {
        for ending in ["", "x; Max-Age=0", "x; Expires=Thu, 01-Jan-1970 00:00:10 GMT"] {
            let seen =
                bench(cookie(mode, "ID", &json!({}))).exchange("", &format!("Set-Cookie: ID={ending}\r\n"));
            assert_eq!(seen.set_cookies(), [format!("ID={ending}")], "{mode}");
        }
    }
}

#[test]
fn prefix_is_taken_off_again_also_within_quotes_and_when_its_key_is_gone() {
    for value in ["4711", "\"47 11\"", "~", "a~b=c"] {
        let mut bench = bench(cookie("prefix", "ID", &json!({})));
        let first = bench.exchange("", &set(value));
        let kept = first.value("ID").expect("the server set it");
        assert_eq!(kept.starts_with('"'), value.starts_with('"'));
        let next = bench.exchange(&cookies(&[("a", "1"), ("ID", &kept)]), "");
        assert_eq!((&next.server, next.reason), (&first.server, Reason::Recalled));
        assert_eq!(next.cookies(), Some(format!("a=1; ID={value}").as_str()));

        let mut wire = support::wire(&[cookie("prefix", "ID", &json!({}))], &json!({}));
        wire.keys[0].id = 9;
        bench.snapshot = support::rebuilt(&wire, None, bench.now);
        let after = bench.exchange(&cookies(&[("ID", &kept)]), "");
        assert_eq!(after.reason, Reason::SealedByUnknownKey);
        assert_eq!(after.cookies(), Some(format!("ID={value}").as_str()));
    }
}

#[test]
fn a_prefixed_value_is_explained_as_the_client_keeps_it() {
    for settings in [json!({}), json!({"seal_value": true})] {
        let mut bench = bench(cookie("prefix", "ID", &settings));
        let first = bench.exchange("", &set("\"4711\""));
        let kept = first.value("ID").expect("set");
        match explain(&bench.snapshot, &kept, bench.now) {
            Explained::Opened { home, honoured, .. } => {
                assert_eq!((home, honoured), (Some(first.server), true));
            }
            Explained::Closed { reason } => panic!("{kept} is {reason}"),
        }
    }
}

#[test]
fn a_rehomed_prefix_is_written_with_the_servers_next_cookie() {
    let mut bench = bench(cookie("prefix", "ID", &json!({})));
    let first = bench.exchange("", &set("4711"));
    let request = cookies(&[("ID", &first.value("ID").expect("set"))]);
    bench.set(&first.server, State::Down);
    let moved = bench.exchange(&request, "");
    assert_eq!((moved.reason, moved.set_cookies().len()), (Reason::HomeDown, 0));
    let again = bench.exchange(&request, &set("4712"));
    assert_eq!(again.server, moved.server);
    let next = bench.exchange(&cookies(&[("ID", &again.value("ID").expect("set"))]), "");
    assert_eq!((&next.server, next.reason), (&moved.server, Reason::Recalled));
}

#[test]
fn a_sealed_value_reaches_its_server_and_nothing_else_does() {
    let mut bench = bench(cookie("prefix", "ID", &json!({"seal_value": true})));
    for value in ["4711", "\"47 11\"", "~"] {
        let first = bench.exchange("", &set(value));
        let kept = first.value("ID").expect("set");
        assert!(!kept.contains("4711") && kept != bench.exchange("", &set(value)).value("ID").expect("set"));
        let next = bench.exchange(&cookies(&[("ID", &kept), ("a", "1")]), "");
        assert_eq!(
            (&next.server, next.cookies()),
            (&first.server, Some(format!("ID={value}; a=1").as_str()))
        );
        let mut changed = kept.clone();
        changed.replace_range(100..101, if kept.as_bytes()[100] == b'A' { "B" } else { "A" });
        let changed = bench.exchange(&cookies(&[("ID", &changed), ("a", "1")]), "");
        assert_eq!((&changed.server, changed.cookies()), (&first.server, Some("a=1")));
    }
    for foreign in ["4711", "~4711", ""] {
        assert_eq!(bench.exchange(&cookies(&[("ID", foreign)]), "").cookies(), None);
    }
}

#[test]
fn a_learnt_cookie_comes_back_until_the_server_ends_it() {
    let mut bench = bench(cookie("learn", "ID", &json!({})));
    let first = bench.exchange("", &set("4711"));
    let request = cookies(&[("ID", "4711")]);
    for _ in 0..5 {
        bench.now += 599;
        let next = bench.exchange(&request, "");
        assert_eq!(
            (&next.server, next.reason),
            (&first.server, Reason::Recalled),
            "each use starts its time again"
        );
        assert_eq!(next.cookies(), Some("ID=4711"));
    }
    bench.exchange(&request, "Set-Cookie: ID=; Max-Age=0\r\n");
    assert_eq!(bench.exchange(&request, "").reason, Reason::New);
}

#[test]
fn a_learnt_session_without_its_home_is_learnt_anew() {
    let mut bench = bench(cookie("learn", "ID", &json!({})));
    let first = bench.exchange("", &set("4711"));
    bench.set(&first.server, State::Down);
    let moved = bench.exchange(&cookies(&[("ID", "4711")]), "");
    assert_eq!(moved.reason, Reason::HomeDown);
    bench.set(&first.server, State::Up);
    assert_eq!(bench.exchange(&cookies(&[("ID", "4711")]), "").server, moved.server);
}

#[test]
fn what_was_learnt_survives_a_reload_also_into_another_size() {
    for capacity in [1000, 2000] {
        for (kind, request) in [("cookie", "Cookie: ID=4711\r\n"), ("field", "id: 4711\r\n")] {
            let of = |size: u32| {
                let mut learning =
                    if kind == "cookie" { cookie("learn", "ID", &json!({})) } else { field("learn", "ID") };
                learning["capacity"] = json!(size);
                learning
            };
            let mut bench = bench(of(1000));
            let first = bench.exchange("", "Set-Cookie: ID=4711\r\nID: 4711\r\n");
            bench.reload(&[address(), of(capacity)], &json!({}));
            let next = bench.exchange(request, "");
            assert_eq!(
                (&next.server, next.reason),
                (&first.server, Reason::RecalledFallback),
                "{kind} {capacity}"
            );
        }
    }
}

#[test]
fn a_route_is_read_from_cookie_path_and_query() {
    let route = || bench(cookie("route", "ID", &json!({"parameters": ["id"]})));
    for (target, request) in [
        ("/", "Cookie: ID=x.web3\r\n"),
        ("/", "Cookie: ID=\"x.y.web3\"\r\n"),
        ("/a;id=x.web3?b=1", ""),
        ("/a?b=1&id=x.web3", ""),
        ("/a;id=x.web1", "Cookie: ID=x.web3\r\n"),
    ] {
        let mut bench = route();
        bench.target = target.to_owned();
        let seen = bench.exchange(request, "");
        assert_eq!((seen.server.as_str(), seen.reason), ("web3", Reason::Recalled), "{target} {request}");
        assert!(seen.set_cookies().is_empty());
    }
    assert_eq!(route().exchange("Cookie: ID=x\r\n", "").reason, Reason::New);
    assert_eq!(route().exchange("Cookie: ID=x.web9\r\n", "").reason, Reason::HomeRemoved);
}

#[test]
fn a_field_of_ours_comes_back_and_stays_from_the_server() {
    let mut bench = bench(field("insert", "Session-Id"));
    let first = bench.exchange("", "session-id: the server's\r\n");
    let line = first.response.lines().filter(|line| line.to_ascii_lowercase().starts_with("session-id:"));
    let [line] = line.collect::<Vec<_>>()[..] else { panic!("one field in {}", first.response) };
    let token = line.split_once(": ").expect("a field line").1;
    let next = bench.exchange(&format!("a: 1\r\nsession-id: {token}\r\n"), "");
    assert_eq!((&next.server, next.reason), (&first.server, Reason::Recalled));
    assert!(!next.request.contains("ession-") && next.request.contains("a: 1\r\n"));
    assert!(!next.response.contains("ession-"), "it is not sent again");
}

#[test]
fn a_field_is_not_written_where_the_cookie_says_it() {
    let mut bench =
        Bench::new(&[cookie("insert", "EQ", &json!({})), field("insert", "Session-Id")], &json!({}));
    let first = bench.exchange("", "");
    assert!(first.value("EQ").is_some() && !first.response.contains("Session-Id"));
}

fn foreign(format: &str, name: &str, text: &str) -> Value {
    json!({"accept": [{"format": format, "name": name, "servers": BTreeMap::from([(text, "web3")])}]})
}

#[test]
fn the_cookies_of_the_balancer_before_us_are_honoured_once() {
    for (format, name, text, sent) in [
        ("literal", "SRV", "s3", "SRV=s3"),
        ("literal", "SRV", "s3", "SRV=s3|Zab12|Zab12"),
        ("bigip", "BIGipServer", "1677787402.36895.0000", "BIGipServerpool=1677787402.36895.0000"),
        ("coyote", "Coyote-", "C0000203", "Coyote-2-c0000201=c0000203:0"),
    ] {
        let mut bench = Bench::new(&[cookie("insert", "EQ", &json!({}))], &foreign(format, name, text));
        let first = bench.exchange(&format!("Cookie: EQ=x; {sent}; a=1\r\n"), "");
        assert_eq!((first.server.as_str(), first.reason), ("web3", Reason::Accepted), "{sent}");
        assert_eq!(first.cookies(), Some("a=1"), "{sent}");
        let ours = first.value("EQ").expect("ours takes its place");
        bench.set("web3", State::Draining);
        let next = bench.exchange(&format!("Cookie: {sent}; EQ={ours}\r\n"), "");
        assert_eq!((next.server.as_str(), next.reason), ("web3", Reason::Recalled));
        assert!(next.set_cookies().is_empty());
        assert_eq!(next.cookies(), Some(sent), "believed no more, and left as it is");
    }
}

#[test]
fn a_foreign_cookie_says_more_of_a_client_than_what_many_share() {
    let insert = || cookie("insert", "EQ", &json!({}));
    let hash = || {
        json!({"kind": "hash", "over": "address", "name": "", "prefix4": 32, "prefix6": 64,
        "condition": {"when": [], "unless": []}})
    };
    for kinds in [vec![insert(), address()], vec![insert(), hash()], vec![address()], vec![hash()]] {
        let mut bench = Bench::new(&kinds, &foreign("literal", "SRV", "s3"));
        bench.set("web3", State::Maintenance);
        assert_ne!(bench.exchange("", "").server, "web3");
        bench.set("web3", State::Up);
        let over = bench.exchange("Cookie: SRV=s3\r\n", "");
        assert_eq!((over.server.as_str(), over.reason), ("web3", Reason::Accepted), "{kinds:?}");
        assert_eq!(over.value("EQ").is_some(), kinds.len() == 2);
        if kinds.contains(&address()) {
            assert_eq!(
                bench.exchange("", "").server,
                "web3",
                "what is recorded follows, as it does with our cookie"
            );
        }
    }
}

#[test]
fn what_the_application_says_of_a_session_comes_before_a_foreign_cookie() {
    for kinds in [vec![cookie("learn", "ID", &json!({}))], vec![address(), cookie("learn", "ID", &json!({}))]]
    {
        let mut bench = Bench::new(&kinds, &foreign("literal", "SRV", "s3"));
        bench.set("web3", State::Maintenance);
        let first = bench.exchange("", "Set-Cookie: ID=4711\r\n");
        bench.set("web3", State::Up);
        assert_eq!(bench.exchange("Cookie: SRV=s3; ID=4711\r\n", "").server, first.server);
    }
}

#[test]
fn what_is_not_believed_is_not_taken_out() {
    for (format, name, sent) in [
        ("literal", "SRV", "SRV=s4"),
        ("literal", "SRV", "srv=s3"),
        ("bigip", "BIGipServer", "BIGipServerpool=!encrypted"),
        ("coyote", "Coyote-", "Coyote-2-c0000201=s3"),
    ] {
        let mut bench = Bench::new(&[cookie("insert", "EQ", &json!({}))], &foreign(format, name, "s3"));
        let seen = bench.exchange(&format!("Cookie: {sent}\r\n"), "");
        assert_eq!((seen.reason, seen.cookies()), (Reason::New, Some(sent)));
    }
}

#[test]
fn a_foreign_prefix_is_taken_off_the_applications_value_every_time() {
    let mut bench = Bench::new(&[cookie("insert", "EQ", &json!({}))], &foreign("literal", "ID", "s3"));
    let first = bench.exchange("Cookie: ID=\"s3~4711\"\r\n", "");
    assert_eq!((first.server.as_str(), first.cookies()), ("web3", Some("ID=\"4711\"")));
    let ours = first.value("EQ").expect("stamped");
    let next = bench.exchange(&cookies(&[("EQ", &ours), ("ID", "s3~4711")]), "");
    assert_eq!((next.reason, next.cookies()), (Reason::Recalled, Some("ID=4711")));
}

#[test]
fn an_ended_session_does_not_begin_again_by_a_foreign_cookie() {
    let accept = foreign("literal", "SRV", "s3");
    let mut bench = Bench::new(&[cookie("insert", "EQ", &json!({}))], &accept);
    let ours = bench.exchange("Cookie: SRV=s3\r\n", "").value("EQ").expect("stamped");
    let mut later = accept;
    later["generation"] = json!(2);
    bench.reload(&[cookie("insert", "EQ", &json!({}))], &later);
    let seen = bench.exchange(&cookies(&[("EQ", &ours), ("SRV", "s3")]), "");
    assert_eq!(seen.reason, Reason::Generation);
}

#[test]
fn two_kinds_that_take_cookies_out_leave_none_of_them() {
    let kinds = [cookie("insert", "EQ", &json!({})), cookie("prefix", "ID", &json!({"seal_value": true}))];
    for (sent, left) in [
        ("EQ=1; ID=2", None),
        ("EQ=1; ID=2; a=3", Some("a=3")),
        ("ID=2;EQ=1;a=3;EQ=4", Some("a=3")),
        ("a=3; EQ=1; ID=2; b=4", Some("a=3; b=4")),
        ("EQ=1; a=3; ID=2", Some("a=3")),
    ] {
        let seen = Bench::new(&kinds, &json!({})).exchange(&format!("Cookie: {sent}\r\n"), "");
        assert_eq!(seen.cookies(), left, "{sent}");
    }
}

/// Any cookies of others: names that no kind here has, values of any bytes that may be sent.
fn others() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec("[a-d]=[ -:<-~]{0,12}", 0..5)
}

fn chains() -> Vec<Vec<Value>> {
    let plain = |mode| cookie(mode, "ID", &json!({"parameters": ["id"]}));
    let mut chains: Vec<Vec<Value>> =
        ["insert", "rewrite", "prefix", "learn", "route"].map(|mode| vec![plain(mode)]).into();
    chains.push(vec![cookie("prefix", "ID", &json!({"seal_value": true}))]);
    chains.push(vec![cookie("insert", "EQ", &json!({})), plain("prefix"), address()]);
    chains
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn no_input_changes_another_cookies_bytes(
        others in others(), ours in "(ID|EQ)=[ -:<-~]{0,120}", at: prop::sample::Index, chain in 0..7_usize,
    ) {
        let mut bench = Bench::new(&chains()[chain], &foreign("literal", "ID", "s3"));
        let mut pairs: Vec<&str> = others.iter().map(String::as_str).collect();
        pairs.insert(at.index(pairs.len() + 1), &ours);
        let seen = bench.exchange(&format!("Cookie: {}\r\n", pairs.join("; ")), "");
        let left = seen.cookies().unwrap_or_default();
        let left = left.split(';').map(str::trim).filter(|pair| !pair.starts_with("ID=") && !pair.starts_with("EQ="));
        let left: Vec<&str> = left.filter(|pair| !pair.is_empty()).collect();
        prop_assert_eq!(left, others.iter().map(|pair| pair.trim()).collect::<Vec<_>>());
    }

    #[test]
    fn recall_after_stamp_returns_the_home(
        others in others(), at: prop::sample::Index, wait in 0..600_u64, step in 0..300_u64, chain in 0..7_usize,
    ) {
        let mut bench = Bench::new(&chains()[chain], &json!({"idle": 600, "lifetime": 10_000}));
        bench.now += step;
        let first = bench.exchange("", "Set-Cookie: ID=4711.web2; Path=/\r\n");
        let ours = ["ID", "EQ"].map(|name| first.value(name).map(|value| format!("{name}={value}")));
        let home = if chain == 4 { "web2" } else { &first.server };
        let mut pairs = others;
        for pair in ours.into_iter().flatten() {
            let place = at.index(pairs.len() + 1);
            pairs.insert(place, pair);
        }
        bench.now += if chain == 3 { wait.min(599) } else { wait };
        let next = bench.exchange(&format!("Cookie: {}\r\n", pairs.join("; ")), "");
        prop_assert_eq!((next.server.as_str(), next.reason), (home, Reason::Recalled));
    }

    #[test]
    fn a_prefixed_server_sees_what_it_set(value in "[!-:<-~]([ -:<-~]{0,80}[!-:<-~])?", seal: bool) {
        // An empty value ends the cookie, and is left as it is.
        prop_assume!(value != "\"\"");
        let mut bench = bench(cookie("prefix", "ID", &json!({"seal_value": seal})));
        let kept = bench.exchange("", &set(&value)).value("ID");
        let next = bench.exchange(&cookies(&[("ID", &kept.expect("set"))]), "");
        let sees = format!("ID={value}");
        prop_assert_eq!(next.cookies(), Some(sees.as_str()));
    }
}
