//! What the sealed cookie costs a request.
#![allow(missing_docs)]

use divan::{Bencher, black_box};
use equalizer_core::http::cookies;
use equalizer_core::http::edits::Edits;
use equalizer_core::http::field::{Field, Known, Span};
use equalizer_core::http::h1::encode::Lines;
use equalizer_core::persistence::cookie::{
    Generation, Incarnation, Purpose, SHARED_NONCE, Session, SessionId, home_of, open, seal,
};
use equalizer_core::persistence::seal::KeyRing;

fn main() {
    divan::main();
}

fn prepared() -> (KeyRing, Purpose, Session) {
    let ring = KeyRing::new(&[(3, [3; 32]), (2, [2; 32]), (1, [1; 32])]).expect("distinct ids");
    let session = Session {
        id: SessionId(0x0102_0304_0506_0708),
        home: home_of("web1"),
        born: 1_800_000_000,
        seen: 1_800_003_600,
        generation: Generation::default(),
        incarnation: Incarnation::UNKNOWN,
        pinned: false,
        overflows: 0,
        before: None,
    };
    (ring, Purpose::new("shop", "EQ"), session)
}

#[divan::bench(sample_size = 1000)]
fn open_ours(bencher: Bencher) {
    let (ring, purpose, session) = prepared();
    let token = seal(&ring, &purpose, &session, SHARED_NONCE);
    bencher.bench(|| open(&ring, &purpose, black_box(token.as_bytes())));
}

/// What a stranger may send: none of it may cost more than `open_ours`.
#[divan::bench(sample_size = 1000, args = ["tampered", "of another key", "of another cookie", "not base64", "huge"])]
fn open_hostile(bencher: Bencher, how: &str) {
    let (ring, purpose, session) = prepared();
    let stranger = KeyRing::new(&[(9, [9; 32])]).expect("one key");
    let other = Purpose::new("shop", "OTHER");
    let mut token = *seal(&ring, &purpose, &session, SHARED_NONCE).as_bytes();
    token[50] = if token[50] == b'A' { b'B' } else { b'A' };
    let value = match how {
        "tampered" => token.to_vec(),
        "of another key" => seal(&stranger, &purpose, &session, SHARED_NONCE).as_bytes().to_vec(),
        "of another cookie" => seal(&ring, &other, &session, SHARED_NONCE).as_bytes().to_vec(),
        "not base64" => [&token[..94], b"!"].concat(),
        _ => vec![b'A'; 60_000],
    };
    assert!(open(&ring, &purpose, &value).is_err());
    bencher.bench(|| open(&ring, &purpose, black_box(&value)));
}

#[divan::bench(sample_size = 1000)]
fn seal_ours(bencher: Bencher) {
    let (ring, purpose, session) = prepared();
    bencher.bench(|| seal(&ring, &purpose, black_box(&session), SHARED_NONCE));
}

#[divan::bench(sample_size = 1000)]
fn strip_one_of_four(bencher: Bencher) {
    let (ring, purpose, session) = prepared();
    let token = seal(&ring, &purpose, &session, SHARED_NONCE);
    let head =
        format!("Cookie: theme=dark; JSESSIONID=0A1B2C3D4E5F.web1; EQ={}; lang=en\r\n", token.as_str());
    let span = |start: usize, end: usize| Span {
        start: u32::try_from(start).expect("a short line"),
        end: u32::try_from(end).expect("a short line"),
    };
    let (name, value, line) = (span(0, 6), span(8, head.len() - 2), span(0, head.len()));
    let fields = [Field { known: Known::Cookie, name, value, line }];
    let mut edits = Edits::default();
    bencher.bench_local(|| {
        let lines = Lines { bytes: black_box(head.as_bytes()), fields: &fields };
        edits.clear();
        cookies::values(lines, b"EQ").for_each(|value| edits.take(value));
        cookies::leave_out(lines, &mut edits);
    });
}
