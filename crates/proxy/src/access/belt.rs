//! Records on their way from workers to the writer: few enough to be held in memory, and handed over without anybody
//! waiting. The writer sleeps while there are none; spinning, it would take the core from a worker.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use equalizer_core::access::Records;

/// Exchanges that a worker keeps before it hands them over.
const LINES: usize = 256;
/// The same by the bytes of their texts.
const TEXTS: usize = 64 * 1024;
/// Batches of them that may wait to be written.
const WAITING: usize = 128;
/// Written batches that are kept, empty, for the next records.
const SPARE: usize = 8;

/// Whether these are to be handed over.
pub(super) fn are_enough(records: &Records) -> bool {
    records.len() >= LINES || records.texts() >= TEXTS
}

/// What lies between workers and the writer.
#[derive(Default)]
pub(super) struct Belt(Mutex<Load>);

#[derive(Default)]
struct Load {
    waiting: VecDeque<Records>,
    spare: Vec<Records>,
    /// Nobody puts anything on it any more, or nobody takes it off.
    ended: bool,
}

impl Belt {
    fn load(&self) -> MutexGuard<'_, Load> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Room for records.
    pub(super) fn empty(&self) -> Records {
        self.load().empty()
    }

    /// Takes a batch to the `writer`, and leaves an empty one; how many were dropped instead, for too many wait or the
    /// writer has ended.
    pub(super) fn take(&self, batch: &mut Records, writer: &Thread) -> usize {
        let mut load = self.load();
        if load.ended || load.waiting.len() >= WAITING {
            let dropped = batch.len();
            batch.clear();
            return dropped;
        }
        let empty = load.empty();
        load.waiting.push_back(std::mem::replace(batch, empty));
        drop(load);
        writer.unpark();
        0
    }

    /// Takes a written batch back.
    pub(super) fn give(&self, mut batch: Records) {
        batch.clear();
        let mut load = self.load();
        if load.spare.len() < SPARE {
            load.spare.push(batch);
        }
    }

    /// The next batch, awaited by the writer; `None` when none will come, or when the log closes and none is left.
    pub(super) fn next(&self, closing: &AtomicBool) -> Option<Records> {
        loop {
            // Looked at first: what was put here before it was set is here then.
            let closes = closing.load(Relaxed);
            let mut load = self.load();
            if let Some(batch) = load.waiting.pop_front() {
                return Some(batch);
            }
            load.ended |= closes;
            if load.ended {
                return None;
            }
            drop(load);
            thread::park();
        }
    }

    /// The last one who could put something here is gone.
    pub(super) fn end(&self, writer: &Thread) {
        self.load().ended = true;
        writer.unpark();
    }
}

impl Load {
    fn empty(&mut self) -> Records {
        self.spare.pop().unwrap_or_else(|| Records::with_capacity(LINES, TEXTS))
    }
}
