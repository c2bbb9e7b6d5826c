//! Persistence: what sends one client's requests to one server.

pub mod address;
pub mod census;
pub mod cookie;
pub mod learn;
pub mod seal;
mod shard;
pub mod table;
