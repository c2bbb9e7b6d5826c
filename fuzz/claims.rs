//! What has to hold of any bytes whatever: each claim panics where it does not.
//!
//! The targets beside this file feed them what a fuzzer finds, `crates/core/tests/fuzz.rs` ten thousand drawn cases.

use equalizer_core::http::edits::Edits;
use equalizer_core::http::field::{Field, Known};
use equalizer_core::http::forwarded::{Forwarded, Origin};
use equalizer_core::http::h1::chunked::{Chunked, Piece};
use equalizer_core::http::h1::decode::{self, Framing, Limits};
use equalizer_core::http::h1::encode::{self, Delivery, Lines};
use equalizer_core::http::h2::blocks::Blocks;
use equalizer_core::http::method::Method;
use equalizer_core::http::refusal::Refusal;
use equalizer_core::persistence::cookie::{self, Purpose};
use equalizer_core::persistence::seal::KeyRing;
use equalizer_core::proxy_head;
use equalizer_core::snapshot::build::{At, build};
use equalizer_core::snapshot::wire;

const LIMITS: Limits = Limits { head: 65_536, target: 16_384, fields: 100 };

/// A head that is accepted is written as one that is accepted again, with the same meaning and nothing of the old
/// connection; no prefix of it is accepted, and none that is accepted in the end is refused on the way.
pub(crate) fn head(bytes: &[u8]) {
    request_head(bytes);
    response_head(bytes);
}

fn request_head(bytes: &[u8]) {
    let mut fields = Vec::new();
    let Ok(Some(head)) = decode::request(bytes, LIMITS, &mut fields) else { return };
    let length = head.length as usize;
    for end in (0..length).step_by(1 + length / 64) {
        assert!(matches!(decode::request(&bytes[..end], LIMITS, &mut Vec::new()), Ok(None)));
    }
    let origin = Origin { client: [192, 0, 2, 7].into(), secure: false };
    let mut out = Vec::new();
    encode::request(
        Lines { bytes, fields: &fields },
        &head,
        Forwarded { origin, host: head.host.of(bytes) },
        &Edits::default(),
        &mut out,
    );
    let mut written = Vec::new();
    let again = decode::request(&out, Limits { head: u32::MAX, ..LIMITS }, &mut written);
    let again = again.expect("accepted again").expect("whole");
    assert_eq!(again.length as usize, out.len());
    assert_eq!((again.framing, again.http11), (head.framing, true));
    let target = if head.whole_server { b"*" } else { head.target.of(bytes) };
    assert_eq!(again.target.of(&out), target);
    assert_eq!(again.host.of(&out), head.host.of(bytes));
    assert_eq!(again.method_text.of(&out), head.method_text.of(bytes));
    only_ours(&written);
}

fn response_head(bytes: &[u8]) {
    for to in [Method::Head, Method::Other] {
        let mut fields = Vec::new();
        let Ok(Some(head)) = decode::response(bytes, LIMITS.head, to, &mut fields) else { continue };
        let mut delivery = Delivery { http11: true, keep: true };
        let framed = delivery.framing(head.framing);
        let mut out = Vec::new();
        let lines = Lines { bytes, fields: &fields };
        encode::response(lines, &head, delivery, framed, &Edits::default(), &mut out);
        out.extend_from_slice(b"\r\n");
        let mut written = Vec::new();
        let again =
            decode::response(&out, u32::MAX, to, &mut written).expect("accepted again").expect("whole");
        assert_eq!((again.status, again.framing), (head.status, framed));
        assert_eq!(again.length as usize, out.len());
        assert!(again.framing != Framing::UntilClose);
        only_ours(&written);
    }
}

fn only_ours(fields: &[Field]) {
    let count = |known| fields.iter().filter(|field| field.known == known).count();
    assert!(count(Known::ContentLength) + count(Known::TransferEncoding) <= 1);
    assert_eq!(count(Known::HopByHop) + count(Known::Connection), 0);
}

/// A chunked body is read the same however its bytes arrive, and no more is read than its end.
pub(crate) fn chunked(bytes: &[u8]) {
    let Some((&step, body)) = bytes.split_first() else { return };
    let whole = read_chunks(body, body.len().max(1));
    let pieces = read_chunks(body, usize::from(step).max(1));
    assert_eq!(whole, pieces);
    if let Ok((content, Some(end))) = whole {
        assert!(content.len() < end && end <= body.len());
        assert_eq!(read_chunks(&body[..end], body.len()), Ok((content.clone(), Some(end))));
        assert_eq!(read_chunks(&body[..end - 1], body.len()), Ok((content, None)));
    }
}

/// The content, and how long the body was if it was whole.
fn read_chunks(bytes: &[u8], step: usize) -> Result<(Vec<u8>, Option<usize>), Refusal> {
    let (mut decoder, mut content, mut at) = (Chunked::default(), Vec::new(), 0);
    while at < bytes.len() {
        let shown = &bytes[at..bytes.len().min(at + step)];
        let (skip, piece) = decoder.next(shown)?;
        at += skip;
        match piece {
            Piece::Data(length) => {
                content.extend_from_slice(&bytes[at..at + length]);
                at += length;
            }
            Piece::End => return Ok((content, Some(at))),
            Piece::More => assert_eq!(skip, shown.len()),
        }
    }
    Ok((content, None))
}

/// Header blocks of a connection hold together what each of them holds, and leave the same table behind.
pub(crate) fn header_blocks(bytes: &[u8]) {
    let Some((&at, block)) = bytes.split_first() else { return };
    let (first, second) = block.split_at(usize::from(at).min(block.len()));
    let (mut apart, mut whole) = (Blocks::default(), Blocks::default());
    let Some(before) = apart.read(first) else { return };
    let (behind, found) = (apart.read(second), whole.read(block));
    // Before the first field of a block the table may change; behind one it may not.
    let changes = matches!(second.first(), Some(0x20..=0x3f));
    assert!(behind.is_some() == found.is_some() || changes && found.is_none());
    let (Some(behind), Some(found)) = (behind, found) else { return };
    assert_eq!(found.pseudo, before.pseudo || behind.pseudo);
    assert_eq!(found.fragment, before.fragment || behind.fragment);
    assert_eq!(found.asks, before.asks || behind.asks);
    assert_eq!(found.interim, before.interim || behind.interim);
    assert_eq!(found.fields, before.fields + behind.fields);
    assert_eq!(found.size, before.size + behind.size);
    assert!(found.asks || !found.fragment);
    assert!(found.pseudo || !found.asks && !found.interim);
    for entry in 62..=190_u8 {
        let number = [0xff, entry.saturating_sub(127)];
        let number = if entry < 127 { &[0x80 | entry][..] } else { &number };
        assert_eq!(apart.read(number), whole.read(number));
    }
}

/// A head of the PROXY protocol ends in one place, however its bytes arrive, and says the same when written anew.
pub(crate) fn proxy_head(bytes: &[u8]) {
    let Ok(Some(head)) = proxy_head::read(bytes) else { return };
    assert!(head.length <= bytes.len().min(proxy_head::MOST));
    for end in 0..head.length {
        assert_eq!(proxy_head::read(&bytes[..end]), Ok(None));
    }
    let Some(ends) = head.ends else { return };
    for version in [wire::Introduction::V1, wire::Introduction::V2] {
        let mut out = Vec::new();
        proxy_head::write(version, ends, &mut out);
        let length = out.len();
        assert_eq!(proxy_head::read(&out), Ok(Some(proxy_head::Head { ends: Some(ends), length })));
    }
}

/// No cookie opens that we have not sealed.
pub(crate) fn cookie(bytes: &[u8]) {
    let ring = KeyRing::new(&[(1, [1; 32]), (0x4141, [2; 32])]).expect("distinct ids");
    assert!(cookie::open(&ring, &Purpose::new("shop", "EQ"), bytes).is_err());
    let _ = cookie::key_id(bytes);
}

/// A snapshot is built, or refused with the place of each mistake; what is read of it is written as it was read.
pub(crate) fn snapshot(bytes: &[u8]) {
    let Ok(wire) = serde_json::from_slice::<wire::Snapshot>(bytes) else { return };
    let text = serde_json::to_vec(&wire).expect("written");
    assert_eq!(serde_json::from_slice::<wire::Snapshot>(&text).expect("read again"), wire);
    if let Err(mistakes) = build(&wire, None, At { now: 1_800_000_000, chance: 1 }) {
        assert!(!mistakes.is_empty());
        assert!(mistakes.iter().all(|mistake| !mistake.path.is_empty() && !mistake.message.is_empty()));
    }
}
