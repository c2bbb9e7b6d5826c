//! Gives rustls the session tickets of the key ring, with a clock and chance.

use aws_lc_rs::rand;
use equalizer_core::persistence::seal::{KeyRing, NONCE_LEN};
use equalizer_core::tickets::{LIFETIME, TicketKeys};
use rustls::server::ProducesTickets;

use crate::clock::unix_now;

/// Seals and opens tickets.
#[derive(Debug)]
pub(super) struct Tickets(TicketKeys);

impl Tickets {
    pub(super) fn new(ring: &KeyRing, context: &[u8]) -> Self {
        Self(TicketKeys::new(ring, context))
    }
}

impl ProducesTickets for Tickets {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        LIFETIME
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        let mut nonce = [0; NONCE_LEN];
        rand::fill(&mut nonce).ok()?;
        self.0.seal(unix_now(), nonce, plain)
    }

    fn decrypt(&self, cipher: &[u8]) -> Option<Vec<u8>> {
        self.0.open(unix_now(), cipher)
    }
}
