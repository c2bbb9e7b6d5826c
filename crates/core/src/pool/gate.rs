//! Who waits for a server that has as many requests in flight as it may, and who is let in next.
//!
//! One lock for all servers of a pool and all workers: a slot that becomes free is handed to whoever waits longest,
//! and never lies where a newcomer could take it first. Requests of pools without a limit do not come here.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::live::Live;
use super::{Server, ServerId, Turn};
use crate::persistence::cookie::Home;
use crate::snapshot::wire::State;

/// The door to a pool's servers, shared by all workers and kept through reloads.
#[derive(Debug, Default)]
pub struct Gate(Mutex<Lines>);

#[derive(Debug, Default)]
struct Lines {
    servers: HashMap<Home, Member>,
    /// For any server: those with a session before those without, each in the order they came.
    anybody: [VecDeque<Arc<Waiter>>; 2],
}

#[derive(Debug)]
struct Member {
    home: Home,
    live: Arc<Live>,
    /// As configured; absent for a server that is no longer in the pool.
    weight: Option<u16>,
    spare: bool,
    line: VecDeque<Arc<Waiter>>,
}

/// What a request waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// The server that holds its session.
    Server(Home),
    /// Any server but those that failed it; with a session it goes first.
    Anybody {
        /// Whether it has a session.
        session: bool,
        /// Who failed it.
        not: Vec<Home>,
    },
}

/// One request's room at a server, until it is dropped.
#[derive(Debug)]
pub struct Slot {
    gate: Arc<Gate>,
    home: Home,
}

/// A request's place in a line, until it is dropped; a slot that it was handed and did not take goes to the next one.
#[derive(Debug)]
pub struct Waiting {
    gate: Arc<Gate>,
    waiter: Arc<Waiter>,
}

/// What a request that waits is told.
#[derive(Debug)]
pub enum Call {
    /// Its turn has come.
    In(Slot),
    /// The server that it waits for takes nobody now.
    Again,
}

/// What a request meets at the gate.
#[derive(Debug)]
pub enum Entered {
    /// There is room.
    In(ServerId, Slot),
    /// It has to wait.
    Waits(Waiting),
    /// It would have to wait, and too many do.
    Full,
}

#[derive(Debug)]
struct Waiter {
    wish: Wish,
    told: Mutex<Told>,
}

#[derive(Debug)]
enum Told {
    Nothing(Option<Waker>),
    Call(Call),
    Heard,
}

impl Gate {
    /// Lets a request in where `choose` finds room, else puts it at the end of the line for `wish`, which takes `most`.
    ///
    /// `choose` runs under the gate's lock: what it finds free stays free until it is taken.
    pub fn enter(
        self: &Arc<Self>,
        servers: &[Server],
        wish: Wish,
        most: usize,
        choose: impl FnOnce() -> Option<ServerId>,
    ) -> Entered {
        let mut lines = self.lock();
        if let Some(server) = choose() {
            return Entered::In(server, self.slot(lines.member(&servers[server.0])));
        }
        let Some(line) = lines.line(&wish).filter(|line| line.len() < most) else { return Entered::Full };
        let waiter = Arc::new(Waiter { wish, told: Mutex::new(Told::Nothing(None)) });
        line.push_back(Arc::clone(&waiter));
        lines.count_waiting();
        Entered::Waits(Waiting { gate: Arc::clone(self), waiter })
    }

    /// The pool's servers are these from now on; each with its limit, 0 for none.
    pub fn admit(self: &Arc<Self>, servers: &[Server]) {
        self.change(|lines| {
            let mut before = std::mem::take(&mut lines.servers);
            for server in servers {
                server.live.set_limit(server.limit);
                let mut member = Member { weight: Some(server.weight), ..Member::new(server) };
                if let Some(old) = before.remove(&server.home) {
                    // One that is back is made anew, and still has what it had when it left.
                    member.live.set_taken(old.live.taken());
                    member.line = old.line;
                }
                lines.servers.insert(server.home, member);
            }
            // One that has left goes on under its last limit until nobody is there any more.
            before.retain(|_, gone| gone.live.taken() > 0 || !gone.line.is_empty());
            lines
                .servers
                .extend(before.into_iter().map(|(home, gone)| (home, Member { weight: None, ..gone })));
        });
    }

    /// Looks again who takes whom, after servers have another state.
    pub fn look_again(self: &Arc<Self>) {
        self.change(|_| {});
    }

    /// Requests that wait for any server.
    pub fn waiting(&self) -> usize {
        self.lock().anybody.iter().map(VecDeque::len).sum()
    }

    fn lock(&self) -> MutexGuard<'_, Lines> {
        // Nothing under the lock leaves a change half done.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(self: &Arc<Self>, member: &Member) -> Slot {
        member.live.set_taken(member.live.taken() + 1);
        Slot { gate: Arc::clone(self), home: member.home }
    }

    fn change(self: &Arc<Self>, change: impl FnOnce(&mut Lines)) {
        let mut lines = self.lock();
        change(&mut lines);
        let mut called = lines.turn_away();
        let homes: Vec<Home> = lines.servers.keys().copied().collect();
        homes.into_iter().for_each(|home| self.hand_out(&mut lines, home, &mut called));
        lines.count_waiting();
        drop(lines);
        called.into_iter().for_each(Waker::wake);
    }

    fn leave(self: &Arc<Self>, home: Home) {
        let mut called = Vec::new();
        let mut lines = self.lock();
        if let Some(Member { live, .. }) = lines.servers.get(&home) {
            live.set_taken(live.taken() - 1);
        }
        self.hand_out(&mut lines, home, &mut called);
        drop(lines);
        // Not under the lock: whoever is woken may come here at once.
        called.into_iter().for_each(Waker::wake);
    }

    /// Gives the free slots of a server to those who wait longest for them.
    fn hand_out(self: &Arc<Self>, lines: &mut Lines, home: Home, called: &mut Vec<Waker>) {
        loop {
            let Some(member) = lines.servers.get_mut(&home).filter(|member| !member.live.is_full()) else {
                return;
            };
            let own = member.line.pop_front();
            member.live.set_waiting(member.line.len());
            let Some(next) = own.or_else(|| lines.take_anybody(home)) else { return };
            called.extend(next.call(Call::In(self.slot(&lines.servers[&home]))));
        }
    }
}

impl Lines {
    /// A server that has left may be entered by those who have not heard of it.
    fn member(&mut self, server: &Server) -> &Member {
        self.servers.entry(server.home).or_insert_with(|| Member::new(server))
    }

    fn line(&mut self, wish: &Wish) -> Option<&mut VecDeque<Arc<Waiter>>> {
        match wish {
            Wish::Server(home) => self.servers.get_mut(home).map(|member| &mut member.line),
            Wish::Anybody { session, .. } => Some(&mut self.anybody[usize::from(!session)]),
        }
    }

    fn count_waiting(&self) {
        self.servers.values().for_each(|member| member.live.set_waiting(member.line.len()));
    }

    /// Whether a server of this turn takes one who would go to any but `not`: nobody's turn comes before its own.
    fn helps(&self, turn: Turn, not: &[Home]) -> bool {
        let others = || self.servers.iter().filter(|(other, _)| !not.contains(other));
        turn == Turn::First || !others().filter_map(|(_, member)| member.turn()).any(|other| other < turn)
    }

    fn take_anybody(&mut self, home: Home) -> Option<Arc<Waiter>> {
        let turn = self.servers.get(&home).and_then(Member::turn)?;
        // Lines may be long: what holds for all is asked once.
        let helps_all = self.helps(turn, &[]);
        let (line, place) = self.anybody.iter().enumerate().find_map(|(line, waiters)| {
            let place = waiters.iter().position(|waiter| match &waiter.wish {
                Wish::Anybody { not, .. } => {
                    !not.contains(&home) && (helps_all || (!not.is_empty() && self.helps(turn, not)))
                }
                Wish::Server(_) => false,
            })?;
            Some((line, place))
        })?;
        self.anybody[line].remove(place)
    }

    /// Calls those who wait for a server that takes nobody now; who is to be woken.
    fn turn_away(&mut self) -> Vec<Waker> {
        let closed = |live: &Live| matches!(live.state(), State::Maintenance | State::Down);
        let nobody = self.servers.values().all(|member| member.turn().is_none());
        let lines = self.servers.values_mut().filter(|member| closed(&member.live)).map(|it| &mut it.line);
        let anybody = self.anybody.iter_mut().filter(|_| nobody);
        let turned: Vec<_> = lines.chain(anybody).flat_map(std::mem::take).collect();
        turned.into_iter().filter_map(|waiter| waiter.call(Call::Again)).collect()
    }
}

impl Member {
    fn new(server: &Server) -> Self {
        let Server { home, live, spare, .. } = server;
        Self { home: *home, live: Arc::clone(live), weight: None, spare: *spare, line: VecDeque::new() }
    }

    /// Its turn among those who take whoever would go to any.
    fn turn(&self) -> Option<Turn> {
        let weight = self.weight.filter(|weight| self.live.weight(*weight) > 0);
        weight.and_then(|_| Turn::of(self.live.state(), self.spare))
    }
}

impl Waiter {
    fn told(&self) -> MutexGuard<'_, Told> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells it what it waits for; whom to wake.
    fn call(&self, call: Call) -> Option<Waker> {
        match std::mem::replace(&mut *self.told(), Told::Call(call)) {
            Told::Nothing(waker) => waker,
            Told::Call(_) | Told::Heard => None,
        }
    }
}

impl Waiting {
    /// What it is told, once.
    pub fn poll(&mut self, context: &Context<'_>) -> Poll<Call> {
        let mut told = self.waiter.told();
        match std::mem::replace(&mut *told, Told::Heard) {
            Told::Call(call) => Poll::Ready(call),
            Told::Nothing(_) | Told::Heard => {
                *told = Told::Nothing(Some(context.waker().clone()));
                Poll::Pending
            }
        }
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut lines = self.gate.lock();
        if let Some(line) = lines.line(&self.waiter.wish)
            && let Some(place) = line.iter().position(|waiter| Arc::ptr_eq(waiter, &self.waiter))
        {
            line.remove(place);
            lines.count_waiting();
        }
        drop(lines);
        // A slot that it was handed and did not take is dropped with its waiter, and so goes to the next one.
    }
}

impl Slot {
    /// The server that it is of.
    pub fn home(&self) -> Home {
        self.home
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.gate.leave(self.home);
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
