//! The life of an HTTP/2 client connection: each of its requests is an exchange of its own, in a task of its own.

mod budget;
mod carrier;
mod heads;
mod rules;

use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use equalizer_core::http::refusal::Refusal;
use equalizer_core::snapshot::Snapshot;
use h2::server::{Builder, Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::header::CONTENT_LENGTH;
use http::{Method, Request};
use tokio::task::spawn_local;

use self::budget::Budget;
use self::carrier::{Carrier, Term};
use self::heads::Heads;
use super::{Client, h1};
use crate::access::notes::Notes;
use crate::buffer::Buffer;
use crate::clock::Deadline;
use crate::desk;
use crate::socket::Socket;
use crate::stream::{self, Malformed, Stream};
use crate::worker::Worker;

/// What every connection begins with (RFC 9113, 3.4); no request of HTTP/1.1 begins so.
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Bytes of a body that may come before they are asked for.
const STREAM_WINDOW: u32 = 256 * 1024;
/// The same for all bodies of a connection: sixteen that nobody takes hold up the others.
const CONNECTION_WINDOW: u32 = 16 * STREAM_WINDOW;
/// What the frames may cost that these bytes come in, in bytes as the library counts it: 256 a small one. A client that
/// keeps to its window does not spend it with frames of 64 bytes, however slow its server is.
const FRAMES: usize = 4 * CONNECTION_WINDOW as usize;
/// Bytes of one response that wait for the connection.
const SEND_BUFFER: usize = 32 * 1024;
/// Bytes of a frame at most, as we ask for no other size (RFC 9113, 6.5.2).
const FRAME: u32 = 16 * 1024;
/// What a field counts above its texts (RFC 9113, 6.5.2).
const FIELD: u32 = 32;
/// Fields that a request has above ours.
const PSEUDO_FIELDS: u32 = 5;
/// A head of so many times what is allowed is no mistake.
const ABUSE: u32 = 4;
/// How long a client may take to say goodbye, in milliseconds.
const FAREWELL_MS: u32 = 2_000;

/// Serves a connection until it ends; `buffer` is what came of it already.
pub(crate) async fn serve(worker: Rc<Worker>, client: Rc<Client>, buffer: Option<Buffer>) {
    let setup = worker.setup();
    let term = |wait| Rc::new(Term::new(Deadline::new(&worker.clock), wait));
    let (writing, heading) = (term(setup.rules.timeouts.body), term(setup.rules.timeouts.head));
    let most = block_size(&setup.rules);
    let carrier = Carrier::new(Rc::clone(&client), buffer, Heads::up_to(most), &writing, &heading);
    let (budget, malformed, broken) = (carrier.budget(), carrier.malformed(), carrier.broken());
    let handshake = Builder::new()
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .data_frame_budget(FRAMES)
        .max_send_buffer_size(SEND_BUFFER)
        .max_concurrent_streams(setup.rules.streams)
        .max_header_list_size(most.saturating_add(1))
        .enable_connect_protocol()
        .handshake::<_, Bytes>(carrier);
    let Ok(Ok(connection)) = client.deadline.within(setup.rules.timeouts.head, handshake).await else {
        // It does not speak HTTP/2 after all; late or not, the connection closes now.
        let _ = client.deadline.within(FAREWELL_MS, client.socket.close()).await;
        return;
    };
    drop(setup);
    let streams = Rc::new(Streams { worker, client, count: Cell::new(0), stage: Cell::new(Stage::Open) });
    let mut served =
        Served { streams: Rc::clone(&streams), malformed, broken, budget, writing, heading, connection };
    streams.rest();
    let ended = poll_fn(|context| served.poll(context)).await;
    drop(served);
    if ended == Ended::Late {
        streams.client.socket.abort();
    } else {
        // What it still sends is read, so that the last words reach it.
        let mut rest = Buffer::default();
        h1::linger(&streams.worker, &streams.client, &mut rest, h1::BRIEF).await;
        streams.worker.buffers.give(rest);
    }
}

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// It takes requests.
    Open,
    /// The client was asked to go; what is under way is finished.
    Leaving,
    /// The client was told to go.
    Cut,
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Ended {
    /// With a last word, or because the client has left.
    InOrder,
    /// The client takes no word any more.
    Late,
}

/// What a connection and its streams have in common.
struct Streams {
    worker: Rc<Worker>,
    client: Rc<Client>,
    /// Exchanges under way.
    count: Cell<u32>,
    stage: Cell<Stage>,
}

impl Streams {
    /// Starts the time that a connection may do nothing.
    fn rest(&self) {
        let open = self.stage.get() == Stage::Open;
        let wait = if open { self.client.patience(&self.worker.setup().rules) } else { FAREWELL_MS };
        self.client.deadline.set(wait);
    }

    /// Tells of a request that is none.
    fn refused(&self, refusal: Refusal) {
        let Self { worker, client, .. } = self;
        let mut notes = Notes::begin(worker);
        notes.reset(worker, refusal);
        notes.end(worker, client, &worker.setup().rules, None);
    }
}

/// A connection and what is known of its streams.
struct Served {
    streams: Rc<Streams>,
    malformed: Rc<Malformed>,
    /// Why the client's frames end it.
    broken: Rc<Cell<Option<Reason>>>,
    budget: Rc<Budget>,
    /// The time that the client has to take what is written to it.
    writing: Rc<Term>,
    /// The time that it has for a header block.
    heading: Rc<Term>,
    connection: Connection<Carrier, Bytes>,
}

impl Served {
    /// Takes requests until the connection has ended.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Ended> {
        loop {
            match self.connection.poll_accept(context) {
                Poll::Ready(Some(Ok((request, respond)))) => {
                    self.begin(request, respond);
                    let Streams { worker, client, stage, .. } = &*self.streams;
                    if !client.goes_on(&worker.setup().rules) && stage.get() == Stage::Open {
                        self.ask_to_leave();
                    }
                }
                Poll::Ready(None | Some(Err(_))) => return Poll::Ready(Ended::InOrder),
                Poll::Pending => {
                    if let Some(reason) = self.offence(context)
                        && self.streams.stage.get() != Stage::Cut
                    {
                        self.cut(reason);
                        continue;
                    }
                    if self.writing.poll_late(context).is_ready() {
                        return Poll::Ready(Ended::Late);
                    }
                    let stopping = self.streams.worker.is_stopping();
                    if stopping && self.streams.stage.get() == Stage::Open {
                        self.ask_to_leave();
                    } else if self.streams.client.deadline.poll_late(context).is_pending() {
                        return Poll::Pending;
                    } else {
                        match self.streams.stage.get() {
                            Stage::Cut => return Poll::Ready(Ended::Late),
                            // Streams are under way: their own deadlines hold.
                            _ if self.streams.count.get() > 0 => self.streams.rest(),
                            Stage::Open => self.ask_to_leave(),
                            Stage::Leaving => self.cut(Reason::NO_ERROR),
                        }
                    }
                }
            }
        }
    }

    /// What the client did that ends the connection.
    fn offence(&self, context: &Context<'_>) -> Option<Reason> {
        let spent = self.budget.is_spent().then_some(Reason::ENHANCE_YOUR_CALM);
        // As 408 says over HTTP/1.1, the request was not taken: it may come again.
        let late = || self.heading.poll_late(context).is_ready().then_some(Reason::NO_ERROR);
        self.broken.get().or(spent).or_else(late)
    }

    fn ask_to_leave(&mut self) {
        self.connection.graceful_shutdown();
        self.streams.stage.set(Stage::Leaving);
        self.streams.rest();
    }

    fn cut(&mut self, reason: Reason) {
        self.connection.abrupt_shutdown(reason);
        self.streams.stage.set(Stage::Cut);
        self.streams.rest();
    }

    fn begin(&self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        if self.malformed.take(respond.stream_id()) || is_malformed(&request) {
            respond.send_reset(Reason::PROTOCOL_ERROR);
            return self.streams.refused(Refusal::Malformed);
        }
        let worker = Rc::clone(&self.streams.worker);
        let socket = Socket::http2(Stream::served(request, respond, Rc::clone(&self.malformed)));
        let client = worker.client(socket, Deadline::new(&worker.clock), self.streams.client.arrival.clone());
        spawn_local(exchange(worker, client, Underway::new(&self.streams)));
    }
}

/// What the fields of a header block may count (RFC 9113, 6.5.2), in bytes; a larger one ends the connection. Whatever
/// our limits allow is below, and so is whatever is taken in to be answered with 431.
fn block_size(rules: &Snapshot) -> u32 {
    let fields = u32::from(rules.limits.fields) + PSEUDO_FIELDS;
    rules.limits.head.saturating_add(FRAME + fields * FIELD).saturating_mul(ABUSE)
}

/// Whether a request breaks a rule that the library does not know.
fn is_malformed(request: &Request<RecvStream>) -> bool {
    // RFC 9113, 8.3.1: only CONNECT has no scheme and no path.
    let uri = request.uri();
    let schemeless = uri.authority().is_some() && uri.scheme_str().is_none_or(str::is_empty);
    let aimless = request.method() != Method::CONNECT && (uri.path().is_empty() || schemeless);
    // RFC 9110, 9.3.6: what follows CONNECT is no content, and so has no length.
    let told = request.method() == Method::CONNECT && request.headers().contains_key(CONTENT_LENGTH);
    aimless || told || stream::are_spaced(request.headers())
}

/// Counts as under way until it is dropped.
struct Underway(Rc<Streams>);

impl Underway {
    fn new(streams: &Rc<Streams>) -> Self {
        streams.count.set(streams.count.get() + 1);
        Self(Rc::clone(streams))
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.0.count.set(self.0.count.get() - 1);
        if self.0.count.get() == 0 {
            self.0.rest();
        }
    }
}

/// Serves one stream; when the client gives it up, whatever was begun for it ends.
async fn exchange(worker: Rc<Worker>, client: Rc<Client>, _underway: Underway) {
    let mut buffer = Buffer::default();
    // The head is here: nothing is waited for.
    let begun = poll_fn(|context| worker.buffers.poll_fill(&mut buffer, context, &client.socket)).await;
    if begun.is_ok() {
        desk::turn(&worker, &client, buffer).await;
    }
    if let Some(birth) = client.birth.get() {
        worker.births.gone(birth, client.number);
    }
}
