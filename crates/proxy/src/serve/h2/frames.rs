//! Finds the frames in the bytes of one side of a connection (RFC 9113, 4.1), however they arrive.

use super::PREFACE;

/// Kinds of frames (RFC 9113, 6).
pub(super) const DATA: u8 = 0;
pub(super) const HEADERS: u8 = 1;
pub(super) const RST_STREAM: u8 = 3;
pub(super) const SETTINGS: u8 = 4;
pub(super) const CONTINUATION: u8 = 9;

/// Bytes of a frame's header.
const HEADER: usize = 9;

/// What a frame says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Head {
    /// Bytes behind the header.
    pub(super) length: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

/// Where in a client's frames its bytes are.
pub(super) struct Frames {
    /// Bytes until the next frame's header.
    left: usize,
    header: [u8; HEADER],
    /// How much of the header is here.
    known: usize,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece<'a> {
    /// A frame begins.
    Head(Head),
    /// Some of what is in it.
    Payload(&'a [u8]),
}

impl Default for Frames {
    fn default() -> Self {
        Self { left: PREFACE.len(), header: [0; HEADER], known: 0 }
    }
}

impl Frames {
    /// Takes the next piece off `bytes`; none when there is not enough for one.
    pub(super) fn next<'a>(&mut self, bytes: &mut &'a [u8]) -> Option<Piece<'a>> {
        if self.left > 0 {
            let (payload, rest) = bytes.split_at(self.left.min(bytes.len()));
            self.left -= payload.len();
            *bytes = rest;
            return (!payload.is_empty()).then_some(Piece::Payload(payload));
        }
        let (header, rest) = bytes.split_at((HEADER - self.known).min(bytes.len()));
        self.header[self.known..self.known + header.len()].copy_from_slice(header);
        self.known += header.len();
        *bytes = rest;
        (self.known == HEADER).then(|| self.begin())
    }

    fn begin(&mut self) -> Piece<'static> {
        let [a, b, c, kind, flags, stream @ ..] = self.header;
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        // The highest bit is reserved.
        let stream = u32::from_be_bytes(stream) & (u32::MAX >> 1);
        self.known = 0;
        self.left = length;
        Piece::Head(Head { length, kind, flags, stream })
    }
}
