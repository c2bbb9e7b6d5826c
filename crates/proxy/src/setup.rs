//! What one worker runs: the shared rules of a snapshot, and beside each pool and server what this worker keeps of it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use equalizer_core::balance::Local;
use equalizer_core::fault::Fault;
use equalizer_core::http::https::Https;
use equalizer_core::persistence::Reason;
use equalizer_core::persistence::census::Census;
use equalizer_core::pool::ServerId;
use equalizer_core::pool::live::Live;
use equalizer_core::pool::retry::Next;
use equalizer_core::route::PoolId;
use equalizer_core::snapshot::Snapshot;
use equalizer_core::snapshot::entrance::Entrance;
use equalizer_core::snapshot::wire::{Introduction, Protocol};

use crate::choice::Outcome;
use crate::clock::{Moment, shared_now};
use crate::forward::h2::Shared;
use crate::forward::idle::Idle;
use crate::report::{PoolReport, Report, ServerReport};
use crate::serve::Client;
use crate::timing::{Times, Timing};
use crate::tls::failed::Why;
use crate::tls::servers::{Secured, ServerTls};
use crate::worker::Worker;

/// A revision as one worker runs it. Exchanges hold it until they end, so none sees two configurations.
pub(crate) struct Setup {
    pub(crate) rules: Arc<Snapshot>,
    pools: Vec<Rc<PoolSeat>>,
}

/// A pool's state in this worker.
pub(crate) struct PoolSeat {
    pub(crate) balance: RefCell<Local>,
    timing: Timing,
    servers: Vec<Rc<ServerSeat>>,
    /// Shared with the revisions before: exchanges that began under one of them are counted too.
    reasons: Rc<[Cell<u64>; Reason::ALL.len()]>,
    /// The same of what was chosen outside.
    choices: Rc<[Cell<u64>; Outcome::ALL.len()]>,
    /// The same of retries: those that were made, and those that the budget did not allow.
    retries: Rc<[Cell<u64>; 2]>,
}

/// A server's state in this worker.
pub(crate) struct ServerSeat {
    pub(crate) address: SocketAddr,
    pub(crate) spoken: Spoken,
    window: u32,
    pub(crate) idle: Idle,
    pub(crate) shared: Shared,
    /// Connections whose streams are tunnels.
    pub(crate) tunnel_connections: Shared,
    /// Whether it could have chosen HTTP/2 when it was connected to last, and did not.
    pub(crate) chose_http1: Cell<bool>,
    /// Whether it spoke HTTP/1.1 last; nothing of it before its first answer.
    pub(crate) spoke11: Cell<Option<bool>>,
    /// When the last handshake with it ended, on the clock of all workers, and why it failed.
    handshake: Cell<(u64, Why)>,
    /// What all workers have in flight, where the balance asks for it.
    flights: Option<Arc<Live>>,
    /// The sessions seen at it.
    pub(crate) census: RefCell<Census>,
    /// Shared with the revisions before, like what is counted of the pool.
    pub(crate) counted: Rc<Counted>,
}

/// What is counted of a server.
#[derive(Default)]
pub(crate) struct Counted {
    pub(crate) exchanges: Cell<u64>,
    in_flight: Cell<u64>,
    times: Times,
    pub(crate) connects: Cell<u64>,
    /// Connections that have changed to another protocol, now.
    pub(crate) tunnels: Cell<u64>,
    faults: RefCell<Vec<(&'static str, u64)>>,
    /// Answers of 500 and above.
    errors: Cell<u64>,
    /// Attempts that are no exchange.
    given_up: Cell<u64>,
    /// Attempts that failed, each once.
    failures: Cell<u64>,
}

/// What a server speaks.
pub(crate) struct Spoken {
    pub(crate) protocol: Protocol,
    /// How it is told of the client.
    pub(crate) introduction: Introduction,
    /// Present when it speaks TLS.
    pub(crate) tls: Option<Arc<ServerTls>>,
}

impl Spoken {
    /// TLS that did not change is the same, not only equal.
    fn is(&self, other: &Self) -> bool {
        let same = self.tls.as_ref().map(Arc::as_ptr) == other.tls.as_ref().map(Arc::as_ptr);
        self.protocol == other.protocol && self.introduction == other.introduction && same
    }
}

impl Setup {
    /// Seats the rules, keeping what `before` has of the pools and servers that did not change.
    pub(crate) fn new(rules: Arc<Snapshot>, secured: &Secured, before: Option<&Self>, worker: usize) -> Self {
        let pools = rules.pools.iter().map(|pool| {
            let old = before.and_then(|before| before.pool_named(&pool.name));
            let servers = pool.servers.iter().map(|server| {
                let names = old.map(|(old, _)| &old.servers).into_iter().flatten();
                let seats = old.map(|(_, seat)| &seat.servers).into_iter().flatten();
                let kept = names.zip(seats).find(|(old, _)| old.name == server.name);
                let window = pool.sessions.census_window;
                let tls = secured.get(&(pool.name.clone(), server.name.clone())).cloned();
                let (protocol, introduction) = (pool.protocol, pool.introduction);
                let (address, spoken) = (server.address, Spoken { protocol, introduction, tls });
                let flights = pool.balance.counts_flights().then(|| Arc::clone(&server.live));
                match kept {
                    Some((_, seat))
                        if seat.serves(address, &spoken, window) && seat.counts(flights.as_ref()) =>
                    {
                        Rc::clone(seat)
                    }
                    Some((_, seat)) => Rc::new(seat.moved(address, spoken, window, flights)),
                    None => Rc::new(ServerSeat::new(address, spoken, window, flights)),
                }
            });
            let servers: Vec<_> = servers.collect();
            let mut fresh = PoolSeat::new(servers, pool, worker);
            if let Some((old, seat)) = old {
                fresh.reasons = Rc::clone(&seat.reasons);
                fresh.choices = Rc::clone(&seat.choices);
                fresh.retries = Rc::clone(&seat.retries);
                let places =
                    pool.servers.iter().map(|server| old.find_home(server.home).map(|place| place.0));
                fresh.balance = RefCell::new(seat.balance.borrow().carried(places));
            }
            Rc::new(fresh)
        });
        Self { pools: pools.collect(), rules }
    }

    /// A pool's rules and its seat.
    pub(crate) fn pool(&self, id: PoolId) -> Option<(&equalizer_core::pool::Pool, &PoolSeat)> {
        Some((self.rules.pool(id)?, self.pools.get(id.0)?))
    }

    /// What keeps a client on HTTPS, as its listener has it.
    pub(crate) fn https(&self, client: &Client) -> Option<&Https> {
        self.rules.https.get(client.arrival.listener.get())
    }

    /// What holds for the connections of a listener that is in the snapshot.
    pub(crate) fn entrance(&self, place: usize) -> Option<&Entrance> {
        self.rules.entrances.get(place)
    }

    fn pool_named(&self, name: &str) -> Option<(&equalizer_core::pool::Pool, &PoolSeat)> {
        self.pool(PoolId(self.rules.pools.iter().position(|pool| pool.name == name)?))
    }

    /// Closes the server connections that were idle for longer than they may.
    pub(crate) fn close_idle(&self, now: u64) {
        let most = u64::from(self.rules.timeouts.idle_server);
        for seat in self.pools.iter().flat_map(|pool| &pool.servers) {
            seat.idle.close_older(now.saturating_sub(most));
            seat.shared.close_older(now.saturating_sub(most));
            seat.tunnel_connections.close_older(now.saturating_sub(most));
        }
    }

    /// Adds what this worker counted to a report, with the sessions seen by the Unix second where they are asked for.
    pub(crate) fn report(&self, report: &mut Report, sketch_at: Option<u64>) {
        report.revision = self.rules.revision;
        for (pool, seat) in self.rules.pools.iter().zip(&self.pools) {
            let told = |(reason, count): (&Reason, &Cell<u64>)| (reason.word(), count.get());
            let reasons = Reason::ALL.iter().zip(seat.reasons.iter()).filter(|(_, count)| count.get() > 0);
            let choices = Outcome::ALL.iter().zip(seat.choices.iter());
            let choices = choices.filter(|(_, count)| count.get() > 0);
            let servers = pool.servers.iter().zip(&seat.servers);
            report.pools.insert(
                pool.name.clone(),
                PoolReport {
                    lost: reasons.clone().filter(|(reason, _)| reason.is_loss()).map(told).collect(),
                    limited: reasons.clone().filter(|(reason, _)| reason.is_of_limit()).map(told).collect(),
                    waiting: 0,
                    breaker: None,
                    rates: BTreeMap::new(),
                    retries: ["made", "over_budget"]
                        .into_iter()
                        .zip(seat.retries.iter().map(Cell::get))
                        .collect(),
                    choices: choices.map(|(outcome, count)| (outcome.word(), count.get())).collect(),
                    reasons: reasons.map(told).collect(),
                    records: BTreeMap::new(),
                    servers: servers
                        .map(|(server, seat)| (server.name.clone(), seat.report(server, sketch_at)))
                        .collect(),
                },
            );
        }
    }
}

impl PoolSeat {
    fn new(servers: Vec<Rc<ServerSeat>>, pool: &equalizer_core::pool::Pool, worker: usize) -> Self {
        let mut balance = Local::new(servers.len(), fastrand::u64(..));
        balance.skip(worker, |server| pool.servers[server].weight);
        let timing = Timing::new(pool.balance.is_timed() || pool.watch.timed);
        Self {
            balance: RefCell::new(balance),
            timing,
            servers,
            reasons: Rc::default(),
            choices: Rc::default(),
            retries: Rc::default(),
        }
    }

    /// A server's seat.
    pub(crate) fn server(&self, id: ServerId) -> &Rc<ServerSeat> {
        &self.servers[id.0]
    }

    /// A request goes to a server: when, if its answer is timed.
    pub(crate) fn begins(&self, worker: &Worker) -> Option<Moment> {
        self.timing.begins(worker)
    }

    /// The server has answered a request that began then.
    pub(crate) fn answered(&self, worker: &Worker, server: ServerId, began: Moment) {
        let now = worker.clock.moment();
        let took = now.since(began);
        self.server(server).counted.times.add(took);
        if self.timing.is_often() {
            self.balance.borrow_mut().answered(server.0, took, now.micros());
        }
    }

    /// Counts what came of asking outside.
    pub(crate) fn chose(&self, outcome: Outcome) {
        let count = &self.choices[outcome as usize];
        count.set(count.get() + 1);
    }

    /// Counts what became of a request that failed at a server.
    pub(crate) fn count_retry(&self, next: Next) {
        let count = match next {
            Next::Again => &self.retries[0],
            Next::OverBudget => &self.retries[1],
            Next::Nobody | Next::Ends => return,
        };
        count.set(count.get() + 1);
    }

    /// Counts why an exchange went where it went.
    pub(crate) fn count(&self, reason: Reason) {
        let count = &self.reasons[reason as usize];
        count.set(count.get() + 1);
    }
}

impl ServerSeat {
    fn serves(&self, address: SocketAddr, spoken: &Spoken, window: u32) -> bool {
        self.address == address && self.spoken.is(spoken) && self.window == window
    }

    fn counts(&self, flights: Option<&Arc<Live>>) -> bool {
        self.flights.as_ref().map(Arc::as_ptr) == flights.map(Arc::as_ptr)
    }

    fn new(address: SocketAddr, spoken: Spoken, window: u32, flights: Option<Arc<Live>>) -> Self {
        Self {
            address,
            spoken,
            idle: Idle::default(),
            shared: Shared::default(),
            tunnel_connections: Shared::default(),
            chose_http1: Cell::default(),
            spoke11: Cell::default(),
            handshake: Cell::default(),
            flights,
            window,
            census: RefCell::new(Census::new(u64::from(window))),
            counted: Rc::default(),
        }
    }

    /// The same server at another address, spoken to in another way, or counted over another window: what was
    /// counted before still counts.
    fn moved(&self, address: SocketAddr, spoken: Spoken, window: u32, flights: Option<Arc<Live>>) -> Self {
        Self {
            counted: Rc::clone(&self.counted),
            census: if window == self.window {
                self.census.clone()
            } else {
                RefCell::new(Census::new(u64::from(window)))
            },
            ..Self::new(address, spoken, window, flights)
        }
    }

    /// Whether exchanges share connections to it; a server that may choose is expected to choose as it did last.
    pub(crate) fn shares(&self) -> bool {
        match self.spoken.protocol {
            Protocol::H1 => false,
            Protocol::H2 | Protocol::H2c => true,
            Protocol::Auto => !self.chose_http1.get(),
        }
    }

    /// Whether a connection to it is one client's alone.
    pub(crate) fn is_told(&self) -> bool {
        self.spoken.introduction != Introduction::Off
    }

    /// One more request is in flight.
    pub(crate) fn departs(&self) {
        self.counted.in_flight.set(self.counted.in_flight.get() + 1);
        if let Some(flights) = &self.flights {
            flights.departs();
        }
    }

    /// One request fewer is in flight.
    pub(crate) fn arrives(&self) {
        self.counted.in_flight.set(self.counted.in_flight.get() - 1);
        if let Some(flights) = &self.flights {
            flights.arrives();
        }
    }

    /// A handshake with it has ended: why it failed, empty where it did not.
    pub(crate) fn shook_hands(&self, why: Why) {
        self.handshake.set((shared_now(), why));
    }

    /// Counts an attempt that brought no answer.
    pub(crate) fn failed(&self, fault: Fault) {
        self.note(fault);
        self.gives_up();
        self.counted.failures.set(self.counted.failures.get() + 1);
    }

    /// Counts an attempt whose answer, if there was one, does not reach the client.
    pub(crate) fn gives_up(&self) {
        self.counted.given_up.set(self.counted.given_up.get() + 1);
    }

    /// Counts that an answer ended before its body did; one of 500 or above has failed already.
    pub(crate) fn cut_short(&self, status: u16) {
        self.note(Fault::CutShort);
        if status < 500 {
            self.counted.failures.set(self.counted.failures.get() + 1);
        }
    }

    fn note(&self, fault: Fault) {
        let mut faults = self.counted.faults.borrow_mut();
        match faults.iter_mut().find(|(word, _)| *word == fault.word()) {
            Some((_, count)) => *count += 1,
            None => faults.push((fault.word(), 1)),
        }
    }

    /// Counts an answer of 500 or above.
    pub(crate) fn erred(&self) {
        self.counted.errors.set(self.counted.errors.get() + 1);
        self.counted.failures.set(self.counted.failures.get() + 1);
    }

    fn report(&self, server: &equalizer_core::pool::Server, sketch_at: Option<u64>) -> ServerReport {
        ServerReport {
            exchanges: self.counted.exchanges.get(),
            in_flight: self.counted.in_flight.get(),
            timed: self.counted.times.answers(),
            micros: self.counted.times.micros(),
            times: self.counted.times.counts(),
            weight: server.live.weight(server.weight),
            limit: 0,
            waiting: 0,
            connects: self.counted.connects.get(),
            tunnels: self.counted.tunnels.get(),
            state: server.live.state(),
            sessions: None,
            sketch: sketch_at.map(|now| self.census.borrow().sketch(now)),
            faults: self.counted.faults.borrow().iter().copied().collect(),
            handshake: self.handshake.get().1,
            handshake_at: self.handshake.get().0,
            errors: self.counted.errors.get(),
            given_up: self.counted.given_up.get(),
            failures: self.counted.failures.get(),
        }
    }
}
