//! Batches of lines on their way from workers to the writer: few enough to be held in memory, and handed over without
//! anybody waiting. The writer sleeps while there are none; spinning, it would take the core from a worker.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use super::Batch;

/// Bytes that a worker gathers before it hands them over.
pub(super) const ENOUGH: usize = 64 * 1024;
/// Batches that may wait to be written.
const WAITING: usize = 128;
/// Written buffers that are kept for the next lines.
const SPARE: usize = 8;

/// What lies between workers and the writer.
#[derive(Default)]
pub(super) struct Belt(Mutex<Load>);

#[derive(Default)]
struct Load {
    waiting: VecDeque<Batch>,
    spare: Vec<Vec<u8>>,
    /// Nobody puts anything on it any more, or nobody takes it off.
    ended: bool,
}

impl Belt {
    fn load(&self) -> MutexGuard<'_, Load> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// An empty buffer for lines.
    pub(super) fn buffer(&self) -> Vec<u8> {
        self.load().spare.pop().unwrap_or_else(|| Vec::with_capacity(ENOUGH))
    }

    /// Puts a batch before the `writer`; false, and the batch is dropped, where too many wait or the writer has ended.
    pub(super) fn put(&self, batch: Batch, writer: &Thread) -> bool {
        let mut load = self.load();
        if load.ended || load.waiting.len() >= WAITING {
            load.keep(batch.bytes);
            return false;
        }
        load.waiting.push_back(batch);
        drop(load);
        writer.unpark();
        true
    }

    /// Takes a written buffer back.
    pub(super) fn give(&self, buffer: Vec<u8>) {
        self.load().keep(buffer);
    }

    /// The next batch, awaited by the writer; `None` when none will come, or when the log closes and none is left.
    pub(super) fn next(&self, closing: &AtomicBool) -> Option<Batch> {
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
    fn keep(&mut self, mut buffer: Vec<u8>) {
        buffer.clear();
        if self.spare.len() < SPARE && buffer.capacity() <= 4 * ENOUGH {
            self.spare.push(buffer);
        }
    }
}
