//! The sockets: connections, their clocks and buffers, and the path of a request between them.

mod access;
mod answer;
mod birth;
mod body;
mod buffer;
mod choice;
mod clock;
pub mod cookie;
mod desk;
pub mod engine;
mod exchange;
mod forward;
mod listener;
mod mailbox;
pub mod outside;
mod queue;
mod report;
mod serve;
mod setup;
mod socket;
mod stream;
mod timing;
mod tls;
mod tunnel;
mod worker;
