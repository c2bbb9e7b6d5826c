//! The access log between workers and its writer: workers never wait for it.
//!
//! Each worker keeps records of its exchanges and hands them over, when there are enough or a tick has passed, to the one
//! thread that makes lines of them and writes. When that thread is behind, lines are dropped and counted.

mod belt;
pub(crate) mod notes;
mod output;
mod writer;

use std::cell::RefCell;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::Thread;

use equalizer_core::access::{Exchange, Records, Style};
use equalizer_core::snapshot::wire;

use self::belt::Belt;
use self::writer::Writer;
use crate::report::AccessLogReport;

/// Lines counted, over all the files and workers there were.
#[derive(Default)]
pub(crate) struct Counts {
    written: AtomicU64,
    dropped: AtomicU64,
}

impl Counts {
    pub(crate) fn report(&self) -> AccessLogReport {
        AccessLogReport { written: self.written.load(Relaxed), dropped: self.dropped.load(Relaxed) }
    }

    fn dropped(&self, lines: u64) {
        self.dropped.fetch_add(lines, Relaxed);
    }
}

/// Where workers put their records.
pub(crate) struct Sink {
    belt: Arc<Belt>,
    /// Who takes them off the belt.
    writer: Thread,
    counts: Arc<Counts>,
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.belt.end(&self.writer);
    }
}

/// A worker's end of the log.
#[derive(Default)]
pub(crate) struct Log(RefCell<Option<Open>>);

struct Open {
    sink: Arc<Sink>,
    records: Records,
}

impl Log {
    /// Whether exchanges are told.
    pub(crate) fn is_on(&self) -> bool {
        self.0.borrow().is_some()
    }

    /// Writes elsewhere from now on; the same sink goes on.
    pub(crate) fn point(&self, sink: Option<Arc<Sink>>) {
        let mut open = self.0.borrow_mut();
        let same = match (&*open, &sink) {
            (Some(open), Some(sink)) => Arc::ptr_eq(&open.sink, sink),
            (None, None) => true,
            _ => false,
        };
        if !same {
            if let Some(open) = &mut *open {
                open.hand_over();
            }
            *open = sink.map(|sink| Open { records: sink.belt.empty(), sink });
        }
    }

    /// Keeps what a line will tell.
    pub(crate) fn tell(&self, told: &Exchange<&[u8]>) {
        if let Some(open) = &mut *self.0.borrow_mut() {
            open.records.add(told);
            if belt::are_enough(&open.records) {
                open.hand_over();
            }
        }
    }

    /// Hands over what there is.
    pub(crate) fn hand_over(&self) {
        if let Some(open) = &mut *self.0.borrow_mut() {
            open.hand_over();
        }
    }
}

impl Open {
    fn hand_over(&mut self) {
        if !self.records.is_empty() {
            let Sink { belt, writer, counts } = &*self.sink;
            counts.dropped(belt.take(&mut self.records, writer) as u64);
        }
    }
}

/// The log that an engine writes now, and those that it wrote before and that may have lines left.
#[derive(Default)]
pub(crate) struct Logs {
    now: Option<(wire::AccessLog, Arc<Sink>, Writer)>,
    before: Vec<Writer>,
    pub(crate) counts: Arc<Counts>,
}

/// A log that is open, and not yet in use.
pub(crate) struct Ready(Option<(wire::AccessLog, Arc<Sink>, Option<Writer>)>);

impl Ready {
    /// Where workers shall put their lines.
    pub(crate) fn sink(&self) -> Option<Arc<Sink>> {
        self.0.as_ref().map(|(_, sink, _)| Arc::clone(sink))
    }
}

impl Logs {
    /// Opens what is asked for, unless it is what is written to now.
    pub(crate) fn open(&self, asked: Option<wire::AccessLog>) -> io::Result<Ready> {
        let Some(asked) = asked else { return Ok(Ready(None)) };
        if let Some((now, sink, _)) = &self.now
            && *now == asked
        {
            return Ok(Ready(Some((asked, Arc::clone(sink), None))));
        }
        let style = Style { format: asked.format, query: asked.query };
        let (sink, writer) = Writer::start(asked.file.as_deref(), style, &self.counts)?;
        Ok(Ready(Some((asked, sink, Some(writer)))))
    }

    /// Takes an opened log into use; the one before ends by itself when no worker writes to it any more.
    pub(crate) fn take(&mut self, ready: Ready) {
        self.before.retain(|writer| !writer.has_ended());
        match ready.0 {
            Some((_, _, None)) => {}
            Some((asked, sink, Some(writer))) => {
                self.before.extend(self.now.replace((asked, sink, writer)).map(|(_, _, writer)| writer));
            }
            None => self.before.extend(self.now.take().map(|(_, _, writer)| writer)),
        }
    }

    /// Waits until what workers handed over is written, where that can be had.
    pub(crate) fn close(&mut self) {
        let now = self.now.take();
        if let Some((_, sink, writer)) = now {
            drop(sink);
            self.before.push(writer);
        }
        self.before.drain(..).for_each(Writer::close);
    }
}
