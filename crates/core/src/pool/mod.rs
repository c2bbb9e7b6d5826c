//! A pool's servers, and which of them takes a request: the session's home, else its next home, else the balance's choice.

pub mod breaker;
pub mod gate;
pub mod live;
pub mod rates;
pub mod retry;
mod tried;

use std::net::SocketAddr;
use std::sync::Arc;

use self::breaker::Breaker;
use self::gate::{Entered, Gate, Slot, Wish};
use self::live::Live;
use self::rates::Rates;
use self::retry::Retry;
pub use self::tried::Tried;
use crate::balance::{Balance, Local, rendezvous};
use crate::persistence::cookie::{Generation, Home, Incarnation, SessionId};
use crate::persistence::{Chain, Recall};
use crate::snapshot::wire::{Introduction, Overflow, Protocol, Queue, ServerState, Sessions, State, Watch};

/// A server's position in its pool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ServerId(pub usize);

/// One server as the snapshot knows it.
#[derive(Debug, Clone)]
pub struct Server {
    /// Its identity.
    pub name: String,
    /// The name as cookies carry it.
    pub home: Home,
    /// Where it listens.
    pub address: SocketAddr,
    /// 0 to 256, as configured; 0 takes no new sessions.
    pub weight: u16,
    /// Requests it may have in flight; 0 for any number.
    pub limit: u32,
    /// Whether it takes requests only where no other server can.
    pub spare: bool,
    /// Whether it may be a session's home.
    pub persist: bool,
    /// Its sessions stamped with another number have ended.
    pub generation: u16,
    /// The life that the configuration names; unknown where it names none.
    pub incarnation: Incarnation,
    /// As it is now.
    pub live: Arc<Live>,
}

impl Server {
    /// Which life this is: as the configuration says, else as the server told.
    pub fn incarnation(&self) -> Incarnation {
        if self.incarnation == Incarnation::UNKNOWN { self.live.incarnation() } else { self.incarnation }
    }

    /// Whether a session that was stamped then, with that life, belongs to a life before this one.
    ///
    /// Before its first return a server's life is unknown, here and in its sessions' stamps: those the time tells apart.
    pub fn is_past(&self, stamped: Incarnation, seen: u64) -> bool {
        match (stamped, self.incarnation()) {
            (_, Incarnation::UNKNOWN) => false,
            (Incarnation::UNKNOWN, _) => {
                self.incarnation == Incarnation::UNKNOWN && seen <= self.live.returned()
            }
            (stamped, now) => {
                stamped != now || (self.incarnation == Incarnation::UNKNOWN && self.live.repeats(seen))
            }
        }
    }

    /// Its share of the sessions that get another home: as people say, and not by the second.
    pub fn lasting_weight(&self) -> u16 {
        self.live.given_weight(self.weight)
    }

    /// Its turn among the servers of the pool, if it may get a request that it is not the home of.
    fn turn(&self) -> Option<Turn> {
        Turn::of(self.live.state(), self.spare)
    }

    /// Whether sessions move to it of themselves: back, or since it joined. Nothing moves to a spare.
    pub fn attracts(&self) -> bool {
        self.turn() == Some(Turn::First) && self.persist && self.lasting_weight() > 0
    }
}

/// When a server is asked to take what is nobody's, or has lost its home.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Turn {
    /// Before all others.
    First,
    /// A spare: where none of the first can.
    Spare,
    /// A server that drains: before anybody is turned away.
    Last,
}

impl Turn {
    const ALL: [Self; 3] = [Self::First, Self::Spare, Self::Last];

    fn of(state: State, spare: bool) -> Option<Self> {
        match state {
            State::Up if spare => Some(Self::Spare),
            State::Up => Some(Self::First),
            State::Draining => Some(Self::Last),
            State::Maintenance | State::Down => None,
        }
    }
}

/// Interchangeable servers.
#[derive(Debug)]
pub struct Pool {
    /// Unique in the snapshot.
    pub name: String,
    /// What they speak.
    pub protocol: Protocol,
    /// How its servers are told of the client.
    pub introduction: Introduction,
    /// What we call ourselves in Via; empty for no such field.
    pub via: String,
    /// Never empty.
    pub servers: Vec<Server>,
    /// Who takes a request that no session sends anywhere.
    pub balance: Balance,
    /// How sessions come back to their homes.
    pub persistence: Chain,
    /// What holds for sessions.
    pub sessions: Sessions,
    /// How long and how many may wait for a slot.
    pub queue: Queue,
    /// Whether a server has a limit: then a request needs a slot.
    pub limited: bool,
    /// What of its servers' answers is told.
    pub watch: Watch,
    /// Where slots are taken.
    pub gate: Arc<Gate>,
    /// How many requests it takes in a time.
    pub rates: Rates,
    /// Which failures are tried again.
    pub retry: Retry,
    /// Whether it is asked at all.
    pub breaker: Option<Arc<Breaker>>,
}

/// Where a request may go that has no slot yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    /// Its home, or its next one.
    One(ServerId),
    /// Whichever has room.
    Any,
}

impl Pool {
    /// The server that a cookie means.
    pub fn find_home(&self, home: Home) -> Option<ServerId> {
        self.servers.iter().position(|server| server.home == home).map(ServerId)
    }

    /// Whether a session that has just begun at a server may be there: nobody has taken the server away since.
    pub fn serves(&self, server: ServerId) -> bool {
        !self.servers[server.0].live.state().is_away()
    }

    /// Takes over what was said of a server; one that comes back may have begun a new life.
    pub fn say(&self, server: &Server, said: Option<&ServerState>, now: u64) {
        let before = server.live.state();
        match said {
            Some(said) => server.live.set(said),
            None => server.live.set_up(),
        }
        let after = server.live.state();
        if after != before {
            // What was still under way when it was left alone says nothing of how it does now.
            server.live.forget_failures();
        }
        if self.sessions.incarnation_on_return && before.is_away() && !after.is_away() {
            server.live.returns(now);
        }
    }

    /// What a session at `server` is stamped with.
    pub fn generation(&self, server: ServerId) -> Generation {
        Generation { pool: self.sessions.generation, server: self.servers[server.0].generation }
    }

    /// The server for the next attempt; `None` when nobody is left.
    ///
    /// A session that lost its home gets its next one by rendezvous of its id: every worker and every member
    /// of a fleet chooses the same server without talking.
    pub fn pick(&self, recall: &Recall, tried: &Tried, balance: &mut Local) -> Option<ServerId> {
        if let Some(home) = recall.home().filter(|home| !tried.contains(*home)) {
            return Some(home);
        }
        if self.sessions.strict && recall.had_home() {
            return None;
        }
        Turn::ALL.into_iter().find_map(|turn| self.choose(recall, tried, balance, turn, |_| true))
    }

    /// Where a request may go in a pool with limits; `None` when nobody is left.
    ///
    /// The next home does not depend on who has room: parallel requests of a session must agree on it.
    pub fn target(&self, recall: &Recall, tried: &Tried) -> Option<Target> {
        if let Some(home) = recall.home().filter(|home| !tried.contains(*home)) {
            return Some(Target::One(home));
        }
        if self.sessions.strict && recall.had_home() {
            return None;
        }
        let Some(id) = recall.id() else {
            return Turn::ALL.into_iter().any(|turn| self.has(turn, tried)).then_some(Target::Any);
        };
        let found = Turn::ALL.into_iter().find_map(|turn| self.next_of(turn, id, recall, tried, |_| true));
        found.map(Target::One)
    }

    /// Whether there is a server of this turn that may still be chosen.
    fn has(&self, turn: Turn, tried: &Tried) -> bool {
        let mut servers = self.servers.iter().enumerate();
        servers.any(|(place, server)| {
            server.turn() == Some(turn)
                && server.live.weight(server.weight) > 0
                && !tried.contains(ServerId(place))
        })
    }

    /// Whether another server takes what a draining one lets go.
    pub fn has_beside(&self, home: ServerId) -> bool {
        let mut servers = self.servers.iter().enumerate();
        servers.any(|(place, server)| {
            let takes = matches!(server.turn(), Some(Turn::First | Turn::Spare));
            takes && ServerId(place) != home && server.lasting_weight() > 0
        })
    }

    /// Asks for a slot at the target, and waits in line for one where there is none.
    pub fn enter(&self, target: Target, recall: &Recall, tried: &Tried, balance: &mut Local) -> Entered {
        let most = self.queue.length as usize;
        match target {
            Target::One(server) => {
                self.gate.enter(&self.servers, Wish::Server(self.servers[server.0].home), most, || {
                    (!self.servers[server.0].live.is_full()).then_some(server)
                })
            }
            Target::Any => self.enter_any(recall, tried, balance, most),
        }
    }

    /// Whether a choice from outside may be followed: that server takes new sessions now.
    pub fn may_be_chosen(&self, server: ServerId) -> bool {
        let server = &self.servers[server.0];
        let is_turn = match server.turn() {
            Some(Turn::Spare) => !self.has(Turn::First, &Tried::default()),
            turn => turn == Some(Turn::First),
        };
        is_turn && server.live.weight(server.weight) > 0
    }

    /// Asks for a slot at one server, and does not wait for it.
    pub fn enter_if_free(&self, server: ServerId) -> Option<Slot> {
        let live = &self.servers[server.0].live;
        let wish = Wish::Server(self.servers[server.0].home);
        match self.gate.enter(&self.servers, wish, 0, || (!live.is_full()).then_some(server)) {
            Entered::In(_, slot) => Some(slot),
            Entered::Waits(_) | Entered::Full => None,
        }
    }

    /// Asks for a slot anywhere, for a session whose home has none; `most` may wait, 0 for nobody.
    ///
    /// One that has gone elsewhere as often as it may gets a new home, if there is room at the one that its id chooses:
    /// the recall then says so, as it says where the request goes elsewhere once more.
    pub fn overflow(
        &self,
        home: ServerId,
        recall: &mut Recall,
        tried: &Tried,
        balance: &mut Local,
        most: usize,
    ) -> Entered {
        let due = recall.id().filter(|_| recall.is_to_be_rehomed(self, home));
        if let Some(next) = due.and_then(|id| self.elsewhere(id, home)).filter(|next| !tried.contains(*next))
        {
            let wish = Wish::Server(self.servers[next.0].home);
            let free = || (!self.servers[next.0].live.is_full()).then_some(next);
            let entered = self.gate.enter(&self.servers, wish, 0, free);
            if matches!(entered, Entered::In(..)) {
                recall.rehome(home);
                return entered;
            }
        }
        self.enter_any(recall, tried, balance, most)
    }

    fn enter_any(&self, recall: &Recall, tried: &Tried, balance: &mut Local, most: usize) -> Entered {
        let failed = self.servers.iter().enumerate().filter(|(place, _)| tried.contains(ServerId(*place)));
        let not = failed.map(|(_, server)| server.home).collect();
        let wish = Wish::Anybody { session: recall.id().is_some(), not };
        self.gate.enter(&self.servers, wish, most, || {
            for turn in Turn::ALL {
                let free = |server: &Server| !server.live.is_full();
                let found = self.choose(recall, tried, balance, turn, free);
                // Neither a spare nor a server that drains gets anything while one before it will have room.
                if found.is_some() || (most > 0 && self.has(turn, tried)) {
                    return found;
                }
            }
            None
        })
    }

    /// Whether a session that finds no room at home is refused rather than sent elsewhere.
    pub fn refuses_overflow(&self) -> bool {
        self.sessions.overflow == Overflow::Refuse
    }

    /// Where a session goes that the server `not` does not want any more: its next home among those that take new ones.
    pub fn elsewhere(&self, id: SessionId, not: ServerId) -> Option<ServerId> {
        self.rank(id, |place, server| place != not && server.attracts())
    }

    /// A server that may be a home; where there is none, one that takes the request alone.
    fn next_home(&self, id: SessionId, takes: impl Fn(ServerId, &Server) -> bool) -> Option<ServerId> {
        let home = self.rank(id, |place, server| server.persist && takes(place, server));
        home.or_else(|| self.rank(id, takes))
    }

    fn rank(&self, id: SessionId, takes: impl Fn(ServerId, &Server) -> bool) -> Option<ServerId> {
        let weight =
            |place, server: &Server| if takes(ServerId(place), server) { server.lasting_weight() } else { 0 };
        let servers = self.servers.iter().enumerate();
        let chosen = rendezvous::rank(
            id.0,
            servers.map(|(place, server)| (place, server.home, weight(place, server))),
        );
        chosen.map(ServerId)
    }

    fn choose(
        &self,
        recall: &Recall,
        tried: &Tried,
        balance: &mut Local,
        turn: Turn,
        may: impl Fn(&Server) -> bool,
    ) -> Option<ServerId> {
        let Some(id) = recall.id() else {
            let weight = |place: usize| {
                let server = &self.servers[place];
                let takes = server.turn() == Some(turn) && !tried.contains(ServerId(place)) && may(server);
                if takes { server.live.weight(server.weight) } else { 0 }
            };
            return self.balance.choose(recall.key(), &self.servers, weight, balance).map(ServerId);
        };
        self.next_of(turn, id, recall, tried, may)
    }

    /// The next home of a session among the servers of this turn.
    fn next_of(
        &self,
        turn: Turn,
        id: SessionId,
        recall: &Recall,
        tried: &Tried,
        may: impl Fn(&Server) -> bool,
    ) -> Option<ServerId> {
        let takes =
            |place, server: &Server| server.turn() == Some(turn) && !tried.contains(place) && may(server);
        // What was sent away and has nowhere to go goes home.
        let home = recall.known_home().filter(|_| turn == Turn::Last);
        home.filter(|home| takes(*home, &self.servers[home.0])).or_else(|| self.next_home(id, takes))
    }
}
