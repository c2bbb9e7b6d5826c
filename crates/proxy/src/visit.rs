//! A client's connection from outside: between whom it is, as the PROXY protocol tells it, to us and to servers.

use std::cell::RefCell;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::rc::{Rc, Weak};

use equalizer_core::proxy_head::{self, Ends, MOST};
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::clock::{Deadline, Late};
use crate::serve::Client;
use crate::setup::ServerSeat;
use crate::socket::Socket;
use crate::worker::{Arrival, Worker};

/// Server connections that one client's connection keeps at most.
const KEPT: usize = 8;

/// What a client's connection has for itself where servers are told of it.
pub(crate) struct Visit {
    ends: Ends,
    /// Idle connections to servers, on which this client was introduced.
    kept: RefCell<Vec<Kept>>,
}

struct Kept {
    seat: Rc<ServerSeat>,
    client: IpAddr,
    socket: Socket,
    /// Milliseconds on the worker's clock.
    since: u64,
}

/// The visits of a worker's connections, for the connections to servers that grow old in them.
#[derive(Default)]
pub(crate) struct Visits(RefCell<Vec<Weak<Visit>>>);

impl Visits {
    /// A client's connection, between these ends.
    pub(crate) fn begin(&self, ends: Ends) -> Rc<Visit> {
        let visit = Rc::new(Visit { ends, kept: RefCell::default() });
        self.0.borrow_mut().push(Rc::downgrade(&visit));
        visit
    }

    /// The same, between whom it is as the system has it.
    pub(crate) fn seen(&self, stream: &TcpStream, peer: SocketAddr) -> Option<Rc<Visit>> {
        Some(self.begin(Ends { from: peer, to: stream.local_addr().ok()? }))
    }

    /// Closes what is idle since before `then`, and what the server has closed.
    pub(crate) fn close_older(&self, then: u64) {
        self.0.borrow_mut().retain(|visit| {
            let Some(visit) = visit.upgrade() else { return false };
            visit.kept.borrow_mut().retain(|one| one.since >= then && one.socket.is_quiet());
            true
        });
    }
}

/// Why a connection was not introduced, as metrics call it.
pub(crate) type Unknown = &'static str;

/// Reads the head that a connection to this listener has to begin with, and nothing after it; what it tells, if
/// anything.
pub(crate) async fn introduction(
    worker: &Worker,
    stream: &mut TcpStream,
    arrival: &Arrival,
) -> Result<Option<Ends>, Unknown> {
    if !arrival.trusted {
        return Err("proxy_untrusted");
    }
    let deadline = Deadline::new(&worker.clock);
    let wait = worker.setup().rules.timeouts.head;
    match deadline.within(wait, read(stream)).await {
        Ok(Ok(ends)) => Ok(ends),
        Ok(Err(_)) => Err("proxy_malformed"),
        Err(Late) => Err("proxy_late"),
    }
}

/// Looks at what has come, and takes only what belongs to the head: what follows may be TLS.
async fn read(stream: &mut TcpStream) -> io::Result<Option<Ends>> {
    let mut head = [0; MOST];
    let mut taken = 0;
    loop {
        let seen = stream.peek(&mut head[taken..]).await?;
        if seen == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let found = proxy_head::read(&head[..taken + seen]).map_err(io::Error::other)?;
        let end = found.map_or(taken + seen, |found| found.length);
        stream.read_exact(&mut head[taken..end]).await?;
        if let Some(found) = found {
            return Ok(found.ends);
        }
        taken = end;
    }
}

impl Client {
    /// What servers are told of the request under way: the client that is believed, with the port that it really has.
    pub(crate) fn ends(&self) -> Ends {
        let client = self.origin.get().client;
        let anybody = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
        let to = self.arrival.visit.as_ref().map_or(anybody, |visit| visit.ends.to);
        let seen = self.arrival.visit.as_ref().map(|visit| visit.ends.from);
        let from = seen.filter(|from| from.ip().to_canonical() == client);
        Ends { from: from.unwrap_or(SocketAddr::new(client, 0)), to }
    }

    /// An idle connection to a server on which this client was introduced.
    pub(crate) fn own_connection(&self, seat: &Rc<ServerSeat>) -> Option<Socket> {
        let mut kept = self.arrival.visit.as_ref()?.kept.borrow_mut();
        let client = self.origin.get().client;
        let ours = |one: &Kept| Rc::ptr_eq(&one.seat, seat) && one.client == client;
        while let Some(place) = kept.iter().rposition(ours) {
            let Kept { socket, .. } = kept.remove(place);
            if socket.is_quiet() {
                return Some(socket);
            }
        }
        None
    }

    /// Keeps such a connection for this client's next request; it goes when the client's connection does. `since` in
    /// milliseconds.
    pub(crate) fn keep_own(&self, seat: &Rc<ServerSeat>, socket: Socket, since: u64) {
        let Some(visit) = &self.arrival.visit else { return };
        let mut kept = visit.kept.borrow_mut();
        if kept.len() == KEPT {
            kept.remove(0);
        }
        kept.push(Kept { seat: Rc::clone(seat), client: self.origin.get().client, socket, since });
    }
}
