//! The one thread that writes the access log.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use equalizer_core::access::Style;

use super::output::Output;
use super::{Batch, Counts, Sink, Spare, WAITING};

/// How often a writer that has nothing to do looks whether it shall end.
const LOOK: Duration = Duration::from_millis(100);

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
        let (batches, waiting) = sync_channel(WAITING);
        let (spare, closing) = (Arc::new(Spare::default()), Arc::new(AtomicBool::new(false)));
        let sink = Sink { batches, spare: Arc::clone(&spare), counts: Arc::clone(counts), style };
        let (counts, told) = (Arc::clone(counts), Arc::clone(&closing));
        let thread = std::thread::Builder::new().name("access-log".to_owned()).spawn(move || {
            while let Some(batch) = next(&waiting, &told) {
                let written = output.write(&batch, &told);
                counts.written.fetch_add(written, Relaxed);
                counts.dropped(batch.lines.saturating_sub(written));
                spare.give(batch.bytes);
            }
        })?;
        Ok((Arc::new(sink), Self { closing, thread }))
    }

    /// Whether everything is written, and nothing more will come.
    pub(super) fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Lets what waits be written, as far as that takes no longer than a moment, and ends.
    pub(super) fn close(self) {
        self.closing.store(true, Relaxed);
        // A thread that panicked has ended too.
        let _ = self.thread.join();
    }
}

/// The next lines; `None` when there will be none.
fn next(waiting: &Receiver<Batch>, closing: &AtomicBool) -> Option<Batch> {
    loop {
        // Looked at first: what was handed over before it was set is here then.
        let closes = closing.load(Relaxed);
        match waiting.recv_timeout(if closes { Duration::ZERO } else { LOOK }) {
            Ok(batch) => return Some(batch),
            Err(RecvTimeoutError::Disconnected) => return None,
            Err(RecvTimeoutError::Timeout) if closes => return None,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}
