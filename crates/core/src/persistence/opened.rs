//! The session that a client's connection opened last: a browser sends one value with every request, and what was
//! opened once under the same keys and for the same purpose need not be opened again (decision 0024).

use std::cell::RefCell;

use super::cookie::{self, OpenError, Purpose, Session, TOKEN_LEN};
use super::seal::KeyRing;

/// What one connection opened last.
#[derive(Debug, Default)]
pub struct Opened(RefCell<Option<Last>>);

struct Last {
    ring: u64,
    purpose: Purpose,
    value: [u8; TOKEN_LEN],
    session: Session,
}

impl Opened {
    /// Opens a value as [`cookie::open`] does.
    pub(super) fn open(&self, ring: &KeyRing, purpose: &Purpose, value: &[u8]) -> Result<Session, OpenError> {
        let mut last = self.0.borrow_mut();
        if let Some(last) = &*last
            && last.is(ring, purpose, value)
        {
            return Ok(last.session);
        }
        let session = cookie::open(ring, purpose, value)?;
        if let Ok(value) = value.try_into() {
            *last = Some(Last { ring: ring.number(), purpose: *purpose, value, session });
        }
        Ok(session)
    }
}

impl Last {
    fn is(&self, ring: &KeyRing, purpose: &Purpose, value: &[u8]) -> bool {
        self.ring == ring.number() && self.purpose == *purpose && are_equal(&self.value, value)
    }
}

/// Whether both are the same, in a time that does not tell where they differ: clients of a front share its connections.
fn are_equal(known: &[u8; TOKEN_LEN], value: &[u8]) -> bool {
    let differ = |all, (one, other): (&u8, &u8)| all | (one ^ other);
    value.len() == TOKEN_LEN && known.iter().zip(value).fold(0, differ) == 0
}

/// The session is nobody's business, and the value opens a door.
impl std::fmt::Debug for Last {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("Last")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::cookie::{Home, seal};
    use super::*;

    fn session(id: u64) -> Session {
        Session::born(id, Home(7), 1_800_000_000)
    }

    proptest! {
        /// Whatever came before on the connection, a value means what it means by itself.
        #[test]
        fn it_opens_what_opens_and_nothing_else(
            asked in prop::collection::vec((0..3_usize, 0..2_usize, 0..4_usize, any::<bool>()), 1..40),
        ) {
            let secrets = [(1, [1; 32]), (2, [2; 32])];
            let rings = [&secrets[..1], &secrets[1..], &secrets[..1]].map(|keys| KeyRing::new(keys).expect("keys"));
            let purposes = ["shop", "blog"].map(|scope| Purpose::new(scope, "EQ"));
            let values = [0, 1, 2, 3].map(|at: usize| {
                let token = seal(&rings[at / 2], &purposes[at % 2], &session(at as u64), [3; 12]);
                token.as_str().to_owned()
            });
            let opened = Opened::default();
            for (ring, purpose, value, spoilt) in asked {
                let (ring, purpose) = (&rings[ring], &purposes[purpose]);
                let mut value = values[value].clone().into_bytes();
                if spoilt {
                    value[60] ^= 1;
                }
                prop_assert_eq!(opened.open(ring, purpose, &value), cookie::open(ring, purpose, &value));
            }
        }
    }

    #[test]
    fn two_rings_of_the_same_keys_are_two() {
        let ring = || KeyRing::new(&[(1, [1; 32])]).expect("a key");
        assert_ne!(ring().number(), ring().number());
    }
}
