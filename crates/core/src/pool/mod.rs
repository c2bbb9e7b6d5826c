//! A pool's servers, and which of them takes a request: the session's home, else its next home, else the balance's choice.

use std::net::SocketAddr;

use crate::balance::{rendezvous, round_robin::RoundRobin};
use crate::persistence::cookie::Home;
use crate::persistence::{Chain, Recall};

/// A server's position in its pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerId(pub usize);

/// One server as the snapshot knows it.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its identity.
    pub name: String,
    /// The name as cookies carry it.
    pub home: Home,
    /// Where it listens.
    pub address: SocketAddr,
    /// 0 to 256; 0 takes no new sessions.
    pub weight: u16,
}

/// Interchangeable servers.
#[derive(Debug)]
pub struct Pool {
    /// Unique in the snapshot.
    pub name: String,
    /// Never empty.
    pub servers: Vec<Server>,
    /// How sessions come back to their homes.
    pub persistence: Chain,
}

/// The servers that have already failed this exchange; empty, and without memory, in almost all of them.
#[derive(Debug, Default)]
pub struct Tried(Vec<ServerId>);

impl Tried {
    /// Remembers a server that failed.
    pub fn failed(&mut self, server: ServerId) {
        self.0.push(server);
    }

    /// Whether a server has failed.
    pub fn contains(&self, server: ServerId) -> bool {
        self.0.contains(&server)
    }

    /// How many have failed.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl Pool {
    /// The server that a cookie means.
    pub fn find_home(&self, home: Home) -> Option<ServerId> {
        self.servers.iter().position(|server| server.home == home).map(ServerId)
    }

    /// The server for the next attempt; `None` when nobody is left.
    ///
    /// A session that lost its home gets its next one by rendezvous of its id: every worker and every member
    /// of a fleet chooses the same server without talking.
    pub fn pick(&self, recall: &Recall, tried: &Tried, balance: &mut RoundRobin) -> Option<ServerId> {
        if let Some(home) = recall.home().filter(|home| !tried.contains(*home)) {
            return Some(home);
        }
        let weight =
            |server: usize| if tried.contains(ServerId(server)) { 0 } else { self.servers[server].weight };
        let chosen = match recall.session() {
            Some(session) => rendezvous::rank(
                session.id.0,
                self.servers.iter().enumerate().map(|(id, server)| (id, server.home, weight(id))),
            ),
            None => balance.choose(weight),
        };
        chosen.map(ServerId)
    }
}
