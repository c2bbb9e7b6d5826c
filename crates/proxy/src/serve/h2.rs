//! The life of an HTTP/2 client connection: each of its requests is an exchange of its own, in a task of its own.

mod budget;
mod carrier;

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use tokio::task::spawn_local;

use self::carrier::Carrier;
use super::Client;
use crate::buffer::Buffer;
use crate::clock::Deadline;
use crate::desk;
use crate::socket::Socket;
use crate::stream::{Stream, Underway};
use crate::worker::Worker;

/// What every connection begins with (RFC 9113, 3.4); no request of HTTP/1.1 begins so.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of a body that may come before they are asked for.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Bytes of a response that wait for the connection.
const SEND_BUFFER: usize = 128 * 1024;
/// How long the streams of a connection that ends may take, in milliseconds.
const FAREWELL_MS: u32 = 60_000;

/// Serves a connection until it ends; `buffer` is what came of it already.
pub(crate) async fn serve(worker: Rc<Worker>, client: Rc<Client>, buffer: Option<Buffer>) {
    let setup = worker.setup();
    let carrier = Carrier::new(Rc::clone(&client), buffer);
    let budget = carrier.budget();
    let handshake = Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_streams(setup.rules.streams)
        .max_header_list_size(setup.rules.limits.head)
        .enable_connect_protocol()
        .handshake::<_, Bytes>(carrier);
    let Ok(Ok(connection)) = client.deadline.within(setup.rules.timeouts.head, handshake).await else {
        return;
    };
    drop(setup);
    let mut served = Served { worker, client, budget, streams: Rc::default(), connection, leaving: false };
    served.rest();
    poll_fn(|context| served.poll(context)).await;
}

/// A connection and what is known of its streams.
struct Served {
    worker: Rc<Worker>,
    client: Rc<Client>,
    budget: Rc<budget::Budget>,
    /// Exchanges under way.
    streams: Rc<Cell<usize>>,
    connection: Connection<Carrier, Bytes>,
    leaving: bool,
}

impl Served {
    /// Starts the time that a connection may do nothing.
    fn rest(&self) {
        self.client.deadline.set(self.worker.setup().rules.timeouts.idle_client);
    }

    /// Takes requests until the connection has ended.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            match self.connection.poll_accept(context) {
                Poll::Ready(Some(Ok((request, respond)))) => self.begin(request, respond),
                Poll::Ready(None | Some(Err(_))) => return Poll::Ready(()),
                Poll::Pending if self.budget.is_spent() => {
                    self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                    self.budget.refill();
                }
                Poll::Pending => {
                    ready!(self.poll_leave(context));
                }
            }
        }
    }

    /// Ends a connection that has nothing to do, or whose worker stops; what is under way is finished.
    fn poll_leave(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let late = self.client.deadline.poll_late(context).is_ready();
        let idle = self.streams.get() == 0 && late;
        if self.leaving && late {
            self.connection.abrupt_shutdown(Reason::NO_ERROR);
            self.client.deadline.set(FAREWELL_MS);
            return Poll::Ready(());
        }
        if !self.leaving && (idle || self.worker.is_stopping()) {
            self.leaving = true;
            self.connection.graceful_shutdown();
            self.client.deadline.set(FAREWELL_MS);
            return Poll::Ready(());
        }
        if late {
            // Streams are under way: their own deadlines hold.
            self.rest();
            return Poll::Ready(());
        }
        Poll::Pending
    }

    fn begin(&self, request: Request<RecvStream>, respond: SendResponse<Bytes>) {
        let socket = Socket::http2(Stream::served(request, respond, Underway::new(&self.streams)));
        let deadline = Deadline::new(&self.worker.clock);
        let client = self.worker.client(socket, deadline, self.client.arrival.clone());
        spawn_local(exchange(Rc::clone(&self.worker), client));
    }
}

/// Serves one stream; when the client gives it up, whatever was begun for it ends.
async fn exchange(worker: Rc<Worker>, client: Rc<Client>) {
    let mut buffer = worker.buffers.take();
    // The head is here: nothing is waited for.
    let begun = poll_fn(|context| buffer.poll_fill(context, &client.socket)).await;
    if begun.is_ok() {
        desk::turn(&worker, &client, buffer).await;
    }
    if let Some(birth) = client.birth.get() {
        worker.births.gone(birth, client.number);
    }
}
