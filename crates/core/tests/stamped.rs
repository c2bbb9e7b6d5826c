//! Which responses are stamped, with what, and what the server sees of it.

mod support;

use equalizer_core::http::method::Method;
use equalizer_core::persistence::Reason;
use equalizer_core::snapshot::wire::State;
use serde_json::{Value, json};
use support::{Bench, NOW, cookie, cookie_of_web2, cookies};

fn insert() -> Value {
    cookie("insert", "EQ", &json!({}))
}

/// The checks that peers were measured with, as far as they are about recalling and stamping.
#[test]
fn the_cookie_is_not_sent_again_while_it_is_valid() {
    let mut bench = Bench::new(&[insert()], &json!({}));
    let value = bench.exchange("", "").value("EQ").expect("stamped");
    bench.now += 86_400;
    assert!(bench.exchange(&cookies(&[("EQ", &value)]), "").set_cookies().is_empty());
}

#[test]
fn the_server_does_not_see_our_cookie_and_a_quoted_one_counts() {
    let mut bench = Bench::new(&[insert()], &json!({}));
    let first = bench.exchange("", "");
    let quoted = format!("\"{}\"", first.value("EQ").expect("stamped"));
    let next = bench.exchange(&cookies(&[("a", "1"), ("EQ", &quoted), ("b", "2")]), "");
    assert_eq!((next.server.as_str(), next.cookies()), (first.server.as_str(), Some("a=1; b=2")));
    assert_eq!(bench.exchange(&cookies(&[("EQ", &quoted)]), "").cookies(), None);
}

#[test]
fn a_cacheable_response_is_never_stamped_unmarked() {
    for (cache, sets, private) in [("skip", 0, false), ("private", 1, true), ("always", 1, false)] {
        let mut bench = Bench::new(&[cookie("insert", "EQ", &json!({"cache": cache}))], &json!({}));
        let seen = bench.exchange("", "Cache-Control: public, max-age=60\r\n");
        assert_eq!(seen.set_cookies().len(), sets, "{cache}");
        assert_eq!(seen.response.contains("Cache-Control: private\r\n"), private, "{cache}");
    }
}

#[test]
fn what_only_a_cdn_may_store_is_not_stamped_unmarked_either() {
    for (cache, sets, told) in [("skip", 0, true), ("private", 1, false), ("always", 1, true)] {
        let mut bench = Bench::new(&[cookie("insert", "EQ", &json!({"cache": cache}))], &json!({}));
        let seen = bench.exchange("", "Cache-Control: no-store\r\nCDN-Cache-Control: max-age=60\r\n");
        assert_eq!(seen.set_cookies().len(), sets, "{cache}");
        assert_eq!(seen.response.contains("CDN-Cache-Control: max-age=60\r\n"), told, "{cache}");
    }
}

#[test]
fn one_cookie_of_a_name_is_left() {
    for (preserve, left) in [(false, "EQ=AQ"), (true, "EQ=server")] {
        let mut bench = Bench::new(&[cookie("insert", "EQ", &json!({"preserve": preserve}))], &json!({}));
        let seen = bench.exchange("", "Set-Cookie: EQ=server; Path=/\r\nSet-Cookie: a=1\r\n");
        let ours: Vec<_> = seen.set_cookies().into_iter().filter(|set| set.starts_with("EQ=")).collect();
        assert!(ours.len() == 1 && ours[0].starts_with(left), "{ours:?}");
        assert!(seen.response.contains("Set-Cookie: a=1\r\n"));
    }
}

#[test]
fn post_only_stamps_answers_to_post_alone() {
    let mut bench = Bench::new(&[cookie("insert", "EQ", &json!({"post_only": true}))], &json!({}));
    assert!(bench.exchange("", "").set_cookies().is_empty());
    bench.method = Method::Other;
    assert_eq!(bench.exchange("", "").set_cookies().len(), 1);
}

#[test]
fn post_only_lets_a_session_that_has_begun_go_on_while_its_client_only_looks() {
    let kinds = [cookie("insert", "EQ", &json!({"post_only": true}))];
    let mut bench = Bench::new(&kinds, &json!({"idle": 600}));
    bench.method = Method::Other;
    let first = bench.exchange("", "");
    let mut value = first.value("EQ").expect("it began with a POST");
    bench.method = Method::Idempotent;
    for _ in 0..8 {
        bench.now += 400;
        let seen = bench.exchange(&cookies(&[("EQ", &value)]), "");
        assert_eq!((&seen.server, seen.reason), (&first.server, Reason::Recalled));
        value = seen.value("EQ").expect("a quarter of idle has passed");
    }
    bench.set(&first.server, State::Down);
    let moved = bench.exchange(&cookies(&[("EQ", &value)]), "").value("EQ").expect("it has another home");
    bench.set(&first.server, State::Up);
    assert_ne!(bench.exchange(&cookies(&[("EQ", &moved)]), "").server, first.server);
    assert!(bench.exchange(&cookies(&[("EQ", "x")]), "").set_cookies().is_empty());
}

#[test]
fn parallel_requests_of_a_session_without_its_home_get_one_server_and_one_cookie() {
    let mut bench = Bench::new(&[insert()], &json!({}));
    let value = cookie_of_web2(&mut bench);
    let request = cookies(&[("EQ", &value)]);
    let first = bench.exchange_after(&request, "", &["web2"]);
    assert_eq!(first.reason, Reason::HomeDown);
    for _ in 0..8 {
        let next = bench.exchange_after(&request, "", &["web2"]);
        assert_eq!((&next.server, next.value("EQ")), (&first.server, first.value("EQ")));
    }
}

#[test]
fn a_session_whose_home_returns_has_one_home() {
    for (fail_back, returns) in [("stay", false), ("return", true)] {
        let mut bench = Bench::new(&[insert()], &json!({"fail_back": fail_back}));
        let value = cookie_of_web2(&mut bench);
        bench.set("web2", State::Down);
        let moved = bench.exchange(&cookies(&[("EQ", &value)]), "");
        let after = moved.value("EQ").expect("stamped for its new home");
        bench.set("web2", State::Up);
        let home = bench.exchange(&cookies(&[("EQ", &after)]), "").server;
        assert_eq!(home, if returns { "web2".to_owned() } else { moved.server }, "{fail_back}");
    }
}

#[test]
fn a_draining_home_keeps_its_sessions_until_the_deadline() {
    let mut bench = Bench::new(&[insert()], &json!({}));
    let value = cookie_of_web2(&mut bench);
    bench.say("web2", State::Draining, NOW + 1800, 0);
    let request = cookies(&[("EQ", &value)]);
    assert_eq!(bench.exchange(&request, "").server, "web2");
    bench.now += 1800;
    let moved = bench.exchange(&request, "");
    assert_eq!(moved.reason, Reason::HomeDrainingMoved);
    assert!(moved.server != "web2" && moved.set_cookies().len() == 1);
}
