use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;

/// Asks at these moments, and tells which of them were let in.
fn let_in(rate: Rate, moments: &[u64]) -> Vec<u64> {
    let mut full = 0;
    let mut inside = Vec::new();
    for &now in moments {
        if let Ok(then) = rate.take(full, now) {
            full = then;
            inside.push(now);
        }
    }
    inside
}

#[test]
fn a_burst_is_let_in_and_then_one_for_each_interval() {
    let rate = Rate::new(10, 1000, 3);
    let moments = [SECOND; 5].into_iter().chain([SECOND + SECOND / 10; 2]);
    assert_eq!(let_in(rate, &moments.collect::<Vec<_>>()), [SECOND, SECOND, SECOND, SECOND + SECOND / 10]);
}

#[test]
fn who_is_refused_is_told_when_there_is_room() {
    let rate = Rate::new(1, 60_000, 1);
    let full = rate.take(0, SECOND).expect("the first");
    let wait = rate.take(full, 11 * SECOND).expect_err("the second comes too soon");
    assert_eq!(wait, 50 * SECOND);
    assert!(rate.take(full, 11 * SECOND + wait - 1).is_err());
    assert!(rate.take(full, 11 * SECOND + wait).is_ok());
}

#[test]
fn what_is_given_back_was_never_taken() {
    let (rate, buckets) = (Rate::new(1, 1000, 2), Buckets::new(8));
    assert!(buckets.take(7, rate, SECOND).is_ok());
    for _ in 0..10 {
        assert!(buckets.take(7, rate, SECOND).is_ok());
        assert!(buckets.take(7, rate, SECOND).is_err());
        buckets.give_back(7, rate);
    }
    buckets.give_back(8, rate);
    assert_eq!(buckets.evicted(), 0);
}

#[test]
fn a_flood_of_keys_takes_no_more_room_and_does_not_wash_away_who_is_beyond_his_rate() {
    let (rate, buckets) = (Rate::new(1, 1000, 10), Buckets::new(1));
    (0..10).for_each(|_| buckets.take(1, rate, SECOND).expect("the burst"));
    for key in 2..10_000 {
        assert!(buckets.take(key, rate, SECOND).is_ok());
    }
    assert!(buckets.take(1, rate, SECOND).is_err());
    assert_eq!(buckets.evicted(), 10_000 - 2 - 7);
    // Those that are full again were not forgotten too soon.
    let later = 100 * SECOND;
    (20_000..20_008).for_each(|key| buckets.take(key, rate, later).expect("a newcomer"));
    assert_eq!(buckets.evicted(), 10_000 - 2 - 7);
}

#[test]
fn workers_share_a_bucket() {
    let (rate, buckets) = (Rate::new(1, 1000, 1000), Buckets::new(100));
    let taken: usize = std::thread::scope(|scope| {
        let take = || (0..1000).filter(|_| buckets.take(5, rate, SECOND).is_ok()).count();
        let workers: Vec<_> = (0..4).map(|_| scope.spawn(take)).collect();
        workers.into_iter().map(|worker| worker.join().expect("no panic")).sum()
    });
    assert_eq!(taken, 1000);
}

proptest! {
    #[test]
    fn never_more_than_the_burst_and_what_the_rate_allows(
        (count, per, burst) in (1..100_000_u32, prop::sample::select(vec![1000_u32, 60_000, 3_600_000]), 1..1000_u32),
        mut moments in prop::collection::vec(0..600 * SECOND, 1..400),
    ) {
        moments.sort_unstable();
        let inside = let_in(Rate::new(count, per, burst), &moments);
        for (first, &from) in inside.iter().enumerate() {
            for (last, &to) in inside.iter().enumerate().skip(first) {
                let allowed = u128::from(to - from) * u128::from(count) / (u128::from(per) * 1_000_000);
                prop_assert!((last - first) as u128 <= u128::from(burst) - 1 + allowed);
            }
        }
    }

    #[test]
    fn who_comes_back_when_he_is_told_is_let_in(
        (count, burst) in (1..1000_u32, 1..100_u32), moments in prop::collection::vec(0..SECOND, 1..300),
    ) {
        let (rate, mut full, mut now) = (Rate::new(count, 1000, burst), 0, SECOND);
        for more in moments {
            now += more / 100;
            match rate.take(full, now) {
                Ok(then) => full = then,
                Err(wait) => {
                    prop_assert!(rate.take(full, now + wait - 1).is_err());
                    now += wait;
                    full = rate.take(full, now).expect("as told");
                }
            }
        }
    }
}
