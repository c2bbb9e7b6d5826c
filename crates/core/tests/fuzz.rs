//! The claims of `fuzz/`, held against ten thousand drawn cases each; a fuzzer goes on from the kept corpora.

use std::path::Path;

use proptest::prelude::*;

mod common;

#[path = "../../../fuzz/claims.rs"]
mod claims;

/// Bytes made of parts, of which most are nearly right.
fn made_of<Part: AsRef<[u8]> + Clone + std::fmt::Debug>(
    parts: &'static [Part],
) -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        9 => prop::sample::select(parts).prop_map(|part| part.as_ref().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..4),
    ];
    prop::collection::vec(part, 0..24).prop_map(|parts| parts.concat())
}

const HEADS: &[&str] = &[
    "GET / HTTP/1.1\r\nHost: a\r\n",
    "POST http://a/ HTTP/1.0\r\n",
    "HTTP/1.1 200 OK\r\n",
    "HTTP/1.1 204 \r\n",
    "Host: a",
    "Content-Length: 5",
    "Content-Length: 0",
    "Transfer-Encoding: chunked",
    "Connection: close, X",
    "X: 1",
    "TE: trailers",
    "Upgrade: h2c",
    "Forwarded: for=a",
    "Expect: 100-continue",
    "\r\n",
    "\r\n",
    "\r\n",
    "\r\n\r\n",
    "\n",
    "\r",
    " ",
    ":",
    ",",
    "\0",
];

const CHUNKS: &[&str] = &[
    "\x01",
    "\x03",
    "5\r\nhello\r\n",
    "5;a=\"b\"\r\nhello\r\n",
    "a\r\n",
    "0\r\n\r\n",
    "0\r\n",
    "X: 1\r\n",
    "\r\n",
    "1",
    "0",
    "f",
    ";",
    "\"",
    "\\",
    "=",
    "hello",
    "\r",
    "\n",
    " ",
    "ffffffffffffffff",
];

const PROXY_HEADS: &[&str] = &[
    "PROXY ",
    "TCP4 ",
    "TCP6 ",
    "UNKNOWN",
    "192.0.2.7 ",
    "2001:db8::7 ",
    "4711 ",
    "80",
    "0",
    "\r\n",
    "\r\n\r\n\0\r\nQUIT\n",
    "\x21\x11\0\x0c",
    "\x21\x21\0\x24",
    "\x20\0\0\0",
    "\x21\x31\0\x7f",
    "\x0212345678901",
    "123456789012345678901234567890123456",
];

const HEADER_BLOCKS: &[&[u8]] = &[
    b"\x01",
    b"\x05",
    b"\x82",
    b"\x84",
    b"\xbe",
    b"\xbf",
    b"\xc0",
    b"\x40\x05:path",
    b"\x40\x84\xb9\x58\xd3\x3f",
    b"\x00\x01x",
    b"\x40\x01x",
    b"\x44",
    b"\x04",
    b"\x7e",
    b"\x0f\x2f",
    b"\x01/",
    b"\x02/#",
    b"\x83\x63\xfe\xbf",
    b"\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff",
    b"\x20",
    b"\x3f\x20",
    b"\x3f\xe1\x1f",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn heads(bytes in made_of(HEADS)) {
        claims::head(&bytes);
    }

    #[test]
    fn chunked_bodies(bytes in made_of(CHUNKS)) {
        claims::chunked(&bytes);
    }

    #[test]
    fn header_blocks(bytes in made_of(HEADER_BLOCKS)) {
        claims::header_blocks(&bytes);
    }

    #[test]
    fn proxy_heads(
        start in prop::sample::select(&["PROXY TCP4 192.0.2.7 192.0.2.1 ", "\r\n\r\n\0\r\nQUIT\n", ""][..]),
        rest in made_of(PROXY_HEADS),
    ) {
        claims::proxy_head(&[start.as_bytes(), &rest].concat());
    }

    #[test]
    fn cookies(bytes in "\"?[A-Za-z0-9_-]{0,140}\"?") {
        claims::cookie(bytes.as_bytes());
    }

    #[test]
    fn snapshots(cuts in prop::collection::vec((any::<prop::sample::Index>(), 0usize..9, ".{0,3}|-?[0-9]{1,20}"), 0..3)) {
        let mut text = common::shop_as_written(&["web1", "web2"], &serde_json::json!([])).to_string().into_bytes();
        for (place, length, put) in cuts {
            let place = place.index(text.len());
            let end = text.len().min(place + length);
            text.splice(place..end, put.into_bytes());
        }
        claims::snapshot(&text);
    }
}

#[test]
fn what_the_snapshots_are_cut_from_runs() {
    assert_eq!(common::shop(&["web1", "web2"]).pools[0].servers.len(), 2);
}

#[test]
fn the_kept_corpora_hold() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    for (name, claim) in [
        ("head", claims::head as fn(&[u8])),
        ("chunked", claims::chunked),
        ("header_blocks", claims::header_blocks),
        ("proxy_head", claims::proxy_head),
        ("cookie", claims::cookie),
        ("snapshot", claims::snapshot),
    ] {
        let files = std::fs::read_dir(root.join(name)).expect("a corpus");
        let kept: Vec<_> =
            files.map(|file| std::fs::read(file.expect("a file").path()).expect("bytes")).collect();
        assert!(!kept.is_empty(), "{name}");
        kept.iter().for_each(|bytes| claim(bytes));
    }
}
