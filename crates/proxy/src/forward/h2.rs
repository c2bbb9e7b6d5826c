//! Connections of HTTP/2 to one server, which a worker's exchanges share.

mod watched;

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use equalizer_core::fault::Fault;
use h2::client::{Builder, Connection, SendRequest};
use http::uri::Scheme;
use tokio::sync::{Mutex, MutexGuard, Notify};
use tokio::task::spawn_local;

use self::watched::Watched;
use crate::socket::Socket;
use crate::stream::{Malformed, Stream, Traffic, Underway};

/// Connections to one server at most, a worker.
const MOST: usize = 16;
/// The same for tunnels, which stay for long; exchanges have connections of their own.
const MOST_FOR_TUNNELS: usize = 1024;
/// Bytes of a response that may come before they are asked for.
const STREAM_WINDOW: u32 = 256 * 1024;
/// All that there can be: what a few slow clients leave in their streams' windows must not hold up the others.
const CONNECTION_WINDOW: u32 = u32::MAX >> 1;
/// What the frames may cost that bytes come in, in bytes as the library counts it: 256 a small one. Spent, it would
/// end the connection for everybody, because some clients are slow to take what comes in small pieces.
const FRAMES: usize = 256 * 1024 * 1024;
/// Bytes of a request that wait for the connection.
const SEND_BUFFER: usize = 128 * 1024;
/// Bytes of a response's head.
const HEAD: u32 = 64 * 1024;
/// What stands for the number of exchanges that a server takes at a time until it has said one.
const UNSAID: usize = usize::MAX - 1;
/// How long exchanges are kept apart at a server that has broken the rules, in milliseconds.
const WARY: u64 = 10_000;

/// The open connections.
#[derive(Default)]
pub(crate) struct Shared {
    open: RefCell<Vec<Open>>,
    /// Held while a connection is made: the others wait for it, rather than each making one.
    connecting: Mutex<()>,
    /// Told when a server has said how many exchanges it takes, and when a connection ends.
    news: Rc<Notify>,
    /// Whether the server has broken the rules since this was looked at last: that ended all exchanges of a connection,
    /// and whose response it was is not known.
    broken: Rc<Cell<bool>>,
    /// Until when each exchange gets a connection of its own for that, in milliseconds.
    wary: Cell<u64>,
}

struct Open {
    send: SendRequest<Bytes>,
    scheme: Scheme,
    traffic: Rc<Traffic>,
    /// Those of them whose responses break a rule that the library does not know.
    malformed: Rc<Malformed>,
    /// Whether its server has said what it takes (RFC 9113, 3.4), or nothing comes any more.
    settled: Rc<Cell<bool>>,
    /// When it was used last, in milliseconds.
    used: Cell<u64>,
}

impl Shared {
    /// The right to make a connection, when it is one's turn. Only who made the last one did not wait for what its
    /// server says first: all others do, since it may have room for them.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        let turn = self.connecting.lock().await;
        self.settled().await;
        turn
    }

    /// Waits until every server has said what it takes.
    pub(crate) async fn settled(&self) {
        while self.open.borrow().iter().any(|one| !one.settled.get()) {
            self.news.notified().await;
        }
    }

    /// Begins HTTP/2 on a new connection; `now` in milliseconds.
    pub(crate) async fn open(&self, socket: Socket, now: u64) -> Result<(), Fault> {
        let scheme = if socket.is_tls() { Scheme::HTTPS } else { Scheme::HTTP };
        let (malformed, traffic) = (Rc::default(), Rc::default());
        let handshake = Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .data_frame_budget(FRAMES)
            .initial_max_send_streams(UNSAID)
            .max_send_buffer_size(SEND_BUFFER)
            .max_header_list_size(HEAD)
            .enable_push(false)
            .handshake(Watched::new(socket, &malformed, &traffic));
        let (send, connection) = handshake.await.map_err(|_| Fault::Closed)?;
        let (settled, used) = (Rc::default(), Cell::new(now));
        let one = Open { send, scheme, traffic, malformed, settled, used };
        spawn_local(drive(
            connection,
            Rc::clone(&one.settled),
            Rc::clone(&self.news),
            Rc::clone(&self.broken),
        ));
        self.open.borrow_mut().push(one);
        Ok(())
    }

    /// A stream on a connection that is open: one with room, else any when there are enough.
    pub(crate) fn stream(&self, now: u64) -> Option<Socket> {
        let most = self.most(now);
        let mut open = self.open.borrow_mut();
        open.retain_mut(|one| !one.is_closed());
        let enough = open.len() >= MOST;
        let roomy = open.iter().find(|one| one.has_room(most));
        let one = roomy.or_else(|| open.iter().filter(|_| enough).min_by_key(|one| one.traffic.streams()))?;
        Some(one.begin(now))
    }

    /// A stream that may become a tunnel (RFC 8441, 3), on a connection with room whose server offers that.
    pub(crate) fn tunnel(&self, now: u64) -> Option<Socket> {
        let most = self.most(now);
        let mut open = self.open.borrow_mut();
        open.retain_mut(|one| !one.is_closed());
        let one = open.iter().find(|one| one.offers_tunnels() && one.has_room(most))?;
        Some(one.begin(now))
    }

    /// Whether another connection may be made for a tunnel: the server offers that, or nothing is known of it.
    pub(crate) fn may_tunnel(&self) -> bool {
        let open = self.open.borrow();
        open.len() < MOST_FOR_TUNNELS && open.iter().all(|one| one.offers_tunnels() || !one.settled.get())
    }

    /// Takes over all connections of `other`.
    pub(crate) fn adopt(&self, other: &Self) {
        self.open.borrow_mut().append(&mut other.open.borrow_mut());
    }

    /// Exchanges that a connection may have now, whatever its server takes.
    fn most(&self, now: u64) -> usize {
        if self.broken.take() {
            self.wary.set(now + WARY);
        }
        if now < self.wary.get() { 1 } else { usize::MAX }
    }

    /// Closes what is idle since before `then`.
    pub(crate) fn close_older(&self, then: u64) {
        self.open.borrow_mut().retain(|one| one.used.get() >= then || one.traffic.streams() > 0);
    }

    /// Gives up the connections there are: exchanges under way go on.
    pub(crate) fn leave(&self) {
        self.open.borrow_mut().clear();
    }
}

impl Open {
    /// Begins an exchange on it.
    fn begin(&self, now: u64) -> Socket {
        self.used.set(now);
        let underway = Underway::new(&self.traffic);
        let malformed = Rc::clone(&self.malformed);
        Socket::http2(Stream::asked(self.send.clone(), self.scheme.clone(), malformed, underway))
    }

    /// Whether it takes another exchange, where it may have `most`: one until its server has said how many.
    fn has_room(&self, most: usize) -> bool {
        let takes = if self.settled.get() { self.send.current_max_send_streams() } else { 1 };
        self.traffic.streams() < takes.min(most)
    }

    fn offers_tunnels(&self) -> bool {
        self.send.is_extended_connect_protocol_enabled()
    }

    /// Whether it takes no exchange any more: its server has said goodbye, or nothing at all.
    fn is_closed(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.traffic.is_mute() || matches!(self.send.poll_ready(&mut context), Poll::Ready(Err(_)))
    }
}

/// Moves what there is to move on a connection until it ends; tells when its server has said what it takes, and whether
/// it has broken the rules.
async fn drive(
    mut connection: Connection<Watched, Bytes>,
    settled: Rc<Cell<bool>>,
    news: Rc<Notify>,
    broken: Rc<Cell<bool>>,
) {
    let ended = poll_fn(|context| {
        let ended = Pin::new(&mut connection).poll(context);
        let hears = || ended.is_ready() || connection.max_concurrent_send_streams() != UNSAID;
        if !settled.get() && hears() {
            settled.set(true);
            news.notify_waiters();
        }
        ended
    });
    if ended.await.is_err_and(|error| error.is_library()) {
        broken.set(true);
    }
}
