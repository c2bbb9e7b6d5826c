//! Decides who may write and read our cookies: the AEAD and its key ring.
//!
//! The cipher is AES-256-GCM-SIV (RFC 8452). It is misuse-resistant: sealing two messages under one nonce
//! reveals at most that the two are equal, never a byte of them and never the means to forge a third.

use std::sync::atomic::{AtomicU64, Ordering};

use aws_lc_rs::aead;
use aws_lc_rs::{digest, hkdf};

/// Bytes of a nonce.
pub const NONCE_LEN: usize = aead::NONCE_LEN;
/// Bytes of an authentication tag.
pub const TAG_LEN: usize = 16;
const BINDING_LEN: usize = 30;

/// Chance, as an argument.
pub type Nonce = [u8; NONCE_LEN];

/// What the sealed bytes are for; bytes sealed for one purpose do not open for another.
///
/// Held as a digest of its parts, SHA-256 cut to 240 bits: with a key id it is two cipher blocks, so that
/// binding a long purpose costs a request no more than a short one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Binding([u8; BINDING_LEN]);

impl Binding {
    /// Binds parts with their lengths: `["ab", "c"]` is not `["a", "bc"]`.
    pub fn new(parts: &[&[u8]]) -> Self {
        let mut context = digest::Context::new(&digest::SHA256);
        for part in parts {
            context.update(&(part.len() as u64).to_be_bytes());
            context.update(part);
        }
        let mut bytes = [0; BINDING_LEN];
        bytes.copy_from_slice(&context.finish().as_ref()[..BINDING_LEN]);
        Self(bytes)
    }

    /// The digest, where it is a part of something else.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Bytes that follow from the parts and do not tell them.
    pub(super) fn leading(&self) -> Nonce {
        let mut bytes = [0; NONCE_LEN];
        bytes.copy_from_slice(&self.0[..NONCE_LEN]);
        bytes
    }

    /// A binding of its own for a part of what this one is for.
    pub(super) fn narrowed(&self, part: &[u8]) -> Self {
        Self::new(&[&self.0, part])
    }
}

/// What must travel beside sealed bytes to open them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Envelope {
    /// The key that sealed.
    pub key: u16,
    /// The nonce it sealed with.
    pub nonce: Nonce,
    /// Proves key, nonce, binding and bytes.
    pub tag: [u8; TAG_LEN],
}

/// How many rings there were.
static RINGS: AtomicU64 = AtomicU64::new(0);

/// The cookie keys: the newest seals, all open.
pub struct KeyRing {
    /// No other ring of the process has it.
    number: u64,
    newest: RingKey,
    older: Vec<RingKey>,
}

struct RingKey {
    id: u16,
    key: aead::LessSafeKey,
    /// What other keys follow from (RFC 5869).
    root: hkdf::Prk,
}

/// The length of what is derived.
struct Length(usize);

impl hkdf::KeyType for Length {
    fn len(&self) -> usize {
        self.0
    }
}

/// Why a key ring could not be made. Names keys by id, never by secret.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyRingError {
    /// Nothing could be sealed.
    #[error("the key ring is empty; it needs at least one key")]
    Empty,
    /// The id in a cookie must say which key opens it.
    #[error("key id {0} is in the ring twice; give each key its own id")]
    Duplicate(u16),
    /// The cryptographic library would not prepare the key.
    #[error("key {0} was refused by the cryptographic library")]
    Refused(u16),
}

/// Why sealed bytes did not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnsealError {
    /// Sealed by a key that is not, or no longer, in the ring.
    #[error("sealed by a key that is not in the ring")]
    UnknownKey,
    /// The key is ours, but the bytes or their binding are not what it sealed.
    #[error("changed since it was sealed, or sealed for another purpose")]
    Tampered,
}

impl KeyRing {
    /// Prepares the keys once; `keys` are `(id, secret)`, newest first.
    pub fn new(keys: &[(u16, [u8; 32])]) -> Result<Self, KeyRingError> {
        for (at, (id, _)) in keys.iter().enumerate() {
            if keys[..at].iter().any(|(earlier, _)| earlier == id) {
                return Err(KeyRingError::Duplicate(*id));
            }
        }
        let (first, rest) = keys.split_first().ok_or(KeyRingError::Empty)?;
        Ok(Self {
            number: RINGS.fetch_add(1, Ordering::Relaxed),
            newest: RingKey::new(first)?,
            older: rest.iter().map(RingKey::new).collect::<Result<_, _>>()?,
        })
    }

    /// Tells rings apart, also those of the same keys.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Ids of all keys, newest first.
    pub fn ids(&self) -> impl Iterator<Item = u16> + '_ {
        self.keys().map(|key| key.id)
    }

    /// The key that the next rotation is likely to drop: the oldest of three or more.
    ///
    /// A shorter ring is still growing, or somebody keeps so few that a new key may not be known everywhere yet.
    pub fn drops_next(&self) -> Option<u16> {
        self.older.last().filter(|_| self.older.len() > 1).map(|oldest| oldest.id)
    }

    /// Seals `bytes` in place with the newest key.
    pub fn seal(&self, nonce: Nonce, binding: &Binding, bytes: &mut [u8]) -> Envelope {
        let RingKey { id, key, .. } = &self.newest;
        let sealed = key.seal_in_place_separate_tag(
            aead::Nonce::assume_unique_for_key(nonce),
            aead::Aad::from(associated(*id, binding)),
            bytes,
        );
        // RFC 8452, section 6: sealing fails only beyond 2^36 bytes, which is no cookie.
        let sealed = sealed.expect("AES-256-GCM-SIV seals up to 2^36 bytes");
        let mut tag = [0; TAG_LEN];
        tag.copy_from_slice(sealed.as_ref());
        Envelope { key: *id, nonce, tag }
    }

    /// Opens `bytes` in place; after an error they are worth nothing.
    pub fn open(&self, envelope: &Envelope, binding: &Binding, bytes: &mut [u8]) -> Result<(), UnsealError> {
        let key = self.keys().find(|key| key.id == envelope.key).ok_or(UnsealError::UnknownKey)?;
        let nonce = aead::Nonce::assume_unique_for_key(envelope.nonce);
        let associated = aead::Aad::from(associated(key.id, binding));
        match key.key.open_in_place_separate_tag(nonce, associated, &envelope.tag, bytes) {
            Ok(_) => Ok(()),
            Err(_) => Err(UnsealError::Tampered),
        }
    }

    /// Secrets for another use than cookies, one from each key, newest first; nothing follows from them.
    pub fn derived<const N: usize>(&self, purpose: &Binding) -> impl Iterator<Item = [u8; N]> {
        self.keys().map(|key| {
            let mut bytes = [0; N];
            let info = [&purpose.0[..]];
            let made = key.root.expand(&info, Length(N)).and_then(|derived| derived.fill(&mut bytes));
            // RFC 5869, 2.3: up to 255 digests may be asked for.
            made.expect("HKDF derives up to 8160 bytes");
            bytes
        })
    }

    fn keys(&self) -> impl Iterator<Item = &RingKey> {
        std::iter::once(&self.newest).chain(&self.older)
    }
}

impl RingKey {
    fn new((id, secret): &(u16, [u8; 32])) -> Result<Self, KeyRingError> {
        let key = aead::UnboundKey::new(&aead::AES_256_GCM_SIV, secret);
        let key = key.map_err(|_| KeyRingError::Refused(*id))?;
        let root = hkdf::Salt::new(hkdf::HKDF_SHA256, b"equalizer key ring").extract(secret);
        Ok(Self { id: *id, key: aead::LessSafeKey::new(key), root })
    }
}

/// Shows which keys there are, never a key.
impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeyRing").field("ids", &self.ids().collect::<Vec<_>>()).finish_non_exhaustive()
    }
}

/// The associated data: key id, then the binding.
fn associated(key: u16, binding: &Binding) -> [u8; 2 + BINDING_LEN] {
    let mut bytes = [0; 2 + BINDING_LEN];
    bytes[..2].copy_from_slice(&key.to_be_bytes());
    bytes[2..].copy_from_slice(&binding.0);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring(keys: &[(u16, u8)]) -> KeyRing {
        let keys: Vec<_> = keys.iter().map(|&(id, byte)| (id, [byte; 32])).collect();
        KeyRing::new(&keys).expect("distinct ids")
    }

    #[test]
    fn the_newest_key_seals_and_every_key_opens() {
        let (before, after) = (ring(&[(1, 11)]), ring(&[(2, 22), (1, 11)]));
        let binding = Binding::new(&[b"shop"]);
        let mut bytes = *b"basket";
        let envelope = before.seal([0; NONCE_LEN], &binding, &mut bytes);
        assert_eq!(envelope.key, 1);
        assert_ne!(&bytes, b"basket");
        assert_eq!(after.open(&envelope, &binding, &mut bytes), Ok(()));
        assert_eq!(&bytes, b"basket");
        assert_eq!(after.seal([0; NONCE_LEN], &binding, &mut bytes).key, 2);
    }

    #[test]
    fn the_oldest_of_three_keys_is_the_next_to_go() {
        let dropped = |keys: &[(u16, u8)]| ring(keys).drops_next();
        assert_eq!(dropped(&[(1, 11)]), None);
        assert_eq!(dropped(&[(2, 22), (1, 11)]), None);
        assert_eq!(dropped(&[(3, 33), (2, 22), (1, 11)]), Some(1));
    }

    #[test]
    fn a_retired_key_is_told_apart_from_a_changed_message() {
        let binding = Binding::new(&[b"shop"]);
        let mut bytes = *b"basket";
        let envelope = ring(&[(1, 11)]).seal([0; NONCE_LEN], &binding, &mut bytes);
        let retired = ring(&[(2, 22)]);
        assert_eq!(retired.open(&envelope, &binding, &mut bytes), Err(UnsealError::UnknownKey));
        let reused_id = ring(&[(1, 22)]);
        assert_eq!(reused_id.open(&envelope, &binding, &mut bytes), Err(UnsealError::Tampered));
    }

    #[test]
    fn a_key_id_is_bound_even_when_two_keys_are_equal() {
        let twins = ring(&[(1, 11), (2, 11)]);
        let binding = Binding::new(&[b"shop"]);
        let mut bytes = *b"basket";
        let envelope = twins.seal([0; NONCE_LEN], &binding, &mut bytes);
        let moved = Envelope { key: 2, ..envelope };
        assert_eq!(twins.open(&moved, &binding, &mut bytes), Err(UnsealError::Tampered));
    }

    #[test]
    fn parts_of_a_binding_do_not_run_together() {
        assert_ne!(Binding::new(&[b"ab", b"c"]), Binding::new(&[b"a", b"bc"]));
        assert_ne!(Binding::new(&[b"ab"]), Binding::new(&[b"ab", b""]));
    }

    #[test]
    fn a_ring_needs_keys_with_distinct_ids() {
        assert_eq!(KeyRing::new(&[]).err(), Some(KeyRingError::Empty));
        let twice = [(7, [1; 32]), (8, [2; 32]), (7, [3; 32])];
        assert_eq!(KeyRing::new(&twice).err(), Some(KeyRingError::Duplicate(7)));
    }

    #[test]
    fn a_ring_shows_its_ids_and_no_secret() {
        assert_eq!(format!("{:?}", ring(&[(2, 222), (1, 111)])), "KeyRing { ids: [2, 1], .. }");
    }
}
