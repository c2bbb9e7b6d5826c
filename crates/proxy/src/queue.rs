//! Where a request goes next, in a pool whose servers have limits: with a slot, after a wait for one, or not at all.
//!
//! A request with a session waits for its home, and goes elsewhere for once when that takes too long; one without
//! takes whichever server has room first.

use std::future::poll_fn;
use std::task::{Context, Poll};

use equalizer_core::persistence::cookie::SessionId;
use equalizer_core::persistence::{Reason, Recall};
use equalizer_core::pool::gate::{Call, Entered, Slot, Waiting};
use equalizer_core::pool::{Pool, ServerId, Target, Tried};
use equalizer_core::snapshot::wire::State;

use crate::birth::{self, Newborn};
use crate::buffer::Buffer;
use crate::clock::Late;
use crate::serve::Client;
use crate::setup::PoolSeat;
use crate::worker::Worker;

/// The server of the next attempt, and the slot there where the pool has limits.
pub(crate) struct Place {
    pub(crate) server: ServerId,
    /// Given back when the exchange has ended, however it does.
    _slot: Option<Slot>,
}

/// Why there is no server.
pub(crate) enum Unplaced {
    /// Nobody is left who could take the request.
    Nobody,
    /// Nobody has room.
    Full(Reason),
    /// The client left while it waited.
    Gone,
}

/// A request that looks for a server, as often as it takes.
pub(crate) struct Seeking<'a> {
    pub(crate) worker: &'a Worker,
    pub(crate) client: &'a Client,
    pub(crate) pool: &'a Pool,
    pub(crate) seat: &'a PoolSeat,
    pub(crate) recall: Recall,
    /// The client as one that a session may be born for.
    pub(crate) newborn: Option<Newborn>,
    /// Its home, where that was chosen outside.
    pub(crate) chosen: Option<ServerId>,
    /// Until when it may wait, once it has begun to.
    pub(crate) until: Option<u64>,
}

/// How a wait ended.
enum Waited {
    Called(Call),
    Late,
    Gone,
}

impl Seeking<'_> {
    /// Lets the session begin that was chosen for, or that somebody should have been; where there are limits, it begins
    /// with a slot.
    pub(crate) fn bear_chosen(&mut self) {
        let Some(newborn) = self.newborn.take_if(|_| !self.pool.limited) else { return };
        let (first, chosen, pool, seat) = (self.recall, self.chosen, self.pool, self.seat);
        birth::bear(self.worker, self.client, newborn, pool, &mut self.recall, || {
            let own = || pool.pick(&first, &Tried::default(), &mut seat.balance.borrow_mut());
            Some((SessionId(self.worker.chance()), chosen.or_else(own)?))
        });
    }

    /// The server for the next attempt. Only where there are limits does anybody wait.
    pub(crate) async fn place(&mut self, tried: &Tried, buffer: &mut Buffer) -> Result<Place, Unplaced> {
        if !self.pool.limited {
            let server = self.pool.pick(&self.recall, tried, &mut self.seat.balance.borrow_mut());
            let server = server.ok_or(Unplaced::Nobody)?;
            self.recall.go_on_to(server);
            return Ok(Place { server, _slot: None });
        }
        loop {
            self.leave_what_is_closed();
            let free = self.chosen.take().and_then(|server| Some((server, self.pool.enter_if_free(server)?)));
            if let Some(place) = free.and_then(|(server, slot)| self.settle(Target::Any, server, slot)) {
                return Ok(place);
            }
            let target = self.pool.target(&self.recall, tried).ok_or(Unplaced::Nobody)?;
            let entered = self.pool.enter(target, &self.recall, tried, &mut self.seat.balance.borrow_mut());
            let found = match entered {
                Entered::In(server, slot) => Some((server, slot)),
                Entered::Waits(waiting) => self.wait(waiting, target, tried, buffer).await?,
                Entered::Full => self.elsewhere(target, tried, buffer).await?,
            };
            if let Some(place) = found.and_then(|(server, slot)| self.settle(target, server, slot)) {
                return Ok(place);
            }
        }
    }

    /// Goes on from a home that takes nobody any more: its state may have changed since the session was recalled.
    fn leave_what_is_closed(&mut self) {
        let Some(home) = self.recall.home() else { return };
        if self.pool.servers[home.0].live.state().is_away() && self.turns_back_from(home) {
            return;
        }
        match self.pool.servers[home.0].live.state() {
            State::Maintenance => self.recall.lose_home(Reason::HomeMaintenance),
            State::Down => self.recall.lose_home(Reason::HomeDown),
            State::Up | State::Draining => {}
        }
    }

    /// Whether the session was to move to `server`, which does not take it, and stays where it lives.
    pub(crate) fn turns_back_from(&mut self, server: ServerId) -> bool {
        self.recall.home() == Some(server) && self.recall.turn_back(self.pool, self.worker.clock.unix())
    }

    /// Waits in line for a slot; `None` when the line has dissolved and everything has to be asked anew.
    async fn wait(
        &mut self,
        waiting: Waiting,
        target: Target,
        tried: &Tried,
        buffer: &mut Buffer,
    ) -> Result<Option<(ServerId, Slot)>, Unplaced> {
        // Boxed: it is rare, and every exchange's memory would have to hold it.
        match Box::pin(self.turn(waiting, buffer)).await {
            Waited::Called(Call::In(slot)) => {
                Ok(self.pool.find_home(slot.home()).map(|server| (server, slot)))
            }
            Waited::Called(Call::Again) => Ok(None),
            Waited::Gone => Err(Unplaced::Gone),
            Waited::Late => match target {
                Target::One(server) if self.turns_back_from(server) => Ok(None),
                Target::One(home) if !self.pool.refuses_overflow() => match self.overflow(home, tried, 0) {
                    Entered::In(server, slot) => Ok(Some((server, slot))),
                    Entered::Waits(_) | Entered::Full => Err(Unplaced::Full(Reason::QueueTimeout)),
                },
                _ => Err(Unplaced::Full(Reason::QueueTimeout)),
            },
        }
    }

    /// Too many wait for the target already.
    async fn elsewhere(
        &mut self,
        target: Target,
        tried: &Tried,
        buffer: &mut Buffer,
    ) -> Result<Option<(ServerId, Slot)>, Unplaced> {
        let Target::One(home) = target else { return Err(Unplaced::Full(Reason::QueueFull)) };
        if self.turns_back_from(home) {
            return Ok(None);
        }
        if self.pool.refuses_overflow() {
            return Err(Unplaced::Full(Reason::QueueFull));
        }
        match self.overflow(home, tried, self.pool.queue.length as usize) {
            Entered::In(server, slot) => Ok(Some((server, slot))),
            Entered::Waits(waiting) => self.wait(waiting, target, tried, buffer).await,
            Entered::Full => Err(Unplaced::Full(Reason::QueueFull)),
        }
    }

    fn overflow(&mut self, home: ServerId, tried: &Tried, most: usize) -> Entered {
        self.pool.overflow(home, &mut self.recall, tried, &mut self.seat.balance.borrow_mut(), most)
    }

    /// What the slot that was found makes of the request; `None` when its session lives at another server.
    fn settle(&mut self, target: Target, server: ServerId, slot: Slot) -> Option<Place> {
        if matches!(self.pool.servers[server.0].live.state(), State::Maintenance | State::Down) {
            return None;
        }
        if let Target::One(home) = target {
            self.recall.go_to(server, home);
        }
        self.recall.go_on_to(server);
        if let Some(newborn) = self.newborn.take() {
            let begin = || Some((SessionId(self.worker.chance()), server));
            birth::bear(self.worker, self.client, newborn, self.pool, &mut self.recall, begin);
            if self.recall.home().is_some_and(|home| home != server) {
                return None;
            }
        }
        Some(Place { server, _slot: Some(slot) })
    }

    /// Waits until it is called, the time is up or the client is gone.
    async fn turn(&mut self, mut waiting: Waiting, buffer: &mut Buffer) -> Waited {
        let (client, now) = (self.client, self.worker.clock.now());
        let until = *self.until.get_or_insert(now + u64::from(self.pool.queue.wait));
        client.deadline.set(u32::try_from(until.saturating_sub(now)).unwrap_or(u32::MAX));
        poll_fn(|context| {
            if let Poll::Ready(call) = waiting.poll(context) {
                return Poll::Ready(Waited::Called(call));
            }
            if until <= now {
                return Poll::Ready(Waited::Late);
            }
            if is_gone(self.worker, client, buffer, context) {
                return Poll::Ready(Waited::Gone);
            }
            client.deadline.poll_late(context).map(|Late| Waited::Late)
        })
        .await
    }
}

/// Whether the client has closed its side; what it sends meanwhile is kept as far as there is room.
///
/// A stream of HTTP/2 ends with its request, and its client waits all the same: one that is given up takes the whole
/// exchange with it.
fn is_gone(worker: &Worker, client: &Client, buffer: &mut Buffer, context: &mut Context<'_>) -> bool {
    if client.socket.is_stream() {
        return false;
    }
    while buffer.has_room() {
        match worker.buffers.poll_fill(buffer, context, &client.socket) {
            Poll::Ready(Ok(1..)) => {}
            Poll::Ready(_) => return true,
            Poll::Pending => return false,
        }
    }
    false
}
