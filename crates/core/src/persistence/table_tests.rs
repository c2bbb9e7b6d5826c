use std::collections::HashMap;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

const IDLE: u32 = 20;
const CAPACITY: usize = 6;

#[derive(Debug, Clone)]
enum Step {
    Record(u8, u64),
    Touch(u8),
    Opened(u8),
    Closed(u8),
    Forget(u8),
    Wait(u64),
    Expire,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = 0..12_u8;
    let step = prop_oneof![
        6 => (key.clone(), any::<u64>()).prop_map(|(key, home)| Step::Record(key, home)),
        3 => key.clone().prop_map(Step::Touch),
        2 => key.clone().prop_map(Step::Opened),
        2 => key.clone().prop_map(Step::Closed),
        1 => key.prop_map(Step::Forget),
        4 => (1..8_u64).prop_map(Step::Wait),
        1 => Just(Step::Expire),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 0..120)
}

fn key(number: u8) -> Key {
    [number; 16]
}

/// What a table should do, slowly: expiry at once and no bound, but what the table evicts it forgets too.
#[derive(Default)]
struct Model {
    records: HashMap<u8, (Home, u64, u32)>,
    now: u64,
}

impl Model {
    fn expire(&mut self) {
        let now = self.now;
        self.records.retain(|_, (_, seen, open)| *open > 0 || now - *seen < u64::from(IDLE));
    }

    /// The record that a full table must give up: none but one that has been idle the longest.
    fn evict(&mut self, table: &Table) {
        let idle = self.records.values().filter(|(.., open)| *open == 0);
        let longest = idle.map(|&(_, seen, _)| seen).min();
        let gone: Vec<u8> = self.records.keys().copied().collect();
        let gone: Vec<u8> = gone.into_iter().filter(|&k| table.recall(key(k), self.now).is_none()).collect();
        assert_eq!(gone.len(), 1, "one makes room");
        let (_, seen, open) = self.records.remove(&gone[0]).expect("it was here");
        assert_eq!((Some(seen), open), (longest, 0), "and it is the longest idle");
    }

    fn record(&mut self, table: &Table, number: u8, home: Home) {
        let before = table.losses();
        let known = self.records.get(&number).copied();
        let stored = table.record(key(number), home, self.now);
        let full = known.is_none() && self.records.len() == CAPACITY;
        if full && stored {
            self.evict(table);
        }
        let all_open = self.records.values().all(|(.., open)| *open > 0);
        assert_eq!(stored, !full || self.records.len() < CAPACITY);
        assert!(stored || all_open, "only records in use keep a newcomer out");
        let after = table.losses();
        assert_eq!(after.evicted - before.evicted, u64::from(full && stored));
        assert_eq!(after.refused - before.refused, u64::from(!stored));
        if stored {
            let open = known.map_or(0, |(.., open)| open);
            self.records.insert(number, (home, self.now, open));
        }
    }

    fn restart(&mut self, table: &mut Table) {
        let kept: Vec<Kept> = table.export(self.now).collect();
        *table = Table::new(CAPACITY, IDLE, 6);
        table.import(kept.into_iter().rev(), self.now);
        for (_, seen, open) in self.records.values_mut() {
            *seen = if *open > 0 { self.now } else { *seen };
            *open = 0;
        }
    }

    fn step(&mut self, table: &mut Table, step: &Step) {
        self.expire();
        let now = self.now;
        match *step {
            Step::Record(number, home) => {
                // Expired records take up room until they are asked to leave; the model has none of them.
                table.expire(now);
                self.record(table, number, Home(home));
            }
            Step::Touch(number) => {
                let known = self.records.get_mut(&number);
                assert_eq!(table.touch(key(number), now), known.is_some());
                if let Some((_, seen, _)) = known {
                    *seen = now;
                }
            }
            Step::Opened(number) => {
                let known = self.records.get_mut(&number);
                assert_eq!(table.opened(key(number), now), known.is_some());
                if let Some((.., open)) = known {
                    *open += 1;
                }
            }
            Step::Closed(number) => {
                table.closed(key(number), now);
                let known = self.records.get_mut(&number).filter(|(.., open)| *open > 0);
                if let Some((_, seen, open)) = known {
                    (*seen, *open) = (now, *open - 1);
                }
            }
            Step::Forget(number) => {
                let known = self.records.remove(&number).is_some();
                // One that expired may still be there to forget.
                assert!(table.forget(key(number)) || !known);
            }
            Step::Wait(seconds) => self.now += seconds,
            Step::Expire => {
                table.expire(now);
                assert_eq!(table.len(), self.records.len());
            }
            Step::Restart => self.restart(table),
        }
    }
}

proptest! {
    #[test]
    fn a_table_does_what_a_map_would(steps in steps()) {
        let mut table = Table::new(CAPACITY, IDLE, 5);
        let mut model = Model { now: 1000, ..Model::default() };
        for step in &steps {
            model.step(&mut table, step);
            model.expire();
            for number in 0..12 {
                let home = model.records.get(&number).map(|&(home, ..)| home);
                prop_assert_eq!(table.recall(key(number), model.now), home);
            }
        }
    }

}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Many records in several shards: removing one must not hide another that collided with it.
    #[test]
    fn no_record_is_lost_among_collisions(seed: u64, removed in prop::collection::vec(any::<bool>(), 3000)) {
        let table = Table::new(removed.len() * 2, IDLE, seed);
        let key = |number: usize| u128::to_be_bytes(number as u128);
        for number in 0..removed.len() {
            table.record(key(number), Home(number as u64), 1000);
        }
        for (number, _) in removed.iter().enumerate().filter(|(_, removed)| **removed) {
            prop_assert!(table.forget(key(number)));
        }
        for (number, removed) in removed.iter().enumerate() {
            let home = (!removed).then_some(Home(number as u64));
            prop_assert_eq!(table.recall(key(number), 1000), home);
        }
        prop_assert_eq!(table.len(), removed.iter().filter(|removed| !**removed).count());
    }
}

#[test]
fn newcomers_take_the_room_of_the_expired_before_anyone_is_evicted() {
    let table = Table::new(CAPACITY, IDLE, 5);
    for number in 0..100 {
        table.record(key(number), Home(1), 1000 + u64::from(number) * 10);
    }
    assert_eq!(table.losses(), Losses::default());
    assert!(table.len() <= 3, "{} records", table.len());
}

#[test]
fn a_clock_that_steps_back_loses_nothing() {
    let table = Table::new(CAPACITY, IDLE, 5);
    table.record(key(1), Home(1), 1000);
    assert!(table.touch(key(1), 900));
    assert_eq!(table.recall(key(1), 900), Some(Home(1)));
    assert_eq!(table.recall(key(1), 1000 + u64::from(IDLE) - 1), Some(Home(1)));
}

#[test]
fn workers_share_a_table() {
    let table = Arc::new(Table::new(40_000, IDLE, 5));
    let workers: Vec<_> = (0..4_u64)
        .map(|worker| {
            let table = Arc::clone(&table);
            std::thread::spawn(move || {
                for number in 0..5000_u64 {
                    table.record(u128::from(worker << 32 | number).to_be_bytes(), Home(number), 1000);
                }
            })
        })
        .collect();
    for worker in workers {
        worker.join().expect("no panic");
    }
    assert_eq!(table.len(), 20_000);
    for worker in 0..4_u64 {
        let key = u128::from(worker << 32 | 0x77).to_be_bytes();
        assert_eq!(table.recall(key, 1000), Some(Home(0x77)));
    }
}
