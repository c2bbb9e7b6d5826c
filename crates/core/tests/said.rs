//! What servers say of their sessions, and what they are told.

mod support;

use equalizer_core::persistence::Reason;
use equalizer_core::snapshot::build::{At, build};
use equalizer_core::snapshot::wire::State;
use serde_json::{Value, json};
use support::{Bench, NOW, address, cookie, cookies, field, rebuilt};

fn bench(kinds: &[Value]) -> Bench {
    let sessions = json!({"pin_field": "Session-Pin", "incarnation_field": "Server-Life", "announce": true,
        "fail_back": "return"});
    Bench::new(kinds, &sessions)
}

fn insert() -> Value {
    cookie(
        "insert",
        "EQ",
        &json!({"attributes": {"path": "/app", "domain": "shop.example", "same_site": "lax",
        "secure": "auto", "http_only": true, "partitioned": false, "max_age": 3600}}),
    )
}

#[test]
fn the_servers_fields_never_reach_the_client() {
    let seen = bench(&[insert()]).exchange("", "session-PIN: nonsense\r\nSERVER-life: 1\r\na: 1\r\n");
    let lower = seen.response.to_ascii_lowercase();
    assert!(!lower.contains("session-pin") && !lower.contains("server-life") && lower.contains("a: 1\r\n"));
    assert_eq!(seen.reason, Reason::New);
}

#[test]
fn release_ends_the_cookie_and_forgets_the_records() {
    let mut bench = bench(&[insert(), cookie("learn", "ID", &json!({})), address()]);
    let first = bench.exchange("", "Set-Cookie: ID=4711\r\n");
    let request = cookies(&[("EQ", &first.value("EQ").expect("stamped")), ("ID", "4711")]);
    let ended = bench.exchange(&request, "Session-Pin: Release\r\nCache-Control: public\r\n");
    assert_eq!(ended.reason, Reason::Released);
    assert_eq!(
        ended.set_cookies(),
        ["EQ=; Path=/app; Domain=shop.example; Max-Age=0; HttpOnly; SameSite=Lax"]
    );
    assert!(ended.response.contains("Cache-Control: private\r\n"));
    assert_eq!(bench.exchange("Cookie: ID=4711\r\n", "").reason, Reason::New);
}

#[test]
fn what_no_client_hears_of_has_not_happened() {
    let set = "Set-Cookie: ID=4711\r\n";
    for kind in [cookie("rewrite", "ID", &json!({})), cookie("prefix", "ID", &json!({}))] {
        let mut bench = bench(&[kind]);
        let first = bench.exchange("", set);
        let request = cookies(&[("ID", &first.value("ID").expect("stamped"))]);
        for word in ["release", "move"] {
            let alone = bench.exchange(&request, &format!("Session-Pin: {word}\r\n"));
            assert_eq!((alone.reason, alone.set_cookies().len()), (Reason::Recalled, 0), "{word}");
        }
        let moved = bench.exchange(&request, &format!("Session-Pin: move\r\n{set}"));
        assert_eq!((moved.reason, moved.set_cookies().len()), (Reason::Moved, 1));
        for end in [set, "Set-Cookie: ID=; Max-Age=0\r\n"] {
            let ended = bench.exchange(&request, &format!("Session-Pin: release\r\n{end}"));
            assert_eq!((ended.reason, ended.set_cookies().len()), (Reason::Released, 1));
            assert!(end.contains(ended.set_cookies()[0]), "the server's own value");
        }
    }
    let mut bench = bench(&[field("insert", "Session-Id")]);
    let first = bench.exchange("", "");
    let token = first.response.lines().find(|line| line.starts_with("Session-Id: ")).expect("stamped");
    let ended = bench.exchange(&format!("{token}\r\n"), "Session-Pin: release\r\n");
    assert_eq!(ended.reason, Reason::Recalled, "the client goes on with it");
}

#[test]
fn a_moved_session_lives_elsewhere_and_does_not_fail_back() {
    for kinds in [
        vec![insert()],
        vec![address()],
        vec![field("insert", "Session-Id")],
        vec![cookie("learn", "ID", &json!({}))],
    ] {
        let mut bench = bench(&kinds);
        let answer = "Set-Cookie: ID=4711\r\n";
        let first = bench.exchange("", answer);
        let carried = |seen: &support::Exchange| {
            let token = seen.response.lines().find_map(|line| line.strip_prefix("Session-Id: "));
            let field = token.map_or(String::new(), |token| format!("Session-Id: {token}\r\n"));
            cookies(&[("EQ", &seen.value("EQ").unwrap_or_default()), ("ID", "4711")]) + &field
        };
        let moving = bench.exchange(&carried(&first), "Session-Pin: move\r\n");
        assert_eq!((&moving.server, moving.reason), (&first.server, Reason::Moved));
        let next = bench.exchange(&carried(&moving), "");
        assert_ne!(next.server, first.server);
        assert_eq!(next.reason, Reason::Recalled);
    }
}

#[test]
fn a_session_with_nowhere_else_to_go_is_not_moved() {
    let mut bench = bench(&[insert()]);
    bench.set_all(&["web2", "web3", "web4"], State::Draining);
    let value = bench.exchange("", "").value("EQ").expect("stamped");
    let seen = bench.exchange(&cookies(&[("EQ", &value)]), "Session-Pin: move\r\n");
    assert_eq!((seen.reason, seen.set_cookies().len()), (Reason::Recalled, 0));
}

#[test]
fn a_pinned_session_stays_where_idle_ones_are_moved() {
    let mut bench = bench(&[insert()]);
    let first = bench.exchange("", "");
    let plain = cookies(&[("EQ", &first.value("EQ").expect("stamped"))]);
    let pinned = bench.exchange(&plain, "Session-Pin: pin\r\n");
    let request = cookies(&[("EQ", &pinned.value("EQ").expect("stamped anew"))]);
    assert!(
        bench.exchange(&request, "Session-Pin: pin\r\n").set_cookies().is_empty(),
        "it is pinned already"
    );
    bench.say(&first.server, State::Draining, 0, 60);
    bench.now += 60;
    assert_eq!(bench.exchange(&plain, "").reason, Reason::HomeDrainingMoved);
    assert_eq!(bench.exchange(&request, "").server, first.server);
}

#[test]
fn a_restarted_server_is_told_that_its_session_is_gone() {
    let mut bench = bench(&[insert()]);
    let first = bench.exchange("", "Server-Life: 1\r\n");
    let request = cookies(&[("EQ", &first.value("EQ").expect("stamped"))]);
    assert_eq!(bench.exchange(&request, "Server-Life: 2\r\n").reason, Reason::Recalled, "nobody knew yet");
    let told = bench.exchange(&request, "Server-Life: 2\r\n");
    assert_eq!((&told.server, told.reason), (&first.server, Reason::IncarnationChanged));
    let line = format!("Session-Moved: from={}; reason=incarnation_changed\r\n", first.server);
    assert!(told.request.contains(&line), "{}", told.request);
    let again = cookies(&[("EQ", &told.value("EQ").expect("stamped for the new life"))]);
    let next = bench.exchange(&again, "");
    assert!(next.reason == Reason::Recalled && !next.request.contains("Session-Moved"));
}

#[test]
fn a_server_that_is_back_has_begun_a_new_life_where_the_pool_says_so() {
    for (counts, away, reason) in [
        (true, State::Maintenance, Reason::IncarnationChanged),
        (true, State::Down, Reason::IncarnationChanged),
        (true, State::Draining, Reason::Recalled),
        (false, State::Maintenance, Reason::Recalled),
    ] {
        let mut bench = Bench::new(&[insert()], &json!({"incarnation_on_return": counts}));
        let first = bench.exchange("", "");
        let early = cookies(&[("EQ", &first.value("EQ").expect("stamped"))]);
        bench.now += 5;
        bench.set(&first.server, away);
        bench.set(&first.server, State::Up);
        let told = bench.exchange(&early, "");
        assert_eq!((&told.server, told.reason), (&first.server, reason), "{away:?}");
        bench.reload(&[insert()], &json!({"incarnation_on_return": counts}));
        assert_eq!(bench.exchange(&early, "").reason, reason, "{away:?}, after a reload");
        let Some(stamped) = told.value("EQ") else { continue };
        let later = cookies(&[("EQ", &stamped)]);
        assert_eq!(bench.exchange(&later, "").reason, Reason::Recalled);
        bench.now += 5;
        bench.set(&first.server, away);
        bench.set(&first.server, State::Draining);
        assert_eq!(bench.exchange(&later, "").reason, Reason::IncarnationChanged, "once more");
    }
}

#[test]
fn members_that_saw_a_server_come_back_as_often_agree_on_its_life() {
    let sessions = json!({"incarnation_on_return": true});
    let (mut one, mut other) = (Bench::new(&[insert()], &sessions), Bench::new(&[insert()], &sessions));
    let first = one.exchange("", "");
    let early = cookies(&[("EQ", &first.value("EQ").expect("stamped"))]);
    let returns = |bench: &mut Bench, seconds| {
        bench.now += seconds;
        bench.set(&first.server, State::Maintenance);
        bench.set(&first.server, State::Up);
    };
    returns(&mut one, 5);
    returns(&mut other, 9);
    let told = one.exchange(&early, "");
    let later = cookies(&[("EQ", &told.value("EQ").expect("stamped for the new life"))]);
    assert_eq!(other.exchange(&later, "").reason, Reason::Recalled);
    assert_eq!(other.exchange(&early, "").reason, Reason::IncarnationChanged);
    // One that was started anew knows of no return: it believes every stamp, and its stamps are believed.
    let mut started = Bench::new(&[insert()], &sessions);
    started.now += 20;
    assert_eq!(started.exchange(&later, "").reason, Reason::Recalled);
    let born = loop {
        let born = started.exchange("", "");
        if born.server == first.server {
            break cookies(&[("EQ", &born.value("EQ").expect("stamped"))]);
        }
    };
    assert_eq!(other.exchange(&born, "").reason, Reason::Recalled);
}

#[test]
fn lives_that_are_counted_anew_are_not_taken_for_those_of_before() {
    let sessions = json!({"incarnation_on_return": true});
    let mut before = Bench::new(&[insert()], &sessions);
    before.set("web1", State::Maintenance);
    before.set("web1", State::Up);
    before.now += 5;
    let born = |bench: &mut Bench| loop {
        let born = bench.exchange("", "");
        if born.server == "web1" {
            break cookies(&[("EQ", &born.value("EQ").expect("stamped"))]);
        }
    };
    let early = born(&mut before);
    let mut after = Bench::new(&[insert()], &sessions);
    after.now += 10;
    after.snapshot = rebuilt(&support::wire(&[insert()], &sessions), None, after.now);
    assert_eq!(
        after.exchange(&early, "").reason,
        Reason::Recalled,
        "what is not known is not held against anybody"
    );
    after.set("web1", State::Maintenance);
    after.set("web1", State::Up);
    let late = born(&mut after);
    assert_eq!(after.exchange(&late, "").reason, Reason::Recalled);
    let told = after.exchange(&early, "");
    assert_eq!((told.server.as_str(), told.reason), ("web1", Reason::IncarnationChanged));
    let again = cookies(&[("EQ", &told.value("EQ").expect("stamped for the new life"))]);
    assert_eq!(after.exchange(&again, "").reason, Reason::Recalled);
}

#[test]
fn a_life_that_the_configuration_names_is_not_ended_by_a_return() {
    let mut wire = support::wire(&[insert()], &json!({"incarnation_on_return": true}));
    for server in &mut wire.pools[0].servers {
        server.incarnation = "a".to_owned();
    }
    let mut bench = bench(&[insert()]);
    bench.snapshot = build(&wire, None, At { now: NOW, chance: 5 }).expect("no mistakes");
    let first = bench.exchange("", "");
    let request = cookies(&[("EQ", &first.value("EQ").expect("stamped"))]);
    bench.set(&first.server, State::Maintenance);
    bench.set(&first.server, State::Up);
    assert_eq!(bench.exchange(&request, "").reason, Reason::Recalled);
}

#[test]
fn a_new_home_is_told_where_its_session_was() {
    let mut bench = bench(&[insert()]);
    let first = bench.exchange("", "");
    let request =
        format!("session-moved: from=me\r\n{}", cookies(&[("EQ", &first.value("EQ").expect("stamped"))]));
    let told = |seen: &support::Exchange| {
        let lines =
            seen.request.lines().filter(|line| line.to_ascii_lowercase().starts_with("session-moved"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert!(told(&bench.exchange(&request, "")).is_empty(), "a client cannot say it");
    let from = &first.server;
    let tried = bench.exchange_after(&request, "", &[from]);
    assert_eq!(told(&tried), [format!("Session-Moved: from={from}; reason=home_down")]);
    bench.set(from, State::Maintenance);
    let moved = bench.exchange(&request, "");
    assert_eq!(told(&moved), [format!("Session-Moved: from={from}; reason=home_maintenance")]);

    let mut wire = support::wire(&[insert()], &json!({"announce": true}));
    wire.pools[0].servers.retain(|server| server.name != *from);
    bench.snapshot = support::rebuilt(&wire, Some(&bench.snapshot), bench.now);
    assert_eq!(told(&bench.exchange(&request, "")), ["Session-Moved: reason=home_removed"]);
}

#[test]
fn a_life_that_is_told_with_an_answer_is_not_stamped_over() {
    let sessions = json!({"incarnation_field": "Server-Life", "idle": 40});
    let mut bench = Bench::new(&[insert()], &sessions);
    let first = bench.exchange("", "Server-Life: 1\r\n");
    let request = |seen: &support::Exchange| cookies(&[("EQ", &seen.value("EQ").expect("stamped"))]);
    bench.now += 20;
    let slid = bench.exchange(&request(&first), "Server-Life: 2\r\n");
    assert_eq!(slid.reason, Reason::Recalled, "nobody knew yet");
    let told = bench.exchange(&request(&slid), "Server-Life: 2\r\n");
    assert_eq!(told.reason, Reason::IncarnationChanged);
    assert_eq!(bench.exchange(&request(&told), "Server-Life: 2\r\n").reason, Reason::Recalled);
}

#[test]
fn a_session_that_its_new_home_pins_does_not_fail_back() {
    let mut bench = bench(&[insert()]);
    let first = bench.exchange("", "");
    let request = |seen: &support::Exchange| cookies(&[("EQ", &seen.value("EQ").expect("stamped"))]);
    let early = request(&first);
    let pinned = request(&bench.exchange(&early, "Session-Pin: pin\r\n"));
    for (cookie, pin, stays) in [
        (&early, "", false),
        (&early, "Session-Pin: pin\r\n", true),
        (&pinned, "", false),
        (&pinned, "Session-Pin: pin\r\n", true),
    ] {
        bench.set(&first.server, State::Maintenance);
        let moved = bench.exchange(cookie, pin);
        bench.set(&first.server, State::Up);
        assert_eq!(bench.exchange(&request(&moved), "").server == moved.server, stays, "{pin}");
    }
}
