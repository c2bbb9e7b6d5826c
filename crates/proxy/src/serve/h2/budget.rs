//! How much a client may keep us busy with: frames that ask for nothing and cost us something are paid from a budget
//! that useful traffic and time fill up again.
//!
//! CONTINUATION and empty DATA are held to limits by the library that reads them; what is left are requests that are
//! given up at once, PING, SETTINGS, PRIORITY, `WINDOW_UPDATE` and frames of unknown kinds.

use std::cell::RefCell;

use crate::frames::{CONTINUATION, DATA, HEADERS, Head, RST_STREAM};

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

/// What one connection has left.
pub(super) struct Budget(RefCell<State>);

struct State {
    left: u32,
    /// When time was paid last, in milliseconds.
    paid: u64,
}

impl Default for Budget {
    fn default() -> Self {
        Self(RefCell::new(State { left: MOST, paid: 0 }))
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

    /// The time is `now`, in milliseconds.
    pub(super) fn pay(&self, now: u64) {
        let mut state = self.0.borrow_mut();
        let frames = now.saturating_sub(state.paid) * A_SECOND / 1000;
        if frames > 0 {
            state.paid = now;
            state.earn(u32::try_from(frames).unwrap_or(MOST));
        }
    }

    /// A frame of the client begins.
    pub(super) fn begins(&self, frame: Head) {
        let mut state = self.0.borrow_mut();
        match frame.kind {
            DATA if frame.length > 0 => state.earn(USEFUL),
            HEADERS => state.earn(USEFUL),
            // Empty DATA and CONTINUATION have limits of their own.
            DATA | CONTINUATION => {}
            RST_STREAM => state.left = state.left.saturating_sub(GIVEN_UP),
            _ => state.left = state.left.saturating_sub(1),
        }
    }

    /// Nothing is left, whatever there was.
    pub(super) fn spend(&self) {
        self.0.borrow_mut().left = 0;
    }
}

impl State {
    fn earn(&mut self, frames: u32) {
        // What is spent stays spent until somebody has seen it.
        if self.left > 0 {
            self.left = self.left.saturating_add(frames).min(MOST);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(kind: u8, length: usize) -> Head {
        Head { length, kind, flags: 0, stream: 1 }
    }

    #[test]
    fn a_flood_of_pings_spends_it() {
        let budget = Budget::default();
        (1..MOST).for_each(|_| budget.begins(frame(6, 8)));
        assert!(!budget.is_spent());
        budget.begins(frame(6, 8));
        assert!(budget.is_spent());
    }

    #[test]
    fn requests_time_and_bytes_sent_pay_for_control_frames() {
        let budget = Budget::default();
        for _ in 0..10 * MOST {
            budget.begins(frame(6, 8));
            budget.begins(frame(1, 20));
        }
        assert!(!budget.is_spent(), "requests pay");
        for second in 1..100 {
            budget.pay(second * 1000);
            (0..100).for_each(|_| budget.begins(frame(6, 8)));
        }
        assert!(!budget.is_spent(), "time pays");
        for _ in 0..10 * MOST {
            budget.begins(frame(8, 4));
            budget.went(1400);
        }
        assert!(!budget.is_spent(), "a download pays for its window");
    }

    #[test]
    fn requests_that_are_given_up_spend_it() {
        let budget = Budget::default();
        let give_up = |times: usize| {
            for _ in 0..times {
                budget.begins(frame(1, 20));
                budget.begins(frame(3, 4));
            }
        };
        give_up(100);
        assert!(!budget.is_spent(), "a page that is left");
        give_up(1000);
        assert!(budget.is_spent());
    }

    #[test]
    fn what_is_spent_stays_spent() {
        let budget = Budget::default();
        (0..MOST).for_each(|_| budget.begins(frame(4, 0)));
        budget.pay(1_000_000);
        budget.begins(frame(1, 1));
        assert!(budget.is_spent());
    }
}
