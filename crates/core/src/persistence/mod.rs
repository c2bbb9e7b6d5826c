//! Persistence: what sends one client's requests to one server.

pub mod census;
pub mod cookie;
pub mod seal;
