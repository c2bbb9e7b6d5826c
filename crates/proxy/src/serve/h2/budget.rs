//! How much a client may keep us busy with: frames that ask for nothing and cost us something are paid from a budget
//! that useful traffic and time fill up again.
//!
//! CONTINUATION and empty DATA are held to limits by the library that reads them; what is left are requests that are
//! given up at once, PING, SETTINGS, PRIORITY, `WINDOW_UPDATE` and frames of unknown kinds.

use std::cell::RefCell;

use super::PREFACE;

/// Frames that a client may be ahead.
const MOST: u32 = 2_000;
/// Frames that a second earns.
const A_SECOND: u64 = 100;
/// Bytes sent to the client that earn one frame: whoever receives much has windows to update.
const BYTES_SENT: usize = 1024;
/// What a request or a piece of a body earns.
const USEFUL: u32 = 8;
/// What a stream costs that is given up: what its request earned, and the work that was begun for it.
const GIVEN_UP: u32 = USEFUL + 4;
/// Bytes of a frame's header (RFC 9113, 4.1).
const HEADER: usize = 9;

/// What one connection has left.
pub(super) struct Budget(RefCell<State>);

struct State {
    left: u32,
    /// When time was paid last, in milliseconds.
    paid: u64,
    /// Bytes until the next frame's header.
    skip: usize,
    header: [u8; HEADER],
    /// How much of the header is here.
    known: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Self(RefCell::new(State { left: MOST, paid: 0, skip: PREFACE.len(), header: [0; HEADER], known: 0 }))
    }
}

impl Budget {
    /// Whether the client has asked too much.
    pub(super) fn is_spent(&self) -> bool {
        self.0.borrow().left == 0
    }

    /// Bytes were sent to the client.
    pub(super) fn went(&self, length: usize) {
        self.0.borrow_mut().earn(u32::try_from(length.div_ceil(BYTES_SENT)).unwrap_or(MOST));
    }

    /// Bytes came from the client; `now` in milliseconds.
    pub(super) fn came(&self, mut bytes: &[u8], now: u64) {
        let mut state = self.0.borrow_mut();
        let frames = now.saturating_sub(state.paid) * A_SECOND / 1000;
        if frames > 0 {
            state.paid = now;
            state.earn(u32::try_from(frames).unwrap_or(MOST));
        }
        while !bytes.is_empty() {
            let skipped = state.skip.min(bytes.len());
            state.skip -= skipped;
            bytes = &bytes[skipped..];
            let taken = (HEADER - state.known).min(bytes.len());
            let known = state.known;
            state.header[known..known + taken].copy_from_slice(&bytes[..taken]);
            state.known += taken;
            bytes = &bytes[taken..];
            if state.known == HEADER {
                state.frame();
            }
        }
    }
}

impl State {
    fn earn(&mut self, frames: u32) {
        // What is spent stays spent until somebody has seen it.
        if self.left > 0 {
            self.left = self.left.saturating_add(frames).min(MOST);
        }
    }

    /// A frame begins.
    fn frame(&mut self) {
        let [a, b, c, kind, ..] = self.header;
        self.known = 0;
        self.skip = usize::from(a) << 16 | usize::from(b) << 8 | usize::from(c);
        match kind {
            // DATA with something in it, HEADERS.
            0 if self.skip > 0 => self.earn(USEFUL),
            1 => self.earn(USEFUL),
            // Empty DATA and CONTINUATION have limits of their own.
            0 | 9 => {}
            3 => self.left = self.left.saturating_sub(GIVEN_UP),
            _ => self.left = self.left.saturating_sub(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: u8) -> Vec<u8> {
        let mut frame = vec![0, 0, length, kind, 0, 0, 0, 0, 0];
        frame.resize(HEADER + usize::from(length), 0);
        frame
    }

    fn begun() -> Budget {
        let budget = Budget::default();
        budget.came(PREFACE, 0);
        budget
    }

    #[test]
    fn a_flood_of_pings_spends_it_however_the_bytes_arrive() {
        for step in [1, 7, 17, 1000] {
            let budget = begun();
            let flood: Vec<u8> = frame(6, 8).repeat(MOST as usize - 1);
            flood.chunks(step).for_each(|bytes| budget.came(bytes, 0));
            assert!(!budget.is_spent());
            budget.came(&frame(6, 8), 0);
            assert!(budget.is_spent());
        }
    }

    #[test]
    fn requests_time_and_bytes_sent_pay_for_control_frames() {
        let budget = begun();
        for _ in 0..10 * MOST {
            budget.came(&[frame(6, 8), frame(1, 20)].concat(), 0);
        }
        assert!(!budget.is_spent(), "requests pay");
        for second in 1..100 {
            budget.came(&frame(6, 8).repeat(100), second * 1000);
        }
        assert!(!budget.is_spent(), "time pays");
        for _ in 0..10 * MOST {
            budget.came(&frame(8, 4), 100_000);
            budget.went(1400);
        }
        assert!(!budget.is_spent(), "a download pays for its window");
    }

    #[test]
    fn requests_that_are_given_up_spend_it() {
        let budget = begun();
        let each = [frame(1, 20), frame(3, 4)].concat();
        budget.came(&each.repeat(100), 0);
        assert!(!budget.is_spent(), "a page that is left");
        budget.came(&each.repeat(1000), 0);
        assert!(budget.is_spent());
    }

    #[test]
    fn what_is_spent_stays_spent() {
        let budget = begun();
        budget.came(&frame(4, 0).repeat(MOST as usize), 0);
        budget.came(&frame(1, 1), 1_000_000);
        assert!(budget.is_spent());
    }
}
