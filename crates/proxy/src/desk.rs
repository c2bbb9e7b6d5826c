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
use crate::clock::{Clock, Deadline};
use crate::serve::{Client, Parting, h1};
use crate::worker::Worker;

/// How long an exchange goes on before anybody looks whether its client has reset the connection, in milliseconds.
const TRUST_MS: u32 = 500;

/// What a connection brings to its desk.
struct Job {
    worker: Rc<Worker>,
    client: Rc<Client>,
    /// What the client has sent so far.
    buffer: Buffer,
}

/// A place to work for one connection at a time.
pub(crate) struct Desk {
    tray: Rc<Tray>,
    work: Pin<Box<dyn Future<Output = Infallible>>>,
}

struct Tray {
    job: Cell<Option<Job>>,
    /// Whether the connection goes on, once the job is done.
    done: Cell<Option<bool>>,
    /// Until when it is not asked whether a connection was reset: asking costs more than most exchanges take.
    trust: Deadline,
}

/// Serves the requests that have come, at a desk of the worker's; whether the connection waits for more.
pub(crate) async fn turn(worker: &Rc<Worker>, client: &Rc<Client>, buffer: Buffer) -> bool {
    let mut desk = worker.desks.take().unwrap_or_else(|| Desk::new(&worker.clock));
    let job = Job { worker: Rc::clone(worker), client: Rc::clone(client), buffer };
    desk.tray.job.set(Some(job));
    desk.tray.trust.set(TRUST_MS);
    let done = poll_fn(|context| {
        let Desk { tray, work } = &mut desk;
        let Poll::Pending = work.as_mut().poll(context);
        match tray.done.take() {
            Some(goes_on) => Poll::Ready(Some(goes_on)),
            None if client.socket.is_stream() || tray.trust.poll_late(context).is_ready() => {
                client.socket.poll_reset(context).map(|()| None)
            }
            None => Poll::Pending,
        }
    });
    match done.await {
        Some(goes_on) => {
            worker.desks.give(desk);
            goes_on
        }
        // The client wants no answer any more: the desk goes, and what lies on it.
        None => {
            let malformed = client.socket.is_malformed();
            client.parting.set(Some(if malformed { Parting::Malformed } else { Parting::Gone }));
            false
        }
    }
}

impl Desk {
    fn new(clock: &Rc<Clock>) -> Self {
        let tray = Tray { job: Cell::default(), done: Cell::default(), trust: Deadline::new(clock) };
        let tray = Rc::new(tray);
        Self { work: Box::pin(work(Rc::clone(&tray))), tray }
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
