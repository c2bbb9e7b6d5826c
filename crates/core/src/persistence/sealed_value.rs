//! The application's own value, sealed: `base64url(key id 2 · nonce 12 · sealed value · tag 16)`.
//!
//! Unlike a token, a value must not show that two clients have the same one, so each session has its own nonce.

use base64_simd::URL_SAFE_NO_PAD;

use super::cookie::{Purpose, Token};
use super::seal::{Binding, Envelope, KeyRing, NONCE_LEN, Nonce, TAG_LEN};

/// Longer values are not sealed; browsers keep none that are (RFC 6265, section 6.1).
const MOST: usize = 4096;
const BODY_AT: usize = 2 + NONCE_LEN;

/// Seals a value and appends it; false, and nothing appended, when it is too long.
///
/// The nonce is a digest of the session's `token`, and of nothing else: whoever guesses the value cannot check it.
pub(super) fn seal(
    ring: &KeyRing,
    purpose: &Purpose,
    value: &[u8],
    token: &Token,
    out: &mut Vec<u8>,
) -> bool {
    if value.len() > MOST {
        return false;
    }
    let nonce: Nonce = Binding::new(&[b"nonce", token.as_bytes()]).leading();
    let mut body = value.to_vec();
    let Envelope { key, nonce, tag } = ring.seal(nonce, purpose.binding(), &mut body);
    let bytes = [&key.to_be_bytes()[..], &nonce, &body, &tag].concat();
    URL_SAFE_NO_PAD.encode_append(bytes, out);
    true
}

/// The value that was sealed, if it was.
pub(super) fn open(ring: &KeyRing, purpose: &Purpose, text: &[u8]) -> Option<Vec<u8>> {
    if text.len() > (BODY_AT + MOST + TAG_LEN).div_ceil(3) * 4 {
        return None;
    }
    let mut bytes = URL_SAFE_NO_PAD.decode_to_vec(text).ok()?;
    let (head, rest) = bytes.split_at_mut_checked(BODY_AT)?;
    let (body, tag) = rest.split_at_mut_checked(rest.len().checked_sub(TAG_LEN)?)?;
    let envelope = Envelope {
        key: u16::from_be_bytes(head[..2].try_into().ok()?),
        nonce: head[2..].try_into().ok()?,
        tag: (&*tag).try_into().ok()?,
    };
    ring.open(&envelope, purpose.binding(), body).ok()?;
    Some(body.to_vec())
}

#[cfg(test)]
mod tests {
    use super::super::cookie::{self, SHARED_NONCE, Session, home_of};
    use super::*;

    fn ring() -> KeyRing {
        KeyRing::new(&[(1, [1; 32])]).expect("one key")
    }

    fn token(id: u64) -> Token {
        let session = Session::born(id, home_of("web1"), 1_800_000_000);
        cookie::seal(&ring(), &Purpose::new("shop", "ID"), &session, SHARED_NONCE)
    }

    fn sealed(value: &[u8], id: u64) -> Vec<u8> {
        let mut out = Vec::new();
        assert!(seal(&ring(), &Purpose::new("shop", "ID").of_values(), value, &token(id), &mut out));
        out
    }

    #[test]
    fn a_value_of_any_length_comes_back_and_looks_different_in_each_session() {
        for value in [&b""[..], b"a", &[b'x'; MOST]] {
            let text = sealed(value, 7);
            assert_eq!(open(&ring(), &Purpose::new("shop", "ID").of_values(), &text).as_deref(), Some(value));
            assert_ne!(text, sealed(value, 8));
        }
        let mut out = Vec::new();
        assert!(!seal(&ring(), &Purpose::new("shop", "ID"), &[b'x'; MOST + 1], &token(7), &mut out));
        assert!(out.is_empty());
    }

    #[test]
    fn nothing_else_opens() {
        let purpose = Purpose::new("shop", "ID").of_values();
        let text = sealed(b"4711", 7);
        for at in 0..text.len() {
            let mut changed = text.clone();
            changed[at] ^= 1;
            assert_eq!(open(&ring(), &purpose, &changed), None);
            assert_eq!(open(&ring(), &purpose, &text[..at]), None);
        }
        assert_eq!(open(&ring(), &Purpose::new("shop", "ID"), &text), None, "a token's purpose");
        assert_eq!(open(&ring(), &purpose, &[b'A'; 10_000]), None);
    }
}
