//! What a client's frames may be (RFC 9113), as far as the library ends a connection with another code, or not at all.

use h2::Reason;

use crate::frames::{
    ACK, CONTINUATION, DATA, END_HEADERS, END_STREAM, FRAME, GOAWAY, HEADERS, Head, PADDED, PING, PRIORITY,
    RST_STREAM, SETTINGS, WINDOW_UPDATE, WITH_PRIORITY,
};

/// The setting that says how large the window of a new stream is, and how large it may be.
const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];
const WINDOW: u32 = u32::MAX >> 1;
/// Streams that are remembered behind their end; what comes on older ones is left to the library.
const REMEMBERED: usize = 128;

/// What is known of a connection.
pub(super) struct Rules {
    /// Whether its first frame has come.
    begun: bool,
    /// The stream whose header block is not at its end.
    block: Option<u32>,
    /// The latest stream with a request.
    last: u32,
    /// Streams that the client ended, and whether by a reset.
    ended: [(u32, bool); REMEMBERED],
    next: usize,
}

impl Default for Rules {
    fn default() -> Self {
        Self { begun: false, block: None, last: 0, ended: [(u32::MAX, false); REMEMBERED], next: 0 }
    }
}

impl Rules {
    /// A frame begins.
    ///
    /// # Errors
    ///
    /// Why it may not come.
    pub(super) fn begins(&mut self, frame: Head) -> Result<(), Reason> {
        // 3.4: the preface ends with SETTINGS.
        let is_first = !std::mem::replace(&mut self.begun, true);
        // 6.10: nothing comes inside a header block.
        let cuts_in = self.block.is_some_and(|stream| (frame.kind, frame.stream) != (CONTINUATION, stream));
        if is_first && frame.kind != SETTINGS || cuts_in {
            return Err(Reason::PROTOCOL_ERROR);
        }
        if frame.length > FRAME || is_missized(frame) {
            return Err(Reason::FRAME_SIZE_ERROR);
        }
        if self.is_behind_end(frame) {
            return Err(Reason::STREAM_CLOSED);
        }
        match frame.kind {
            HEADERS | CONTINUATION => {
                self.block = (!frame.has(END_HEADERS)).then_some(frame.stream);
                self.last = self.last.max(frame.stream);
            }
            RST_STREAM => self.end(frame.stream, true),
            _ => {}
        }
        if matches!(frame.kind, DATA | HEADERS) && frame.has(END_STREAM) {
            self.end(frame.stream, false);
        }
        Ok(())
    }

    /// Whether a header block goes on in another frame.
    pub(super) fn in_head(&self) -> bool {
        self.block.is_some()
    }

    /// 5.1: whether it comes on a stream that the client has ended. For DATA behind a reset only the stream has to end,
    /// which the library sees to.
    fn is_behind_end(&self, frame: Head) -> bool {
        let ended = |reset| self.ended.contains(&(frame.stream, reset));
        match frame.kind {
            DATA => ended(false),
            HEADERS => frame.stream <= self.last && (ended(false) || ended(true)),
            _ => false,
        }
    }

    fn end(&mut self, stream: u32, reset: bool) {
        self.ended[self.next] = (stream, reset);
        self.next = (self.next + 1) % REMEMBERED;
    }
}

/// 4.2: whether a frame has not room for what it must hold, or more than it may.
fn is_missized(frame: Head) -> bool {
    let length = frame.length;
    match frame.kind {
        DATA => frame.has(PADDED) && length == 0,
        HEADERS => length < usize::from(frame.has(PADDED)) + 5 * usize::from(frame.has(WITH_PRIORITY)),
        PRIORITY => length != 5,
        RST_STREAM | WINDOW_UPDATE => length != 4,
        SETTINGS if frame.has(ACK) => length > 0,
        SETTINGS => !length.is_multiple_of(6),
        PING => length != 8,
        GOAWAY => length < 8,
        _ => false,
    }
}

/// Reads what SETTINGS set.
///
/// # Errors
///
/// 6.5.2: windows are too large.
pub(super) fn settings(content: &[u8]) -> Result<(), Reason> {
    let (settings, _) = content.as_chunks();
    let too_large = settings.iter().any(|&[a, b, value @ ..]: &[u8; 6]| {
        [a, b] == INITIAL_WINDOW_SIZE && u32::from_be_bytes(value) > WINDOW
    });
    if too_large { Err(Reason::FLOW_CONTROL_ERROR) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, flags: u8, stream: u32, length: usize) -> Head {
        Head { length, kind, flags, stream }
    }

    fn begun() -> Rules {
        let mut rules = Rules::default();
        assert_eq!(rules.begins(frame(SETTINGS, 0, 0, 0)), Ok(()));
        rules
    }

    #[test]
    fn sizes_are_held_to() {
        let fine = [
            (DATA, 0, 0),
            (DATA, PADDED, 1),
            (DATA, 0, FRAME),
            (HEADERS, END_HEADERS, 0),
            (HEADERS, END_HEADERS | PADDED | WITH_PRIORITY, 6),
            (PRIORITY, 0, 5),
            (SETTINGS, 0, 12),
            (SETTINGS, ACK, 0),
            (GOAWAY, 0, 9),
            (0xfa, 0xff, 0),
        ];
        let wrong = [
            (DATA, PADDED, 0),
            (DATA, 0, FRAME + 1),
            (HEADERS, END_HEADERS | PADDED | WITH_PRIORITY, 5),
            (HEADERS, END_HEADERS | WITH_PRIORITY, 4),
            (HEADERS, END_HEADERS | PADDED, 0),
            (PRIORITY, 0, 4),
            (RST_STREAM, 0, 5),
            (SETTINGS, 0, 7),
            (SETTINGS, ACK, 6),
            (PING, 0, 7),
            (GOAWAY, 0, 7),
            (WINDOW_UPDATE, 0, 3),
            (0xfa, 0, FRAME + 1),
        ];
        for (kind, flags, length) in fine {
            assert_eq!(begun().begins(frame(kind, flags, 1, length)), Ok(()), "{kind} {flags} {length}");
        }
        for (kind, flags, length) in wrong {
            let outcome = begun().begins(frame(kind, flags, 1, length));
            assert_eq!(outcome, Err(Reason::FRAME_SIZE_ERROR), "{kind} {flags} {length}");
        }
    }

    #[test]
    fn nothing_comes_behind_the_end_of_a_stream() {
        let (closed, all) = (Err(Reason::STREAM_CLOSED), END_HEADERS | END_STREAM);
        for (first, second, outcome) in [
            (frame(HEADERS, all, 1, 1), frame(DATA, 0, 1, 1), closed),
            (frame(HEADERS, all, 1, 1), frame(HEADERS, all, 1, 1), closed),
            (frame(HEADERS, all, 1, 1), frame(WINDOW_UPDATE, 0, 1, 4), Ok(())),
            (frame(HEADERS, all, 1, 1), frame(RST_STREAM, 0, 1, 4), Ok(())),
            (frame(HEADERS, all, 3, 1), frame(HEADERS, all, 1, 1), Ok(())),
            (frame(HEADERS, END_HEADERS, 1, 1), frame(HEADERS, all, 1, 1), Ok(())),
            (frame(DATA, END_STREAM, 1, 1), frame(DATA, 0, 1, 1), closed),
            (frame(RST_STREAM, 0, 1, 4), frame(DATA, 0, 1, 1), Ok(())),
        ] {
            let mut rules = begun();
            assert_eq!(rules.begins(first), Ok(()));
            assert_eq!(rules.begins(second), outcome, "{first:?}, {second:?}");
        }
        let mut rules = begun();
        for (kind, length) in [(HEADERS, 1), (RST_STREAM, 4)] {
            assert_eq!(rules.begins(frame(kind, END_HEADERS, 1, length)), Ok(()));
        }
        assert_eq!(rules.begins(frame(HEADERS, all, 1, 1)), closed, "behind a reset");
    }

    #[test]
    fn a_header_block_is_not_interrupted() {
        let mut rules = begun();
        assert_eq!(rules.begins(frame(HEADERS, END_STREAM, 1, 1)), Ok(()));
        assert_eq!(rules.begins(frame(CONTINUATION, 0, 1, 1)), Ok(()));
        assert_eq!(rules.begins(frame(DATA, 0, 1, 1)), Err(Reason::PROTOCOL_ERROR));
    }

    #[test]
    fn windows_that_are_too_large_are_refused() {
        assert_eq!(settings(b"\0\x04\x7f\xff\xff\xff\0\x01\xff\xff\xff\xff"), Ok(()));
        let wrong = settings(b"\0\x01\0\0\0\0\0\x04\x80\0\0\0");
        assert_eq!(wrong, Err(Reason::FLOW_CONTROL_ERROR));
    }
}
