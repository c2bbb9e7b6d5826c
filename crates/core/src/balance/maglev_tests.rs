use super::*;
use crate::persistence::cookie::home_of;
use crate::snapshot::wire::{HashOver, Hashed};

fn over() -> ByHash {
    ByHash::new(&Hashed { over: HashOver::Path, name: String::new(), prefix4: 32, prefix6: 64 })
}

fn maglev(weights: &[u16], bound: u32) -> Maglev {
    let of = weights.iter().enumerate().map(|(number, &weight)| (home_of(&format!("web{number}")), weight));
    Maglev::new(over(), bound, of.collect(), None)
}

fn key(number: u64) -> u64 {
    xxh3_64_with_seed(&number.to_be_bytes(), 1)
}

fn find(maglev: &Maglev, number: u64, weights: &[u16], flights: &[u32]) -> usize {
    let mut open = Vec::new();
    let found = maglev.choose(key(number), weights.len(), |at| weights[at], |at| flights[at], &mut open);
    found.expect("a server")
}

/// How many of 20,000 keys each server has.
fn shares(maglev: &Maglev, weights: &[u16]) -> Vec<u32> {
    let mut counts = vec![0; weights.len()];
    for number in 0..20_000 {
        counts[find(maglev, number, weights, &vec![0; weights.len()])] += 1;
    }
    counts
}

fn assert_shares(counts: &[u32], weights: &[u16]) {
    let total: u32 = weights.iter().map(|&weight| u32::from(weight)).sum();
    for (&count, &weight) in counts.iter().zip(weights) {
        let share = 20_000 * u32::from(weight) / total;
        assert!(count.abs_diff(share) <= 60 + share / 20, "{weights:?} shared as {counts:?}");
    }
}

#[test]
fn a_server_gets_its_weights_share() {
    for weights in [vec![100; 5], vec![100, 200, 50], vec![256, 1, 100]] {
        assert_shares(&shares(&maglev(&weights, 0), &weights), &weights);
    }
}

#[test]
fn the_choice_is_the_same_for_ever() {
    let weights = [100, 50, 256];
    let chosen: Vec<_> =
        (0..12).map(|number| find(&maglev(&weights, 0), number, &weights, &[0; 3])).collect();
    assert_eq!(chosen, [2, 2, 1, 2, 2, 1, 2, 2, 2, 2, 2, 0]);
}

#[test]
fn a_weight_that_was_given_later_counts_in_proportion() {
    let built = maglev(&[100, 100, 0], 0);
    for now in [[100, 25, 0], [100, 200, 0], [0, 100, 0], [10, 20, 30]] {
        assert_shares(&shares(&built, &now), &now);
    }
}

#[test]
fn a_server_that_leaves_moves_hardly_any_key_but_its_own() {
    let (all, left) = (maglev(&[100; 10], 0), maglev(&[100; 9], 0));
    let moved = (0..10_000).filter(|&number| {
        let before = find(&all, number, &[100; 10], &[0; 10]);
        before != 9 && find(&left, number, &[100; 9], &[0; 9]) != before
    });
    assert!(moved.count() < 300);
}

#[test]
fn one_that_may_not_be_chosen_now_moves_its_own_keys_only() {
    let maglev = maglev(&[100; 4], 0);
    for number in 0..1_000 {
        let before = find(&maglev, number, &[100; 4], &[0; 4]);
        let without = find(&maglev, number, &[100, 100, 0, 100], &[0; 4]);
        assert!(if before == 2 { without != 2 } else { without == before });
    }
}

#[test]
fn nobody_gets_more_than_the_bound_of_its_share() {
    let (weights, mut flights) = ([100, 100, 200], vec![0; 3]);
    let bounded = maglev(&weights, 125);
    // The same key again and again: a crowd that wants one page.
    for _ in 0..400 {
        let server = find(&bounded, 7, &weights, &flights);
        flights[server] += 1;
    }
    let most: Vec<u32> = flights.clone();
    assert!(most[0] <= 125 && most[1] <= 125 && most[2] <= 250, "{most:?}");
    let home = find(&maglev(&weights, 0), 7, &weights, &flights);
    assert!(
        most[home] >= if home == 2 { 249 } else { 124 },
        "its own server is as full as it may be: {most:?}"
    );
}

#[test]
fn a_table_that_is_still_right_is_kept() {
    let before = maglev(&[100, 50], 0);
    let again = Maglev::new(over(), 150, before.table.of.clone(), Some(&before));
    assert!(Arc::ptr_eq(&before.table, &again.table));
    let other = Maglev::new(over(), 150, vec![before.table.of[0]], Some(&before));
    assert!(!Arc::ptr_eq(&before.table, &other.table));
}

#[test]
fn the_order_of_servers_does_not_matter() {
    let of: Vec<(Home, u16)> = [100, 50, 70]
        .iter()
        .enumerate()
        .map(|(number, &weight)| (home_of(&format!("web{number}")), weight))
        .collect();
    let one = Table::new(of.clone());
    let other = Table::new(of.iter().rev().copied().collect());
    assert!(one.places.iter().zip(&other.places).all(|(&one, &other)| one == 2 - other));
}

#[test]
fn without_weight_nobody_is_chosen() {
    assert_eq!(maglev(&[100], 125).choose(1, 1, |_| 0, |_| 0, &mut Vec::new()), None);
    assert_eq!(maglev(&[], 0).choose(1, 0, |_| 1, |_| 0, &mut Vec::new()), None);
}
