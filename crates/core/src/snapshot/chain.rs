//! Turns a pool's persistence as written into the chain that runs; records are kept over a change, but those of sessions
//! that it ends.

use std::sync::Arc;

use super::build::{At, Mistake};
use super::wire::{self, CookieMode, FieldMode, Scope};
use crate::persistence::address::{self, Addresses};
use crate::persistence::cookie::{Home, Purpose, home_of};
use crate::persistence::learn::Learnt;
use crate::persistence::table::Kept;
use crate::persistence::{
    ByAddress, ByHash, Carrier, Chain, Condition, Foreign, Insert, InsertField, Kind, Learned, MOST_KINDS,
    Prefix, Purposes, Rewrite, Route,
};
use crate::pool::Pool;

/// The chain of `pool`; `old` is the pool as it was before.
pub(super) fn build(
    pool: &wire::Pool,
    old: Option<&Pool>,
    listeners: &[&str],
    at: At,
    mistakes: &mut Vec<Mistake>,
) -> Chain {
    let purposes = |scope: &Scope, name: &str| purposes(scope, name, &pool.name, listeners);
    let old = old.map(|old| (old, Ended::since(old, pool)));
    let old = old.as_ref();
    let kinds = pool.persistence.iter().map(|kind| match kind {
        wire::Persistence::Cookie(cookie) => {
            let own = || purposes(&cookie.scope, &cookie.name);
            match cookie.mode {
                CookieMode::Insert => Kind::Insert(Insert::new(cookie, own())),
                CookieMode::Rewrite => Kind::Rewrite(Rewrite::new(cookie, own())),
                CookieMode::Prefix => Kind::Prefix(Prefix::new(cookie, own())),
                CookieMode::Learn => learned(
                    Carrier::Cookie(cookie.name.clone()),
                    (cookie.capacity, cookie.record_idle),
                    old,
                    at,
                ),
                CookieMode::Route => Kind::Route(Route::new(cookie)),
            }
        }
        wire::Persistence::Field(field) => match field.mode {
            // No cookie has a colon in its name, and fields are the same in either case.
            FieldMode::Insert => Kind::Field(InsertField::new(
                field,
                purposes(&field.scope, &format!(":{}", field.name.to_ascii_lowercase())),
            )),
            FieldMode::Learn => {
                let carrier = Carrier::Field(field.name.to_ascii_lowercase());
                learned(carrier, (field.capacity, field.record_idle), old, at)
            }
        },
        wire::Persistence::Address(address) => {
            let &wire::Address { prefix4, prefix6, idle, capacity, .. } = address;
            let settings = address::Settings { prefix4, prefix6, idle, capacity: capacity as usize };
            Kind::Address(ByAddress::new(settings, addresses(settings, old, at)))
        }
        wire::Persistence::Hash(hash) => {
            let &wire::Hash { over, prefix4, prefix6, .. } = hash;
            Kind::Hash(ByHash::new(&wire::Hashed { over, name: hash.name.clone(), prefix4, prefix6 }))
        }
    });
    let accept = pool.sessions.accept.iter().map(Foreign::new).collect();
    Chain::new(kinds.collect(), conditions(pool, mistakes), accept)
}

/// The kinds that are not asked for every request, by their places.
fn conditions(pool: &wire::Pool, mistakes: &mut Vec<Mistake>) -> Vec<(usize, Condition)> {
    if pool.persistence.len() > MOST_KINDS {
        let message = format!("a chain has at most {MOST_KINDS} kinds");
        mistakes.push(Mistake::at(&["pools", &pool.name, "persistence"], message));
    }
    let mut conditions = Vec::new();
    for (place, kind) in pool.persistence.iter().enumerate() {
        let written = match kind {
            wire::Persistence::Cookie(cookie) => &cookie.condition,
            wire::Persistence::Field(field) => &field.condition,
            wire::Persistence::Address(address) => &address.condition,
            wire::Persistence::Hash(hash) => &hash.condition,
        };
        match Condition::new(written) {
            Ok(condition) => conditions.extend(condition.map(|condition| (place, condition))),
            Err((key, message)) => {
                let path = ["pools", &pool.name, "persistence", &place.to_string(), key];
                mistakes.push(Mistake::at(&path, message));
            }
        }
    }
    conditions
}

fn purposes(scope: &Scope, name: &str, pool: &str, listeners: &[&str]) -> Purposes {
    // Names have no colon in them, so no two scopes have one text.
    match scope {
        Scope::Pool => Purposes::One(Purpose::new(pool, name)),
        Scope::Group(group) => Purposes::One(Purpose::new(&format!(":{group}"), name)),
        Scope::Listener => Purposes::Each(
            listeners.iter().map(|listener| Purpose::new(&format!("{pool}:{listener}"), name)).collect(),
            Purpose::new(&format!("{pool}:"), name),
        ),
    }
}

/// Which sessions a generation has ended; cookies say of which they are, records do not.
enum Ended {
    All,
    Of(Vec<Home>),
}

impl Ended {
    fn since(old: &Pool, pool: &wire::Pool) -> Self {
        if old.sessions.generation != pool.sessions.generation {
            return Self::All;
        }
        let known = |name: &str| old.servers.iter().find(|server| server.name == name);
        let changed = |server: &&wire::Server| {
            known(&server.name).is_some_and(|before| before.generation != server.generation)
        };
        Self::Of(pool.servers.iter().filter(changed).map(|server| home_of(&server.name)).collect())
    }

    fn is_nothing(&self) -> bool {
        matches!(self, Self::Of(homes) if homes.is_empty())
    }

    fn spares(&self, record: &Kept) -> bool {
        matches!(self, Self::Of(homes) if !homes.contains(&record.home))
    }
}

/// The pool as it was before, and what has ended since.
type Old<'a> = Option<&'a (&'a Pool, Ended)>;

/// The kinds of the pool as it was before, as far as `find` knows them, and what has ended since.
fn before<'a, K>(old: Old<'a>, find: impl Fn(&'a Kind) -> Option<&'a K>) -> Option<(&'a K, &'a Ended)> {
    let (pool, ended) = old?;
    Some((pool.persistence.kinds().iter().find_map(find)?, ended))
}

/// The table from before where it is still the right one, else a new one with what fits of its records.
fn kept<'a, T>(
    before: Option<(&'a Arc<T>, &'a Ended)>,
    is_right: bool,
    make: impl FnOnce(Option<(&'a T, &'a Ended)>) -> T,
) -> Arc<T> {
    match before {
        Some((table, ended)) if is_right && ended.is_nothing() => Arc::clone(table),
        before => Arc::new(make(before.map(|(table, ended)| (&**table, ended)))),
    }
}

fn learned(carrier: Carrier, (capacity, idle): (u32, u32), old: Old<'_>, at: At) -> Kind {
    let capacity = capacity as usize;
    let before = before(old, |kind| match kind {
        Kind::Learned(learned) if *learned.carrier() == carrier => Some(learned.table()),
        _ => None,
    });
    let is_right = before.is_some_and(|(table, _)| table.is_for(capacity, idle));
    let table = kept(before, is_right, |before| match before {
        Some((before, ended)) => {
            let after = Learnt::new(capacity, idle, before.seed());
            after.import(before.export(at.now).filter(|record| ended.spares(record)), at.now);
            after
        }
        // Nobody outside may know which values share a key.
        None => Learnt::new(capacity, idle, at.chance),
    });
    Kind::Learned(Learned::new(carrier, table))
}

fn addresses(settings: address::Settings, old: Old<'_>, at: At) -> Arc<Addresses> {
    let before = before(old, |kind| if let Kind::Address(address) = kind { Some(address) } else { None });
    let is_right = before.is_some_and(|(before, _)| before.settings() == settings);
    let table = before.map(|(before, ended)| (before.table(), ended));
    kept(table, is_right, |before| {
        // Nobody outside may know which keys share a place.
        let table = Addresses::new(settings, at.chance);
        if let Some((before, ended)) = before {
            table.import(before.export(at.now).filter(|record| ended.spares(record)), at.now);
        }
        table
    })
}
