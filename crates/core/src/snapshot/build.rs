//! Turns a snapshot as written into one that runs: names become ids, texts become values, and every mistake is told.

use std::net::SocketAddr;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Serialize;

use super::{Snapshot, wire};
use crate::http::h1::decode::{Limits, MOST_FIELDS};
use crate::persistence::cookie::home_of;
use crate::persistence::seal::KeyRing;
use crate::persistence::{Chain, Kind, SealedCookie};
use crate::pool::{Pool, Server};
use crate::route::{PoolId, Route, Routes};

/// A mistake in a snapshot, and the place where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// Keys from the root, such as `pools`, `shop`, `servers`, `web1`.
    pub path: Vec<String>,
    /// What is wrong, in a sentence without the place.
    pub message: String,
}

impl Mistake {
    /// A mistake at `path`.
    pub fn at(path: &[&str], message: impl Into<String>) -> Self {
        Self { path: path.iter().map(|&part| part.to_owned()).collect(), message: message.into() }
    }
}

/// Compiles a snapshot, or tells everything that is wrong with it.
pub fn build(wire: &wire::Snapshot) -> Result<Snapshot, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    for listener in &wire.listeners {
        if listener.address.parse::<SocketAddr>().is_err() {
            let found = format!("{:?} is not an IP address and a port", listener.address);
            mistakes.push(Mistake::at(&["listeners", &listener.name, "address"], found));
        }
    }
    let pools: Vec<Pool> = wire.pools.iter().map(|pool| build_pool(pool, &mut mistakes)).collect();
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
            pools,
            routes,
            ring,
            limits,
            timeouts: wire.timeouts.clone(),
        }),
        _ => Err(mistakes),
    }
}

fn build_pool(pool: &wire::Pool, mistakes: &mut Vec<Mistake>) -> Pool {
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
        match server.address.parse() {
            Ok(address) => {
                servers.push(Server { name: server.name.clone(), home, address, weight: server.weight });
            }
            Err(_) => {
                let message = format!("{:?} is not an IP address and a port", server.address);
                mistakes.push(Mistake::at(&place, message));
            }
        }
    }
    let kinds = pool.persistence.iter().map(|wire::Persistence::Cookie(cookie)| {
        Kind::Cookie(SealedCookie::new(&cookie.name, &cookie.path, &pool.name))
    });
    Pool { name: pool.name.clone(), servers, persistence: Chain::new(kinds.collect()) }
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
            BASE64_STANDARD.decode(&key.secret).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
        match secret {
            Some(secret) => secrets.push((key.id, secret)),
            None => mistakes.push(Mistake::at(&["keys", &key.id.to_string()], "a key is 32 bytes in base64")),
        }
    }
    KeyRing::new(&secrets).map_err(|error| mistakes.push(Mistake::at(&["keys"], error.to_string()))).ok()
}
