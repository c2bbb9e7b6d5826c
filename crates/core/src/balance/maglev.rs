//! A table of hash values chooses, so that a choice costs the same for ten servers and for a thousand; with a bound on
//! how much more than its share a server has in flight.
//!
//! Each server fills the places of the table in an order of its own, in turns as frequent as its weight: a server
//! that leaves moves hardly any key but its own. The table is built with the snapshot, from what the configuration
//! says; a weight that was given later counts when a key is looked up.

use std::sync::Arc;

use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::persistence::ByHash;
use crate::persistence::cookie::Home;

/// Fixed for ever: every Equalizer must build the same table.
const OFFSET_SEED: u64 = 0x6571_2e6d_6167_6c31;
const SKIP_SEED: u64 = 0x6571_2e6d_6167_6c32;
const KEEP_SEED: u64 = 0x6571_2e6d_6167_6c33;
/// Places of a table: primes, so that every step visits all of them. A hundred a server make shares exact to 1 %.
const PLACES: usize = 65_537;
const MORE_PLACES: usize = 655_373;
/// What a server without a weight is built in with, for the day that it is given one.
const USUAL_WEIGHT: u16 = 100;

/// A balance by a table.
#[derive(Debug)]
pub struct Maglev {
    over: ByHash,
    table: Arc<Table>,
    /// Hundredths of its share that a server may have in flight; 0 for any number.
    bound: u32,
}

/// Which server has which place.
#[derive(Debug)]
pub struct Table {
    of: Vec<(Home, u16)>,
    places: Vec<u16>,
}

impl Maglev {
    /// The balance over the servers `of`, with the table from `before` where that is still the right one.
    pub fn new(over: ByHash, bound: u32, of: Vec<(Home, u16)>, before: Option<&Self>) -> Self {
        let kept = before.map(|before| &before.table).filter(|table| table.of == of);
        let table = kept.map_or_else(|| Arc::new(Table::new(of)), Arc::clone);
        Self { over, table, bound }
    }

    /// What chooses.
    pub fn over(&self) -> &ByHash {
        &self.over
    }

    /// Whether what is in flight counts.
    pub fn is_bounded(&self) -> bool {
        self.bound > 0
    }

    /// The server for a key; `weight` gives 0 for a server that may not be chosen, `open` is overwritten.
    pub(super) fn choose(
        &self,
        key: u64,
        servers: usize,
        weight: impl Fn(usize) -> u16,
        in_flight: impl Fn(usize) -> u32,
        open: &mut Vec<bool>,
    ) -> Option<usize> {
        let most = self.most_grown(servers, &weight);
        let flights: u64 = (0..servers).map(|server| u64::from(in_flight(server))).sum();
        let weights: u64 = (0..servers).map(|server| u64::from(weight(server))).sum();
        // Of the request that is being placed as well, and rounded up: somebody always has room.
        let has_room = |server: usize| {
            let bound = u64::from(self.bound) * (flights + 1) * u64::from(weight(server));
            self.bound == 0 || u64::from(in_flight(server)) * weights * 100 < bound
        };
        open.clear();
        open.extend((0..servers).map(|server| weight(server) > 0 && has_room(server)));
        self.table.find(key, open, |server, step| self.stays(key, server, step, weight(server), most))
    }

    /// The most that a weight has grown since the table was built, as a fraction.
    fn most_grown(&self, servers: usize, weight: impl Fn(usize) -> u16) -> (u64, u64) {
        let grown = (0..servers).map(|server| (u64::from(weight(server)), self.table.weight(server)));
        grown.fold((0, 1), |most, one| if one.0 * most.1 > most.0 * one.1 { one } else { most })
    }

    /// Whether a key stays at a place whose server's weight has not grown like that of others: as often as in
    /// proportion, drawn anew at every place that it comes to.
    fn stays(&self, key: u64, server: usize, step: usize, weight: u16, most: (u64, u64)) -> bool {
        let (share, whole) = (u64::from(weight) * most.1, most.0 * self.table.weight(server));
        share >= whole || {
            let draw = xxh3_64_with_seed(&[key, step as u64].map(u64::to_be_bytes).concat(), KEEP_SEED);
            u128::from(draw) * u128::from(whole) < u128::from(share) << 64
        }
    }
}

impl Table {
    fn new(of: Vec<(Home, u16)>) -> Self {
        let size = if of.len() * 100 <= PLACES { PLACES } else { MORE_PLACES };
        let mut turns: Vec<Turn> = of
            .iter()
            .enumerate()
            .map(|(server, &(home, weight))| Turn::new(server, home, weight, size))
            .collect();
        // The order in which servers are written down must not matter.
        turns.sort_by_key(|turn| of[turn.server].0);
        let heaviest = turns.iter().map(|turn| turn.weight).max().unwrap_or(1);
        let mut places = vec![u16::MAX; size];
        let mut free = size;
        'filling: while !turns.is_empty() {
            for turn in &mut turns {
                turn.credit += turn.weight;
                if turn.credit < heaviest {
                    continue;
                }
                turn.credit -= heaviest;
                let place = turn.next_free(&places);
                places[place] = u16::try_from(turn.server).unwrap_or(u16::MAX);
                free -= 1;
                if free == 0 {
                    break 'filling;
                }
            }
        }
        Self { of, places }
    }

    fn weight(&self, server: usize) -> u64 {
        u64::from(built(self.of[server].1))
    }

    /// The first server that is open, from the key's place on, where it stays.
    fn find(&self, key: u64, open: &[bool], stays: impl Fn(usize, usize) -> bool) -> Option<usize> {
        let start = usize::try_from(key % self.places.len() as u64).unwrap_or_default();
        let (before, after) = self.places.split_at(start);
        let mut found = after.iter().chain(before).map(|&server| usize::from(server)).enumerate();
        let found = found.find(|&(step, server)| open.get(server) == Some(&true) && stays(server, step));
        // A server of little weight among very many may have no place at all.
        found.map(|(_, server)| server).or_else(|| open.iter().position(|&open| open))
    }
}

fn built(weight: u16) -> u16 {
    if weight == 0 { USUAL_WEIGHT } else { weight }
}

/// A server while the table is filled.
struct Turn {
    server: usize,
    weight: u32,
    credit: u32,
    at: usize,
    skip: usize,
}

impl Turn {
    fn new(server: usize, home: Home, weight: u16, size: usize) -> Self {
        let hash = |seed, modulus: usize| {
            let hash = xxh3_64_with_seed(&home.0.to_be_bytes(), seed);
            usize::try_from(hash % modulus as u64).unwrap_or_default()
        };
        let weight = u32::from(built(weight));
        Self { server, weight, credit: 0, at: hash(OFFSET_SEED, size), skip: hash(SKIP_SEED, size - 1) + 1 }
    }

    fn next_free(&mut self, places: &[u16]) -> usize {
        loop {
            let at = self.at;
            self.at = (at + self.skip) % places.len();
            if places[at] == u16::MAX {
                return at;
            }
        }
    }
}

#[cfg(test)]
#[path = "maglev_tests.rs"]
mod tests;
