//! Where a connection works while it has something to do, lent like a buffer.
//!
//! Serving a request takes a thousand bytes of state. A connection that waits for one shall not hold them, and a request
//! shall not allocate them: so they lie in a few desks of the worker's, and a connection takes one for a turn.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::Poll;

use crate::buffer::Buffer;
use crate::serve::{Client, h1};
use crate::worker::Worker;

/// What a connection brings to its desk.
pub(crate) struct Job {
    pub(crate) worker: Rc<Worker>,
    pub(crate) client: Rc<Client>,
    /// What the client has sent so far.
    pub(crate) buffer: Buffer,
}

/// A place to work for one connection at a time.
pub(crate) struct Desk {
    tray: Rc<Tray>,
    work: Pin<Box<dyn Future<Output = Infallible>>>,
}

#[derive(Default)]
struct Tray {
    job: Cell<Option<Job>>,
    /// Whether the connection goes on, once the job is done.
    done: Cell<Option<bool>>,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let tray = Rc::new(Tray::default());
        Self { work: Box::pin(work(Rc::clone(&tray))), tray }
    }

    /// Serves the requests that have come; whether the connection waits for more.
    pub(crate) async fn turn(&mut self, job: Job) -> bool {
        self.tray.job.set(Some(job));
        poll_fn(|context| match self.work.as_mut().poll(context) {
            Poll::Pending => self.tray.done.take().map_or(Poll::Pending, Poll::Ready),
            Poll::Ready(never) => match never {},
        })
        .await
    }
}

/// Does one job after another. It never ends: between two it is polled by nobody.
async fn work(tray: Rc<Tray>) -> Infallible {
    loop {
        let mut job = poll_fn(|_| tray.job.take().map_or(Poll::Pending, Poll::Ready)).await;
        let goes_on = h1::turn(&job.worker, &job.client, &mut job.buffer).await;
        job.worker.buffers.give(job.buffer);
        tray.done.set(Some(goes_on));
    }
}
