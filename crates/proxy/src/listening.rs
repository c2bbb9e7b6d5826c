//! Listeners as a worker has them: sockets that it accepts on, and what becomes of who is accepted.

use std::cell::{Cell, RefCell};
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use equalizer_core::http::forwarded::Origin;
use socket2::SockRef;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{AbortHandle, spawn_local};

use crate::clock::{Deadline, TICK_MS};
use crate::mailbox::{Accept, Drill};
use crate::place::{Place, Room};
use crate::serve::connection::{Open, serve, serve_tls};
use crate::socket::Socket;
use crate::tls::ListenerTls;
use crate::visit;
use crate::worker::{Arrival, Worker};

/// A listener that is being accepted on.
pub(crate) struct Listening {
    pub(crate) name: String,
    serves: Rc<Serves>,
    /// As the engine has them; another worker may accept on one of them, too.
    given: Vec<Arc<std::net::TcpListener>>,
    sockets: Vec<Rc<TcpListener>>,
    accepting: Vec<AbortHandle>,
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

impl Listening {
    /// Accepts on sockets of its own; `old` is the listener at another address.
    pub(crate) fn begin(
        worker: &Rc<Worker>,
        place: usize,
        accept: Accept,
        old: Option<Self>,
    ) -> io::Result<Self> {
        // Connections to the old address are still this listener's.
        let at = old.as_ref().map_or_else(Rc::default, |old| Rc::clone(&old.serves.place));
        at.set(place);
        if let Some(old) = old {
            old.close(worker);
        }
        let (tls, http2) = (RefCell::new(accept.tls), Cell::new(accept.http2));
        let serves = Rc::new(Serves { place: at, open: accept.open, tls, http2 });
        let open =
            |given: &Arc<std::net::TcpListener>| Ok(Rc::new(TcpListener::from_std(given.try_clone()?)?));
        let sockets = accept.sockets.iter().map(open).collect::<io::Result<Vec<_>>>()?;
        let accepting = sockets
            .iter()
            .map(|socket| worker.vital(accept_on(Rc::clone(worker), Rc::clone(socket), Rc::clone(&serves))));
        let accepting = accepting.collect();
        Ok(Self { name: accept.name, serves, given: accept.sockets, sockets, accepting })
    }

    /// Whether a listener is this one, by whatever name: it has the same sockets.
    pub(crate) fn is(&self, accept: &Accept) -> bool {
        self.given.len() == accept.sockets.len()
            && self.given.iter().zip(&accept.sockets).all(|(mine, asked)| Arc::ptr_eq(mine, asked))
    }

    /// The same as a reload has it.
    pub(crate) fn renew(mut self, place: usize, accept: Accept) -> Self {
        *self.serves.tls.borrow_mut() = accept.tls;
        self.serves.place.set(place);
        self.serves.http2.set(accept.http2);
        self.name = accept.name;
        self
    }

    /// Ends the listening of what is not in the snapshot any more.
    pub(crate) fn remove(self, worker: &Rc<Worker>) {
        self.serves.place.set(NOWHERE);
        self.close(worker);
    }

    /// Ends the listening. Whoever waits in the kernel's queue was told that there is somebody, and is served first.
    pub(crate) fn close(self, worker: &Rc<Worker>) {
        self.accepting.iter().for_each(AbortHandle::abort);
        drop(self.given);
        // The event loop may not have heard of all of them yet; the kernel has.
        for listening in &self.sockets {
            while let Ok((socket, peer)) = SockRef::from(&**listening).accept() {
                let Some(peer) = peer.as_socket() else { continue };
                let stream = socket.set_nonblocking(true).and_then(|()| TcpStream::from_std(socket.into()));
                if let Ok(stream) = stream {
                    self.serves.serve(worker, stream, peer);
                }
            }
        }
    }
}

impl Serves {
    fn serve(&self, worker: &Rc<Worker>, stream: TcpStream, peer: SocketAddr) {
        let (open, tls) = (Open::new(worker), self.tls.borrow().clone());
        if let Some(drill) = worker.drill.take() {
            assert!(drill == Drill::Connection, "a drill in what accepts");
            spawn_local(fail(open, stream));
            return;
        }
        let origin = Origin { client: peer.ip().to_canonical(), secure: tls.is_some() };
        let setup = worker.setup();
        let entrance = setup.entrance(self.place.get());
        let trusted = entrance.is_some_and(|one| one.trusted.holds(origin.client));
        let introduced = entrance.is_some_and(|one| one.introduced);
        let arrival = Arrival {
            origin,
            trusted,
            place: Rc::new(Place::new(&self.open)),
            full: None,
            visit: setup.rules.introduces.then(|| worker.visits.seen(&stream, peer)).flatten(),
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
    match arrival.room(open.worker()) {
        Room::Enough => {}
        Room::Answer(full) => {
            open.worker().count_refused(full.word);
            arrival.full = Some(full);
        }
        Room::Nothing(full) => return open.worker().count_refused(full.word),
    }
    if let Some(tls) = tls {
        spawn_local(serve_tls(open, stream, tls, arrival));
    } else {
        let deadline = Deadline::new(&open.worker().clock);
        let client = open.worker().client(Socket::plain(stream), deadline, arrival);
        spawn_local(serve(open, client));
    }
}

/// Serves a connection that has to tell first whose it is.
async fn serve_introduced(open: Open, mut stream: TcpStream, tls: Option<ListenerTls>, mut arrival: Arrival) {
    match visit::introduction(open.worker(), &mut stream, &arrival).await {
        Ok(Some(ends)) => {
            arrival.origin.client = ends.from.ip();
            let setup = open.worker().setup();
            let entrance = setup.entrance(arrival.listener.get());
            arrival.trusted = entrance.is_some_and(|one| one.trusted.holds(ends.from.ip()));
            arrival.visit = setup.rules.introduces.then(|| open.worker().visits.begin(ends));
            begin(open, stream, tls, arrival);
        }
        Ok(None) => begin(open, stream, tls, arrival),
        Err(unknown) => open.worker().count_refused(unknown),
    }
}

async fn accept_on(worker: Rc<Worker>, listener: Rc<TcpListener>, serves: Rc<Serves>) {
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
                    worker.count_pause();
                }
                // Only the time can be up.
                let _ = pause.within(TICK_MS, std::future::pending::<()>()).await;
            }
        }
    }
}

/// Panics while its client waits for an answer.
async fn fail(_open: Open, stream: TcpStream) {
    // Whether it came or went, the time has come.
    let _ = stream.readable().await;
    panic!("a drill in a connection");
}
