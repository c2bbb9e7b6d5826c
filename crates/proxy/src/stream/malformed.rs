//! The streams of one connection that break a rule which the library does not know.

use std::cell::RefCell;

use h2::StreamId;

/// Streams that are remembered; no client has as many by mistake.
const MOST: usize = 1_000;

/// Noted as the bytes come, asked when a message is read.
#[derive(Default)]
pub(crate) struct Malformed(RefCell<Vec<u32>>);

impl Malformed {
    pub(crate) fn note(&self, stream: u32) {
        self.0.borrow_mut().push(stream);
    }

    /// Whether a stream was noted; it is forgotten with that.
    pub(crate) fn take(&self, stream: StreamId) -> bool {
        let mut streams = self.0.borrow_mut();
        let found = streams.iter().position(|noted| *noted == stream.as_u32());
        found.is_some_and(|at| {
            streams.swap_remove(at);
            true
        })
    }

    /// Whether there are more than are remembered.
    pub(crate) fn is_too_many(&self) -> bool {
        self.0.borrow().len() > MOST
    }
}
