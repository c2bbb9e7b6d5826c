//! The life of a worker's thread: a worker that breaks is followed by another one, with the same sockets.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, WeakUnboundedSender, unbounded_channel};

use crate::accidents::Accidents;
use crate::mailbox::{Command, Leave, Revision};
use crate::report::Report;
use crate::worker;

/// Between two workers of one thread: one that breaks at once must not spin.
const PAUSE: Duration = Duration::from_millis(100);

/// A thread that runs one worker after another, and how to reach it.
pub(crate) struct Thread {
    pub(crate) mailbox: UnboundedSender<Command>,
    pub(crate) thread: JoinHandle<()>,
}

/// What outlives a worker that breaks.
pub(crate) struct Held {
    /// What the next one runs; its sockets stay open meanwhile, so whoever waits in their queues is served by it.
    pub(crate) revision: Revision,
    /// Who waits until nothing is under way, once that was asked for.
    pub(crate) drain: Option<(Sender<()>, Leave)>,
    /// What the workers before have counted.
    pub(crate) past: Report,
    /// Where a task says that the worker cannot go on.
    pub(crate) mailbox: WeakUnboundedSender<Command>,
}

/// Why a worker has ended.
pub(crate) enum Ended {
    /// It was told to, or the engine is gone.
    Told,
    /// A panic, which the accidents have.
    Broken,
}

impl Thread {
    pub(crate) fn start(number: usize, revision: Revision, accidents: Arc<Accidents>) -> io::Result<Self> {
        let (mailbox, commands) = unbounded_channel();
        let held = Held { revision, drain: None, past: Report::default(), mailbox: mailbox.downgrade() };
        let thread = std::thread::Builder::new()
            .name(format!("worker-{number}"))
            .spawn(move || live(number, held, commands, &accidents))?;
        Ok(Self { mailbox, thread })
    }
}

fn live(number: usize, mut held: Held, mut commands: UnboundedReceiver<Command>, accidents: &Arc<Accidents>) {
    accidents.watch();
    loop {
        // Whatever a panic left half done goes with the worker; what is held is replaced whole.
        match catch_unwind(AssertUnwindSafe(|| worker::run(number, &mut held, &mut commands))) {
            Ok(Ok(Ended::Told)) => return,
            Ok(Ok(Ended::Broken)) | Err(_) => {}
            Ok(Err(error)) => accidents.note(format!("a worker cannot run: {error}")),
        }
        accidents.count_restart();
        std::thread::sleep(PAUSE);
    }
}
