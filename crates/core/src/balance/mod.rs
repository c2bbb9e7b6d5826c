//! How a pool chooses a server for a request that no server claims: one file a policy.
//!
//! Only births and requests without a session ask. Time and chance come from outside: the same answers and the same
//! seed give the same choices.

pub mod least_requests;
pub mod local;
pub mod maglev;
pub mod p2c;
pub mod random;
pub mod rendezvous;
pub mod round_robin;

pub use self::local::Local;
use self::maglev::Maglev;
use crate::persistence::{Ask, ByHash};
use crate::pool::Server;

/// A pool's balance, as its snapshot has it.
#[derive(Debug)]
pub enum Balance {
    /// Each server in turn, as often as its weight says.
    RoundRobin,
    /// By chance, in proportion to the weights.
    Random,
    /// The one with the fewest requests in flight for its weight, over all workers.
    LeastRequests,
    /// The one of two that answers faster, for what it has in flight and its weight.
    P2c,
    /// The one that a key of the request chooses.
    Rendezvous(ByHash),
    /// The same by a table, with a bound on how much more than its share a server has in flight.
    Maglev(Maglev),
    /// Each server in turn, by weights that are computed outside from how the servers do.
    Dynamic,
    /// A function outside, for sessions that are born; for everybody else, and where it does not choose, the fallback.
    Python {
        /// Milliseconds that a birth waits for its answer at most.
        wait: u32,
        /// Chooses by itself.
        fallback: Box<Balance>,
    },
}

impl Balance {
    /// What of the request chooses, where it carries that.
    pub fn key(&self, ask: &Ask<'_>) -> Option<u64> {
        match self {
            Self::Rendezvous(over) => over.hash(ask),
            Self::Maglev(maglev) => maglev.over().hash(ask),
            Self::Python { fallback, .. } => fallback.key(ask),
            Self::RoundRobin | Self::Random | Self::LeastRequests | Self::P2c | Self::Dynamic => None,
        }
    }

    /// Whether requests in flight are counted over all workers.
    pub fn counts_flights(&self) -> bool {
        match self {
            Self::LeastRequests | Self::P2c | Self::Dynamic => true,
            Self::Maglev(maglev) => maglev.is_bounded(),
            Self::Python { fallback, .. } => fallback.counts_flights(),
            Self::RoundRobin | Self::Random | Self::Rendezvous(_) => false,
        }
    }

    /// Whether response times are measured.
    pub fn is_timed(&self) -> bool {
        match self {
            Self::P2c | Self::Dynamic => true,
            Self::Python { fallback, .. } => fallback.is_timed(),
            Self::RoundRobin | Self::Random | Self::LeastRequests | Self::Rendezvous(_) | Self::Maglev(_) => {
                false
            }
        }
    }

    /// How many milliseconds a birth waits for a choice from outside, where one is asked for.
    pub fn waits(&self) -> Option<u32> {
        if let Self::Python { wait, .. } = self { Some(*wait) } else { None }
    }

    /// One of `servers`, by its place; `weight` gives 0 for a server that may not be chosen.
    pub fn choose(
        &self,
        key: Option<u64>,
        servers: &[Server],
        weight: impl Fn(usize) -> u16,
        local: &mut Local,
    ) -> Option<usize> {
        let in_flight = |place: usize| servers[place].live.in_flight();
        match (self, key) {
            (Self::Python { fallback, .. }, _) => fallback.choose(key, servers, weight, local),
            (Self::Random, _) => random::choose(servers.len(), weight, &mut local.chance),
            (Self::LeastRequests, _) => {
                least_requests::choose(servers.len(), weight, in_flight, &mut local.round)
            }
            (Self::P2c, _) => p2c::choose(servers.len(), weight, in_flight, local),
            (Self::Rendezvous(_), Some(key)) => {
                let servers = servers.iter().enumerate();
                rendezvous::rank(key, servers.map(|(place, server)| (place, server.home, weight(place))))
            }
            (Self::Maglev(maglev), Some(key)) => {
                maglev.choose(key, servers.len(), weight, in_flight, &mut local.open)
            }
            // What does not carry the key is nobody's in particular.
            (Self::RoundRobin | Self::Dynamic | Self::Rendezvous(_) | Self::Maglev(_), _) => {
                local.round.choose(weight)
            }
        }
    }
}
