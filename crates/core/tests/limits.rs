//! Where a session goes whose home is at its limit, and what its cookie says of that.

mod support;

use equalizer_core::balance::Local;
use equalizer_core::persistence::cookie::SessionId;
use equalizer_core::persistence::{Reason, Recall};
use equalizer_core::pool::gate::{Entered, Slot};
use equalizer_core::pool::{Pool, ServerId, Target, Tried};
use equalizer_core::snapshot::Snapshot;
use equalizer_core::snapshot::wire::{ServerState, State};
use serde_json::{Value, json};
use support::{NOW, rebuilt, wire};

/// Four servers that take one request each.
fn limited(sessions: &Value) -> Snapshot {
    let mut wire = wire(&[], sessions);
    wire.pools[0].servers.iter_mut().for_each(|server| server.limit = 1);
    let snapshot = rebuilt(&wire, None, NOW);
    snapshot.pools[0].gate.admit(&snapshot.pools[0].servers);
    snapshot
}

fn at_home(id: u64, home: ServerId) -> Recall {
    let mut recall = Recall::nobody(Reason::New);
    recall.bear(SessionId(id), home, false);
    recall
}

fn enter(pool: &Pool, target: Target, recall: &Recall) -> Entered {
    pool.enter(target, recall, &Tried::default(), &mut Local::new(4, 1))
}

fn overflow(pool: &Pool, recall: &mut Recall) -> Entered {
    pool.overflow(ServerId(0), recall, &Tried::default(), &mut Local::new(4, 1), 0)
}

fn inside(entered: Entered) -> (ServerId, Slot) {
    match entered {
        Entered::In(server, slot) => (server, slot),
        other => panic!("{other:?}"),
    }
}

fn set(pool: &Pool, place: usize, state: State) {
    let said = ServerState { pool: String::new(), server: String::new(), state, deadline: 0, idle_first: 0 };
    pool.servers[place].live.set(&said);
}

#[test]
fn a_session_means_its_home_and_a_newcomer_anybody() {
    let snapshot = limited(&json!({}));
    let pool = &snapshot.pools[0];
    let (session, newcomer) = (at_home(7, ServerId(2)), Recall::nobody(Reason::New));
    assert_eq!(pool.target(&session, &Tried::default()), Some(Target::One(ServerId(2))));
    assert_eq!(pool.target(&newcomer, &Tried::default()), Some(Target::Any));
    (0..4).for_each(|place| set(pool, place, State::Down));
    assert_eq!(pool.target(&newcomer, &Tried::default()), None);
}

#[test]
fn the_next_home_does_not_depend_on_who_has_room() {
    let snapshot = limited(&json!({}));
    let pool = &snapshot.pools[0];
    let mut session = at_home(7, ServerId(0));
    session.lose_home(Reason::HomeDown);
    set(pool, 0, State::Down);
    let next = pool.target(&session, &Tried::default()).expect("a server");
    let _slot = inside(enter(pool, next, &session));
    assert_eq!(pool.target(&session, &Tried::default()), Some(next));
}

#[test]
fn a_newcomer_gets_whoever_has_room() {
    let snapshot = limited(&json!({}));
    let pool = &snapshot.pools[0];
    let newcomer = Recall::nobody(Reason::New);
    let mut balance = Local::new(4, 1);
    let found: Vec<_> =
        (0..4).map(|_| inside(pool.enter(Target::Any, &newcomer, &Tried::default(), &mut balance))).collect();
    let mut places: Vec<_> = found.iter().map(|(server, _)| server.0).collect();
    places.sort_unstable();
    assert_eq!(places, [0, 1, 2, 3]);
    assert!(matches!(enter(pool, Target::Any, &newcomer), Entered::Waits(_)));
}

#[test]
fn a_draining_server_helps_before_a_session_is_refused() {
    let snapshot = limited(&json!({}));
    let pool = &snapshot.pools[0];
    let _full: Vec<_> = (0..3)
        .map(|place| inside(enter(pool, Target::One(ServerId(place)), &at_home(1, ServerId(place)))))
        .collect();
    set(pool, 3, State::Draining);
    assert!(matches!(enter(pool, Target::Any, &Recall::nobody(Reason::New)), Entered::Waits(_)));
    let (helps, _slot) = inside(overflow(pool, &mut at_home(7, ServerId(0))));
    assert_eq!(helps, ServerId(3));
    assert!(matches!(overflow(pool, &mut at_home(8, ServerId(0))), Entered::Full));
}

#[test]
fn elsewhere_is_the_same_for_all_requests_of_a_session_while_there_is_room() {
    let snapshot = limited(&json!({}));
    let pool = &snapshot.pools[0];
    let _home = inside(enter(pool, Target::One(ServerId(0)), &at_home(7, ServerId(0))));
    let first = inside(overflow(pool, &mut at_home(7, ServerId(0)))).0;
    let second = inside(overflow(pool, &mut at_home(7, ServerId(0)))).0;
    assert_eq!(first, second);
    assert_ne!(first, ServerId(0));
}
