//! One thread, one event loop, one snapshot: a worker shares nothing with its neighbours.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::mpsc::Sender;

use equalizer_core::crowd::Crowd;
use equalizer_core::http::forwarded::Origin;
use equalizer_core::persistence::births::Births;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{AbortHandle, spawn_local};
use tokio_rustls::TlsAcceptor;

use crate::access::Log;
use crate::buffer::{Buffers, Shelf};
use crate::clock::{Clock, Deadline, TICK_MS, Ticker};
use crate::desk::Desk;
use crate::mailbox::{Accept, Command, Revision};
use crate::place::{Full, Place, Room};
use crate::report::Report;
use crate::serve::{Client, h1, h2};
use crate::setup::Setup;
use crate::socket::Socket;
use crate::tls::ListenerTls;
use crate::visit::{self, Visit};

/// What the tasks of one worker have in common.
pub(crate) struct Worker {
    pub(crate) clock: Rc<Clock>,
    pub(crate) buffers: Buffers,
    pub(crate) desks: Shelf<Desk>,
    pub(crate) births: Arc<Births>,
    crowd: Arc<Crowd>,
    pub(crate) log: Log,
    number: usize,
    accepted: Cell<u64>,
    setup: RefCell<Rc<Setup>>,
    chance: RefCell<fastrand::Rng>,
    connections: Cell<u64>,
    /// How often accepting had to wait.
    pauses: Cell<u64>,
    answers: RefCell<BTreeMap<u16, u64>>,
    refused: RefCell<BTreeMap<&'static str, u64>>,
    drained: RefCell<Option<Sender<()>>>,
    listeners: RefCell<BTreeMap<String, Listening>>,
}

/// A listener that is being accepted on.
struct Listening {
    serves: Rc<Serves>,
    socket: Rc<TcpListener>,
    accepting: AbortHandle,
}

/// The place of a listener that is not in the snapshot any more, while its connections are.
const NOWHERE: usize = usize::MAX;

/// What a listener's connections need to know of it.
struct Serves {
    /// Its place in the snapshot, which a reload may change.
    place: Rc<Cell<usize>>,
    /// Its open connections, over all workers.
    open: Arc<AtomicU32>,
    tls: RefCell<Option<ListenerTls>>,
    http2: Cell<bool>,
}

/// How a connection came.
#[derive(Clone)]
pub(crate) struct Arrival {
    /// What was seen of its client.
    pub(crate) origin: Origin,
    /// Whether it was one whose word on the client counted when it came.
    pub(crate) trusted: bool,
    /// Among its listener's connections, and its client's.
    place: Rc<Place>,
    /// The limit that it is beyond: its request is answered, and no more.
    pub(crate) full: Option<&'static Full>,
    /// Where servers are told of it.
    pub(crate) visit: Option<Rc<Visit>>,
    /// The listener, by its place in the snapshot; one that is out of it has the last place of all.
    pub(crate) listener: Rc<Cell<usize>>,
    /// Whether it may speak HTTP/2.
    pub(crate) http2: bool,
    /// The field lines that tell servers of its certificate, where its listener asks for one.
    pub(crate) certificate: Option<Rc<[u8]>>,
    /// The version of TLS that was agreed on.
    pub(crate) tls: Option<&'static str>,
}

impl Arrival {
    /// Whether it finds room. One that is trusted brings many clients.
    fn room(&self, worker: &Worker) -> Room {
        let setup = worker.setup();
        let most = setup.entrance(self.listener.get()).map_or(0, |one| one.connections);
        match self.place.at_listener(most) {
            Room::Enough if self.trusted => Room::Enough,
            Room::Enough => self.place.of_client(self.origin.client, setup.rules.clients, &worker.crowd),
            other => other,
        }
    }
}

/// Runs a worker until it is told to stop or its engine is gone. Called on a thread of its own.
pub(crate) fn run(number: usize, revision: Revision, mailbox: UnboundedReceiver<Command>) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build_local(tokio::runtime::LocalOptions::default())?;
    runtime.block_on(Worker::new(number, &revision).work(revision, mailbox))
}

impl Worker {
    fn new(number: usize, revision: &Revision) -> Rc<Self> {
        Rc::new(Self {
            clock: Rc::new(Clock::new()),
            buffers: Buffers::default(),
            desks: Shelf::default(),
            births: Arc::clone(&revision.births),
            crowd: Arc::clone(&revision.crowd),
            log: Log::default(),
            number,
            accepted: Cell::default(),
            setup: RefCell::new(Rc::new(Setup::new(
                Arc::clone(&revision.rules),
                &revision.secured,
                None,
                number,
            ))),
            chance: RefCell::new(fastrand::Rng::new()),
            connections: Cell::default(),
            pauses: Cell::default(),
            answers: RefCell::default(),
            refused: RefCell::default(),
            drained: RefCell::default(),
            listeners: RefCell::default(),
        })
    }

    async fn work(
        self: Rc<Self>,
        revision: Revision,
        mut mailbox: UnboundedReceiver<Command>,
    ) -> io::Result<()> {
        self.apply(revision)?;
        spawn_local(tick(Rc::clone(&self), Ticker::new()?));
        while let Some(command) = mailbox.recv().await {
            match command {
                Command::Apply(revision) => self.apply(*revision)?,
                // Nobody waits for an answer that was given up on.
                Command::Report { to, census } => drop(to.send(self.report(census))),
                Command::Drain(to) => self.drain(to),
                Command::Stop => break,
            }
        }
        self.log.point(None);
        Ok(())
    }

    fn apply(self: &Rc<Self>, revision: Revision) -> io::Result<()> {
        let setup =
            Setup::new(Arc::clone(&revision.rules), &revision.secured, Some(&self.setup()), self.number);
        *self.setup.borrow_mut() = Rc::new(setup);
        self.log.point(revision.log);
        let mut listeners = self.listeners.borrow_mut();
        let mut before = std::mem::take(&mut *listeners);
        for (place, Accept { name, tls, http2, open, socket }) in revision.listeners.into_iter().enumerate() {
            let listening = match (socket, before.remove(&name)) {
                (None, Some(kept)) => {
                    *kept.serves.tls.borrow_mut() = tls;
                    kept.serves.place.set(place);
                    kept.serves.http2.set(http2);
                    kept
                }
                (None, None) => continue,
                (Some(socket), old) => {
                    // Connections to the old address are still this listener's.
                    let at = old.as_ref().map_or_else(Rc::default, |old| Rc::clone(&old.serves.place));
                    at.set(place);
                    if let Some(old) = old {
                        old.close(self);
                    }
                    let (tls, http2) = (RefCell::new(tls), Cell::new(http2));
                    let serves = Rc::new(Serves { place: at, open, tls, http2 });
                    let socket = Rc::new(TcpListener::from_std(socket)?);
                    let accept = accept(Rc::clone(self), Rc::clone(&socket), Rc::clone(&serves));
                    Listening { serves, socket, accepting: spawn_local(accept).abort_handle() }
                }
            };
            listeners.insert(name, listening);
        }
        for gone in before.into_values() {
            gone.serves.place.set(NOWHERE);
            gone.close(self);
        }
        Ok(())
    }

    fn drain(self: &Rc<Self>, done: Sender<()>) {
        std::mem::take(&mut *self.listeners.borrow_mut()).into_values().for_each(|one| one.close(self));
        *self.drained.borrow_mut() = Some(done);
        self.clock.wake_all();
        self.tell_if_drained();
    }

    fn tell_if_drained(&self) {
        if let (Some(done), 0) = (&*self.drained.borrow(), self.connections.get()) {
            // Nobody waits when the time was up before.
            let _ = done.send(());
        }
    }

    fn report(&self, census: bool) -> Report {
        let mut report = Report {
            connections: self.connections.get(),
            pauses: self.pauses.get(),
            answers: self.answers.borrow().clone(),
            refused: self.refused.borrow().clone(),
            ..Report::default()
        };
        self.setup().report(&mut report, census);
        report
    }

    /// The revision that runs now.
    pub(crate) fn setup(&self) -> Rc<Setup> {
        Rc::clone(&self.setup.borrow())
    }

    /// Whether connections shall end after their exchange.
    pub(crate) fn is_stopping(&self) -> bool {
        self.drained.borrow().is_some()
    }

    /// A client's connection, or one stream of it.
    pub(crate) fn client(&self, socket: Socket, deadline: Deadline, arrival: Arrival) -> Rc<Client> {
        self.accepted.set(self.accepted.get() + 1);
        // Workers count in ranges of their own.
        let number = ((self.number as u64) << 48) | self.accepted.get();
        Rc::new(Client {
            socket,
            deadline,
            origin: Cell::new(arrival.origin),
            arrival,
            number,
            requests: Cell::new(0),
            birth: Cell::new(None),
            records: RefCell::default(),
        })
    }

    /// A random number.
    pub(crate) fn chance(&self) -> u64 {
        self.chance.borrow_mut().u64(..)
    }

    /// Counts a connection that is not served.
    pub(crate) fn count_refused(&self, why: &'static str) {
        *self.refused.borrow_mut().entry(why).or_default() += 1;
    }

    /// Counts an answer of our own.
    pub(crate) fn count_answer(&self, status: u16) {
        *self.answers.borrow_mut().entry(status).or_default() += 1;
    }
}

async fn tick(worker: Rc<Worker>, ticker: Ticker) {
    let mut turns: u32 = 0;
    while ticker.next().await.is_ok() {
        worker.clock.tick();
        worker.log.hand_over();
        turns = turns.wrapping_add(1);
        if turns.is_multiple_of(1000 / TICK_MS) {
            worker.setup().close_idle(worker.clock.now());
            worker.buffers.shrink();
            worker.desks.shrink();
        }
    }
}

impl Listening {
    /// Ends the listening. Whoever waits in the kernel's queue was told that there is somebody, and is served first.
    fn close(self, worker: &Rc<Worker>) {
        self.accepting.abort();
        // The event loop may not have heard of all of them yet; the kernel has.
        while let Ok((socket, peer)) = SockRef::from(&*self.socket).accept() {
            let Some(peer) = peer.as_socket() else { continue };
            let stream = socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket.into()));
            if let Ok(stream) = stream {
                self.serves.serve(worker, stream, peer);
            }
        }
    }
}

impl Serves {
    fn serve(&self, worker: &Rc<Worker>, stream: TcpStream, peer: SocketAddr) {
        let (open, tls) = (Open::new(worker), self.tls.borrow().clone());
        let origin = Origin { client: peer.ip().to_canonical(), secure: tls.is_some() };
        let setup = worker.setup();
        let trusted = setup.entrance(self.place.get()).is_some_and(|one| one.trusted.holds(origin.client));
        let introduced = setup.entrance(self.place.get()).is_some_and(|one| one.introduced);
        let arrival = Arrival {
            origin,
            trusted,
            place: Rc::new(Place::new(&self.open)),
            full: None,
            visit: setup.rules.introduces.then(|| Visit::seen(&stream, peer)).flatten(),
            listener: Rc::clone(&self.place),
            http2: self.http2.get(),
            certificate: None,
            tls: None,
        };
        if introduced {
            spawn_local(serve_introduced(open, stream, tls, arrival));
        } else {
            begin(open, stream, tls, arrival);
        }
    }
}

/// Begins to serve a connection of which is known whose it is.
fn begin(open: Open, stream: TcpStream, tls: Option<ListenerTls>, mut arrival: Arrival) {
    match arrival.room(&open.0) {
        Room::Enough => {}
        Room::Answer(full) => {
            open.0.count_refused(full.word);
            arrival.full = Some(full);
        }
        Room::Nothing(full) => return open.0.count_refused(full.word),
    }
    if let Some(tls) = tls {
        spawn_local(serve_tls(open, stream, tls, arrival));
    } else {
        let deadline = Deadline::new(&open.0.clock);
        let client = open.0.client(Socket::plain(stream), deadline, arrival);
        spawn_local(serve(open, client));
    }
}

/// Serves a connection that has to tell first whose it is.
async fn serve_introduced(open: Open, mut stream: TcpStream, tls: Option<ListenerTls>, mut arrival: Arrival) {
    match visit::introduction(&open.0, &mut stream, &arrival).await {
        Ok(Some(ends)) => {
            arrival.origin.client = ends.from.ip();
            let setup = open.0.setup();
            let entrance = setup.entrance(arrival.listener.get());
            arrival.trusted = entrance.is_some_and(|one| one.trusted.holds(ends.from.ip()));
            arrival.visit = setup.rules.introduces.then(|| Visit::new(ends));
            begin(open, stream, tls, arrival);
        }
        Ok(None) => begin(open, stream, tls, arrival),
        Err(unknown) => open.0.count_refused(unknown),
    }
}

async fn accept(worker: Rc<Worker>, listener: Rc<TcpListener>, serves: Rc<Serves>) {
    let pause = Deadline::new(&worker.clock);
    let mut pausing = false;
    loop {
        match listener.accept().await {
            Ok((stream, peer)) => {
                pausing = false;
                serves.serve(&worker, stream, peer);
            }
            // The client left before it was accepted.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            // Out of descriptors or memory: what is open will end; trying again at once would only spin.
            Err(_) => {
                if !std::mem::replace(&mut pausing, true) {
                    worker.pauses.set(worker.pauses.get() + 1);
                }
                // Only the time can be up.
                let _ = pause.within(TICK_MS, std::future::pending::<()>()).await;
            }
        }
    }
}

/// A connection counts as open until this is dropped.
struct Open(Rc<Worker>);

impl Open {
    fn new(worker: &Rc<Worker>) -> Self {
        worker.connections.set(worker.connections.get() + 1);
        Self(Rc::clone(worker))
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.0.connections.set(self.0.connections.get() - 1);
        self.0.tell_if_drained();
    }
}

/// Serves a connection to its end.
async fn serve(open: Open, client: Rc<Client>) {
    if client.socket.agreed_on_http2() {
        // Boxed: its size is no idle connection's of HTTP/1.1.
        Box::pin(h2::serve(Rc::clone(&open.0), Rc::clone(&client), None)).await;
    } else {
        h1::serve(Rc::clone(&open.0), Rc::clone(&client)).await;
    }
    if let Some(birth) = client.birth.get() {
        open.0.births.gone(birth, client.number);
    }
}

/// Serves a connection over TLS, once client and server have agreed on its keys.
async fn serve_tls(open: Open, stream: TcpStream, tls: ListenerTls, mut arrival: Arrival) {
    let deadline = Deadline::new(&open.0.clock);
    // Boxed: it is large, and over when the first request comes.
    if let Some((socket, certificate)) = Box::pin(agree(&open.0, stream, tls, &deadline)).await {
        arrival.certificate = certificate;
        arrival.tls = socket.tls_version();
        let client = open.0.client(socket, deadline, arrival);
        serve(open, client).await;
    }
}

/// Shakes hands: the connection, and the field lines that tell of the client's certificate where it was asked for
/// one; `None` if they do not agree in time.
async fn agree(
    worker: &Worker,
    stream: TcpStream,
    tls: ListenerTls,
    deadline: &Deadline,
) -> Option<(Socket, Option<Rc<[u8]>>)> {
    let wait = worker.setup().rules.timeouts.head;
    let agreed = deadline.within(wait, TlsAcceptor::from(tls.config).accept(stream)).await;
    let stream = agreed.ok()?.ok()?;
    let certificate = match tls.telling {
        Some(telling) => {
            let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
            Some(Rc::from(telling.lines(shown, worker.clock.unix())?))
        }
        None => None,
    };
    Some((Socket::tls(stream.into()), certificate))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The size of the future that a function of two arguments returns.
    fn size_of_future<A, B, F>(_: impl FnOnce(A, B) -> F) -> usize {
        size_of::<F>()
    }

    /// What a connection does lies in a desk; what it is, beside its socket, its timer and the runtime's record, is this.
    #[test]
    fn a_connection_is_small() {
        let size = size_of_future(serve);
        assert!(size <= 256, "{size} bytes");
    }
}
