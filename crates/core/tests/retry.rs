//! Which requests go on to another server, what moves a session, and how many retries a pool affords.

mod support;

use equalizer_core::fault::{Fault, Sent};
use equalizer_core::http::method::Method;
use equalizer_core::persistence::cookie::SessionId;
use equalizer_core::persistence::{Reason, Recall};
use equalizer_core::pool::retry::{Failed, Next};
use equalizer_core::pool::{Pool, ServerId, Tried};
use equalizer_core::snapshot::Snapshot;
use equalizer_core::snapshot::wire::{Retry, RetryBudget, RetryOn, RetrySessions, ServerState, State};
use proptest::prelude::*;
use serde_json::json;
use support::{Bench, NOW, cookie, cookies, rebuilt, wire};

const FAULTS: [Fault; 9] = [
    Fault::Connect,
    Fault::ConnectTimeout,
    Fault::Tls,
    Fault::Untrusted,
    Fault::Closed,
    Fault::CutShort,
    Fault::ResponseTimeout,
    Fault::Status(503),
    Fault::Status(500),
];

/// Four servers under these rules.
fn ruled(retry: Retry) -> Snapshot {
    let mut wire = wire(&[], &json!({}));
    wire.pools[0].retry = retry;
    rebuilt(&wire, None, NOW)
}

fn everything() -> Retry {
    let on = vec![RetryOn::Connect, RetryOn::Closed, RetryOn::ResponseTimeout];
    Retry { on, statuses: vec![503], ..Retry::default() }
}

fn newcomer() -> Recall {
    Recall::nobody(Reason::New)
}

fn after(pool: &Pool, recall: &Recall, tried: &Tried, fault: Fault) -> Next {
    let (method, sent) = (Method::Idempotent, Sent::Kept);
    pool.after(Failed { recall, tried, server: ServerId(0), fault, method, sent }, NOW)
}

fn tried(servers: &[usize]) -> Tried {
    let mut tried = Tried::default();
    servers.iter().for_each(|server| tried.failed(ServerId(*server), Fault::Connect));
    tried
}

#[test]
fn only_what_is_named_is_tried_again() {
    let again = |retry: Retry| {
        let snapshot = ruled(retry);
        let goes = |fault: &&Fault| {
            after(&snapshot.pools[0], &newcomer(), &Tried::default(), **fault) == Next::Again
        };
        FAULTS.iter().filter(goes).map(|fault| fault.word()).collect::<Vec<_>>()
    };
    let usual = ["connect", "connect_timeout", "tls", "untrusted", "closed"];
    assert_eq!(again(Retry::default()), usual);
    assert_eq!(again(Retry { on: vec![RetryOn::Closed], ..Retry::default() }), ["closed"]);
    assert_eq!(again(everything()), [&usual[..], &["response_timeout", "status_503"]].concat());
    assert_eq!(again(Retry { attempts: 1, ..everything() }), [""; 0]);
}

#[test]
fn attempts_are_counted_with_the_first() {
    let snapshot = ruled(Retry { attempts: 3, ..Retry::default() });
    let next = |before: &[usize]| after(&snapshot.pools[0], &newcomer(), &tried(before), Fault::Connect);
    assert_eq!([next(&[]), next(&[1]), next(&[1, 2])], [Next::Again, Next::Again, Next::Ends]);
}

#[test]
fn what_may_have_been_carried_out_is_not_repeated_whatever_is_named() {
    let snapshot = ruled(everything());
    let (recall, tried) = (newcomer(), Tried::default());
    for fault in [Fault::ResponseTimeout, Fault::Status(503)] {
        for (method, sent, next) in [
            (Method::Idempotent, Sent::Head, Next::Again),
            (Method::Idempotent, Sent::Kept, Next::Again),
            (Method::Idempotent, Sent::Streamed, Next::Ends),
            (Method::Other, Sent::Kept, Next::Ends),
        ] {
            let failed = Failed { recall: &recall, tried: &tried, server: ServerId(0), fault, method, sent };
            assert_eq!(snapshot.pools[0].after(failed, NOW), next, "{fault:?} {method:?} {sent:?}");
        }
    }
}

#[test]
fn an_answer_is_kept_where_nobody_is_left() {
    let snapshot = ruled(everything());
    let pool = &snapshot.pools[0];
    let down = ServerState {
        pool: String::new(),
        server: String::new(),
        state: State::Down,
        deadline: 0,
        idle_first: 0,
    };
    pool.servers[3].live.set(&down);
    let last = tried(&[1, 2]);
    assert_eq!(after(pool, &newcomer(), &last, Fault::Status(503)), Next::Ends);
    assert_eq!(after(pool, &newcomer(), &last, Fault::Connect), Next::Nobody);
    assert_eq!(after(pool, &newcomer(), &tried(&[1]), Fault::Status(503)), Next::Again);
}

#[test]
fn a_session_leaves_a_home_that_is_gone_and_not_one_that_is_slow_or_busy() {
    let snapshot = ruled(everything());
    let pool = &snapshot.pools[0];
    let mut born = newcomer();
    born.bear(SessionId(7), ServerId(0), false);
    let mut bench = Bench::new(&[cookie("insert", "EQ", &json!({}))], &json!({}));
    let first = bench.exchange("", "");
    let back = cookies(&[("EQ", &first.value("EQ").expect("a cookie"))]);
    let recall = bench.exchange(&back, "").recall;
    assert_eq!(recall.home(), Some(ServerId(bench.place(&first.server))));
    for (fault, moves) in [
        (Fault::Connect, true),
        (Fault::Closed, true),
        (Fault::ResponseTimeout, false),
        (Fault::Status(503), false),
    ] {
        assert_eq!(after(pool, &born, &Tried::default(), fault), Next::Again);
        let next = if moves { Next::Again } else { Next::Ends };
        assert_eq!(after(pool, &recall, &Tried::default(), fault), next, "{fault:?}");
    }
}

#[test]
fn a_session_that_goes_elsewhere_for_once_keeps_its_home() {
    let snapshot = ruled(Retry { sessions: RetrySessions::Elsewhere, ..everything() });
    let pool = &snapshot.pools[0];
    let mut bench = Bench::new(&[cookie("insert", "EQ", &json!({}))], &json!({}));
    let first = bench.exchange("", "");
    let back = cookies(&[("EQ", &first.value("EQ").expect("a cookie"))]);
    let mut recall = bench.exchange(&back, "").recall;
    let home = recall.home().expect("a home");
    let other = ServerId((home.0 + 1) % pool.servers.len());
    for fault in [Fault::ResponseTimeout, Fault::Status(503)] {
        assert_eq!(after(pool, &recall, &Tried::default(), fault), Next::Again, "{fault:?}");
        assert!(pool.lends(&recall, home, fault) && !pool.lends(&recall, other, fault), "{fault:?}");
    }
    assert!(!pool.lends(&recall, home, Fault::Connect) && !pool.lends(&newcomer(), home, Fault::Status(503)));
    recall.go_on_to(other);
    assert_eq!((recall.lives_at(other), recall.reason(other)), (other, Reason::HomeDown));
    recall.fail_home();
    recall.go_on_to(other);
    assert_eq!((recall.lives_at(other), recall.reason(other)), (home, Reason::HomeFailed));
}

#[test]
fn a_budget_is_a_share_of_the_requests_and_some_always() {
    let budget = |share, least| Retry { budget: Some(RetryBudget { share, least }), ..Retry::default() };
    let made = |retry: Retry, requests: usize| {
        let snapshot = ruled(retry);
        let pool = &snapshot.pools[0];
        (0..requests).for_each(|_| pool.retry.begin(NOW));
        let next = || after(pool, &newcomer(), &Tried::default(), Fault::Connect);
        let found: Vec<_> = (0..1000).map(|_| next()).collect();
        assert!(found.iter().all(|next| matches!(next, Next::Again | Next::OverBudget)));
        found.iter().filter(|next| **next == Next::Again).count()
    };
    assert_eq!(made(budget(2000, 0), 500), 100);
    assert_eq!(made(budget(2000, 3), 500), 130);
    assert_eq!(made(budget(0, 0), 500), 0);
    assert_eq!(made(Retry::default(), 0), 1000);
}

#[test]
fn what_was_counted_for_a_budget_outlives_a_reload() {
    let mut wire = wire(&[], &json!({}));
    wire.pools[0].retry.budget = Some(RetryBudget { share: 1000, least: 0 });
    let first = rebuilt(&wire, None, NOW);
    (0..10).for_each(|_| first.pools[0].retry.begin(NOW));
    let second = rebuilt(&wire, Some(&first), NOW);
    let next = || after(&second.pools[0], &newcomer(), &Tried::default(), Fault::Connect);
    assert_eq!([next(), next()], [Next::Again, Next::OverBudget]);
}

#[test]
fn a_try_has_its_own_time_and_never_more_than_all_pools() {
    let patience = |per_try| ruled(Retry { per_try, ..Retry::default() }).pools[0].retry.patience(60_000);
    assert_eq!([patience(0), patience(2_000), patience(90_000)], [60_000, 2_000, 60_000]);
}

proptest! {
    #[test]
    fn there_are_never_more_retries_than_the_budget_allows(
        (share, least) in (0..10_000_u32, 0..5_u32),
        mut steps in prop::collection::vec((0..30_u64, any::<bool>()), 1..400),
    ) {
        steps.sort_unstable();
        let snapshot = ruled(Retry { budget: Some(RetryBudget { share, least }), ..Retry::default() });
        let pool = &snapshot.pools[0];
        let (recall, none) = (newcomer(), Tried::default());
        let (mut requests, mut retries): (Vec<u64>, Vec<u64>) = (Vec::new(), Vec::new());
        for (at, fails) in steps {
            let now = NOW + at;
            pool.retry.begin(now);
            requests.push(now);
            let failed = Failed {
                recall: &recall, tried: &none, server: ServerId(0), fault: Fault::Connect,
                method: Method::Other, sent: Sent::Nothing,
            };
            if !fails || pool.after(failed, now) != Next::Again {
                continue;
            }
            retries.push(now);
            let lately = |moments: &[u64]| moments.iter().filter(|moment| **moment + 10 > now).count() as u64;
            let allowed = lately(&requests) * u64::from(share) / 10_000 + u64::from(least) * 10;
            prop_assert!(lately(&retries) <= allowed);
        }
    }
}
