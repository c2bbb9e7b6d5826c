//! How a pool chooses a server for a request that no server claims.

pub mod rendezvous;
pub mod round_robin;
