//! The rules: what a load balancer decides, without a socket or a clock.
//!
//! Time and chance are arguments here, so every rule can be tested with plain values.
#![forbid(unsafe_code)]

pub mod access;
pub mod balance;
mod block;
pub mod crowd;
pub mod debug;
pub mod fault;
pub mod http;
pub mod network;
pub mod persistence;
pub mod pool;
pub mod proxy_head;
pub mod rate;
pub mod route;
pub mod snapshot;
pub mod tally;
pub mod tickets;
