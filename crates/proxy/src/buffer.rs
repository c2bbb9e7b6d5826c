//! Buffers that a worker lends to the exchanges under way; who waits for bytes holds none.

use std::cell::{Cell, RefCell};
use std::io;
use std::task::{Context, Poll};

use equalizer_core::http::edits::Edits;
use equalizer_core::http::field::Field;

use crate::pipe::Pipe;
use crate::socket::Socket;

/// What a head and a small body fit into. Not a power of two: buffers that lie behind one another would begin at the
/// same places of the processor's caches, and their heads push one another out.
const SMALL: usize = 16 * 1024 + 13 * 64;
/// What a large body is moved with.
const LARGE: usize = 128 * 1024;
/// Idle things of each kind that a worker keeps: two for each of more requests than are under way at most times, since
/// a new one is cleared first.
const KEPT: usize = 256;
/// Idle things of each kind that are never given back.
const FEW: usize = 8;

/// Bytes read and not yet used. It has memory only from when it is first read into; until then it is as good as empty.
#[derive(Default)]
pub(crate) struct Buffer {
    bytes: Box<[u8]>,
    start: usize,
    end: usize,
}

impl Buffer {
    fn new(size: usize) -> Self {
        Self { bytes: vec![0; size].into_boxed_slice(), start: 0, end: 0 }
    }

    /// The bytes that wait to be used.
    pub(crate) fn filled(&self) -> &[u8] {
        &self.bytes[self.start..self.end]
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// Marks `length` bytes as used.
    pub(crate) fn consume(&mut self, length: usize) {
        self.start = self.start.saturating_add(length).min(self.end);
        if self.is_empty() {
            (self.start, self.end) = (0, 0);
        }
    }

    /// Whether more fits behind the bytes that wait.
    pub(crate) fn has_room(&self) -> bool {
        self.end < self.bytes.len() || self.bytes.is_empty()
    }

    /// Makes room behind the bytes that wait, growing up to `most` bytes; false when there is none.
    pub(crate) fn make_room(&mut self, most: usize) -> bool {
        if self.has_room() {
            return true;
        }
        if self.start > 0 {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            return true;
        }
        let size = (self.bytes.len() * 2).min(most);
        if size <= self.bytes.len() {
            return false;
        }
        let mut larger = vec![0; size].into_boxed_slice();
        larger[..self.end].copy_from_slice(&self.bytes);
        self.bytes = larger;
        true
    }

    /// Takes over what waits in `other`, which fits.
    fn take_over(&mut self, other: &Buffer) {
        let waiting = other.filled();
        self.bytes[..waiting.len()].copy_from_slice(waiting);
        (self.start, self.end) = (0, waiting.len());
    }
}

/// A worker's idle buffers.
#[derive(Default)]
pub(crate) struct Buffers {
    small: Shelf<Buffer>,
    large: Shelf<Buffer>,
    texts: Shelf<Vec<u8>>,
    fields: Shelf<Vec<Field>>,
    edits: Shelf<Edits>,
    pipes: Shelf<Pipe>,
}

impl Buffers {
    /// Reads what a socket has into a buffer, which must have room; 0 bytes is the end. Memory is lent for what was
    /// read, and taken back where that is nothing.
    pub(crate) fn poll_fill(
        &self,
        buffer: &mut Buffer,
        context: &mut Context<'_>,
        socket: &Socket,
    ) -> Poll<io::Result<usize>> {
        if buffer.bytes.is_empty() {
            *buffer = self.small.take().unwrap_or_else(|| Buffer::new(SMALL));
        }
        let read = socket.poll_read(context, &mut buffer.bytes[buffer.end..]).map_ok(|length| {
            buffer.end += length;
            length
        });
        self.rest(buffer);
        read
    }

    /// Takes the memory of a buffer back that holds nothing.
    pub(crate) fn rest(&self, buffer: &mut Buffer) {
        if buffer.is_empty() {
            self.give(std::mem::take(buffer));
        }
    }

    /// A larger buffer with the bytes that wait in `buffer`.
    pub(crate) fn enlarge(&self, buffer: &mut Buffer) {
        if buffer.bytes.len() >= LARGE {
            return;
        }
        let mut larger = self.large.take().unwrap_or_else(|| Buffer::new(LARGE));
        larger.take_over(buffer);
        self.give(std::mem::replace(buffer, larger));
    }

    /// Takes a buffer back, whatever it holds.
    pub(crate) fn give(&self, mut buffer: Buffer) {
        (buffer.start, buffer.end) = (0, 0);
        match buffer.bytes.len() {
            SMALL => self.small.give(buffer),
            LARGE => self.large.give(buffer),
            _ => {}
        }
    }

    /// An empty text to write a message into.
    pub(crate) fn take_text(&self) -> Vec<u8> {
        self.texts.take().unwrap_or_else(|| Vec::with_capacity(SMALL))
    }

    /// Takes a text back.
    pub(crate) fn give_text(&self, mut text: Vec<u8>) {
        text.clear();
        if text.capacity() <= 2 * SMALL {
            self.texts.give(text);
        }
    }

    /// An empty table of fields.
    pub(crate) fn take_fields(&self) -> Vec<Field> {
        self.fields.take().unwrap_or_default()
    }

    /// Takes a table of fields back.
    pub(crate) fn give_fields(&self, fields: Vec<Field>) {
        self.fields.give(fields);
    }

    /// An empty pipe; none where there are no descriptors left.
    pub(crate) fn take_pipe(&self) -> Option<Pipe> {
        self.pipes.take().or_else(Pipe::new)
    }

    /// Takes a pipe back; one that holds something still is closed.
    pub(crate) fn give_pipe(&self, pipe: Pipe) {
        if pipe.is_empty() {
            self.pipes.give(pipe);
        }
    }

    /// Gives memory back to the system.
    pub(crate) fn shrink(&self) {
        self.small.shrink();
        self.large.shrink();
        self.texts.shrink();
        self.fields.shrink();
        self.edits.shrink();
        self.pipes.shrink();
    }

    /// Empty edits of a head.
    pub(crate) fn take_edits(&self) -> Edits {
        self.edits.take().unwrap_or_default()
    }

    /// Takes edits back.
    pub(crate) fn give_edits(&self, mut edits: Edits) {
        edits.clear();
        self.edits.give(edits);
    }
}

/// Idle things of one kind, last in first out so that they are warm.
pub(crate) struct Shelf<T> {
    idle: RefCell<Vec<T>>,
    /// The fewest that lay idle since the last shrinking.
    fewest: Cell<usize>,
}

impl<T> Default for Shelf<T> {
    fn default() -> Self {
        Self { idle: RefCell::default(), fewest: Cell::default() }
    }
}

impl<T> Shelf<T> {
    pub(crate) fn take(&self) -> Option<T> {
        let mut idle = self.idle.borrow_mut();
        let item = idle.pop();
        self.fewest.set(self.fewest.get().min(idle.len()));
        item
    }

    /// Keeps a thing, unless there are enough.
    pub(crate) fn give(&self, item: T) {
        let mut idle = self.idle.borrow_mut();
        if idle.len() < KEPT {
            idle.push(item);
        }
    }

    /// Drops half of what nobody needed since the last time, but for a few; called once a second, so that the memory of
    /// a rush goes with it.
    pub(crate) fn shrink(&self) {
        let mut idle = self.idle.borrow_mut();
        let unneeded = self.fewest.get().min(idle.len().saturating_sub(FEW));
        let kept = idle.len() - unneeded.div_ceil(2);
        idle.truncate(kept);
        self.fewest.set(kept);
    }
}
