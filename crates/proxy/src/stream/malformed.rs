//! What of one connection breaks a rule that the library does not know: streams, or how it began.

use std::cell::{Cell, RefCell};

use h2::StreamId;

/// Streams that are remembered; no client has as many by mistake.
const MOST: usize = 1_000;

/// Noted as the bytes come, asked when a message is read.
#[derive(Default)]
pub(crate) struct Malformed {
    streams: RefCell<Vec<u32>>,
    /// Whether it is the connection itself.
    whole: Cell<bool>,
}

impl Malformed {
    pub(crate) fn note(&self, stream: u32) {
        self.streams.borrow_mut().push(stream);
    }

    /// The connection itself breaks a rule.
    pub(crate) fn note_connection(&self) {
        self.whole.set(true);
    }

    /// Whether the connection itself breaks a rule.
    pub(crate) fn is_connection(&self) -> bool {
        self.whole.get()
    }

    /// Whether a stream was noted; it is forgotten with that.
    pub(crate) fn take(&self, stream: StreamId) -> bool {
        let mut streams = self.streams.borrow_mut();
        let found = streams.iter().position(|noted| *noted == stream.as_u32());
        found.is_some_and(|at| {
            streams.swap_remove(at);
            true
        })
    }

    /// Whether there are more than are remembered.
    pub(crate) fn is_too_many(&self) -> bool {
        self.streams.borrow().len() > MOST
    }
}
