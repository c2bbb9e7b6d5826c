//! Balance: how a pool chooses a server when nothing is recalled.

pub mod rendezvous;
