//! What the sealed cookie costs a request.
#![allow(missing_docs)]

use divan::{Bencher, black_box};
use equalizer_core::http::cookies;
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

#[divan::bench(sample_size = 1000)]
fn open_tampered(bencher: Bencher) {
    let (ring, purpose, session) = prepared();
    let mut token = *seal(&ring, &purpose, &session, SHARED_NONCE).as_bytes();
    token[50] = if token[50] == b'A' { b'B' } else { b'A' };
    bencher.bench(|| open(&ring, &purpose, black_box(&token)));
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
    let field = format!("theme=dark; JSESSIONID=0A1B2C3D4E5F.web1; EQ={}; lang=en", token.as_str());
    let mut out = Vec::with_capacity(512);
    bencher.bench_local(|| {
        out.clear();
        cookies::strip_into(black_box(field.as_bytes()), b"EQ", &mut out)
    });
}
