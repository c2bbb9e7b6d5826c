use proptest::prelude::*;

use super::*;

const NONCE: Nonce = [7; NONCE_LEN];

fn ring() -> KeyRing {
    KeyRing::new(&[(3, [3; 32]), (2, [2; 32])]).expect("distinct ids")
}

fn purpose() -> Purpose {
    Purpose::new("shop", "EQ")
}

fn session() -> Session {
    Session {
        id: SessionId(0x0102_0304_0506_0708),
        home: home_of("web1"),
        born: 1_800_000_000,
        seen: 1_800_003_600,
        generation: Generation { pool: 1, server: 2 },
        incarnation: Incarnation::of(b"boot 17"),
        pinned: true,
        overflows: 0,
        before: Some(Before::new(home_of("web2"), Incarnation::UNKNOWN)),
    }
}

prop_compose! {
    fn sessions()(
        id: u64, home: u64, born in 0..=LATEST, seen in 0..=LATEST, pool: u16, server: u16, incarnation: u32, pinned: bool,
        overflows in 0..=MOST_OVERFLOWS,
        before: Option<(u64, u32)>,
    ) -> Session {
        Session {
            id: SessionId(id),
            home: Home(home),
            born: EPOCH + u64::from(born),
            seen: EPOCH + u64::from(seen),
            generation: Generation { pool, server },
            incarnation: Incarnation(incarnation),
            pinned,
            overflows,
            before: before.map(|(home, life)| Before::new(Home(home), Incarnation(life))),
        }
    }
}

proptest! {
    #[test]
    fn opening_gives_back_what_was_sealed(session in sessions(), nonce: Nonce) {
        let token = seal(&ring(), &purpose(), &session, nonce);
        prop_assert_eq!(open(&ring(), &purpose(), token.as_bytes()), Ok(session));
        let quoted = format!("\"{}\"", token.as_str());
        prop_assert_eq!(open(&ring(), &purpose(), quoted.as_bytes()), Ok(session));
    }

    #[test]
    fn a_flipped_bit_is_refused(session in sessions(), at in 0..TOKEN_LEN, bit in 0..8) {
        let mut text = *seal(&ring(), &purpose(), &session, NONCE).as_bytes();
        text[at] ^= 1u8 << bit;
        prop_assert!(open(&ring(), &purpose(), &text).is_err());
    }

    #[test]
    fn a_shorter_or_longer_value_is_not_ours(session in sessions(), cut in 0..TOKEN_LEN, tail in ".{1,9}") {
        let token = seal(&ring(), &purpose(), &session, NONCE);
        prop_assert_eq!(open(&ring(), &purpose(), &token.as_bytes()[..cut]), Err(OpenError::NotOurs));
        let longer = [token.as_bytes(), tail.as_bytes()].concat();
        prop_assert_eq!(open(&ring(), &purpose(), &longer), Err(OpenError::NotOurs));
    }

    #[test]
    fn another_purpose_does_not_open_it(session in sessions(), scope in "[a-z]{0,9}", name in "[A-Z]{1,9}") {
        prop_assume!((scope.as_str(), name.as_str()) != ("shop", "EQ"));
        let token = seal(&ring(), &Purpose::new(&scope, &name), &session, NONCE);
        prop_assert_eq!(open(&ring(), &purpose(), token.as_bytes()), Err(OpenError::Tampered));
    }

    #[test]
    fn any_bytes_are_refused_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(open(&ring(), &purpose(), &bytes).is_err());
    }

    #[test]
    fn any_text_of_the_right_shape_is_refused(text in "AQADA[A-Za-z0-9_-]{89}[AEIMQUYcgkosw048]") {
        prop_assert!(open(&ring(), &purpose(), text.as_bytes()).is_err());
    }
}

#[test]
fn a_token_fits_in_96_characters_and_is_as_long_for_all() {
    let empty = Session {
        id: SessionId(0),
        home: Home(0),
        born: 0,
        seen: 0,
        generation: Generation::default(),
        incarnation: Incarnation::UNKNOWN,
        pinned: false,
        overflows: 0,
        before: None,
    };
    for session in [empty, session()] {
        let token = seal(&ring(), &purpose(), &session, NONCE);
        assert_eq!(token.as_str().len(), TOKEN_LEN);
    }
    const { assert!(TOKEN_LEN <= 96) };
}

#[test]
fn the_layout_of_version_1_stays_as_it_is() {
    let token = seal(&ring(), &purpose(), &session(), SHARED_NONCE);
    assert_eq!(
        token.as_str(),
        "AQADAAAAAAAAAAAAAAAAXPV98FzkKp4eXyi0nwbV8UaoVfzPZ-mMmicFnijUkkCPqLCEQOh8TAnuJM8RTcKgCMNBbi65_oQ"
    );
    assert_eq!(home_of("web1"), Home(16_426_979_695_223_108_516));
    assert_eq!(Incarnation::of(b"boot 17"), Incarnation(3_084_117_762));
}

#[test]
fn equal_sessions_share_a_token_and_different_ones_do_not() {
    let moved = Session { home: home_of("web2"), ..session() };
    let seal = |session: &Session| seal(&ring(), &purpose(), session, SHARED_NONCE);
    assert_eq!(seal(&session()), seal(&session()));
    assert_ne!(seal(&session()), seal(&moved));
}

#[test]
fn each_refusal_has_its_reason() {
    let token = seal(&ring(), &purpose(), &session(), NONCE);
    let retired = KeyRing::new(&[(4, [4; 32])]).expect("one key");
    assert_eq!(open(&retired, &purpose(), token.as_bytes()), Err(OpenError::UnknownKey));
    let other = KeyRing::new(&[(3, [9; 32])]).expect("one key");
    assert_eq!(open(&other, &purpose(), token.as_bytes()), Err(OpenError::Tampered));
    let later_version = token.as_str().replacen("AQ", "Ag", 1);
    assert_eq!(open(&ring(), &purpose(), later_version.as_bytes()), Err(OpenError::NotOurs));
    assert_eq!(open(&ring(), &purpose(), b"\""), Err(OpenError::NotOurs));
    assert_eq!(open(&ring(), &purpose(), b""), Err(OpenError::NotOurs));
}

#[test]
fn one_token_has_one_spelling() {
    let text = *seal(&ring(), &purpose(), &session(), NONCE).as_bytes();
    let opened: Vec<u8> = (0..=u8::MAX)
        .filter(|last| {
            let mut other = text;
            other[TOKEN_LEN - 1] = *last;
            open(&ring(), &purpose(), &other).is_ok()
        })
        .collect();
    assert_eq!(opened, [text[TOKEN_LEN - 1]]);
}

#[test]
fn times_outside_of_the_layout_are_clamped() {
    let session = Session { born: 0, seen: u64::MAX, ..session() };
    let token = seal(&ring(), &purpose(), &session, NONCE);
    let opened = open(&ring(), &purpose(), token.as_bytes()).expect("ours");
    assert_eq!((opened.born, opened.seen), (EPOCH, EPOCH + u64::from(LATEST)));
}
