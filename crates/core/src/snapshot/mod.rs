//! What the engine runs: one frozen description, compiled once.

pub mod wire;
