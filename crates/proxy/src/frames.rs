//! Finds the frames in the bytes of one side of a connection (RFC 9113, 4.1), however they arrive; those whose content
//! somebody reads are put together.

mod fields;

pub(crate) use self::fields::Fields;

/// Kinds of frames (RFC 9113, 6).
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const PRIORITY: u8 = 2;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const WINDOW_UPDATE: u8 = 8;
pub(crate) const CONTINUATION: u8 = 9;

/// Flags of frames, where they have them.
pub(crate) const END_STREAM: u8 = 0x1;
pub(crate) const ACK: u8 = 0x1;
pub(crate) const END_HEADERS: u8 = 0x4;
pub(crate) const PADDED: u8 = 0x8;
pub(crate) const WITH_PRIORITY: u8 = 0x20;

/// Bytes of a frame's header.
pub(crate) const HEADER: usize = 9;

/// What a frame says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Head {
    /// Bytes behind the header.
    pub(crate) length: usize,
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
}

impl Head {
    /// Whether it has a flag.
    pub(crate) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Bytes in a frame at most, as nobody has asked for more (RFC 9113, 6.5.2).
pub(crate) const FRAME: usize = 16 * 1024;

/// Where in the frames of one side its bytes are.
pub(crate) struct Frames {
    /// Bytes until the next frame's header.
    left: usize,
    header: [u8; HEADER],
    /// How much of the header is here.
    known: usize,
    /// The frame whose content is put together.
    held: Option<Head>,
    /// What has come of it, where it does not come at once.
    part: Vec<u8>,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A frame begins.
    Head(Head),
    /// The whole content of one that is read.
    Content(Head, &'a [u8]),
}

impl Frames {
    /// They begin behind so many bytes.
    pub(crate) fn behind(bytes: usize) -> Self {
        Self { left: bytes, header: [0; HEADER], known: 0, held: None, part: Vec::new() }
    }

    /// Takes the next piece off `bytes`; none when there is not enough for one.
    pub(crate) fn next<'a, 'b: 'a>(&'a mut self, bytes: &mut &'b [u8]) -> Option<Piece<'a>> {
        let (content, rest) = bytes.split_at(self.left.min(bytes.len()));
        self.left -= content.len();
        *bytes = rest;
        if let Some(frame) = self.held {
            let at_once = self.left == 0 && self.part.is_empty();
            if !at_once {
                self.part.extend_from_slice(content);
            }
            if self.left > 0 {
                return None;
            }
            self.held = None;
            return Some(Piece::Content(frame, if at_once { content } else { &self.part }));
        }
        let (header, rest) = bytes.split_at((HEADER - self.known).min(bytes.len()));
        self.header[self.known..self.known + header.len()].copy_from_slice(header);
        self.known += header.len();
        *bytes = rest;
        (self.known == HEADER).then(|| Piece::Head(self.begin()))
    }

    /// Whether a frame of a header block has begun, and is not at its end.
    pub(super) fn in_head(&self) -> bool {
        self.held.is_some_and(|frame| frame.kind != SETTINGS)
    }

    fn begin(&mut self) -> Head {
        let [a, b, c, kind, flags, stream @ ..] = self.header;
        let length = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        // The highest bit is reserved.
        let stream = u32::from_be_bytes(stream) & (u32::MAX >> 1);
        let frame = Head { length, kind, flags, stream };
        self.known = 0;
        self.left = length;
        self.held = matches!(kind, HEADERS | SETTINGS | CONTINUATION).then_some(frame);
        self.part = Vec::new();
        frame
    }
}
