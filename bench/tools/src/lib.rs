//! What the origin, the relay and the load generator share.

#![forbid(unsafe_code)]

pub mod chunked;
pub mod events;
pub mod head;
pub mod hist;
pub mod page;
pub mod poll;
pub mod websocket;
