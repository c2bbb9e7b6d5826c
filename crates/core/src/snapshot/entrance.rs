//! What holds for the connections that come to one listener.

use super::build::Mistake;
use super::wire;
use crate::network::Networks;

/// A listener's rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entrance {
    /// Who is believed about the clients of its connections.
    pub trusted: Networks,
    /// Whether each begins with a head of the PROXY protocol.
    pub introduced: bool,
    /// How many it takes; 0 for any number.
    pub connections: u32,
    /// Whether they speak TLS.
    pub secure: bool,
}

impl Entrance {
    pub(super) fn new(listener: &wire::Listener, mistakes: &mut Vec<Mistake>) -> Self {
        let trusted = Networks::read(&listener.trusted).unwrap_or_else(|fault| {
            mistakes.push(Mistake::at(&["listeners", &listener.name, "trusted"], fault));
            Networks::default()
        });
        Self {
            trusted,
            introduced: listener.proxy_protocol,
            connections: listener.connections,
            secure: listener.tls.is_some(),
        }
    }
}
