//! Decides which TLS session tickets are ours: sealed by keys that follow from the cookies' key ring, so that every
//! worker, and every Equalizer with the same ring, resumes the sessions of the others (RFC 5077; RFC 8446, 4.6.1).
//!
//! A ticket is the key's name (16 bytes), a nonce (12), and sealed: the second it was made in (8) and the session.

use aws_lc_rs::aead;

use crate::persistence::seal::{Binding, KeyRing, NONCE_LEN, Nonce, TAG_LEN};

/// Seconds that a ticket opens.
pub const LIFETIME: u32 = 12 * 3600;
const NAME_LEN: usize = 16;
const TIME_LEN: usize = 8;
const HEAD_LEN: usize = NAME_LEN + NONCE_LEN;

/// The keys of one kind of ticket, in the order of the ring: the newest seals, all open.
pub struct TicketKeys(Vec<TicketKey>);

struct TicketKey {
    name: [u8; NAME_LEN],
    key: aead::LessSafeKey,
}

impl TicketKeys {
    /// Keys from the ring; a ticket that was sealed in another context does not open.
    ///
    /// Whoever was let in on terms is not let in on stricter ones by a ticket: the terms belong into the context.
    pub fn new(ring: &KeyRing, context: &[u8]) -> Self {
        let binding = Binding::new(&[b"TLS session tickets", context]);
        let keys = ring.derived::<{ 32 + NAME_LEN }>(&binding).map(|bytes| {
            let (secret, rest) = bytes.split_at(32);
            let mut name = [0; NAME_LEN];
            name.copy_from_slice(rest);
            let key = aead::UnboundKey::new(&aead::AES_256_GCM_SIV, secret).expect("a key of 256 bits");
            TicketKey { name, key: aead::LessSafeKey::new(key) }
        });
        Self(keys.collect())
    }

    /// Seals a session at `now`, in Unix seconds.
    pub fn seal(&self, now: u64, nonce: Nonce, session: &[u8]) -> Option<Vec<u8>> {
        let TicketKey { name, key } = self.0.first()?;
        let mut ticket = Vec::with_capacity(HEAD_LEN + TIME_LEN + session.len() + TAG_LEN);
        ticket.extend_from_slice(name);
        ticket.extend_from_slice(&nonce);
        ticket.extend_from_slice(&now.to_be_bytes());
        ticket.extend_from_slice(session);
        let nonce = aead::Nonce::assume_unique_for_key(nonce);
        let tag =
            key.seal_in_place_separate_tag(nonce, aead::Aad::from(name), &mut ticket[HEAD_LEN..]).ok()?;
        ticket.extend_from_slice(tag.as_ref());
        Some(ticket)
    }

    /// The session of a ticket that is ours and not too old.
    pub fn open(&self, now: u64, ticket: &[u8]) -> Option<Vec<u8>> {
        let (name, rest) = ticket.split_at_checked(NAME_LEN)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN)?;
        let key = self.0.iter().find(|key| key.name == name)?;
        let nonce = aead::Nonce::try_assume_unique_for_key(nonce).ok()?;
        let mut sealed = sealed.to_vec();
        let plain = key.key.open_in_place(nonce, aead::Aad::from(&key.name), &mut sealed).ok()?;
        let (made, session) = plain.split_first_chunk::<TIME_LEN>()?;
        // Another member's clock may be ahead of ours.
        let age = now.saturating_sub(u64::from_be_bytes(*made));
        (age < u64::from(LIFETIME)).then(|| session.to_vec())
    }
}

/// Shows how many there are, never a key.
impl std::fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("TicketKeys").field(&self.0.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(ring: &[(u16, u8)], context: &[u8]) -> TicketKeys {
        let ring: Vec<_> = ring.iter().map(|&(id, byte)| (id, [byte; 32])).collect();
        TicketKeys::new(&KeyRing::new(&ring).expect("distinct ids"), context)
    }

    #[test]
    fn equal_rings_open_each_others_tickets() {
        let ticket = keys(&[(1, 11)], b"").seal(100, [7; NONCE_LEN], b"session").expect("a ticket");
        assert_eq!(keys(&[(1, 11)], b"").open(101, &ticket).as_deref(), Some(&b"session"[..]));
        assert_eq!(keys(&[(1, 12)], b"").open(101, &ticket), None);
    }

    #[test]
    fn a_ticket_outlives_a_rotation_until_its_key_is_retired() {
        let ticket = keys(&[(1, 11)], b"").seal(100, [7; NONCE_LEN], b"session").expect("a ticket");
        assert!(keys(&[(2, 22), (1, 11)], b"").open(101, &ticket).is_some());
        assert!(keys(&[(2, 22)], b"").open(101, &ticket).is_none());
        let newer = keys(&[(2, 22), (1, 11)], b"").seal(100, [7; NONCE_LEN], b"session").expect("a ticket");
        assert!(keys(&[(2, 22)], b"").open(101, &newer).is_some());
    }

    #[test]
    fn a_ticket_opens_for_twelve_hours_and_in_its_context() {
        let keys_of = |context| keys(&[(1, 11)], context);
        let ticket = keys_of(b"").seal(100, [7; NONCE_LEN], b"session").expect("a ticket");
        assert!(keys_of(b"").open(100 + u64::from(LIFETIME) - 1, &ticket).is_some());
        assert!(keys_of(b"").open(100 + u64::from(LIFETIME), &ticket).is_none());
        assert!(keys_of(b"").open(90, &ticket).is_some());
        assert!(keys_of(b"clients prove themselves").open(101, &ticket).is_none());
    }

    proptest! {
        #[test]
        fn nothing_but_a_ticket_opens(mut bytes: Vec<u8>, place: prop::sample::Index, flip in 1_u8..) {
            let keys = keys(&[(1, 11)], b"");
            prop_assert_eq!(keys.open(0, &bytes), None);
            let mut ticket = keys.seal(0, [7; NONCE_LEN], &bytes).expect("a ticket");
            prop_assert_eq!(keys.open(0, &ticket), Some(bytes.clone()));
            let place = place.index(ticket.len());
            ticket[place] ^= flip;
            prop_assert_eq!(keys.open(0, &ticket), None);
            bytes.clear();
        }
    }
}
