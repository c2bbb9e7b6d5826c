//! Connections of HTTP/2 to one server, which a worker's exchanges share.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use equalizer_core::fault::Fault;
use h2::client::{Builder, SendRequest};
use http::uri::Scheme;
use tokio::sync::{Mutex, MutexGuard};
use tokio::task::spawn_local;

use crate::socket::Socket;
use crate::stream::{Stream, Underway};

/// Connections to one server at most, a worker.
const MOST: usize = 16;
/// Bytes of a response that may come before they are asked for.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// What the frames may cost that these bytes come in, in bytes as the library counts it: 256 a small one. Spent, it would
/// end the connection for everybody, because a few clients are slow to take what comes in small pieces.
const FRAMES: usize = 4 * CONNECTION_WINDOW as usize;
/// Bytes of a request that wait for the connection.
const SEND_BUFFER: usize = 128 * 1024;
/// Bytes of a response's head.
const HEAD: u32 = 64 * 1024;
/// Exchanges on a connection before its server has said how many it takes: what RFC 9113, 6.5.2 asks for at least.
const EXPECTED: usize = 100;
/// How long exchanges are kept apart at a server that has broken the rules, in milliseconds.
const WARY: u64 = 10_000;

/// The open connections.
#[derive(Default)]
pub(crate) struct Shared {
    open: RefCell<Vec<Open>>,
    /// Held while a connection is made: the others wait for it, rather than each making one.
    connecting: Mutex<()>,
    /// Whether the server has broken the rules since this was looked at last: that ended all exchanges of a connection,
    /// and whose response it was is not known.
    broken: Rc<Cell<bool>>,
    /// Until when each exchange gets a connection of its own for that, in milliseconds.
    wary: Cell<u64>,
}

struct Open {
    send: SendRequest<Bytes>,
    scheme: Scheme,
    /// Exchanges under way on it.
    streams: Rc<Cell<usize>>,
    /// When it was used last, in milliseconds.
    used: Cell<u64>,
}

impl Shared {
    /// The right to make a connection, when it is one's turn.
    pub(crate) async fn turn(&self) -> MutexGuard<'_, ()> {
        self.connecting.lock().await
    }

    /// Begins HTTP/2 on a new connection, and gives the first stream on it; `now` in milliseconds.
    pub(crate) async fn open(&self, socket: Socket, now: u64) -> Result<Socket, Fault> {
        let scheme = if socket.is_tls() { Scheme::HTTPS } else { Scheme::HTTP };
        let handshake = Builder::new()
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .data_frame_budget(FRAMES)
            .initial_max_send_streams(EXPECTED)
            .max_send_buffer_size(SEND_BUFFER)
            .max_header_list_size(HEAD)
            .enable_push(false)
            .handshake(socket);
        let (send, connection) = handshake.await.map_err(|_| Fault::Closed)?;
        let broken = Rc::clone(&self.broken);
        spawn_local(async move {
            if connection.await.is_err_and(|error| error.is_library()) {
                broken.set(true);
            }
        });
        self.open.borrow_mut().push(Open { send, scheme, streams: Rc::default(), used: Cell::new(now) });
        self.stream(now).ok_or(Fault::Closed)
    }

    /// A stream on a connection that is open: one with room, else any when there are enough.
    pub(crate) fn stream(&self, now: u64) -> Option<Socket> {
        if self.broken.take() {
            self.wary.set(now + WARY);
        }
        let most = if now < self.wary.get() { 1 } else { usize::MAX };
        let mut open = self.open.borrow_mut();
        open.retain_mut(|one| !one.is_closed());
        let enough = open.len() >= MOST;
        let roomy = open.iter().find(|one| one.has_room(most));
        let one = roomy.or_else(|| open.iter().filter(|_| enough).min_by_key(|one| one.streams.get()))?;
        one.used.set(now);
        let underway = Underway::new(&one.streams);
        Some(Socket::http2(Stream::asked(one.send.clone(), one.scheme.clone(), underway)))
    }

    /// Closes what is idle since before `then`.
    pub(crate) fn close_older(&self, then: u64) {
        self.open.borrow_mut().retain(|one| one.used.get() >= then || one.streams.get() > 0);
    }

    /// Gives up the connections there are: exchanges under way go on.
    pub(crate) fn leave(&self) {
        self.open.borrow_mut().clear();
    }
}

impl Open {
    /// Whether it takes another exchange, where it may have `most`.
    fn has_room(&self, most: usize) -> bool {
        self.streams.get() < self.send.current_max_send_streams().min(most)
    }

    /// Whether the server has said goodbye.
    fn is_closed(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        matches!(self.send.poll_ready(&mut context), Poll::Ready(Err(_)))
    }
}
