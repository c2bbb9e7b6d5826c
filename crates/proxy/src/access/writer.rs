//! The one thread that makes the lines of the access log, and writes them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread::JoinHandle;

use equalizer_core::access::Style;

use super::belt::Belt;
use super::output::Output;
use super::{Counts, Sink};

/// A thread that writes.
pub(crate) struct Writer {
    closing: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Writer {
    /// Opens a file, or the standard output, and starts the thread.
    pub(super) fn start(
        file: Option<&str>,
        style: Style,
        counts: &Arc<Counts>,
    ) -> io::Result<(Arc<Sink>, Self)> {
        let mut output = Output::open(file)?;
        let (belt, closing) = (Arc::new(Belt::default()), Arc::new(AtomicBool::new(false)));
        let (from, told, tally) = (Arc::clone(&belt), Arc::clone(&closing), Arc::clone(counts));
        let thread = std::thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            let mut lines = Vec::new();
            while let Some(batch) = from.next(&told) {
                lines.clear();
                batch.write(style, &mut lines);
                let all = batch.len() as u64;
                from.give(batch);
                let length = output.write(&lines, &told);
                // Those that were written whole.
                let written = if length == lines.len() { all } else { ends(&lines[..length]) };
                tally.written.fetch_add(written, Relaxed);
                tally.dropped(all.saturating_sub(written));
            }
        })?;
        let (writer, counts) = (thread.thread().clone(), Arc::clone(counts));
        Ok((Arc::new(Sink { belt, writer, counts }), Self { closing, thread }))
    }

    /// Whether everything is written, and nothing more will come.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Lets what waits be written, as far as that takes no longer than a moment, and ends.
    pub(super) fn close(self) {
        self.closing.store(true, Relaxed);
        self.thread.thread().unpark();
        // A thread that panicked has ended too.
        let _ = self.thread.join();
    }
}

fn ends(lines: &[u8]) -> u64 {
    memchr::memchr_iter(b'\n', lines).count() as u64
}
