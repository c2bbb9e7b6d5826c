//! The engine as its owner sees it: apply a snapshot, ask what was counted, drain, stop.

mod bound;
mod states;

use std::collections::BTreeMap;
use std::io;
use std::mem;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{AsRawFd, RawFd};
use std::process;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use equalizer_core::crowd::Crowd;
use equalizer_core::persistence::births::Births;
use equalizer_core::persistence::records::{self, Taken, Unreadable};
use equalizer_core::snapshot::build::Mistake;
use equalizer_core::snapshot::{Snapshot, wire};

use self::bound::Bound;
use crate::access::{Logs, Ready};
use crate::accidents::Accidents;
use crate::alarm::Alarm;
use crate::clock::unix_now;
use crate::life::Thread;
use crate::listener;
use crate::mailbox::{Accept, Command, Revision};
pub use crate::mailbox::{Drill, Leave};
use crate::outside::Outside;
use crate::prepared::{Listener, Prepared};
use crate::report::Report;
use crate::tls::servers::Secured;

/// How long a worker may take to tell what it counted.
const PATIENCE: Duration = Duration::from_secs(2);

/// Why a snapshot does not run.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It is not what the boundary speaks.
    #[error("the snapshot cannot be read: {0}")]
    Unreadable(#[from] serde_json::Error),
    /// It is read, and wrong.
    #[error("{}", tell(.0))]
    Mistakes(Vec<Mistake>),
    /// An address cannot be listened on.
    #[error("listener {name}: cannot listen on {address}: {error}")]
    Bind {
        /// The listener.
        name: String,
        /// Its address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
    /// The access log cannot be written to.
    #[error("access_log: cannot write to {file}: {error}")]
    AccessLog {
        /// Its file.
        file: String,
        /// What the system said.
        error: io::Error,
    },
    /// No threads, or no event loop.
    #[error("a worker cannot start: {0}")]
    Start(io::Error),
    /// Something is said of a server that is not there, or a cookie asked for that names it.
    #[error("there is no server {server:?} in a pool {pool:?}")]
    NoSuchServer {
        /// The pool that was named.
        pool: String,
        /// The server that was named.
        server: String,
    },
    /// A file of records cannot be read.
    #[error("{0}")]
    Records(#[from] Unreadable),
    /// Records came when a snapshot already ran.
    #[error("records are taken before the first snapshot runs")]
    Late,
    /// Nothing runs: nothing was applied yet, or the engine was stopped.
    #[error("the engine does not run")]
    Stopped,
}

impl Refused {
    /// A server that is not there, by its pool's name and its own.
    pub(crate) fn no_such(pool: &str, server: &str) -> Self {
        Self::NoSuchServer { pool: pool.to_owned(), server: server.to_owned() }
    }
}

fn tell(mistakes: &[Mistake]) -> String {
    let told = mistakes.iter().map(|mistake| format!("{}: {}", mistake.path.join("."), mistake.message));
    told.collect::<Vec<_>>().join("; ")
}

/// The data plane: some workers, and what they run.
pub struct Engine {
    count: usize,
    workers: Vec<Thread>,
    listeners: BTreeMap<String, Bound>,
    /// Sockets that somebody opened for us, by listener, until a snapshot has been applied.
    adopted: BTreeMap<Option<String>, Vec<Arc<TcpListener>>>,
    rules: Option<Arc<Snapshot>>,
    secured: Arc<Secured>,
    births: Arc<Births>,
    crowd: Arc<Crowd>,
    outside: Arc<Outside>,
    alarm: Arc<Alarm>,
    logs: Logs,
    accidents: Arc<Accidents>,
    stopped: bool,
    /// That has the workers: a fork takes over everything but threads.
    process: u32,
}

impl Engine {
    /// An engine of `workers` threads that does nothing yet.
    pub fn new(workers: usize) -> Self {
        let count = workers.max(1);
        Self {
            count,
            workers: Vec::new(),
            listeners: BTreeMap::new(),
            adopted: BTreeMap::new(),
            rules: None,
            secured: Arc::default(),
            births: Arc::default(),
            crowd: Arc::default(),
            outside: Arc::default(),
            alarm: Arc::default(),
            logs: Logs::default(),
            accidents: Arc::default(),
            stopped: false,
            process: process::id(),
        }
    }

    /// Everything that is wrong with a snapshot; it would run when there are warnings only.
    pub fn check(snapshot: &[u8]) -> Result<Vec<Mistake>, Refused> {
        Ok(Prepared::read(snapshot, None, &Secured::new())?
            .map_or_else(|mistakes| mistakes, |prepared| prepared.warnings))
    }

    /// Runs a snapshot in place of the one before; when it is refused, nothing has changed.
    pub fn apply(&mut self, snapshot: &[u8]) -> Result<(), Refused> {
        if self.stopped {
            return Err(Refused::Stopped);
        }
        let prepared = Prepared::read(snapshot, self.rules.as_deref(), &self.secured)?;
        let prepared = prepared.map_err(Refused::Mistakes)?;
        let rules = Arc::new(prepared.rules);
        let mut listeners = BTreeMap::new();
        let mut revisions: Vec<Revision> = (0..self.count)
            .map(|_| Revision {
                rules: Arc::clone(&rules),
                secured: Arc::clone(&prepared.secured),
                listeners: Vec::new(),
                births: Arc::clone(&self.births),
                crowd: Arc::clone(&self.crowd),
                outside: Arc::clone(&self.outside),
                alarm: Arc::clone(&self.alarm),
                log: None,
            })
            .collect();
        for Listener { name, address, tls, http2 } in prepared.listeners {
            let bound = match self.bound(&name, address) {
                Some(bound) => bound.clone(),
                None => self.bind(&name, address, &listeners)?,
            };
            for (worker, revision) in revisions.iter_mut().enumerate() {
                let sockets = bound.sockets_of(worker, self.count);
                let (name, tls, open) = (name.clone(), tls.clone(), Arc::clone(&bound.open));
                revision.listeners.push(Accept { name, tls, http2, open, sockets });
            }
            listeners.insert(name, bound);
        }
        let log = self.open_log(prepared.access_log)?;
        for revision in &mut revisions {
            revision.log = log.sink();
        }
        self.set_limits(&rules);
        // First: the workers look once more whether somebody has come before they close what is gone.
        self.listeners = listeners;
        self.hand_out(revisions)?;
        self.logs.take(log);
        self.rules = Some(rules);
        self.secured = prepared.secured;
        self.adopted.clear();
        Ok(())
    }

    /// Takes a socket that somebody opened for a listener; the snapshot that is applied first accepts on it. One without
    /// a listener is closed then.
    pub fn adopt(&mut self, listener: Option<String>, socket: TcpListener) -> io::Result<()> {
        listener::settle(&socket)?;
        self.adopted.entry(listener).or_default().push(Arc::new(socket));
        Ok(())
    }

    /// The sockets that are accepted on, by listener, for whoever shall adopt them.
    pub fn handles(&self) -> impl Iterator<Item = (&str, RawFd)> {
        let all = self.listeners.iter();
        all.flat_map(|(name, bound)| {
            bound.sockets.iter().map(move |socket| (name.as_str(), socket.as_raw_fd()))
        })
    }

    /// Takes the records of a run before; the snapshot that is then applied, this one, keeps them.
    pub fn load_records(&mut self, snapshot: &[u8], file: &[u8]) -> Result<Taken, Refused> {
        if !self.workers.is_empty() {
            return Err(Refused::Late);
        }
        let mut rules = Prepared::read(snapshot, None, &Secured::new())?.map_err(Refused::Mistakes)?.rules;
        let taken = records::read(file, &mut rules, unix_now())?;
        self.rules = Some(Arc::new(rules));
        Ok(taken)
    }

    /// The records that are kept now. Apart from the engine, so that it can be asked meanwhile.
    pub fn records(&self) -> impl FnOnce() -> Vec<u8> + use<> {
        let rules = self.rules.clone();
        move || rules.map(|rules| records::write(&rules, unix_now())).unwrap_or_default()
    }

    fn open_log(&self, asked: Option<wire::AccessLog>) -> Result<Ready, Refused> {
        let file = asked.as_ref().and_then(|asked| asked.file.clone());
        self.logs.open(asked).map_err(|error| Refused::AccessLog {
            file: file.unwrap_or_else(|| "the standard output".to_owned()),
            error,
        })
    }

    /// Before any worker runs the rules: who takes a slot under them finds their limits.
    fn set_limits(&self, rules: &Snapshot) {
        for pool in &rules.pools {
            let before = self
                .rules
                .as_deref()
                .and_then(|before| before.pools.iter().find(|old| old.name == pool.name));
            if pool.limited || before.is_some_and(|before| before.limited) {
                pool.gate.admit(&pool.servers);
            }
        }
    }

    fn hand_out(&mut self, revisions: Vec<Revision>) -> Result<(), Refused> {
        if self.workers.is_empty() {
            let started = revisions
                .into_iter()
                .enumerate()
                .map(|(number, revision)| Thread::start(number, revision, Arc::clone(&self.accidents)));
            self.workers = started.collect::<io::Result<_>>().map_err(Refused::Start)?;
            return Ok(());
        }
        for (worker, revision) in self.workers.iter().zip(revisions) {
            worker.mailbox.send(Command::Apply(Box::new(revision))).map_err(|_| Refused::Stopped)?;
        }
        Ok(())
    }

    /// The addresses that are listened on, by listener.
    pub fn sockets(&self) -> BTreeMap<&str, SocketAddr> {
        self.listeners.iter().map(|(name, bound)| (name.as_str(), bound.real)).collect()
    }

    /// What all workers counted together; `census` for the sessions too.
    pub fn report(&self, census: bool) -> Report {
        let mut report = Report::default();
        for counted in self.ask(|to| Command::Report { to, census }).iter() {
            report.add(counted);
        }
        report.count_sessions();
        if let Some(rules) = &self.rules {
            report.count_records(rules);
            report.look_at_limits(rules);
            report.count_guards(rules);
        }
        report.access_log = self.logs.counts.report();
        (report.panics, report.restarts) = (self.accidents.places(), self.accidents.restarts());
        report
    }

    /// Panics on purpose in the first worker: for tests of what survives it.
    pub fn drill(&self, drill: Drill) {
        if let Some(worker) = self.workers.first() {
            // A worker that is gone has stopped already.
            let _ = worker.mailbox.send(Command::Drill(drill));
        }
    }

    /// Where births are chosen for outside. Apart from the engine, so that it can be asked meanwhile.
    pub fn outside(&self) -> Arc<Outside> {
        Arc::clone(&self.outside)
    }

    /// Stops accepting; connections close after their exchange, and without one as `leave` says.
    pub fn drain(&mut self, leave: Leave) -> Draining {
        self.listeners.values_mut().for_each(|bound| bound.sockets.clear());
        self.forget_threads_of_another_process();
        Draining { workers: self.workers.len(), done: self.ask(|to| Command::Drain(to, leave)).0 }
    }

    /// Ends all workers at once, with whatever they are doing.
    pub fn stop(&mut self) {
        self.stopped = true;
        if self.forget_threads_of_another_process() {
            return;
        }
        self.outside.close();
        self.alarm.close();
        for worker in &self.workers {
            // A worker that is gone has stopped already.
            let _ = worker.mailbox.send(Command::Stop);
        }
        for worker in self.workers.drain(..) {
            let _ = worker.thread.join();
        }
        self.logs.close();
    }

    /// A child of a fork has none of our threads, and a lock that one of them held is held for ever. True there.
    fn forget_threads_of_another_process(&mut self) -> bool {
        let forked = self.process != process::id();
        if forked {
            mem::forget((mem::take(&mut self.workers), mem::take(&mut self.logs)));
        }
        forked
    }

    fn ask<T>(&self, question: impl Fn(Sender<T>) -> Command) -> Answers<T> {
        let (to, answers) = channel();
        for worker in &self.workers {
            // A worker that is gone does not answer; the others do.
            let _ = worker.mailbox.send(question(to.clone()));
        }
        Answers(answers)
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Workers that finish what is under way; apart from the engine, so that it can be asked and stopped meanwhile.
#[must_use]
pub struct Draining {
    workers: usize,
    done: Receiver<()>,
}

impl Draining {
    /// Waits for the exchanges under way, at most `most`; whether all have ended.
    pub fn wait(self, most: Duration) -> bool {
        let until = Instant::now() + most;
        (0..self.workers).all(|_| {
            let left = until.saturating_duration_since(Instant::now());
            self.done.recv_timeout(left).is_ok()
        })
    }
}

/// What the workers answer, as far as they do in time.
struct Answers<T>(Receiver<T>);

impl<T> Answers<T> {
    fn iter(&self) -> impl Iterator<Item = T> {
        let until = Instant::now() + PATIENCE;
        std::iter::from_fn(move || self.0.recv_timeout(until.saturating_duration_since(Instant::now())).ok())
    }
}
