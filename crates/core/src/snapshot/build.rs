//! Turns a snapshot as written into one that runs: names become ids, texts become values, and every mistake is told.

use std::net::SocketAddr;
use std::sync::Arc;

use base64_simd::STANDARD;
use serde::Serialize;

use super::entrance::Entrance;
use super::{Snapshot, chain, wire};
use crate::balance::Balance;
use crate::balance::maglev::Maglev;
use crate::debug::{self, Token};
use crate::http::h1::decode::{Limits, MOST_FIELDS};
use crate::http::https::Https;
use crate::http::reserved::Reserved;
use crate::persistence::cookie::{Incarnation, home_of};
use crate::persistence::seal::KeyRing;
use crate::persistence::{ByHash, SESSION_MOVED};
use crate::pool::breaker::Breaker;
use crate::pool::live::Live;
use crate::pool::rates::Rates;
use crate::pool::retry::Retry;
use crate::pool::{Pool, Server};
use crate::route::{PoolId, Route, Routes};

/// A mistake in a snapshot, and the place where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// Keys from the root, such as `pools`, `shop`, `servers`, `web1`.
    pub path: Vec<String>,
    /// What is wrong, in a sentence without the place.
    pub message: String,
    /// Whether the snapshot runs all the same.
    pub warning: bool,
}

impl Mistake {
    /// A mistake at `path`.
    pub fn at(path: &[&str], message: impl Into<String>) -> Self {
        let path = path.iter().map(|&part| part.to_owned()).collect();
        Self { path, message: message.into(), warning: false }
    }
}

/// The moment of building.
#[derive(Debug, Clone, Copy)]
pub struct At {
    /// Unix time in seconds.
    pub now: u64,
    /// A random number.
    pub chance: u64,
}

/// Compiles a snapshot, or tells everything that is wrong with it.
///
/// What people and servers said of servers that were in the snapshot `before` still holds, and records are kept.
pub fn build(wire: &wire::Snapshot, before: Option<&Snapshot>, at: At) -> Result<Snapshot, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    let listeners: Vec<&str> = wire.listeners.iter().map(|listener| listener.name.as_str()).collect();
    for listener in &wire.listeners {
        if listener.address.parse::<SocketAddr>().is_err() {
            let found = format!("{:?} is not an IP address and a port", listener.address);
            mistakes.push(Mistake::at(&["listeners", &listener.name, "address"], found));
        }
    }
    let entrances = wire.listeners.iter().map(|listener| Entrance::new(listener, &mut mistakes)).collect();
    let pools: Vec<Pool> = wire
        .pools
        .iter()
        .map(|pool| {
            let old = before.and_then(|before| before.pools.iter().find(|old| old.name == pool.name));
            Pool {
                name: pool.name.clone(),
                protocol: pool.protocol,
                introduction: pool.proxy_protocol,
                via: pool.via.clone(),
                servers: build_servers(pool, old, at.now, &mut mistakes),
                balance: build_balance(&pool.balance, pool, old.map(|old| &old.balance), &mut mistakes),
                persistence: chain::build(pool, old, &listeners, at, &mut mistakes),
                sessions: pool.sessions.clone(),
                queue: pool.queue,
                limited: pool.servers.iter().any(|server| server.limit > 0),
                watch: pool.watch.unwrap_or_default(),
                gate: old.map(|old| Arc::clone(&old.gate)).unwrap_or_default(),
                rates: build_rates(pool, old, at, &mut mistakes),
                breaker: build_breaker(pool, old),
                retry: Retry::new(&pool.retry, old.map(|old| &old.retry)),
            }
        })
        .collect();
    let routes = wire.routes.iter().enumerate().filter_map(|(place, route)| {
        let found = pools.iter().position(|pool| pool.name == route.pool);
        if found.is_none() {
            let message = format!("there is no pool {:?}", route.pool);
            mistakes.push(Mistake::at(&["routes", &place.to_string(), "pool"], message));
        }
        found.map(|pool| Route { pool: PoolId(pool) })
    });
    let routes = Routes(routes.collect());
    let limits = build_limits(&wire.limits, &mut mistakes);
    let ring = build_ring(&wire.keys, &mut mistakes);
    match ring {
        Some(ring) if mistakes.is_empty() => Ok(Snapshot {
            revision: wire.revision,
            listeners: listeners.into_iter().map(str::to_owned).collect(),
            entrances,
            introduces: pools.iter().any(|pool| pool.introduction != wire::Introduction::Off),
            pools,
            routes,
            ring,
            https: wire.listeners.iter().map(build_https).collect(),
            reserved: Reserved::new(told_to_servers(wire)),
            spoken: Reserved::new(told_to_servers(wire).chain(spoken(wire))),
            limits,
            streams: wire.limits.streams,
            body: if wire.limits.body == 0 { u64::MAX } else { wire.limits.body },
            requests: wire.limits.requests,
            clients: wire.limits.clients,
            timeouts: wire.timeouts.clone(),
            debug: wire.debug.as_ref().map(|debug| Token::new(&debug.token)),
        }),
        _ => Err(mistakes),
    }
}

fn build_https(listener: &wire::Listener) -> Https {
    Https { redirect: listener.redirect, hsts: listener.hsts.clone(), location: listener.location }
}

/// The fields in which servers are told of clients' certificates, and of sessions that moved.
fn told_to_servers(wire: &wire::Snapshot) -> impl Iterator<Item = &str> {
    let clients = wire.listeners.iter().filter_map(|listener| listener.tls.as_ref()?.clients.as_ref());
    let announced = wire.pools.iter().any(|pool| pool.sessions.announce).then_some(SESSION_MOVED);
    clients.flat_map(|clients| clients.fields.names()).chain(announced)
}

/// The fields in which sessions are spoken of, and carried by us.
fn spoken(wire: &wire::Snapshot) -> impl Iterator<Item = &str> {
    let of_pools = wire.pools.iter().flat_map(|pool| {
        let carried = pool.persistence.iter().filter_map(|kind| match kind {
            wire::Persistence::Field(field) if field.mode == wire::FieldMode::Insert => Some(&*field.name),
            _ => None,
        });
        [&*pool.sessions.pin_field, &*pool.sessions.incarnation_field].into_iter().chain(carried)
    });
    of_pools.chain(wire.debug.iter().flat_map(|_| debug::FIELDS))
}

fn build_servers(
    pool: &wire::Pool,
    old: Option<&Pool>,
    now: u64,
    mistakes: &mut Vec<Mistake>,
) -> Vec<Server> {
    let joined = if old.is_some() { now } else { 0 };
    let mut servers: Vec<Server> = Vec::with_capacity(pool.servers.len());
    if pool.servers.is_empty() {
        mistakes.push(Mistake::at(&["pools", &pool.name, "servers"], "a pool needs at least one server"));
    }
    for server in &pool.servers {
        let place = ["pools", &pool.name, "servers", &server.name];
        let home = home_of(&server.name);
        if let Some(twin) = servers.iter().find(|other| other.home == home) {
            // Two names that share a hash are as unlikely as a key guessed, but cookies could not tell them apart.
            let message = format!("its identity is that of {:?}: choose another name", twin.name);
            mistakes.push(Mistake::at(&place, message));
        }
        let Ok(address) = server.address.parse() else {
            let message = format!("{:?} is not an IP address and a port", server.address);
            mistakes.push(Mistake::at(&place, message));
            continue;
        };
        let known = old.and_then(|old| old.servers.iter().find(|before| before.name == server.name));
        servers.push(Server {
            name: server.name.clone(),
            home,
            address,
            weight: server.weight,
            limit: server.limit,
            spare: server.spare,
            persist: server.persist,
            generation: server.generation,
            incarnation: match server.incarnation.as_str() {
                "" => Incarnation::UNKNOWN,
                text => Incarnation::of(text.as_bytes()),
            },
            live: known.map_or_else(|| Arc::new(Live::new(joined, now)), |known| Arc::clone(&known.live)),
        });
    }
    servers
}

fn build_balance(
    balance: &wire::Balance,
    pool: &wire::Pool,
    old: Option<&Balance>,
    mistakes: &mut Vec<Mistake>,
) -> Balance {
    match balance {
        wire::Balance::RoundRobin {} => Balance::RoundRobin,
        wire::Balance::Random {} => Balance::Random,
        wire::Balance::LeastRequests {} => Balance::LeastRequests,
        wire::Balance::P2c {} => Balance::P2c,
        wire::Balance::Rendezvous { key } => Balance::Rendezvous(ByHash::new(key)),
        wire::Balance::Maglev { key, bound } => {
            let of = pool.servers.iter().map(|server| (home_of(&server.name), server.weight)).collect();
            let before = if let Some(Balance::Maglev(before)) = old { Some(before) } else { None };
            Balance::Maglev(Maglev::new(ByHash::new(key), *bound, of, before))
        }
        wire::Balance::Dynamic {} => Balance::Dynamic,
        wire::Balance::Python { wait, fallback } => {
            if matches!(**fallback, wire::Balance::Python { .. }) {
                let message = "a fallback chooses by itself";
                mistakes.push(Mistake::at(&["pools", &pool.name, "balance", "fallback"], message));
                return Balance::RoundRobin;
            }
            let before =
                if let Some(Balance::Python { fallback, .. }) = old { Some(&**fallback) } else { None };
            Balance::Python {
                wait: *wait,
                fallback: Box::new(build_balance(fallback, pool, before, mistakes)),
            }
        }
    }
}

fn build_rates(pool: &wire::Pool, old: Option<&Pool>, at: At, mistakes: &mut Vec<Mistake>) -> Rates {
    // Nobody outside may know which keys share a bucket.
    Rates::new(&pool.rates, old.map(|old| &old.rates), at.chance, |name, (key, message)| {
        mistakes.push(Mistake::at(&["pools", &pool.name, "rates", name, key], message));
    })
}

/// The one from before where it is still the right one.
fn build_breaker(pool: &wire::Pool, old: Option<&Pool>) -> Option<Arc<Breaker>> {
    let written = pool.breaker.as_ref()?;
    let kept = old.and_then(|old| old.breaker.as_ref()).filter(|before| before.is_of(written));
    Some(kept.map_or_else(|| Arc::new(Breaker::new(written)), Arc::clone))
}

fn build_limits(limits: &wire::Limits, mistakes: &mut Vec<Mistake>) -> Limits {
    if usize::from(limits.fields) > MOST_FIELDS {
        let message =
            format!("{} is more than the {MOST_FIELDS} fields that are read at most", limits.fields);
        mistakes.push(Mistake::at(&["limits", "fields"], message));
    }
    Limits { head: limits.head, target: limits.target, fields: limits.fields }
}

fn build_ring(keys: &[wire::Key], mistakes: &mut Vec<Mistake>) -> Option<KeyRing> {
    let mut secrets = Vec::with_capacity(keys.len());
    for key in keys {
        let secret =
            STANDARD.decode_to_vec(&key.secret).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        match secret {
            Some(secret) => secrets.push((key.id, secret)),
            None => mistakes.push(Mistake::at(&["keys", &key.id.to_string()], "a key is 32 bytes in base64")),
        }
    }
    KeyRing::new(&secrets).map_err(|error| mistakes.push(Mistake::at(&["keys"], error.to_string()))).ok()
}
