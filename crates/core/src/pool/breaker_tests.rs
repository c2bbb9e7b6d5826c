use proptest::prelude::*;

use super::*;

/// Half of twenty in ten seconds; five seconds open; three trials.
fn breaker() -> Breaker {
    Breaker::new(&wire::Breaker {
        share: 5000,
        over: 10,
        least: 20,
        open: 5000,
        trials: 3,
        statuses: vec![503],
    })
}

/// Lets requests through and has them fare so.
fn usual(breaker: &Breaker, now: u64, count: usize, failed: bool) {
    for _ in 0..count {
        let pass = breaker.enter(now).expect("it is closed");
        assert_eq!(pass, Pass::Usual);
        breaker.ends(pass, failed, now);
    }
}

/// One that opened at this moment.
fn opened(now: u64) -> Breaker {
    let breaker = breaker();
    usual(&breaker, now, 10, false);
    usual(&breaker, now, 10, true);
    assert_eq!(breaker.told().phase, Phase::Open { since: now });
    breaker
}

fn trials(breaker: &Breaker, now: u64) -> Vec<Pass> {
    std::iter::from_fn(|| breaker.enter(now).ok()).collect()
}

#[test]
fn it_opens_when_the_share_of_failures_is_reached_and_not_on_a_few_requests() {
    let breaker = breaker();
    usual(&breaker, 1000, 19, true);
    assert!(breaker.is_closed());
    usual(&breaker, 1000, 1, true);
    assert_eq!(breaker.enter(1000), Err(5));
    let told = breaker.told();
    assert_eq!((told.opened, told.refused, told.because), (1, 1, Counts { all: 20, some: 20 }));
}

#[test]
fn failures_of_long_ago_do_not_count() {
    let breaker = breaker();
    usual(&breaker, 1000, 19, true);
    usual(&breaker, 11_000, 19, true);
    assert!(breaker.is_closed());
    usual(&breaker, 20_000, 1, true);
    assert!(!breaker.is_closed());
}

#[test]
fn it_tells_how_long_it_stays_open() {
    let breaker = opened(1000);
    let told: Vec<_> = [1000, 1001, 4999, 5000, 5999].map(|now| breaker.enter(now)).to_vec();
    assert_eq!(told, [Err(5), Err(5), Err(2), Err(1), Err(1)]);
    assert_eq!(breaker.told().refused, 5);
    assert!(matches!(breaker.enter(6000), Ok(Pass::Trial(_))));
}

#[test]
fn a_few_are_let_through_and_close_it_when_all_go_well() {
    let breaker = opened(1000);
    let passes = trials(&breaker, 6000);
    assert_eq!(passes.len(), 3);
    breaker.ends(passes[0], false, 6100);
    breaker.ends(passes[1], false, 6100);
    assert_eq!(breaker.enter(6100), Err(5));
    breaker.ends(passes[2], false, 6100);
    let told = breaker.told();
    assert_eq!((told.phase, told.opened, told.closed), (Phase::Closed, 1, 1));
    // What was counted before it opened is forgotten.
    usual(&breaker, 6200, 19, true);
    assert!(breaker.is_closed());
}

#[test]
fn one_that_fails_opens_it_again() {
    let breaker = opened(1000);
    let passes = trials(&breaker, 6000);
    breaker.ends(passes[0], true, 6500);
    breaker.ends(passes[1], false, 6500);
    assert_eq!(breaker.enter(6500), Err(5));
    let later = trials(&breaker, 11_500);
    assert_eq!(later.len(), 3);
    // Late news of the round before.
    breaker.ends(passes[2], true, 11_600);
    later.into_iter().for_each(|pass| breaker.ends(pass, false, 11_700));
    assert_eq!((breaker.told().phase, breaker.told().opened), (Phase::Closed, 1));
}

#[test]
fn a_trial_that_came_to_no_server_is_given_back_and_one_that_is_lost_is_replaced() {
    let breaker = opened(1000);
    let passes = trials(&breaker, 6000);
    breaker.leaves(passes[0]);
    assert_eq!(trials(&breaker, 6000).len(), 1);
    assert_eq!(breaker.enter(10_999), Err(1));
    let others = trials(&breaker, 11_000);
    assert_eq!(others.len(), 3);
    assert_ne!(others[0], passes[0]);
}

#[test]
fn workers_let_no_more_trials_through_together() {
    let breaker = opened(1000);
    let passed: usize = std::thread::scope(|scope| {
        let enter = || (0..1000).filter(|_| breaker.enter(6000).is_ok()).count();
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(enter)).collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).sum()
    });
    assert_eq!((passed, breaker.told().refused), (3, 3997));
}

/// What happens to a breaker.
#[derive(Debug, Clone)]
enum Step {
    Enter,
    /// One of those that are out ends so.
    Ends(prop::sample::Index, bool),
    Leaves(prop::sample::Index),
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let one = prop_oneof![
        4 => Just(Step::Enter),
        4 => (any::<prop::sample::Index>(), any::<bool>()).prop_map(|(which, failed)| Step::Ends(which, failed)),
        1 => any::<prop::sample::Index>().prop_map(Step::Leaves),
        1 => (0..4000_u64).prop_map(Step::Wait),
    ];
    prop::collection::vec(one, 1..400)
}

proptest! {
    #[test]
    fn it_opens_exactly_when_it_should_and_lets_no_more_through_than_it_may(steps in steps()) {
        let breaker = Breaker::new(&wire::Breaker {
            share: 4000, over: 5, least: 5, open: 3000, trials: 2, statuses: Vec::new(),
        });
        let (mut now, mut out, mut seen) = (10_000_u64, Vec::new(), Vec::<(u64, bool)>::new());
        for step in steps {
            let before = breaker.told().phase;
            match step {
                Step::Wait(time) => now += time,
                Step::Enter => {
                    let entered = breaker.enter(now);
                    match before {
                        Phase::Closed => prop_assert_eq!(entered, Ok(Pass::Usual)),
                        Phase::Open { since } => prop_assert_eq!(entered.is_ok(), now >= since + 3000),
                        Phase::Trying { since, begun, .. } => {
                            prop_assert_eq!(entered.is_ok(), begun < 2 || now >= since + 3000);
                        }
                    }
                    out.extend(entered);
                }
                Step::Ends(which, failed) if !out.is_empty() => {
                    let pass: Pass = out.swap_remove(which.index(out.len()));
                    breaker.ends(pass, failed, now);
                    let after = breaker.told().phase;
                    if before == Phase::Closed && pass == Pass::Usual {
                        seen.push((now, failed));
                        let live = seen.iter().filter(|(at, _)| at / 1000 + 5 > now / 1000);
                        let (all, bad) = live.fold((0, 0), |(all, bad), (_, failed)| (all + 1, bad + u32::from(*failed)));
                        let due = failed && all >= 5 && bad * 10 >= all * 4;
                        prop_assert_eq!(after == Phase::Open { since: now }, due);
                    }
                    if before != after && (before == Phase::Closed || after == Phase::Closed) {
                        seen.clear();
                    }
                }
                Step::Leaves(which) if !out.is_empty() => breaker.leaves(out.swap_remove(which.index(out.len()))),
                Step::Ends(..) | Step::Leaves(_) => {}
            }
        }
    }

    #[test]
    fn a_state_is_the_same_after_it_was_packed(
        (since, round) in (0..1_u64 << 40, 0..64_u8), (begun, passed) in any::<(u8, u8)>(), kind in 0..3_u8,
    ) {
        let phase = match kind {
            0 => Phase::Closed,
            1 => Phase::Open { since },
            _ => Phase::Trying { since, begun, passed },
        };
        let state = State { round, phase };
        prop_assert_eq!(State::unpacked(state.packed()), state);
    }
}
