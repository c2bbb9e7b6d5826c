//! What the engine runs: one frozen description, compiled once.

pub mod build;
mod chain;
pub mod entrance;
pub mod wire;

use std::collections::{HashMap, HashSet};

use self::entrance::Entrance;
use self::wire::{ServerState, ServerWeight};
use crate::debug::Token;
use crate::http::h1::decode::Limits;
use crate::http::https::Https;
use crate::http::reserved::Reserved;
use crate::persistence::seal::KeyRing;
use crate::pool::{Pool, Server};
use crate::route::{PoolId, Routes};

/// The rules of one revision, ready to be asked.
#[derive(Debug)]
pub struct Snapshot {
    /// Number of the configuration.
    pub revision: u64,
    /// Names, by place.
    pub listeners: Vec<String>,
    /// What holds for the connections of each.
    pub entrances: Vec<Entrance>,
    /// Whether servers of any pool are told of a client's connection.
    pub introduces: bool,
    /// By their ids.
    pub pools: Vec<Pool>,
    /// In order.
    pub routes: Routes,
    /// Opens and seals cookies.
    pub ring: KeyRing,
    /// What keeps clients on HTTPS, by the listeners' places.
    pub https: Vec<Https>,
    /// The request fields that no client may send.
    pub reserved: Reserved,
    /// Those, and all others that mean something between us and servers or clients: they count in heads alone.
    pub spoken: Reserved,
    /// What a client may ask of us.
    pub limits: Limits,
    /// Requests that may be under way on one HTTP/2 connection.
    pub streams: u32,
    /// Bytes that the body of a request may have.
    pub body: u64,
    /// Requests that one connection serves; 0 for any number.
    pub requests: u32,
    /// What each client may have.
    pub clients: wire::ClientLimit,
    /// How long we wait.
    pub timeouts: wire::Timeouts,
    /// Who shows it is told why an exchange went where it went.
    pub debug: Option<Token>,
}

impl Snapshot {
    /// A server by its pool's name and its own.
    pub fn server(&self, pool: &str, server: &str) -> Option<&Server> {
        let pool = self.pools.iter().find(|candidate| candidate.name == pool)?;
        pool.servers.iter().find(|candidate| candidate.name == server)
    }

    /// Says who may use which server, from `now` on in Unix seconds; every server that is not named is up.
    ///
    /// Where one is named that is not there, nothing changes, and it is told.
    pub fn set_states<'a>(&self, states: &'a [ServerState], now: u64) -> Result<(), &'a ServerState> {
        let name = |said: &'a ServerState| (said.pool.as_str(), said.server.as_str());
        self.tell(states, name, |pool, server, said| pool.say(server, said, now))
    }

    /// Gives servers other weights; every server that is not named has that of its configuration.
    ///
    /// Where one is named that is not there, nothing changes, and it is told.
    pub fn set_weights<'a>(&self, weights: &'a [ServerWeight]) -> Result<(), &'a ServerWeight> {
        let name = |said: &'a ServerWeight| (said.pool.as_str(), said.server.as_str());
        self.tell(weights, name, |_, server, said| server.live.set_weight(said))
    }

    /// Tells each server what is said under its pool's name and its own, or that nothing is.
    fn tell<'a, T>(
        &self,
        said: &'a [T],
        name: impl Fn(&'a T) -> (&'a str, &'a str),
        each: impl Fn(&Pool, &Server, Option<&T>),
    ) -> Result<(), &'a T> {
        let servers = self.pools.iter().flat_map(|pool| {
            pool.servers.iter().map(move |server| (pool.name.as_str(), server.name.as_str()))
        });
        let known: HashSet<_> = servers.collect();
        if let Some(unknown) = said.iter().find(|said| !known.contains(&name(said))) {
            return Err(unknown);
        }
        let said: HashMap<_, _> = said.iter().map(|said| (name(said), said)).collect();
        for pool in &self.pools {
            for server in &pool.servers {
                each(pool, server, said.get(&(pool.name.as_str(), server.name.as_str())).copied());
            }
            if pool.limited {
                pool.gate.look_again();
            }
        }
        Ok(())
    }

    /// A pool by its id.
    pub fn pool(&self, id: PoolId) -> Option<&Pool> {
        self.pools.get(id.0)
    }
}
