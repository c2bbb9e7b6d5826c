//! Reads the header blocks of a client as they pass: which streams break a rule that the library does not know, and
//! which blocks are never decoded, as large as they are.

use h2::Reason;

use crate::frames::{Fields, HEADERS, Head};

/// Fields of a block at most: of more than 24,576 names the library cannot keep.
const FIELDS: usize = 24_000;

pub(super) struct Heads {
    /// What the fields of a block may count (RFC 9113, 6.5.2), in bytes.
    most: u32,
    fields: Fields,
    /// The latest stream with a request: a second block on a stream is trailers.
    last: u32,
    trails: bool,
}

impl Heads {
    /// Their blocks may count so much, in bytes; where the library takes more, it never has to refuse one by itself.
    pub(super) fn up_to(most: u32) -> Self {
        Self { most, fields: Fields::default(), last: 0, trails: false }
    }

    /// Reads HEADERS or CONTINUATION: gives its stream when its block is at an end and malformed.
    ///
    /// # Errors
    ///
    /// Why the connection has to end.
    pub(super) fn read(&mut self, frame: Head, content: &[u8]) -> Result<Option<u32>, Reason> {
        if frame.kind == HEADERS {
            self.trails = frame.stream <= self.last;
            self.last = self.last.max(frame.stream);
        }
        let Some(found) = self.fields.read(frame, content)? else { return Ok(None) };
        if found.size > self.most as usize || found.fields > FIELDS {
            return Err(Reason::ENHANCE_YOUR_CALM);
        }
        Ok((if self.trails { found.pseudo } else { found.fragment }).then_some(frame.stream))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::{CONTINUATION, DATA, END_HEADERS, Frames, PADDED, Piece, WITH_PRIORITY};
    use crate::serve::h2::PREFACE;

    const TRAILERS: &[u8] = b"\x00\x05:path\x01/";
    const FRAGMENT: &[u8] = b"\x82\x86\x04\x02/#";

    fn frame(kind: u8, flags: u8, stream: u8, payload: &[u8]) -> Vec<u8> {
        let length = u8::try_from(payload.len()).expect("a short frame");
        [&[0, 0, length, kind, flags, 0, 0, 0, stream], payload].concat()
    }

    /// The malformed streams, when the bytes come `step` at a time.
    fn malformed(frames: &[Vec<u8>], step: usize) -> Result<Vec<u32>, Reason> {
        let (mut walk, mut heads) = (Frames::behind(PREFACE.len()), Heads::up_to(1_000));
        let mut found = Vec::new();
        for mut bytes in [PREFACE, &frames.concat()].concat().chunks(step) {
            while let Some(piece) = walk.next(&mut bytes) {
                if let Piece::Content(frame, content) = piece {
                    found.extend(heads.read(frame, content)?);
                }
            }
        }
        Ok(found)
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
            assert_eq!(malformed(&frames, step), Ok(vec![1]), "{step} bytes at a time");
        }
    }

    #[test]
    fn padding_priority_and_continuation_hide_nothing() {
        for step in [1, 5, 1000] {
            let padded = [&[3], FRAGMENT, b"###"].concat();
            let both = [b"\x02\x80\0\0\0\x10", FRAGMENT, b"##"].concat();
            let frames = [
                frame(HEADERS, END_HEADERS | PADDED, 1, &padded),
                frame(HEADERS, END_HEADERS | PADDED | WITH_PRIORITY, 3, &both),
                frame(HEADERS, 0, 5, &FRAGMENT[..4]),
                frame(CONTINUATION, 0, 5, b""),
                frame(CONTINUATION, END_HEADERS, 5, &FRAGMENT[4..]),
                frame(HEADERS, 0, 7, b""),
                frame(CONTINUATION, END_HEADERS, 7, FRAGMENT),
            ];
            assert_eq!(malformed(&frames, step), Ok(vec![1, 3, 5, 7]), "{step} bytes at a time");
        }
    }

    #[test]
    fn a_block_that_says_too_much_ends_the_connection() {
        let kept = [b"\x40\x01x\x7f\x49", &[b'y'; 200][..]].concat();
        let (four, five) = (b"\xbe\xbe\xbe\xbe", b"\xbe\xbe\xbe\xbe\xbe");
        for step in [1, 5, 1000] {
            let within = [frame(HEADERS, END_HEADERS, 1, &kept), frame(HEADERS, END_HEADERS, 3, four)];
            assert_eq!(malformed(&within, step), Ok(vec![]), "{step} bytes at a time");
            let over = [frame(HEADERS, END_HEADERS, 1, &kept), frame(HEADERS, END_HEADERS, 3, five)];
            assert_eq!(malformed(&over, step), Err(Reason::ENHANCE_YOUR_CALM), "{step} bytes at a time");
        }
    }

    #[test]
    fn what_cannot_be_followed_ends_the_connection() {
        for step in [1, 5, 1000] {
            let broken = [frame(HEADERS, END_HEADERS, 1, b"\x80")];
            assert_eq!(malformed(&broken, step), Err(Reason::COMPRESSION_ERROR));
            let parts = [frame(HEADERS, 0, 1, b"\x04\x02"), frame(CONTINUATION, END_HEADERS, 1, b"/")];
            assert_eq!(malformed(&parts, step), Err(Reason::COMPRESSION_ERROR));
            let padding = [frame(HEADERS, END_HEADERS | PADDED, 1, b"\x09#")];
            assert_eq!(malformed(&padding, step), Err(Reason::PROTOCOL_ERROR));
        }
    }
}
