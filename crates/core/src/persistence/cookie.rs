//! Decides what our cookie says, byte for byte: the layout of its value, version 1.
//!
//! ```text
//! byte  0       version, 1
//!       1..3    id of the key that sealed
//!       3..15   nonce
//!      15..55   sealed:  home 8 · session id 8 · born 4, its top 2 bits: overflows, low
//!                        · seen 4, its top bit: pinned, its next: overflows, high
//!                        · generation of pool 2 · of server 2 · incarnation 4
//!                        · the home before: name 4 · incarnation 4, both 0 for none
//!      55..71   tag
//! ```
//!
//! Numbers are big-endian. The 71 bytes travel as 95 characters of base64url (RFC 4648, section 5), always
//! as many, so that the length tells nothing. Bound to it as associated data are the version, the key id,
//! the scope and the cookie's name.

use base64_simd::{Out, URL_SAFE_NO_PAD};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::seal::{Binding, Envelope, KeyRing, NONCE_LEN, Nonce, TAG_LEN, UnsealError};

/// Characters of a token.
pub const TOKEN_LEN: usize = 95;

/// Every token sealed with this nonce is a function of its session: equal sessions get equal tokens.
///
/// That is wanted: parallel responses that re-home one session must carry one cookie. It is safe because the
/// cipher under a repeated nonce is a deterministic AEAD: it reveals that two tokens are equal and nothing
/// else. What repeats costs is only distance to the birthday bound: with `n` tokens under one key an attacker
/// gains at most about `n² / 2^124`, so a trillion tokens leave less than one chance in 2^40.
/// A nonce made by hashing the session would be worse, not better: it travels in the clear, and whoever
/// guesses a session could check the guess.
pub const SHARED_NONCE: Nonce = [0; NONCE_LEN];

const VERSION: u8 = 1;
const TOKEN_BYTES: usize = 71;
const KEY_AT: usize = 1;
const NONCE_AT: usize = 3;
const BODY_AT: usize = NONCE_AT + NONCE_LEN;
const TAG_AT: usize = TOKEN_BYTES - TAG_LEN;
const BODY_LEN: usize = TAG_AT - BODY_AT;
const PINNED: u32 = 1 << 31;
const OVERFLOWS_HIGH: u32 = 1 << 30;
const LATEST: u32 = OVERFLOWS_HIGH - 1;
const OVERFLOWS_LOW: u32 = 30;
/// Overflows in a row are counted up to this.
pub const MOST_OVERFLOWS: u8 = 7;

/// Times in a token count from 2024-01-01T00:00:00Z and reach the year 2058.
const EPOCH: u64 = 1_704_067_200;
/// Fixed for ever: every Equalizer must give a name the same home.
const HOME_SEED: u64 = 0x6571_2e68_6f6d_6531;
const INCARNATION_SEED: u64 = 0x6571_2e6c_6966_6531;

/// Which session; random at birth, kept when it is re-homed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(pub u64);

/// The server a session belongs to: a hash of its name, never of its address or position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct Home(pub u64);

/// Which life of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Incarnation(pub u32);

/// Numbers that are raised to make older cookies stop counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, serde::Serialize)]
pub struct Generation {
    /// Of the whole pool.
    pub pool: u16,
    /// Of the home alone.
    pub server: u16,
}

/// What a cookie stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Session {
    /// Which session.
    pub id: SessionId,
    /// Where it lives.
    pub home: Home,
    /// First seen, in Unix seconds.
    pub born: u64,
    /// Last stamped, in Unix seconds.
    pub seen: u64,
    /// As it was when stamped.
    pub generation: Generation,
    /// The home's life that knows the session.
    pub incarnation: Incarnation,
    /// The server asked never to move it.
    pub pinned: bool,
    /// How often in a row its home had no room for it, at most [`MOST_OVERFLOWS`].
    pub overflows: u8,
    /// Where it lived before it was re-homed, if it may go back.
    pub before: Option<Before>,
}

/// A home that a session had to leave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Before {
    name: u32,
    /// The life that knows the session.
    pub incarnation: Incarnation,
}

impl Before {
    /// The home `home`, in the life `incarnation`.
    pub fn new(home: Home, incarnation: Incarnation) -> Self {
        Self { name: Self::short(home), incarnation }
    }

    /// Whether this is the home meant: half of its hash tells the servers of one pool apart.
    pub fn means(self, home: Home) -> bool {
        self.name == Self::short(home)
    }

    fn short(home: Home) -> u32 {
        let [.., a, b, c, d] = home.0.to_be_bytes();
        // 0 stands for no home before.
        u32::from_be_bytes([a, b, c, d]).max(1)
    }
}

/// Why a value is not a session of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// Wrong length, alphabet or version.
    #[error("not a value that Equalizer writes")]
    NotOurs,
    /// The right shape, sealed by a key that the ring does not hold.
    #[error("sealed by a key that is not in the ring")]
    UnknownKey,
    /// The right shape and key, but not what that key sealed for this purpose.
    #[error("changed since it was sealed, or sealed for another cookie or scope")]
    Tampered,
}

/// Which cookie of which scope a token is for; made once per pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Purpose(Binding);

/// A cookie value, sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Token([u8; TOKEN_LEN]);

/// The home that a server's name stands for.
pub fn home_of(name: &str) -> Home {
    Home(xxh3_64_with_seed(name.as_bytes(), HOME_SEED))
}

impl Session {
    /// A session that begins now, in Unix seconds, at `home`.
    pub fn born(id: u64, home: Home, now: u64) -> Self {
        Self {
            id: SessionId(id),
            home,
            born: now,
            seen: now,
            generation: Generation::default(),
            incarnation: Incarnation::UNKNOWN,
            pinned: false,
            overflows: 0,
            before: None,
        }
    }
}

impl Incarnation {
    /// Nobody told us.
    pub const UNKNOWN: Self = Self(0);

    /// The life that a server or a person names by a text; never [`Self::UNKNOWN`].
    pub fn of(text: &[u8]) -> Self {
        let [.., a, b, c, d] = xxh3_64_with_seed(text, INCARNATION_SEED).to_be_bytes();
        Self(u32::from_be_bytes([a, b, c, d]).max(1))
    }
}

impl Purpose {
    /// Tokens of `scope` (a pool's name, or a group's) under the cookie name `name`.
    pub fn new(scope: &str, name: &str) -> Self {
        Self(Binding::new(&[&[VERSION], scope.as_bytes(), name.as_bytes()]))
    }

    /// The application's own values beside such tokens.
    pub(super) fn of_values(&self) -> Self {
        Self(self.0.narrowed(b"value"))
    }

    /// What seals are bound to.
    pub(super) fn binding(&self) -> &Binding {
        &self.0
    }
}

impl Token {
    /// The characters to put behind `NAME=`.
    pub fn as_bytes(&self) -> &[u8; TOKEN_LEN] {
        &self.0
    }

    /// The same as text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("base64url is ASCII")
    }
}

/// Seals a session with the newest key; see [`SHARED_NONCE`]. Times outside of 2024 to 2058 are clamped.
pub fn seal(ring: &KeyRing, purpose: &Purpose, session: &Session, nonce: Nonce) -> Token {
    let mut body = encode(session);
    let Envelope { key, nonce, tag } = ring.seal(nonce, &purpose.0, &mut body);
    let mut bytes = [0; TOKEN_BYTES];
    bytes[0] = VERSION;
    bytes[KEY_AT..NONCE_AT].copy_from_slice(&key.to_be_bytes());
    bytes[NONCE_AT..BODY_AT].copy_from_slice(&nonce);
    bytes[BODY_AT..TAG_AT].copy_from_slice(&body);
    bytes[TAG_AT..].copy_from_slice(&tag);
    let mut text = [0; TOKEN_LEN];
    let _ = URL_SAFE_NO_PAD.encode(&bytes, Out::from_slice(&mut text));
    Token(text)
}

/// Opens a cookie value, bare or in double quotes.
pub fn open(ring: &KeyRing, purpose: &Purpose, value: &[u8]) -> Result<Session, OpenError> {
    let value = bare(value);
    let mut bytes = [0; TOKEN_BYTES];
    // The two bits to spare must be 0, which the decoder checks: one value, one text.
    if value.len() != TOKEN_LEN || URL_SAFE_NO_PAD.decode(value, Out::from_slice(&mut bytes)).is_err() {
        return Err(OpenError::NotOurs);
    }
    if bytes[0] != VERSION {
        return Err(OpenError::NotOurs);
    }
    let envelope = Envelope {
        key: u16::from_be_bytes(at(&bytes, KEY_AT)),
        nonce: at(&bytes, NONCE_AT),
        tag: at(&bytes, TAG_AT),
    };
    let mut body: [u8; BODY_LEN] = at(&bytes, BODY_AT);
    match ring.open(&envelope, &purpose.0, &mut body) {
        Ok(()) => Ok(decode(&body)),
        Err(UnsealError::UnknownKey) => Err(OpenError::UnknownKey),
        Err(UnsealError::Tampered) => Err(OpenError::Tampered),
    }
}

/// The id of the key that a value says it was sealed with; nothing vouches for it until the value is opened.
pub fn key_id(value: &[u8]) -> Option<u16> {
    let value = bare(value);
    // Version and key are the first of its bytes.
    let mut bytes = [0; NONCE_AT];
    URL_SAFE_NO_PAD.decode(value.get(..NONCE_AT / 3 * 4)?, Out::from_slice(&mut bytes)).ok()?;
    (value.len() == TOKEN_LEN && bytes[0] == VERSION).then_some(())?;
    Some(u16::from_be_bytes(at(&bytes, KEY_AT)))
}

/// A cookie value may stand in double quotes (RFC 6265, section 4.1.1).
fn bare(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inside @ .., b'"'] => inside,
        bare => bare,
    }
}

fn encode(session: &Session) -> [u8; BODY_LEN] {
    let mut body = [0; BODY_LEN];
    body[0..8].copy_from_slice(&session.home.0.to_be_bytes());
    body[8..16].copy_from_slice(&session.id.0.to_be_bytes());
    let overflows = u32::from(session.overflows.min(MOST_OVERFLOWS));
    let low = (overflows & 3) << OVERFLOWS_LOW;
    body[16..20].copy_from_slice(&(since_epoch(session.born) | low).to_be_bytes());
    let pinned = if session.pinned { PINNED } else { 0 };
    let high = if overflows > 3 { OVERFLOWS_HIGH } else { 0 };
    body[20..24].copy_from_slice(&(since_epoch(session.seen) | pinned | high).to_be_bytes());
    body[24..26].copy_from_slice(&session.generation.pool.to_be_bytes());
    body[26..28].copy_from_slice(&session.generation.server.to_be_bytes());
    body[28..32].copy_from_slice(&session.incarnation.0.to_be_bytes());
    if let Some(before) = session.before {
        body[32..36].copy_from_slice(&before.name.to_be_bytes());
        body[36..40].copy_from_slice(&before.incarnation.0.to_be_bytes());
    }
    body
}

fn decode(body: &[u8; BODY_LEN]) -> Session {
    let (born, seen) = (u32::from_be_bytes(at(body, 16)), u32::from_be_bytes(at(body, 20)));
    let [low, ..] = (born >> OVERFLOWS_LOW).to_le_bytes();
    Session {
        home: Home(u64::from_be_bytes(at(body, 0))),
        id: SessionId(u64::from_be_bytes(at(body, 8))),
        born: EPOCH + u64::from(born & LATEST),
        seen: EPOCH + u64::from(seen & LATEST),
        generation: Generation {
            pool: u16::from_be_bytes(at(body, 24)),
            server: u16::from_be_bytes(at(body, 26)),
        },
        incarnation: Incarnation(u32::from_be_bytes(at(body, 28))),
        pinned: seen & PINNED != 0,
        overflows: low | if seen & OVERFLOWS_HIGH == 0 { 0 } else { 4 },
        before: match u32::from_be_bytes(at(body, 32)) {
            0 => None,
            name => Some(Before { name, incarnation: Incarnation(u32::from_be_bytes(at(body, 36))) }),
        },
    }
}

fn since_epoch(seconds: u64) -> u32 {
    u32::try_from(seconds.saturating_sub(EPOCH)).map_or(LATEST, |seconds| seconds.min(LATEST))
}

/// `N` bytes from `start`; all offsets are constants of the layout.
fn at<const N: usize>(bytes: &[u8], start: usize) -> [u8; N] {
    let mut part = [0; N];
    part.copy_from_slice(&bytes[start..start + N]);
    part
}

#[cfg(test)]
#[path = "cookie_tests.rs"]
mod tests;
