//! A client's connection as HTTP/2 reads and writes it: first what has come already, then the socket; its frames are
//! counted and looked at as they pass, and nothing passes from the first one on that ends the connection.

use std::cell::Cell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use h2::Reason;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::PREFACE;
use super::budget::Budget;
use super::heads::Heads;
use super::rules::{self, Rules};
use crate::buffer::Buffer;
use crate::clock::{Deadline, Late};
use crate::frames::{Frames, HEADER, HEADERS, Piece, SETTINGS};
use crate::serve::Client;
use crate::stream::Malformed;

pub(super) struct Carrier {
    client: Rc<Client>,
    /// Read before anybody knew that this is HTTP/2.
    first: Option<Buffer>,
    frames: Frames,
    heads: Heads,
    rules: Rules,
    broken: Rc<Cell<Option<Reason>>>,
    malformed: Rc<Malformed>,
    budget: Rc<Budget>,
    writing: Rc<Term>,
    heading: Rc<Term>,
}

/// The time that a client has for something, while it lasts.
pub(super) struct Term {
    deadline: Deadline,
    /// In milliseconds.
    wait: u32,
    lasts: Cell<bool>,
}

impl Carrier {
    /// `first` is what was read already; the client has a time to take what is written to it, and one for each head.
    pub(super) fn new(
        client: Rc<Client>,
        first: Option<Buffer>,
        heads: Heads,
        writing: &Rc<Term>,
        heading: &Rc<Term>,
    ) -> Self {
        Self {
            client,
            first,
            frames: Frames::behind(PREFACE.len()),
            heads,
            rules: Rules::default(),
            broken: Rc::default(),
            malformed: Rc::default(),
            budget: Rc::default(),
            writing: Rc::clone(writing),
            heading: Rc::clone(heading),
        }
    }

    pub(super) fn budget(&self) -> Rc<Budget> {
        Rc::clone(&self.budget)
    }

    /// Why the connection has to end, once a frame has come that it ends with.
    pub(super) fn broken(&self) -> Rc<Cell<Option<Reason>>> {
        Rc::clone(&self.broken)
    }

    /// The streams whose requests break a rule that the library does not know.
    pub(super) fn malformed(&self) -> Rc<Malformed> {
        Rc::clone(&self.malformed)
    }

    /// Bytes came from the client: how many of them are passed on.
    fn came(&mut self, bytes: &[u8]) -> usize {
        self.budget.pay(self.client.deadline.now());
        // Where the frame begins that is looked at, if it does so here.
        let (mut rest, mut begin) = (bytes, 0);
        while let Some(piece) = self.frames.next(&mut rest) {
            let outcome = match piece {
                Piece::Head(frame) => {
                    begin = (bytes.len() - rest.len()).saturating_sub(HEADER);
                    self.budget.begins(frame);
                    if frame.kind == HEADERS {
                        // Each block has a time of its own, also where the one before ended a moment ago.
                        self.heading.goes_on(false);
                    }
                    self.rules.begins(frame).map(|()| None)
                }
                Piece::Content(frame, content) if frame.kind == SETTINGS => {
                    rules::settings(content).map(|()| None)
                }
                Piece::Content(frame, content) => self.heads.read(frame, content),
            };
            match outcome {
                Ok(None) => {}
                Ok(Some(stream)) => {
                    self.malformed.note(stream);
                    if self.malformed.is_too_many() {
                        self.budget.spend();
                    }
                }
                Err(reason) => {
                    self.broken.set(Some(reason));
                    return begin;
                }
            }
        }
        self.heading.goes_on(self.frames.in_head() || self.rules.in_head());
        bytes.len()
    }
}

impl Term {
    /// It may last for `wait` milliseconds.
    pub(super) fn new(deadline: Deadline, wait: u32) -> Self {
        Self { deadline, wait, lasts: Cell::new(false) }
    }

    /// Waits until it has lasted for too long.
    pub(super) fn poll_late(&self, context: &Context<'_>) -> Poll<Late> {
        if self.lasts.get() { self.deadline.poll_late(context) } else { Poll::Pending }
    }

    /// Hears whether it has begun, or ended.
    fn goes_on(&self, lasts: bool) {
        if !self.lasts.replace(lasts) && lasts {
            self.deadline.set(self.wait);
        }
    }
}

impl AsyncRead for Carrier {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.broken.get().is_some() {
            return Poll::Pending;
        }
        let before = into.filled().len();
        if let Some(first) = &mut self.first {
            let length = first.filled().len().min(into.remaining());
            into.put_slice(&first.filled()[..length]);
            first.consume(length);
            if first.is_empty() {
                self.first = None;
            }
        } else {
            let length = ready!(self.client.socket.poll_read(context, into.initialize_unfilled()))?;
            into.advance(length);
        }
        let passed = self.came(&into.filled()[before..]);
        into.set_filled(before + passed);
        // Nothing at all would be the end of what the client sends; whoever polls looks for why, and ends it.
        if passed == 0 && self.broken.get().is_some() { Poll::Pending } else { Poll::Ready(Ok(())) }
    }
}

impl AsyncWrite for Carrier {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_vectored(context, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.client.socket.poll_write(context, parts);
        self.writing.goes_on(written.is_pending());
        let written = ready!(written)?;
        self.budget.went(written);
        Poll::Ready(Ok(written))
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.client.socket.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.client.socket.poll_finish(context)
    }
}
