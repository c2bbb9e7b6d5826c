//! Records on their way from workers to the writer: few enough to be held in memory, and handed over without anybody
//! waiting. The writer sleeps while there are none; spinning, it would take the core from a worker.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use equalizer_core::access::Records;

/// Exchanges that a worker keeps before it hands them over.
const LINES: usize = 512;
/// The same by the bytes of their texts.
const TEXTS: usize = 128 * 1024;
/// Batches of them that may wait to be written.
const WAITING: usize = 64;
/// Written batches that are kept, empty, for the next records.
const SPARE: usize = 4;

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
        // A tick hands over few where there is little to tell: behind a slow output they fill one batch, and not the belt.
        if !load.ended
            && let Some(last) = load.waiting.back_mut()
            && !are_enough(last)
        {
            last.append(batch);
            return 0;
        }
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

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};

    use equalizer_core::access::{Exchange, Style};
    use equalizer_core::snapshot::wire::AccessFormat;

    use super::*;

    /// Two exchanges, told apart by the bytes that were sent.
    fn two(sent: u64, pool: &[u8]) -> Records {
        let mut records = Records::default();
        for sent in [sent, sent + 1] {
            records.add(&Exchange::<&[u8]> {
                at: 0,
                listener: b"",
                client: IpAddr::V4(Ipv4Addr::LOCALHOST),
                tls: None,
                request: None,
                status: 200,
                received: 0,
                sent,
                pool,
                server: b"",
                home_before: b"",
                reason: None,
                session: None,
                attempts: 0,
                duration: 0,
                head: None,
                fault: "",
                limit: b"",
            });
        }
        records
    }

    #[test]
    fn what_ticks_hand_over_waits_in_full_batches() {
        let (belt, writer) = (Belt::default(), thread::current());
        let many = (WAITING * LINES) as u64;
        for first in (0..many).step_by(2) {
            assert_eq!(belt.take(&mut two(first, b""), &writer), 0, "{first} wait");
        }
        assert_eq!(belt.take(&mut two(many, b""), &writer), 2, "as many wait as may");

        let (closing, mut lines) = (AtomicBool::new(true), Vec::new());
        let style = Style { format: AccessFormat::Combined, query: true };
        while let Some(batch) = belt.next(&closing) {
            batch.write(style, &mut lines);
        }
        let lines = String::from_utf8(lines).expect("ASCII");
        let sent =
            |line: &str| -> u64 { line.split(' ').nth(7).expect("ten words").parse().expect("a number") };
        assert!(lines.lines().map(sent).eq(0..many), "each once, in order");
    }

    #[test]
    fn fewer_wait_where_texts_are_long() {
        let (belt, writer, text) = (Belt::default(), thread::current(), [b'a'; TEXTS / 32]);
        let taken = (0..17 * WAITING).take_while(|_| belt.take(&mut two(0, &text), &writer) == 0).count();
        assert_eq!(taken, 16 * WAITING);
    }
}
