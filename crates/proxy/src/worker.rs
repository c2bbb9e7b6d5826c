//! One thread, one event loop, one snapshot: a worker shares nothing with its neighbours.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use equalizer_core::crowd::Crowd;
use equalizer_core::http::forwarded::Origin;
use equalizer_core::persistence::births::Births;
use equalizer_core::persistence::opened::Opened;
use tokio::sync::mpsc::{UnboundedReceiver, WeakUnboundedSender};
use tokio::task::{AbortHandle, spawn_local};

use crate::access::Log;
use crate::alarm::Alarm;
use crate::buffer::{Buffers, Shelf};
use crate::clock::{Clock, Deadline, TICK_MS, Ticker};
use crate::desk::Desk;
use crate::life::{Ended, Held};
use crate::listening::Listening;
use crate::mailbox::{Command, Drill, Leave, Revision};
use crate::outside::Outside;
use crate::place::{Full, Place, Room};
use crate::report::Report;
use crate::serve::Client;
use crate::setup::Setup;
use crate::socket::Socket;
use crate::tls::failed::Why;
use crate::visit::{Visit, Visits};

/// What the tasks of one worker have in common.
pub(crate) struct Worker {
    pub(crate) clock: Rc<Clock>,
    pub(crate) buffers: Buffers,
    pub(crate) desks: Shelf<Desk>,
    pub(crate) births: Arc<Births>,
    crowd: Arc<Crowd>,
    pub(crate) outside: Arc<Outside>,
    pub(crate) alarm: Arc<Alarm>,
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
    /// Those that failed, by the listener's name.
    handshakes: RefCell<BTreeMap<String, BTreeMap<Why, u64>>>,
    leave: Cell<Option<Leave>>,
    drained: RefCell<Option<Sender<()>>>,
    listeners: RefCell<Vec<Listening>>,
    pub(crate) visits: Visits,
    /// What the next connection is for.
    pub(crate) drill: Cell<Option<Drill>>,
    mailbox: WeakUnboundedSender<Command>,
}

/// How a connection came.
#[derive(Clone)]
pub(crate) struct Arrival {
    /// What was seen of its client.
    pub(crate) origin: Origin,
    /// Whether it was one whose word on the client counted when it came.
    pub(crate) trusted: bool,
    /// Among its listener's connections, and its client's.
    pub(crate) place: Rc<Place>,
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
    pub(crate) fn room(&self, worker: &Worker) -> Room {
        let setup = worker.setup();
        let most = setup.entrance(self.listener.get()).map_or(0, |one| one.connections);
        match self.place.at_listener(most) {
            Room::Enough if self.trusted => Room::Enough,
            Room::Enough => self.place.of_client(self.origin.client, setup.rules.clients, &worker.crowd),
            other => other,
        }
    }
}

/// Runs a worker until it is told to stop, its engine is gone, or it breaks. Called on a thread of its own.
pub(crate) fn run(
    number: usize,
    held: &mut Held,
    mailbox: &mut UnboundedReceiver<Command>,
) -> io::Result<Ended> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build_local(tokio::runtime::LocalOptions::default())?;
    let worker = Worker::new(number, held);
    let work = Rc::clone(&worker).work(held, mailbox);
    let ended = catch_unwind(AssertUnwindSafe(|| runtime.block_on(work)));
    // With it go the connections, which count as open until then.
    drop(runtime);
    worker.log.point(None);
    held.past = worker.report(held, true);
    ended.unwrap_or(Ok(Ended::Broken))
}

impl Worker {
    fn new(number: usize, held: &Held) -> Rc<Self> {
        let revision = &held.revision;
        Rc::new(Self {
            clock: Rc::new(Clock::new()),
            buffers: Buffers::default(),
            desks: Shelf::default(),
            births: Arc::clone(&revision.births),
            crowd: Arc::clone(&revision.crowd),
            outside: Arc::clone(&revision.outside),
            alarm: Arc::clone(&revision.alarm),
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
            leave: Cell::default(),
            refused: RefCell::default(),
            handshakes: RefCell::default(),
            drained: RefCell::default(),
            listeners: RefCell::default(),
            visits: Visits::default(),
            drill: Cell::default(),
            mailbox: held.mailbox.clone(),
        })
    }

    async fn work(
        self: Rc<Self>,
        held: &mut Held,
        mailbox: &mut UnboundedReceiver<Command>,
    ) -> io::Result<Ended> {
        self.apply(held.revision.clone())?;
        self.vital(tick(Rc::clone(&self), Ticker::new()?));
        if let Some((drained, leave)) = held.drain.clone() {
            self.drain(drained, leave);
        }
        while let Some(command) = mailbox.recv().await {
            match command {
                Command::Apply(revision) => {
                    // First: this worker must be the last to have what is closed now.
                    held.revision.clone_from(&revision);
                    self.apply(*revision)?;
                }
                // Nobody waits for an answer that was given up on.
                Command::Report { to, census } => drop(to.send(self.report(held, census))),
                Command::Drain(to, leave) => {
                    held.revision.listeners.clear();
                    held.drain = Some((to.clone(), leave));
                    self.drain(to, leave);
                }
                Command::Drill(Drill::Worker) => panic!("a drill in a worker"),
                Command::Drill(drill) => self.drill.set(Some(drill)),
                Command::Broken => return Ok(Ended::Broken),
                Command::Stop => break,
            }
        }
        Ok(Ended::Told)
    }

    /// Starts a task without which the worker is of no use.
    pub(crate) fn vital(&self, task: impl Future<Output = ()> + 'static) -> AbortHandle {
        let vital = Vital(self.mailbox.clone());
        let task = async move {
            let _vital = vital;
            task.await;
        };
        spawn_local(task).abort_handle()
    }

    fn apply(self: &Rc<Self>, revision: Revision) -> io::Result<()> {
        let setup =
            Setup::new(Arc::clone(&revision.rules), &revision.secured, Some(&self.setup()), self.number);
        *self.setup.borrow_mut() = Rc::new(setup);
        self.log.point(revision.log);
        let before = self.listeners.take();
        let asked = |one: &Listening| revision.listeners.iter().any(|accept| one.is(accept));
        let (mut kept, mut gone): (Vec<_>, Vec<_>) = before.into_iter().partition(asked);
        for (place, accept) in revision.listeners.into_iter().enumerate() {
            let known = kept.iter().position(|one| one.is(&accept)).map(|at| kept.swap_remove(at));
            let listening = match known {
                Some(known) => known.renew(place, accept),
                None => {
                    let old = gone.iter().position(|one| one.name == accept.name);
                    Listening::begin(self, place, accept, old.map(|at| gone.swap_remove(at)))?
                }
            };
            self.listeners.borrow_mut().push(listening);
        }
        gone.into_iter().for_each(|gone| gone.remove(self));
        Ok(())
    }

    fn drain(self: &Rc<Self>, done: Sender<()>, leave: Leave) {
        self.leave.set(Some(leave));
        self.listeners.take().into_iter().for_each(|one| one.close(self));
        *self.drained.borrow_mut() = Some(done);
        self.clock.wake_all();
        self.tell_if_drained();
    }

    /// A connection opens.
    pub(crate) fn opens(&self) {
        self.connections.set(self.connections.get() + 1);
    }

    /// A connection has closed.
    pub(crate) fn closes(&self) {
        self.connections.set(self.connections.get() - 1);
        self.tell_if_drained();
    }

    fn tell_if_drained(&self) {
        if let (Some(done), 0) = (&*self.drained.borrow(), self.connections.get()) {
            // Nobody waits when the time was up before.
            let _ = done.send(());
        }
    }

    fn report(&self, held: &Held, census: bool) -> Report {
        let mut report = Report {
            connections: self.connections.get(),
            pauses: self.pauses.get(),
            answers: self.answers.borrow().clone(),
            refused: self.refused.borrow().clone(),
            handshakes: self.failed_handshakes(),
            ..Report::default()
        };
        self.setup().report(&mut report, census.then(|| self.clock.unix()));
        report.add_past(&held.past);
        report
    }

    /// By the listeners with TLS that there are now.
    fn failed_handshakes(&self) -> BTreeMap<String, BTreeMap<Why, u64>> {
        let (setup, failed) = (self.setup(), self.handshakes.borrow());
        let listeners = setup.rules.listeners.iter().zip(&setup.rules.entrances);
        listeners
            .filter(|(_, entrance)| entrance.secure)
            .map(|(name, _)| (name.clone(), failed.get(name).cloned().unwrap_or_default()))
            .collect()
    }

    /// The revision that runs now.
    pub(crate) fn setup(&self) -> Rc<Setup> {
        Rc::clone(&self.setup.borrow())
    }

    /// Whether connections shall end after their exchange.
    pub(crate) fn is_stopping(&self) -> bool {
        self.leave.get().is_some()
    }

    /// Whether connections that wait for a request shall end now.
    pub(crate) fn ends_idle(&self) -> bool {
        self.leave.get() == Some(Leave::Now)
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
            opened: Opened::default(),
            parting: Cell::new(None),
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

    /// Counts a handshake that failed at the listener at this place; one that is gone is told of no more.
    pub(crate) fn count_handshake(&self, place: usize, why: Why) {
        if let Some(name) = self.setup().rules.listeners.get(place) {
            *self.handshakes.borrow_mut().entry(name.clone()).or_default().entry(why).or_default() += 1;
        }
    }

    /// Counts that accepting had to wait.
    pub(crate) fn count_pause(&self) {
        self.pauses.set(self.pauses.get() + 1);
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
            let (now, setup) = (worker.clock.now(), worker.setup());
            setup.close_idle(now);
            worker.visits.close_older(now.saturating_sub(u64::from(setup.rules.timeouts.idle_server)));
            worker.buffers.shrink();
            worker.desks.shrink();
        }
    }
}

/// Held by a task that the worker cannot be without: a panic of it is one of the worker's.
struct Vital(WeakUnboundedSender<Command>);

impl Drop for Vital {
    fn drop(&mut self) {
        if std::thread::panicking()
            && let Some(mailbox) = self.0.upgrade()
        {
            // An engine that is gone ends the worker, too.
            let _ = mailbox.send(Command::Broken);
        }
    }
}
