//! Several cookies of our name in one request: which is believed, and that none reaches the server.

mod support;

use equalizer_core::persistence::Reason;
use equalizer_core::snapshot::wire::State;
use serde_json::{Value, json};
use support::{Bench, NOW, cookie, cookies, field};

const ALL: [&str; 4] = ["web1", "web2", "web3", "web4"];

/// A value for a session that lives at `server`.
fn token(bench: &mut Bench, server: &str, name: &str, answer: &str) -> String {
    bench.set_all(&ALL, State::Down);
    bench.set(server, State::Up);
    let seen = bench.exchange("", answer);
    bench.set_all(&ALL, State::Up);
    let field = seen.response.lines().find_map(|line| line.strip_prefix("Session-Id: ")).map(str::to_owned);
    seen.value(name).or(field).expect("stamped")
}

/// Values of web1, then of web2 a minute later, then of web3 at the time of the first.
fn three(bench: &mut Bench, answer: &str) -> [String; 3] {
    [("web1", 0), ("web2", 60), ("web3", 0)].map(|(server, after)| {
        bench.now = NOW + after;
        token(bench, server, "EQ", answer)
    })
}

fn sealed() -> [(Value, &'static str); 4] {
    [
        (cookie("insert", "EQ", &json!({})), ""),
        (cookie("rewrite", "EQ", &json!({})), "Set-Cookie: EQ=1\r\n"),
        (cookie("prefix", "EQ", &json!({})), "Set-Cookie: EQ=1\r\n"),
        (field("insert", "Session-Id"), ""),
    ]
}

/// The request of a client with these values, in this order.
fn carrying(kind: &Value, values: &[&String]) -> String {
    if kind["kind"] == "field" {
        let lines = values.iter().flat_map(|value| ["Session-Id: ", value.as_str(), "\r\n"]);
        return lines.collect();
    }
    let pairs: Vec<(&str, &str)> = values.iter().map(|value| ("EQ", value.as_str())).collect();
    cookies(&pairs)
}

#[test]
fn one_of_several_sessions_is_believed() {
    for (mut kind, answer) in sealed() {
        for (duplicates, home) in
            [("first", Some("web1")), ("last", Some("web3")), ("newest", Some("web2")), ("refuse", None)]
        {
            kind["duplicates"] = duplicates.into();
            let mut bench = Bench::new(&[kind.clone()], &json!({}));
            let [one, two, three] = three(&mut bench, answer);
            let seen = bench.exchange(&carrying(&kind, &[&one, &two, &three]), "");
            let reason = if home.is_some() { Reason::Recalled } else { Reason::Ambiguous };
            assert_eq!(seen.reason, reason, "{duplicates}: {kind}");
            assert_eq!(seen.recall.is_birth(), home.is_none());
            if let Some(home) = home {
                assert_eq!(seen.server, home, "{duplicates}: {kind}");
            }
        }
    }
}

#[test]
fn no_copy_reaches_the_server_and_a_new_session_is_stamped() {
    let mut bench = Bench::new(&[cookie("insert", "EQ", &json!({"duplicates": "refuse"}))], &json!({}));
    let [one, two, _] = three(&mut bench, "");
    let seen = bench.exchange(&cookies(&[("EQ", &one), ("a", "1"), ("EQ", &two)]), "");
    assert_eq!((seen.cookies(), seen.set_cookies().len()), (Some("a=1"), 1));
}

#[test]
fn copies_of_one_session_are_no_duplicates() {
    for duplicates in ["newest", "refuse"] {
        let kind = cookie("insert", "EQ", &json!({"duplicates": duplicates}));
        let mut bench = Bench::new(&[kind], &json!({}));
        let old = token(&mut bench, "web1", "EQ", "");
        bench.set("web1", State::Down);
        bench.now += 60;
        let moved = bench.exchange(&cookies(&[("EQ", &old)]), "");
        bench.set("web1", State::Up);
        let new = moved.value("EQ").expect("stamped for its new home");
        for pair in [[&old, &new], [&new, &old]] {
            let seen = bench.exchange(&cookies(&pair.map(|value| ("EQ", value.as_str()))), "");
            assert_eq!((&seen.server, seen.reason), (&moved.server, Reason::Recalled), "{duplicates}");
        }
    }
}

#[test]
fn what_does_not_open_says_nothing_and_eight_are_tried() {
    for duplicates in ["first", "last", "newest", "refuse"] {
        let kind = cookie("insert", "EQ", &json!({"duplicates": duplicates}));
        let mut bench = Bench::new(&[kind], &json!({}));
        let [one, two, _] = three(&mut bench, "");
        let garbage = "garbage".to_owned();
        let with = |count: usize, last: &String| {
            let pairs: Vec<_> = std::iter::repeat_n(("EQ", garbage.as_str()), count).collect();
            cookies(&[&pairs[..], &[("EQ", last.as_str())]].concat())
        };
        assert_eq!(bench.exchange(&with(7, &one), "").server, "web1", "{duplicates}");
        let ninth = bench.exchange(&with(8, &one), "");
        assert_eq!((ninth.reason, ninth.cookies()), (Reason::NotOurs, None), "{duplicates}");
        let beyond: Vec<_> =
            [&one].into_iter().chain(std::iter::repeat_n(&garbage, 7)).chain([&two]).collect();
        let pairs: Vec<_> = beyond.iter().map(|value| ("EQ", value.as_str())).collect();
        assert_eq!(bench.exchange(&cookies(&pairs), "").server, "web1", "{duplicates}");
    }
}
