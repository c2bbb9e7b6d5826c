//! What is said of servers from outside: who may use them, how much they take, and which life they are in.

use std::sync::Arc;

use equalizer_core::persistence::cookie::Incarnation;
use equalizer_core::snapshot::wire::{ServerState, ServerWeight};

use super::{Engine, Refused};
use crate::alarm::Alarm;
use crate::clock::unix_now;

impl Engine {
    /// Says who may use which server; every server that is not named is up.
    pub fn set_states(&self, states: &[u8]) -> Result<(), Refused> {
        let states: Vec<ServerState> = serde_json::from_slice(states)?;
        let rules = self.rules.as_deref().ok_or(Refused::Stopped)?;
        rules
            .set_states(&states, unix_now())
            .map_err(|unknown| Refused::no_such(&unknown.pool, &unknown.server))
    }

    /// Gives servers other weights; every server that is not named has that of its configuration.
    pub fn set_weights(&self, weights: &[u8]) -> Result<(), Refused> {
        let weights: Vec<ServerWeight> = serde_json::from_slice(weights)?;
        let rules = self.rules.as_deref().ok_or(Refused::Stopped)?;
        rules.set_weights(&weights).map_err(|unknown| Refused::no_such(&unknown.pool, &unknown.server))
    }

    /// Where servers are told of that fail. Apart from the engine, so that it can be waited for meanwhile.
    pub fn alarm(&self) -> Arc<Alarm> {
        Arc::clone(&self.alarm)
    }

    /// A server told its life elsewhere than in a response to a client.
    pub fn tell_incarnation(&self, pool: &str, server: &str, life: &str) -> Result<(), Refused> {
        let rules = self.rules.as_deref().ok_or(Refused::Stopped)?;
        let server = rules.server(pool, server).ok_or_else(|| Refused::no_such(pool, server))?;
        server.live.tells(Incarnation::of(life.as_bytes()));
        Ok(())
    }
}
