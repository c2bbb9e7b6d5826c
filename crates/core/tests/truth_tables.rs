//! What becomes of a request under each chain of kinds: the tables that the original's manuals and its peers give.

mod support;

use equalizer_core::persistence::Reason;
use equalizer_core::snapshot::wire::{self, State};
use serde_json::{Value, json};
use support::{Bench, address, cookie, cookie_of_web2, cookies};

fn insert() -> Value {
    cookie("insert", "EQ", &json!({}))
}

/// What a client brings: the cookie of a session, a record of its address.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Cookie {
    None,
    Valid,
    OldGeneration,
    Garbage,
}

/// What the response holds.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Stamped {
    Cookie,
    Nothing,
}

/// A home for the cookie (web2), another for the address (web3), and the state of the cookie's server.
struct Row {
    chain: &'static [&'static str],
    cookie: Cookie,
    record: bool,
    home: State,
    /// The server; nothing for the balance's or the rendezvous' choice.
    goes: Option<&'static str>,
    reason: Reason,
    stamped: Stamped,
}

const BOTH: &[&str] = &["cookie", "address"];
const ONE: &[&str] = &["cookie"];

fn rows() -> Vec<Row> {
    use Cookie::{Garbage, None as No, OldGeneration, Valid};
    use Stamped::{Cookie as Sets, Nothing};
    let row = |chain, cookie, record, home, goes, reason, stamped| Row {
        chain,
        cookie,
        record,
        home,
        goes,
        reason,
        stamped,
    };
    let up = State::Up;
    vec![
        // cookie + none: the cookie, else the balance.
        row(ONE, No, false, up, None, Reason::New, Sets),
        row(ONE, Valid, false, up, Some("web2"), Reason::Recalled, Nothing),
        row(ONE, OldGeneration, false, up, None, Reason::Generation, Sets),
        row(ONE, Garbage, false, up, None, Reason::NotOurs, Sets),
        row(ONE, Valid, false, State::Draining, Some("web2"), Reason::Recalled, Nothing),
        row(ONE, Valid, false, State::Down, None, Reason::HomeDown, Sets),
        row(ONE, Valid, false, State::Maintenance, None, Reason::HomeMaintenance, Sets),
        // cookie + source: the cookie, else the address record, else the balance and a new record.
        row(BOTH, Valid, true, up, Some("web2"), Reason::Recalled, Nothing),
        row(BOTH, No, true, up, Some("web3"), Reason::RecalledFallback, Sets),
        row(BOTH, Garbage, true, up, Some("web3"), Reason::RecalledFallback, Sets),
        row(BOTH, OldGeneration, true, up, Some("web3"), Reason::RecalledFallback, Sets),
        row(BOTH, No, false, up, None, Reason::New, Sets),
        // The cookie is believed first, even where its home is gone and the address has one.
        row(BOTH, Valid, true, State::Down, None, Reason::HomeDown, Sets),
        // source alone.
        row(&["address"], No, true, up, Some("web3"), Reason::Recalled, Nothing),
        row(&["address"], Valid, true, up, Some("web3"), Reason::Recalled, Nothing),
        row(&["address"], No, false, up, None, Reason::New, Nothing),
    ]
}

fn chain(names: &[&str]) -> Vec<Value> {
    names.iter().map(|name| if *name == "cookie" { insert() } else { address() }).collect()
}

#[test]
fn cookie_and_fallback_follow_the_truth_table() {
    for (number, row) in rows().into_iter().enumerate() {
        let generation = if row.cookie == Cookie::OldGeneration { 2 } else { 1 };
        let mut bench = Bench::new(&[insert()], &json!({}));
        let value = cookie_of_web2(&mut bench);
        bench.reload(&chain(row.chain), &json!({"generation": generation}));
        if row.record {
            // web3 is all there is, to a client without a cookie.
            bench.set_all(&["web1", "web2", "web4"], State::Down);
            bench.exchange("", "");
            bench.set_all(&["web1", "web2", "web4"], State::Up);
        }
        bench.set("web2", row.home);
        let request = match row.cookie {
            Cookie::None => String::new(),
            Cookie::Garbage => cookies(&[("EQ", "garbage")]),
            Cookie::Valid | Cookie::OldGeneration => cookies(&[("EQ", &value)]),
        };
        let seen = bench.exchange(&request, "");
        assert_eq!(seen.reason, row.reason, "row {number}");
        if let Some(server) = row.goes {
            assert_eq!(seen.server, server, "row {number}");
        }
        assert_eq!(seen.set_cookies().len(), usize::from(row.stamped == Stamped::Cookie), "row {number}");
        if row.chain.contains(&"address") && row.goes.is_none() {
            // Without a cookie, the record just made decides.
            assert_eq!(bench.exchange("", "").server, seen.server, "row {number}");
        }
    }
}

#[test]
fn a_shared_birth_leaves_an_address_record_too() {
    let mut bench = Bench::new(&chain(BOTH), &json!({}));
    let first = bench.exchange("", "");
    assert_eq!((first.reason, bench.exchange("", "").server), (Reason::New, first.server));
}

#[test]
fn a_basket_survives_a_change_of_address_and_scheme() {
    let mut bench = Bench::new(&chain(BOTH), &json!({}));
    let first = bench.exchange("", "");
    let value = first.value("EQ").expect("stamped");
    for number in 0..8 {
        bench.client = std::net::IpAddr::from([203, 0, 113, number]);
        bench.secure = number % 2 == 0;
        bench.now += 60;
        let next = bench.exchange(&cookies(&[("EQ", &value)]), "");
        assert_eq!((next.server, next.reason), (first.server.clone(), Reason::Recalled));
    }
}

#[test]
fn a_strict_pool_has_no_server_for_a_session_without_its_home() {
    use equalizer_core::balance::Local;
    use equalizer_core::pool::Tried;
    let mut bench = Bench::new(&[insert()], &json!({"strict": true}));
    let value = cookie_of_web2(&mut bench);
    let seen = bench.exchange(&cookies(&[("EQ", &value)]), "");
    assert_eq!(seen.server, "web2");
    let mut tried = Tried::default();
    tried.failed(equalizer_core::pool::ServerId(bench.place("web2")), equalizer_core::fault::Fault::Connect);
    assert_eq!(bench.pool().pick(&seen.recall, &tried, &mut Local::new(4, 1)), None);
}

#[test]
fn draining_servers_are_used_when_nothing_else_is_left() {
    let mut bench = Bench::new(&[insert()], &json!({}));
    bench.set("web1", State::Draining);
    bench.set_all(&["web2", "web3"], State::Down);
    for _ in 0..4 {
        assert_eq!(bench.exchange("", "").server, "web4");
    }
    bench.set("web4", State::Maintenance);
    assert_eq!(bench.exchange("", "").server, "web1");
}

/// cookie + other cookie: ours, else the application's, else the balance and both.
#[test]
fn another_cookie_stands_behind_the_first() {
    let learn = || cookie("learn", "ID", &json!({}));
    // What the client brings of the two, whether their home is down, and what becomes of the request.
    for (ours, theirs, down, reason, stamped) in [
        (true, true, false, Reason::Recalled, 0),
        (true, false, false, Reason::Recalled, 0),
        (false, true, false, Reason::RecalledFallback, 1),
        (false, true, true, Reason::HomeDown, 1),
        (false, false, false, Reason::New, 1),
    ] {
        let mut bench = Bench::new(&[learn()], &json!({}));
        bench.set_all(&["web1", "web3", "web4"], State::Down);
        bench.exchange("", "Set-Cookie: ID=4711\r\n");
        bench.reload(&[insert(), learn()], &json!({}));
        let first = bench.exchange("Cookie: ID=4711\r\n", "");
        bench.set_all(&["web1", "web3", "web4"], State::Up);
        let value = first.value("EQ").expect("stamped at the first request that the other brought home");
        bench.set("web2", if down { State::Down } else { State::Up });
        let brought = [("EQ", value.as_str()), ("ID", "4711")].into_iter().zip([ours, theirs]);
        let brought: Vec<_> = brought.filter(|(_, brings)| *brings).map(|(pair, _)| pair).collect();
        let request = if brought.is_empty() { String::new() } else { cookies(&brought) };
        let seen = bench.exchange(&request, "");
        assert_eq!((seen.reason, seen.set_cookies().len()), (reason, stamped), "{request}");
        assert!(down || reason == Reason::New || seen.server == "web2", "{request}");
        if down {
            bench.set("web2", State::Up);
            assert_eq!(bench.exchange("Cookie: ID=4711\r\n", "").server, seen.server, "learnt anew");
        }
    }
}

/// source alone, as the home changes: the record is believed while its server may be used, and then names the next.
#[test]
fn an_address_follows_its_server_through_every_state() {
    for (state, stays, reason) in [
        (State::Up, true, Reason::Recalled),
        (State::Draining, true, Reason::Recalled),
        (State::Maintenance, false, Reason::HomeMaintenance),
        (State::Down, false, Reason::HomeDown),
    ] {
        let mut bench = Bench::new(&[address()], &json!({}));
        bench.set_all(&["web1", "web2", "web4"], State::Down);
        bench.exchange("", "");
        bench.set_all(&["web1", "web2", "web4"], State::Up);
        bench.set("web3", state);
        let seen = bench.exchange("", "");
        assert_eq!((seen.reason, seen.server == "web3"), (reason, stays), "{state:?}");
        bench.set("web3", State::Up);
        let next = bench.exchange("", "");
        assert_eq!((&next.server, next.reason), (&seen.server, Reason::Recalled), "{state:?}");
    }
}

/// A server without weight keeps the sessions that it has and gets none: no new one, none of a home that is gone, and
/// none where nothing else is left. A hot spare would take the last.
#[test]
fn a_server_without_weight_keeps_its_sessions_and_gets_none() {
    use equalizer_core::balance::Local;
    use equalizer_core::persistence::Recall;
    use equalizer_core::pool::Tried;
    for names in [ONE, BOTH] {
        let mut bench = Bench::new(&chain(names), &json!({}));
        let value = cookie_of_web2(&mut bench);
        let mut wire = support::wire(&chain(names), &json!({}));
        wire.pools[0].servers[1].weight = 0;
        bench.snapshot = support::rebuilt(&wire, Some(&bench.snapshot), bench.now);
        let seen = bench.exchange(&cookies(&[("EQ", &value)]), "");
        assert_eq!((seen.server.as_str(), seen.reason), ("web2", Reason::Recalled));
        for number in 10..18 {
            bench.client = std::net::IpAddr::from([203, 0, 113, number]);
            let born = bench.exchange("", "");
            let kept = cookies(&[("EQ", &born.value("EQ").expect("stamped"))]);
            bench.set(&born.server, State::Down);
            let moved = bench.exchange(&kept, "");
            bench.set(&born.server, State::Up);
            assert!(born.server != "web2" && moved.server != "web2");
        }
        bench.set_all(&["web1", "web3", "web4"], State::Down);
        let nobody = Recall::nobody(Reason::New);
        assert_eq!(bench.pool().pick(&nobody, &Tried::default(), &mut Local::new(4, 1)), None);
    }
}

/// The bench with another setting for its servers.
fn with_servers(bench: &mut Bench, kinds: &[Value], sessions: &Value, change: impl Fn(&mut [wire::Server])) {
    let mut wire = support::wire(kinds, sessions);
    change(&mut wire.pools[0].servers);
    bench.snapshot = support::rebuilt(&wire, Some(&bench.snapshot), bench.now);
}

/// web4 is a hot spare: it takes what is nobody's, or has lost its home, only where no other server can.
#[test]
fn a_spare_takes_only_what_no_other_server_can() {
    let others = ["web1", "web2", "web3"];
    for (state, weight, spare_is, takes) in [
        (State::Up, 100, State::Up, false),
        (State::Up, 0, State::Up, true),
        (State::Draining, 100, State::Up, true),
        (State::Down, 100, State::Up, true),
        (State::Maintenance, 100, State::Up, true),
        (State::Draining, 100, State::Down, false),
        (State::Down, 100, State::Draining, true),
    ] {
        for sessions in [false, true] {
            let mut bench = Bench::new(&[insert()], &json!({}));
            let value = cookie_of_web2(&mut bench);
            with_servers(&mut bench, &[insert()], &json!({}), |servers| {
                servers[..3].iter_mut().for_each(|server| server.weight = weight);
                servers[3].spare = true;
            });
            bench.set_all(&others, state);
            bench.set("web4", spare_is);
            let request = if sessions { cookies(&[("EQ", &value)]) } else { String::new() };
            let tried: &[&str] = if sessions { &["web2"] } else { &[] };
            for _ in 0..6 {
                let seen = bench.exchange_after(&request, "", tried);
                assert_eq!(seen.server == "web4", takes, "{state:?} {weight} {spare_is:?} {sessions}");
            }
        }
    }
}

/// A request that has failed everywhere else is not turned away while there is a spare.
#[test]
fn a_spare_takes_a_request_that_every_other_server_has_failed() {
    let mut bench = Bench::new(&[insert()], &json!({}));
    with_servers(&mut bench, &[insert()], &json!({}), |servers| servers[3].spare = true);
    assert_eq!(bench.exchange_after("", "", &["web1", "web2", "web3"]).server, "web4");
}

/// What lives on a spare stays there while it may; what came from elsewhere goes back as `fail_back` says, and nothing
/// ever goes back to a spare.
#[test]
fn a_session_on_a_spare_stays_and_none_goes_back_to_one() {
    for (fail_back, returns) in [("stay", false), ("return", true)] {
        let sessions = json!({"fail_back": fail_back});
        let mut bench = Bench::new(&[insert()], &sessions);
        let of_web2 = cookie_of_web2(&mut bench);
        with_servers(&mut bench, &[insert()], &sessions, |servers| servers[3].spare = true);
        bench.set_all(&["web1", "web2", "web3"], State::Down);
        let born = bench.exchange("", "").value("EQ").expect("a spare is a home");
        let moved = bench.exchange(&cookies(&[("EQ", &of_web2)]), "").value("EQ").expect("re-homed");
        bench.set_all(&["web1", "web2", "web3"], State::Up);
        assert_eq!(bench.exchange(&cookies(&[("EQ", &born)]), "").server, "web4", "{fail_back}");
        let home = bench.exchange(&cookies(&[("EQ", &moved)]), "").server;
        assert_eq!(home, if returns { "web2" } else { "web4" }, "{fail_back}");

        bench.set("web4", State::Down);
        let left = bench.exchange(&cookies(&[("EQ", &born)]), "");
        let value = left.value("EQ").expect("re-homed");
        bench.set("web4", State::Up);
        assert_eq!(bench.exchange(&cookies(&[("EQ", &value)]), "").server, left.server, "{fail_back}");
    }
}

/// web4 does not persist: it takes its share, and nobody is told to come back to it.
#[test]
fn a_server_that_does_not_persist_takes_requests_and_no_sessions() {
    for names in [ONE, BOTH] {
        let mut bench = Bench::new(&chain(names), &json!({}));
        bench.set_all(&["web1", "web2", "web3"], State::Down);
        let value = bench.exchange("", "").value("EQ").expect("stamped");
        bench.set_all(&["web1", "web2", "web3"], State::Up);
        with_servers(&mut bench, &chain(names), &json!({}), |servers| servers[3].persist = false);
        let mut seen = Vec::new();
        for number in 0..8 {
            bench.client = std::net::IpAddr::from([203, 0, 113, number]);
            // One client is new, the other brings the cookie of a session that lived there.
            let request = if number % 2 == 0 { String::new() } else { cookies(&[("EQ", &value)]) };
            let exchange = bench.exchange(&request, "");
            assert_eq!(exchange.reason, if number % 2 == 0 { Reason::New } else { Reason::NotKept });
            assert_eq!(exchange.set_cookies().len(), usize::from(exchange.server != "web4"));
            if exchange.server == "web4" {
                assert_eq!(bench.exchange("", "").reason, Reason::New, "no record was made of its client");
            }
            seen.push(exchange.server);
        }
        assert!(seen.iter().any(|server| server == "web4"), "{seen:?}");
    }
}

/// The sorry server: a spare that does not persist helps out, and everybody is back home after that.
#[test]
fn a_session_that_a_server_without_persistence_helps_out_keeps_its_home() {
    for kinds in [[insert()], [cookie("rewrite", "EQ", &json!({}))], [cookie("prefix", "EQ", &json!({}))]] {
        let mut bench = Bench::new(&kinds, &json!({}));
        let sets = "Set-Cookie: EQ=1\r\n";
        bench.set_all(&["web1", "web3", "web4"], State::Down);
        let value = bench.exchange("", sets).value("EQ").expect("stamped");
        bench.set_all(&["web1", "web3", "web4"], State::Up);
        with_servers(&mut bench, &kinds, &json!({}), |servers| {
            (servers[3].spare, servers[3].persist) = (true, false);
        });
        bench.set_all(&["web1", "web2", "web3"], State::Down);
        let helped = bench.exchange(&cookies(&[("EQ", &value)]), sets);
        assert_eq!((helped.server.as_str(), helped.reason), ("web4", Reason::HomeDown));
        let value = helped.value("EQ").unwrap_or(value);
        bench.set_all(&["web1", "web2", "web3"], State::Up);
        let back = bench.exchange(&cookies(&[("EQ", &value)]), "");
        assert_eq!((back.server.as_str(), back.reason), ("web2", Reason::Recalled));
    }
}
