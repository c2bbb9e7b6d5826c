//! What the rules say of a session, verdict by verdict.

mod support;

use equalizer_core::persistence::Reason;
use equalizer_core::persistence::cookie::{Before, Generation, Incarnation, Session, home_of};
use equalizer_core::persistence::rules::{Verdict, judge, judge_home, put_off, settle};
use equalizer_core::pool::{Pool, ServerId};
use equalizer_core::snapshot::Snapshot;
use equalizer_core::snapshot::wire::{Server, ServerState, State};
use serde_json::{Value, json};
use support::{NOW, rebuilt, wire};

fn snapshot(sessions: &Value, change: impl Fn(&mut Server)) -> Snapshot {
    let mut wire = wire(&[], sessions);
    wire.pools[0].servers.iter_mut().for_each(change);
    rebuilt(&wire, None, NOW)
}

fn say(pool: &Pool, place: usize, state: State, deadline: u64, idle_first: u32) {
    let said = ServerState { pool: String::new(), server: String::new(), state, deadline, idle_first };
    pool.servers[place].live.set(&said);
}

/// A session at web1, born and seen at NOW.
fn session() -> Session {
    session_with(7)
}

fn session_with(id: u64) -> Session {
    let generation = Generation { pool: 1, server: 0 };
    Session { generation, ..Session::born(id, home_of("web1"), NOW) }
}

const HOME: ServerId = ServerId(0);

#[test]
fn a_session_within_its_limits_goes_home() {
    let snapshot = snapshot(&json!({"idle": 600, "lifetime": 1000}), |_| {});
    let pool = &snapshot.pools[0];
    assert_eq!(judge(pool, &session(), NOW + 149), Verdict::Home(HOME, Reason::Recalled));
    assert_eq!(
        judge(pool, &session(), NOW + 150),
        Verdict::Restamp(HOME, Reason::Recalled),
        "a quarter of idle"
    );
    assert_eq!(judge(pool, &session(), NOW + 600), Verdict::Restamp(HOME, Reason::Recalled));
    assert_eq!(judge(pool, &session(), NOW + 601), Verdict::Over(Reason::ExpiredIdle));
    let seen = Session { seen: NOW + 1000, ..session() };
    assert_eq!(judge(pool, &seen, NOW + 1000), Verdict::Home(HOME, Reason::Recalled));
    assert_eq!(judge(pool, &seen, NOW + 1001), Verdict::Over(Reason::ExpiredLife));
    assert_eq!(
        judge(pool, &session(), NOW - 100),
        Verdict::Home(HOME, Reason::Recalled),
        "another member's clock"
    );
}

#[test]
fn a_stamp_of_a_clock_that_was_ahead_is_written_anew() {
    let snapshot = snapshot(&json!({"idle": 600}), |_| {});
    let pool = &snapshot.pools[0];
    let now = NOW - 150;
    assert_eq!(judge(pool, &session(), now), Verdict::Restamp(HOME, Reason::Recalled));
    let after = settle(pool, &session(), HOME, now);
    assert_eq!((after.born, after.seen), (now, now));
    assert_eq!(judge(pool, &after, now + 601), Verdict::Over(Reason::ExpiredIdle));
}

#[test]
fn without_limits_a_session_lives_for_ever_and_is_not_stamped_again() {
    let snapshot = snapshot(&json!({}), |_| {});
    assert_eq!(judge(&snapshot.pools[0], &session(), NOW * 2), Verdict::Home(HOME, Reason::Recalled));
}

#[test]
fn another_generation_of_pool_or_server_has_ended() {
    for generation in [Generation { pool: 2, server: 0 }, Generation { pool: 1, server: 1 }] {
        let snapshot = snapshot(&json!({}), |_| {});
        let session = Session { generation, ..session() };
        assert_eq!(judge(&snapshot.pools[0], &session, NOW), Verdict::Over(Reason::Generation));
    }
}

#[test]
fn a_home_that_cannot_take_its_session_says_why() {
    let snapshot = snapshot(&json!({}), |_| {});
    let pool = &snapshot.pools[0];
    let gone = Session { home: home_of("web9"), ..session() };
    assert_eq!(judge(pool, &gone, NOW), Verdict::Homeless(Reason::HomeRemoved));
    for (state, verdict) in [
        (State::Up, Verdict::Home(HOME, Reason::Recalled)),
        (State::Draining, Verdict::Home(HOME, Reason::Recalled)),
        (State::Maintenance, Verdict::Homeless(Reason::HomeMaintenance)),
        (State::Down, Verdict::Homeless(Reason::HomeDown)),
    ] {
        say(pool, 0, state, 0, 0);
        assert_eq!(judge(pool, &session(), NOW), verdict);
        assert_eq!(judge_home(pool, session().home, NOW, Reason::Recalled), verdict);
    }
    assert_eq!(
        judge_home(pool, home_of("web9"), NOW, Reason::Accepted),
        Verdict::Homeless(Reason::HomeRemoved)
    );
}

#[test]
fn a_draining_home_lets_go_at_its_deadline_and_of_idle_sessions_first() {
    let snapshot = snapshot(&json!({}), |_| {});
    let pool = &snapshot.pools[0];
    let (pinned, moved) =
        (Session { pinned: true, ..session() }, Verdict::Homeless(Reason::HomeDrainingMoved));
    say(pool, 0, State::Draining, NOW + 100, 0);
    assert_eq!(judge(pool, &session(), NOW + 99), Verdict::Home(HOME, Reason::Recalled));
    assert_eq!(judge(pool, &session(), NOW + 100), moved);
    assert_eq!(judge_home(pool, session().home, NOW + 100, Reason::Recalled), moved);
    say(pool, 0, State::Draining, 0, 300);
    assert_eq!(judge(pool, &session(), NOW + 74), Verdict::Home(HOME, Reason::Recalled));
    assert_eq!(judge(pool, &session(), NOW + 299), Verdict::Restamp(HOME, Reason::Recalled));
    assert_eq!(judge(pool, &session(), NOW + 300), moved);
    assert_eq!(judge(pool, &pinned, NOW + 300), Verdict::Restamp(HOME, Reason::Recalled));
    say(pool, 0, State::Up, NOW + 100, 300);
    assert_eq!(
        judge(pool, &Session { seen: NOW + 400, ..session() }, NOW + 400),
        Verdict::Home(HOME, Reason::Recalled)
    );
}

#[test]
fn another_life_of_the_home_is_told_apart_where_both_are_known() {
    let snapshot = snapshot(&json!({}), |server| server.incarnation = "second".to_owned());
    let pool = &snapshot.pools[0];
    for (life, verdict) in [
        (Incarnation::of(b"second"), Verdict::Home(HOME, Reason::Recalled)),
        (Incarnation::of(b"first"), Verdict::Restamp(HOME, Reason::IncarnationChanged)),
        (Incarnation::UNKNOWN, Verdict::Home(HOME, Reason::Recalled)),
    ] {
        assert_eq!(judge(pool, &Session { incarnation: life, ..session() }, NOW), verdict);
    }
}

#[test]
fn a_session_is_settled_where_it_was_answered() {
    let snapshot = snapshot(&json!({"fail_back": "return"}), |server| server.generation = 3);
    let pool = &snapshot.pools[0];
    pool.servers[1].live.tells(Incarnation::of(b"life"));
    let first = Session { incarnation: Incarnation::of(b"old"), pinned: true, ..session() };
    let moved = settle(pool, &first, ServerId(1), NOW + 60);
    let expected = Session {
        home: home_of("web2"),
        seen: NOW + 60,
        generation: Generation { pool: 1, server: 3 },
        incarnation: Incarnation::of(b"life"),
        before: Some(Before::new(home_of("web1"), Incarnation::of(b"old"))),
        ..first
    };
    assert_eq!(moved, expected);
    let again = settle(pool, &moved, ServerId(2), NOW + 90);
    assert_eq!(
        (again.home, again.before),
        (home_of("web3"), expected.before),
        "the first home is the one to return to"
    );
    assert_eq!(settle(pool, &again, ServerId(2), NOW + 99).before, expected.before);
    assert_eq!(settle(pool, &again, HOME, NOW + 99).before, None, "it is back");
}

#[test]
fn a_session_that_stays_where_it_is_keeps_no_home_before() {
    let snapshot = snapshot(&json!({}), |_| {});
    assert_eq!(settle(&snapshot.pools[0], &session(), ServerId(1), NOW).before, None);
}

#[test]
fn a_session_fails_back_as_the_pool_says() {
    let (same, other, unknown) = (Incarnation::of(b"same"), Incarnation::of(b"other"), Incarnation::UNKNOWN);
    for (policy, life, returns) in [
        ("stay", same, false),
        ("return", same, true),
        ("return", other, true),
        ("return", unknown, true),
        ("return_same_incarnation", same, true),
        ("return_same_incarnation", other, false),
        ("return_same_incarnation", unknown, false),
    ] {
        let snapshot = snapshot(&json!({"fail_back": policy}), |_| {});
        let pool = &snapshot.pools[0];
        pool.servers[1].live.tells(same);
        let session = Session { before: Some(Before::new(home_of("web2"), life)), ..session() };
        let back = Verdict::Restamp(ServerId(1), Reason::FailedBack);
        let stays = Verdict::Home(HOME, Reason::Recalled);
        assert_eq!(judge(pool, &session, NOW), if returns { back } else { stays }, "{policy}");
        say(pool, 1, State::Draining, 0, 0);
        assert_eq!(judge(pool, &session, NOW), stays, "{policy}: the first home takes no new sessions");
    }
}

/// A pool that web4 joined when it was NOW.
fn joined(rebalance: &Value) -> Snapshot {
    let mut wire = wire(&[], &json!({"rebalance": rebalance}));
    let last = wire.pools[0].servers.pop().expect("web4");
    let before = rebuilt(&wire, None, NOW - 1000);
    // web4 is no server of the pool's before: it joins at the reload.
    wire.pools[0].servers.push(last);
    rebuilt(&wire, Some(&before), NOW)
}

fn moved(pool: &Pool, sessions: u64, change: impl Fn(Session) -> Session, now: u64) -> usize {
    let ids = (0..sessions).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let old = |id| change(Session { born: NOW - 500, seen: NOW - 500, ..session_with(id) });
    ids.filter(|id| judge(pool, &old(*id), now) == Verdict::Restamp(ServerId(3), Reason::Rebalanced)).count()
}

#[test]
fn rebalancing_moves_a_servers_share_no_faster_than_it_may() {
    let snapshot = joined(&json!({"per_minute": 100_000, "idle_over": 60}));
    let pool = &snapshot.pools[0];
    // A quarter of all sessions belongs to the fourth of four servers, a tenth of them in each minute.
    for (minute, share) in [(0, 250), (1, 500), (4, 1250), (9, 2500), (100, 2500)] {
        let count = moved(pool, 10_000, |session| session, NOW + minute * 60);
        assert!(count.abs_diff(share) < share / 5, "{count} of {share} in minute {minute}");
    }
}

#[test]
fn rebalancing_agrees_everywhere_and_never_takes_back() {
    let [one, other] = [(); 2].map(|()| joined(&json!({"per_minute": 100_000, "idle_over": 60})));
    for id in (0..2000_u64).map(|number| number.wrapping_mul(0x9e37_79b9_7f4a_7c15)) {
        let session = Session { born: NOW - 500, seen: NOW - 500, ..session_with(id) };
        let mut before = None;
        for minute in 0..12 {
            let verdict = judge(&one.pools[0], &session, NOW + minute * 60);
            assert_eq!(verdict, judge(&other.pools[0], &session, NOW + minute * 60));
            let moves = matches!(verdict, Verdict::Restamp(_, Reason::Rebalanced));
            assert!(moves || before != Some(true), "what may move in one minute may move in the next");
            before = Some(moves);
        }
    }
}

#[test]
fn rebalancing_spares_busy_pinned_and_younger_sessions() {
    let rebalance = json!({"per_minute": 1_000_000, "idle_over": 60});
    let snapshot = joined(&rebalance);
    let pool = &snapshot.pools[0];
    assert!(moved(pool, 1000, |session| session, NOW) > 200);
    assert_eq!(moved(pool, 1000, |session| Session { seen: NOW - 59, ..session }, NOW), 0);
    assert_eq!(moved(pool, 1000, |session| Session { pinned: true, ..session }, NOW), 0);
    assert_eq!(moved(pool, 1000, |session| Session { born: NOW, ..session }, NOW), 0);
    assert_eq!(
        moved(&joined(&Value::Null).pools[0], 1000, |session| session, NOW),
        0,
        "off unless it is asked for"
    );
    say(pool, 3, State::Draining, 0, 0);
    assert_eq!(moved(pool, 1000, |session| session, NOW), 0);
}

#[test]
fn a_draining_home_keeps_its_sessions_where_nobody_else_takes_them() {
    let snapshot = snapshot(&json!({}), |_| {});
    let pool = &snapshot.pools[0];
    let moved = Verdict::Homeless(Reason::HomeDrainingMoved);
    say(pool, 0, State::Draining, NOW, 0);
    for place in 1..pool.servers.len() {
        assert_eq!(judge(pool, &session(), NOW), moved, "{place}");
        assert_eq!(judge_home(pool, session().home, NOW, Reason::Accepted), moved, "{place}");
        say(pool, place, if place == 1 { State::Draining } else { State::Down }, NOW, 0);
    }
    assert_eq!(judge(pool, &session(), NOW), Verdict::Home(HOME, Reason::Recalled));
    let stays = Verdict::Home(HOME, Reason::Accepted);
    assert_eq!(judge_home(pool, session().home, NOW, Reason::Accepted), stays);
}

#[test]
fn a_session_that_its_homes_generation_ended_does_not_fail_back() {
    let snapshot = snapshot(&json!({"fail_back": "return"}), |server| server.generation = 3);
    let before = Some(Before::new(home_of("web2"), Incarnation::UNKNOWN));
    assert_eq!(
        judge(&snapshot.pools[0], &Session { before, ..session() }, NOW),
        Verdict::Over(Reason::Generation)
    );
}

#[test]
fn a_session_that_went_elsewhere_for_once_is_still_forgotten_by_its_home() {
    let snapshot = snapshot(&json!({"incarnation_on_return": true, "overflow_rehome": 3}), |_| {});
    let pool = &snapshot.pools[0];
    assert_eq!(put_off(pool, &session(), NOW + 4).seen, NOW + 4);
    pool.servers[0].live.returns(NOW + 5);
    let elsewhere = put_off(pool, &session(), NOW + 10);
    assert_eq!(elsewhere.overflows, 1);
    assert_eq!(judge(pool, &elsewhere, NOW + 11), Verdict::Restamp(HOME, Reason::IncarnationChanged));
}
