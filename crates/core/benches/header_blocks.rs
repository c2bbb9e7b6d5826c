//! What it costs to look at a header block of HTTP/2 before it is decoded.
#![allow(missing_docs)]

use divan::{Bencher, black_box};
use equalizer_core::http::h2::blocks::Blocks;

fn main() {
    divan::main();
}

/// The first request of a connection: everything is spelt out, and kept.
const FIRST: &[u8] =
    b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff\x58\x86\xa8\xeb\x10\x64\x9c\xbf";
/// A later one: ten numbers, and a path of ten bytes that is kept nowhere.
const LATER: &[u8] = b"\x82\x86\xbe\xbf\x90\xbe\xbf\xbe\xbf\xbe\xbf\x04\x88\x60\x75\x99\x8a\x15\x4d\x24\xff";

#[divan::bench]
fn first(bencher: Bencher) {
    bencher.bench_local(|| Blocks::default().read(black_box(FIRST)));
}

#[divan::bench]
fn later(bencher: Bencher) {
    let mut blocks = Blocks::default();
    blocks.read(FIRST);
    assert!(blocks.read(LATER).is_some());
    bencher.bench_local(|| blocks.read(black_box(LATER)));
}
