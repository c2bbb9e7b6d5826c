//! Decides which record of one shard goes first: those idle the longest, in order, beside an index by key.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::cookie::Home;
use super::table::{Kept, Key, Losses};

/// Records that one shard can number: an index entry has 20 bits for them.
pub(super) const RECORDS_MAX: usize = (1 << ID_BITS) - 1;
const ID_BITS: u32 = 20;
const ID_MASK: u32 = (1 << ID_BITS) - 1;
const EMPTY: u32 = 0;
const NONE: u32 = u32::MAX;
/// In place of the number of open connections, where a place in the slab is free.
const FREE: u32 = u32::MAX;
/// Removed by each newcomer, so that no single one pays for all that expired.
const EXPIRED_PER_INSERT: usize = 2;
/// The order of records is as exact as this part of the idle time: within it a touch only notes the time.
const ORDER: u32 = 64;

/// What a key points to; aligned, so that reading one is one cache miss.
#[derive(Debug, Clone, Copy)]
#[repr(align(32))]
pub(super) struct Record {
    pub(super) key: Key,
    pub(super) home: Home,
    pub(super) seen: u32,
    pub(super) open: u32,
}

impl Record {
    /// As it leaves the table; one in use counts as seen `now`.
    fn kept(&self, now: u32) -> Kept {
        let seen = if self.open > 0 { now } else { self.seen };
        Kept { key: self.key, home: self.home, seen: seen.into() }
    }
}

/// A record's place among the idle, or among the free.
#[derive(Debug, Clone, Copy)]
struct Links {
    older: u32,
    newer: u32,
}

/// Part of a table, with its own order and bounds.
pub(super) struct Shard {
    index: Box<[u32]>,
    slab: Vec<Record>,
    links: Vec<Links>,
    len: usize,
    free: u32,
    oldest: u32,
    newest: u32,
    capacity: usize,
    idle: u32,
    seed: u64,
    losses: Losses,
}

impl Shard {
    pub(super) fn new(capacity: usize, idle: u32, seed: u64) -> Self {
        Self {
            index: vec![EMPTY; capacity + capacity / 2 + 1].into_boxed_slice(),
            slab: Vec::with_capacity(capacity),
            links: Vec::with_capacity(capacity),
            len: 0,
            free: NONE,
            oldest: NONE,
            newest: NONE,
            capacity,
            idle,
            seed,
            losses: Losses::default(),
        }
    }

    pub(super) fn recall(&self, hash: u64, key: Key, now: u32) -> Option<Home> {
        let record = &self.slab[self.find_live(hash, key, now)?];
        Some(record.home)
    }

    pub(super) fn touch(&mut self, hash: u64, key: Key, now: u32) -> bool {
        let found = self.find_live(hash, key, now);
        if let Some(id) = found {
            self.refresh(id, now);
        }
        found.is_some()
    }

    pub(super) fn record(&mut self, hash: u64, key: Key, home: Home, now: u32) -> bool {
        if let Some((_, id)) = self.find(hash, key) {
            self.slab[id].home = home;
            self.refresh(id, now);
            return true;
        }
        self.insert(hash, key, home, now, now)
    }

    pub(super) fn opened(&mut self, hash: u64, key: Key, now: u32) -> bool {
        let found = self.find_live(hash, key, now);
        if let Some(id) = found {
            if self.slab[id].open == 0 {
                self.unlink(id);
            }
            self.slab[id].open += 1;
        }
        found.is_some()
    }

    pub(super) fn closed(&mut self, hash: u64, key: Key, now: u32) {
        let Some((_, id)) = self.find(hash, key) else { return };
        let record = &mut self.slab[id];
        if record.open > 0 {
            record.open -= 1;
            record.seen = record.seen.max(now);
            if record.open == 0 {
                self.link_newest(id);
            }
        }
    }

    pub(super) fn forget(&mut self, hash: u64, key: Key) -> bool {
        let found = self.find(hash, key);
        if let Some((at, id)) = found {
            self.remove(at, id);
        }
        found.is_some()
    }

    /// Inserts a record of another life of the table; false if it has been idle too long.
    ///
    /// Of two records of one key the later is right: prefixes that became shorter make one of several.
    pub(super) fn take_back(&mut self, hash: u64, key: Key, home: Home, seen: u32, now: u32) -> bool {
        if now.saturating_sub(seen) >= self.idle {
            return false;
        }
        match self.find(hash, key) {
            Some((_, id)) if self.slab[id].seen >= seen => {}
            Some((_, id)) => {
                self.slab[id].home = home;
                self.refresh(id, seen);
            }
            None => {
                self.insert(hash, key, home, seen, now);
            }
        }
        true
    }

    /// Removes at most `limit` records that have been idle too long.
    pub(super) fn expire(&mut self, now: u32, limit: usize) {
        for _ in 0..limit {
            if self.oldest == NONE || self.is_live(self.oldest as usize, now) {
                return;
            }
            self.remove_oldest();
        }
    }

    /// What is live of `count` places of the slab from `first` on; `None` past its end. A record stays in its
    /// place as long as it lives, so that places can be read a few at a time.
    pub(super) fn places(&self, first: usize, count: usize, now: u32) -> Option<Vec<Kept>> {
        let ids = (first < self.slab.len()).then(|| first..(first + count).min(self.slab.len()))?;
        let live = ids.filter(|&id| self.slab[id].open != FREE && self.is_live(id, now));
        Some(live.map(|id| self.slab[id].kept(now)).collect())
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn losses(&self) -> Losses {
        self.losses
    }

    pub(super) fn bytes(&self) -> usize {
        let records = self.slab.capacity() * size_of::<Record>() + self.links.capacity() * size_of::<Links>();
        self.index.len() * size_of::<u32>() + records
    }

    fn is_live(&self, id: usize, now: u32) -> bool {
        let Record { open, seen, .. } = self.slab[id];
        open > 0 || now.saturating_sub(seen) < self.idle
    }

    fn find_live(&self, hash: u64, key: Key, now: u32) -> Option<usize> {
        let (_, id) = self.find(hash, key)?;
        self.is_live(id, now).then_some(id)
    }

    /// Where in the index and where in the slab.
    fn find(&self, hash: u64, key: Key) -> Option<(usize, usize)> {
        let tag = tag_of(hash);
        let mut at = self.position(hash);
        // A third of the index is always empty, so this ends.
        while self.index[at] != EMPTY {
            let entry = self.index[at];
            if entry & !ID_MASK == tag && self.slab[id_of(entry)].key == key {
                return Some((at, id_of(entry)));
            }
            at = self.next(at);
        }
        None
    }

    fn insert(&mut self, hash: u64, key: Key, home: Home, seen: u32, now: u32) -> bool {
        self.expire(now, EXPIRED_PER_INSERT);
        if self.len == self.capacity {
            if self.oldest == NONE {
                self.losses.refused += 1;
                return false;
            }
            self.losses.evicted += 1;
            self.remove_oldest();
        }
        let record = Record { key, home, seen, open: 0 };
        let id = match self.free {
            NONE => {
                self.slab.push(record);
                self.links.push(Links { older: NONE, newer: NONE });
                self.slab.len() - 1
            }
            free => {
                self.free = self.links[free as usize].newer;
                self.slab[free as usize] = record;
                free as usize
            }
        };
        let mut at = self.position(hash);
        while self.index[at] != EMPTY {
            at = self.next(at);
        }
        self.index[at] = tag_of(hash) | (number(id) + 1);
        self.len += 1;
        self.link_newest(id);
        true
    }

    fn remove_oldest(&mut self) {
        let key = self.slab[self.oldest as usize].key;
        if let Some((at, id)) = self.find(hash_of(self.seed, key), key) {
            self.remove(at, id);
        }
    }

    fn remove(&mut self, at: usize, id: usize) {
        if self.slab[id].open == 0 {
            self.unlink(id);
        }
        self.close_gap(at);
        self.slab[id].open = FREE;
        self.links[id].newer = self.free;
        self.free = number(id);
        self.len -= 1;
    }

    /// Empties an index entry and moves up what stands behind it because its place was taken.
    fn close_gap(&mut self, mut gap: usize) {
        let mut at = self.next(gap);
        while self.index[at] != EMPTY {
            let wanted = self.position(hash_of(self.seed, self.slab[id_of(self.index[at])].key));
            if self.steps(wanted, at) >= self.steps(gap, at) {
                self.index[gap] = self.index[at];
                gap = at;
            }
            at = self.next(at);
        }
        self.index[gap] = EMPTY;
    }

    fn refresh(&mut self, id: usize, now: u32) {
        let Record { open, seen, .. } = self.slab[id];
        let span = (self.idle / ORDER).max(1);
        if open == 0 && now / span > seen / span {
            self.unlink(id);
            self.link_newest(id);
        }
        self.slab[id].seen = seen.max(now);
    }

    fn link_newest(&mut self, id: usize) {
        self.links[id] = Links { older: self.newest, newer: NONE };
        match self.newest {
            NONE => self.oldest = number(id),
            newest => self.links[newest as usize].newer = number(id),
        }
        self.newest = number(id);
    }

    fn unlink(&mut self, id: usize) {
        let Links { older, newer } = self.links[id];
        match older {
            NONE => self.oldest = newer,
            older => self.links[older as usize].newer = newer,
        }
        match newer {
            NONE => self.newest = older,
            newer => self.links[newer as usize].older = older,
        }
    }

    /// The high half of the hash, scaled to the index; the low half chooses the shard and makes the tag.
    fn position(&self, hash: u64) -> usize {
        (((hash >> 32) * self.index.len() as u64) >> 32) as usize
    }

    fn next(&self, at: usize) -> usize {
        if at + 1 == self.index.len() { 0 } else { at + 1 }
    }

    fn steps(&self, from: usize, to: usize) -> usize {
        if to >= from { to - from } else { to + self.index.len() - from }
    }
}

/// `seed` is chance, so that no client can choose keys that collide.
pub(super) fn hash_of(seed: u64, key: Key) -> u64 {
    xxh3_64_with_seed(&key, seed)
}

fn tag_of(hash: u64) -> u32 {
    (((hash >> 8) & 0xfff) as u32) << ID_BITS
}

fn id_of(entry: u32) -> usize {
    (entry & ID_MASK) as usize - 1
}

/// A record's number; under [`RECORDS_MAX`], which bounds every capacity.
fn number(id: usize) -> u32 {
    u32::try_from(id).expect("a shard numbers its records in 20 bits")
}
