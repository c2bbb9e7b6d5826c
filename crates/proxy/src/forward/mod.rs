//! Sends a request to one server and reads the head of its response.

mod connect;
pub(crate) mod h2;
pub(crate) mod idle;

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::rc::Rc;
use std::task::Poll;

use equalizer_core::fault::Fault;
use equalizer_core::http::field::Field;
use equalizer_core::http::h1::decode::{self, ResponseHead};
use equalizer_core::http::method::Method;
use equalizer_core::http::refusal::Refusal;

use self::connect::{Connected, connect};
use self::h2::Shared;
use crate::buffer::{Buffer, Buffers};
use crate::clock::{Deadline, Late};
use crate::serve::Client;
use crate::setup::ServerSeat;
use crate::socket::Socket;
use crate::tls::failed;

/// What an exchange needs of a connection.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// Whose request it is.
    pub(crate) client: &'a Client,
    pub(crate) method: Method,
    /// A new one, since one that was open has failed.
    pub(crate) fresh: bool,
    /// One that may change its protocol: a stream, where the server offers that, or one that nobody else uses or will.
    pub(crate) tunnel: bool,
}

impl Wanted<'_> {
    /// The connections that it may share.
    fn connections(self, seat: &ServerSeat) -> &Shared {
        if self.tunnel { &seat.tunnel_connections } else { &seat.shared }
    }

    fn stream(self, seat: &ServerSeat, now: u64) -> Option<Socket> {
        if self.tunnel { seat.tunnel_connections.tunnel(now) } else { seat.shared.stream(now) }
    }

    fn idle(self, seat: &Rc<ServerSeat>) -> Option<Socket> {
        match (self.fresh, seat.is_told()) {
            (true, _) => None,
            (false, true) => self.client.own_connection(seat),
            (false, false) => seat.idle.take(),
        }
    }
}

/// A connection to a server, lent to one exchange.
pub(crate) struct Link {
    pub(crate) socket: Socket,
    /// Whether an earlier exchange used it: the server may close it at any moment.
    pub(crate) reused: bool,
    flight: Flight,
}

/// Counts as in flight until it is dropped.
struct Flight(Rc<ServerSeat>);

impl Flight {
    fn new(seat: &Rc<ServerSeat>) -> Self {
        seat.departs();
        Self(Rc::clone(seat))
    }
}

impl Drop for Flight {
    fn drop(&mut self) {
        self.0.arrives();
    }
}

impl Link {
    /// A stream on a connection that is open, or the connection idle for the shortest time, or else a new one.
    pub(crate) async fn open(
        seat: &Rc<ServerSeat>,
        wanted: Wanted<'_>,
        deadline: &Deadline,
        wait: u32,
    ) -> Result<Self, Fault> {
        let now = deadline.now();
        // From here on: who connects is on its way, and the next one chosen should know.
        let flight = Flight::new(seat);
        if seat.shares() {
            if wanted.fresh {
                wanted.connections(seat).leave();
            }
            if let Some(socket) = wanted.stream(seat, now) {
                return Ok(Self { socket, reused: true, flight });
            }
        }
        if wanted.tunnel || !seat.shares() {
            while let Some(socket) = wanted.idle(seat) {
                // What must not be sent twice is not sent into a connection that has been closed meanwhile.
                if wanted.method.idempotent() || socket.is_alive() {
                    return Ok(Self { socket, reused: true, flight });
                }
            }
        }
        // Boxed: it is rare, and every connection's memory would have to hold it.
        match Box::pin(deadline.within(wait, Self::make(seat, wanted, now))).await {
            Ok(made) => made.map(|(socket, reused)| Self { socket, reused, flight }),
            Err(Late) => Err(Fault::ConnectTimeout),
        }
    }

    /// Makes a connection, and whether it had served before; those who could share it wait for it, rather than each
    /// making one.
    async fn make(seat: &Rc<ServerSeat>, wanted: Wanted<'_>, now: u64) -> Result<(Socket, bool), Fault> {
        let mut turn = None;
        if seat.shares() {
            turn = Some(wanted.connections(seat).turn().await);
            // Somebody else may have made one meanwhile.
            if let Some(socket) = wanted.stream(seat, now) {
                return Ok((socket, true));
            }
        }
        // Or has learned that there is nothing to share.
        let may_tunnel = || seat.shared.may_tunnel() && seat.tunnel_connections.may_tunnel();
        let shares = seat.shares() && (!wanted.tunnel || may_tunnel());
        let turn = turn.filter(|_| shares);
        let Connected { socket, http2 } = Self::connect(seat, wanted.tunnel && !shares, wanted).await?;
        if !http2 {
            return Ok((socket, false));
        }
        wanted.connections(seat).open(socket, now).await?;
        if !wanted.tunnel {
            return seat.shared.stream(now).map(|socket| (socket, false)).ok_or(Fault::Closed);
        }
        seat.tunnel_connections.settled().await;
        if let Some(socket) = seat.tunnel_connections.tunnel(now) {
            return Ok((socket, false));
        }
        // Its server knows nothing of tunnels.
        seat.shared.adopt(&seat.tunnel_connections);
        drop(turn);
        Ok((Self::connect(seat, true, wanted).await?.socket, false))
    }

    async fn connect(seat: &Rc<ServerSeat>, alone: bool, wanted: Wanted<'_>) -> Result<Connected, Fault> {
        seat.counted.connects.set(seat.counted.connects.get() + 1);
        connect(seat, alone, wanted.client).await
    }

    /// Puts the connection back for the next exchange.
    pub(crate) fn keep(self, now: u64, client: &Client) {
        let Self { socket, flight, .. } = self;
        if flight.0.is_told() {
            client.keep_own(&flight.0, socket, now);
        } else if !socket.is_stream() {
            flight.0.idle.keep(socket, now);
        }
    }

    /// Writes what was prepared of the request, once whoever is ready has had a turn. A target that the server's
    /// protocol has no words for is refused; the server has seen nothing.
    pub(crate) async fn send(
        &self,
        parts: &mut [IoSlice<'_>],
        deadline: &Deadline,
        wait: u32,
    ) -> Result<(), Fault> {
        turn_of_others().await;
        match deadline.within(wait, self.socket.write(parts)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidInput => {
                Err(Fault::Broken(Refusal::Target))
            }
            Ok(Err(error)) if self.is_refused(&error) => Err(Fault::Tls),
            Ok(Err(_)) => Err(Fault::Closed),
            Err(Late) => Err(Fault::ResponseTimeout),
        }
    }

    /// Reads until `buffer` holds a whole response head.
    pub(crate) async fn read_head(
        &self,
        (buffers, buffer, fields): (&Buffers, &mut Buffer, &mut Vec<Field>),
        most: u32,
        to: Method,
        deadline: &Deadline,
    ) -> Result<ResponseHead, Fault> {
        loop {
            if !buffer.is_empty() {
                match decode::response(buffer.filled(), most, to, fields) {
                    Ok(Some(head)) => return Ok(head),
                    Ok(None) => {}
                    Err(refusal) => return Err(Fault::Broken(refusal)),
                }
            }
            if !buffer.make_room(most as usize) {
                return Err(Fault::Broken(Refusal::HeadTooLarge));
            }
            let fill = poll_fn(|context| buffers.poll_fill(buffer, context, &self.socket));
            match deadline.before(fill).await {
                Ok(Ok(1..)) => {}
                Ok(Err(error)) if buffer.is_empty() && self.is_refused(&error) => return Err(Fault::Tls),
                Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidData => {
                    return Err(Fault::Broken(Refusal::Malformed));
                }
                Ok(_) if buffer.is_empty() => return Err(Fault::Closed),
                Ok(_) => return Err(Fault::CutShort),
                Err(Late) => {
                    self.socket.is_late();
                    return Err(Fault::ResponseTimeout);
                }
            }
        }
    }

    /// Whether the server has refused the handshake, which we took to be done: over TLS 1.3 it judges what we have shown
    /// of ourselves after that (RFC 8446, 4.4.2.4). It has looked at no request then.
    fn is_refused(&self, error: &io::Error) -> bool {
        let refused = !self.reused && error.kind() == failed::UNWANTED;
        if refused {
            self.flight.0.shook_hands(failed::SERVER_REFUSED);
        }
        refused
    }
}

/// Lets every task that is ready go first. The requests of one turn then leave close together, and the server is woken
/// once for many of them: waking it takes an interrupt to another core, which the writer pays for (decision 0023).
async fn turn_of_others() {
    let mut had = false;
    poll_fn(|context| {
        if std::mem::replace(&mut had, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
