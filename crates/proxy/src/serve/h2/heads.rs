//! Reads the header blocks of a client as they pass: which streams break a rule that the library does not know.

use equalizer_core::http::h2::blocks::Blocks;

use super::frames::{CONTINUATION, HEADERS, Head};

/// Flags of the frames that hold a header block (RFC 9113, 6.2 and 6.10).
const END_HEADERS: u8 = 0x4;
const PADDED: u8 = 0x8;
const PRIORITY: u8 = 0x20;
/// Bytes of a frame at most, as nobody has asked for more (RFC 9113, 6.5.2).
const FRAME: usize = 16 * 1024;

#[derive(Default)]
pub(super) struct Heads {
    blocks: Blocks,
    /// Whether the blocks cannot be followed: the library ends such a connection.
    lost: bool,
    /// The latest stream with a request: a second block on a stream is trailers.
    last: u32,
    trails: bool,
    /// The frame that comes, when it holds some of a block.
    frame: Option<Head>,
    /// What has come of the frame, where it does not come at once.
    part: Vec<u8>,
    /// What has come of the block, where it is in several frames.
    held: Vec<u8>,
}

impl Heads {
    /// A frame begins: gives its stream when its block is at an end and malformed.
    pub(super) fn begins(&mut self, frame: Head) -> Option<u32> {
        if frame.kind == HEADERS {
            self.trails = frame.stream <= self.last;
            self.last = self.last.max(frame.stream);
        }
        self.frame = (matches!(frame.kind, HEADERS | CONTINUATION) && !self.lost).then_some(frame);
        self.lost |= frame.length > FRAME;
        if frame.length == 0 { self.came(&[]) } else { None }
    }

    /// Some of the frame has come: gives its stream when its block is at an end and malformed.
    pub(super) fn came(&mut self, bytes: &[u8]) -> Option<u32> {
        let frame = self.frame.filter(|_| !self.lost)?;
        if bytes.len() < frame.length {
            self.part.extend_from_slice(bytes);
            if self.part.len() < frame.length {
                return None;
            }
            let whole = std::mem::take(&mut self.part);
            return self.ends(frame, &whole);
        }
        self.ends(frame, bytes)
    }

    fn ends(&mut self, frame: Head, payload: &[u8]) -> Option<u32> {
        let found = fragment(frame, payload).and_then(|fragment| {
            let ends = frame.flags & END_HEADERS != 0;
            if ends && self.held.is_empty() {
                return self.blocks.read(fragment).map(Some);
            }
            self.held.extend_from_slice(fragment);
            if ends { self.blocks.read(&std::mem::take(&mut self.held)).map(Some) } else { Some(None) }
        });
        self.lost |= found.is_none();
        let found = found??;
        (if self.trails { found.pseudo } else { found.fragment }).then_some(frame.stream)
    }
}

/// The part of a header block in a frame; none when there is not even room for its padding.
fn fragment(frame: Head, payload: &[u8]) -> Option<&[u8]> {
    let flag = |flag| frame.kind == HEADERS && frame.flags & flag != 0;
    let (padding, rest) = if flag(PADDED) { payload.split_first()? } else { (&0, payload) };
    let rest = if flag(PRIORITY) { rest.get(5..)? } else { rest };
    rest.get(..rest.len().checked_sub(usize::from(*padding))?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::h2::PREFACE;
    use crate::serve::h2::frames::{DATA, Frames, Piece};

    const TRAILERS: &[u8] = b"\x00\x05:path\x01/";
    const FRAGMENT: &[u8] = b"\x82\x86\x04\x02/#";

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).expect("a short frame");
        [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
    }

    /// The malformed streams, when the bytes come `step` at a time.
    fn malformed(frames: &[Vec<u8>], step: usize) -> Vec<u32> {
        let (mut walk, mut heads) = (Frames::default(), Heads::default());
        let mut found = Vec::new();
        for mut bytes in [PREFACE, &frames.concat()].concat().chunks(step) {
            while let Some(piece) = walk.next(&mut bytes) {
                found.extend(match piece {
                    Piece::Head(head) => heads.begins(head),
                    Piece::Payload(payload) => heads.came(payload),
                });
            }
        }
        found
    }

    #[test]
    fn pseudo_fields_are_malformed_behind_a_body_only() {
        let request = b"\x82\x86\x84";
        for step in [1, 5, 1000] {
            let frames = [
                frame(HEADERS, END_HEADERS, 1, request),
                frame(DATA, 0, 1, b"body"),
                frame(HEADERS, END_HEADERS | 1, 3, request),
                frame(HEADERS, END_HEADERS | 1, 1, TRAILERS),
                frame(HEADERS, END_HEADERS, 5, request),
                frame(HEADERS, END_HEADERS | 1, 5, b"\x00\x01x\x01y"),
            ];
            assert_eq!(malformed(&frames, step), [1], "{step} bytes at a time");
        }
    }

    #[test]
    fn padding_priority_and_continuation_hide_nothing() {
        for step in [1, 5, 1000] {
            let padded = [&[3], FRAGMENT, b"###"].concat();
            let both = [b"\x02\x80\0\0\0\x10", FRAGMENT, b"##"].concat();
            let frames = [
                frame(HEADERS, END_HEADERS | PADDED, 1, &padded),
                frame(HEADERS, END_HEADERS | PADDED | PRIORITY, 3, &both),
                frame(HEADERS, 0, 5, &FRAGMENT[..4]),
                frame(CONTINUATION, 0, 5, b""),
                frame(CONTINUATION, END_HEADERS, 5, &FRAGMENT[4..]),
                frame(HEADERS, 0, 7, b""),
                frame(CONTINUATION, END_HEADERS, 7, FRAGMENT),
            ];
            assert_eq!(malformed(&frames, step), [1, 3, 5, 7], "{step} bytes at a time");
        }
    }

    #[test]
    fn what_cannot_be_followed_is_left_to_the_library() {
        let broken = [frame(HEADERS, END_HEADERS, 1, b"\x80"), frame(HEADERS, END_HEADERS, 3, FRAGMENT)];
        assert!(malformed(&broken, 1000).is_empty());
        let padding =
            [frame(HEADERS, END_HEADERS | PADDED, 1, b"\x09#"), frame(HEADERS, END_HEADERS, 3, FRAGMENT)];
        assert!(malformed(&padding, 1000).is_empty());
    }
}
