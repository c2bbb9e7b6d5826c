//! The engine as its owner sees it: apply a snapshot, ask what was counted, drain, stop.

use std::collections::BTreeMap;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use equalizer_core::persistence::births::Births;
use equalizer_core::persistence::records::{self, Taken, Unreadable};
use equalizer_core::snapshot::build::{At, Mistake, build};
use equalizer_core::snapshot::{Snapshot, wire};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

use crate::access::{Logs, Ready};
use crate::clock::unix_now;
use crate::listener::bind;
use crate::mailbox::{Accept, Command, Revision};
use crate::outside::Outside;
use crate::report::Report;
use crate::tls::servers::Secured;
use crate::tls::{self, Complaints, ListenerTls};
use crate::worker;

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
    /// A cookie cannot be sealed for a server that is not there.
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

fn tell(mistakes: &[Mistake]) -> String {
    let told = mistakes.iter().map(|mistake| format!("{}: {}", mistake.path.join("."), mistake.message));
    told.collect::<Vec<_>>().join("; ")
}

/// The data plane: some workers, and what they run.
pub struct Engine {
    count: usize,
    workers: Vec<Thread>,
    listeners: BTreeMap<String, Bound>,
    rules: Option<Arc<Snapshot>>,
    secured: Arc<Secured>,
    births: Arc<Births>,
    outside: Arc<Outside>,
    logs: Logs,
    stopped: bool,
}

struct Thread {
    mailbox: UnboundedSender<Command>,
    thread: JoinHandle<()>,
}

/// A listener as it was asked for, and the address it really has.
#[derive(Clone)]
struct Bound {
    asked: SocketAddr,
    real: SocketAddr,
}

impl Engine {
    /// An engine of `workers` threads that does nothing yet.
    pub fn new(workers: usize) -> Self {
        let count = workers.max(1);
        Self {
            count,
            workers: Vec::new(),
            listeners: BTreeMap::new(),
            rules: None,
            secured: Arc::default(),
            births: Arc::default(),
            outside: Arc::default(),
            logs: Logs::default(),
            stopped: false,
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
                outside: Arc::clone(&self.outside),
                log: None,
            })
            .collect();
        for Listener { name, address, tls, http2 } in prepared.listeners {
            let kept = self.listeners.get(&name).filter(|bound| bound.asked == address).cloned();
            let (bound, sockets) = match kept {
                Some(bound) => (bound, Vec::new()),
                None => bind_listener(&name, address, self.count)?,
            };
            let mut sockets = sockets.into_iter();
            for revision in &mut revisions {
                let accept = Accept { name: name.clone(), tls: tls.clone(), http2, socket: sockets.next() };
                revision.listeners.push(accept);
            }
            listeners.insert(name, bound);
        }
        let log = self.open_log(prepared.access_log)?;
        for revision in &mut revisions {
            revision.log = log.sink();
        }
        self.set_limits(&rules);
        self.hand_out(revisions)?;
        self.logs.take(log);
        self.listeners = listeners;
        self.rules = Some(rules);
        self.secured = prepared.secured;
        Ok(())
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
            let started =
                revisions.into_iter().enumerate().map(|(number, revision)| Thread::start(number, revision));
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
        report.count_sessions(unix_now());
        if let Some(rules) = &self.rules {
            report.count_records(rules);
            report.look_at_limits(rules);
        }
        report.access_log = self.logs.counts.report();
        report
    }

    /// Where births are chosen for outside. Apart from the engine, so that it can be asked meanwhile.
    pub fn outside(&self) -> Arc<Outside> {
        Arc::clone(&self.outside)
    }

    /// Stops accepting; idle connections close, the others after their exchange.
    pub fn drain(&self) -> Draining {
        Draining { workers: self.workers.len(), done: self.ask(Command::Drain).0 }
    }

    /// Ends all workers at once, with whatever they are doing.
    pub fn stop(&mut self) {
        self.stopped = true;
        self.outside.close();
        for worker in &self.workers {
            // A worker that is gone has stopped already.
            let _ = worker.mailbox.send(Command::Stop);
        }
        for worker in self.workers.drain(..) {
            let _ = worker.thread.join();
        }
        self.logs.close();
    }

    /// Says who may use which server; every server that is not named is up.
    pub fn set_states(&self, states: &[u8]) -> Result<(), Refused> {
        let states: Vec<wire::ServerState> = serde_json::from_slice(states)?;
        let rules = self.rules.as_deref().ok_or(Refused::Stopped)?;
        let now = unix_now();
        let known = |said: &wire::ServerState| rules.server(&said.pool, &said.server).is_some();
        if let Some(unknown) = states.iter().find(|said| !known(said)) {
            return Err(Refused::NoSuchServer { pool: unknown.pool.clone(), server: unknown.server.clone() });
        }
        for pool in &rules.pools {
            for server in &pool.servers {
                let said = states.iter().find(|said| said.pool == pool.name && said.server == server.name);
                pool.say(server, said, now);
            }
            if pool.limited {
                pool.gate.look_again();
            }
        }
        Ok(())
    }

    /// Gives servers other weights; every server that is not named has that of its configuration.
    pub fn set_weights(&self, weights: &[u8]) -> Result<(), Refused> {
        let weights: Vec<wire::ServerWeight> = serde_json::from_slice(weights)?;
        let rules = self.rules.as_deref().ok_or(Refused::Stopped)?;
        rules.set_weights(&weights).map_err(|unknown| Refused::NoSuchServer {
            pool: unknown.pool.clone(),
            server: unknown.server.clone(),
        })
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

impl Thread {
    fn start(number: usize, revision: Revision) -> io::Result<Self> {
        let (mailbox, commands) = unbounded_channel();
        let thread = std::thread::Builder::new().name(format!("worker-{number}")).spawn(move || {
            if let Err(error) = worker::run(number, revision, commands) {
                eprintln!("worker {number} ended: {error}");
            }
        })?;
        Ok(Self { mailbox, thread })
    }
}

fn bind_listener(name: &str, asked: SocketAddr, count: usize) -> Result<(Bound, Vec<TcpListener>), Refused> {
    let failed = |error| Refused::Bind { name: name.to_owned(), address: asked, error };
    let sockets = bind(asked, count).map_err(failed)?;
    let real = sockets[0].local_addr().map_err(failed)?;
    Ok((Bound { asked, real }, sockets))
}

/// A snapshot that would run.
struct Prepared {
    rules: Snapshot,
    listeners: Vec<Listener>,
    access_log: Option<wire::AccessLog>,
    secured: Arc<Secured>,
    warnings: Vec<Mistake>,
}

struct Listener {
    name: String,
    address: SocketAddr,
    tls: Option<ListenerTls>,
    http2: bool,
}

impl Prepared {
    /// Reads a snapshot; the inner error holds everything that is wrong with it.
    fn read(
        snapshot: &[u8],
        before: Option<&Snapshot>,
        secured: &Secured,
    ) -> Result<Result<Self, Vec<Mistake>>, Refused> {
        let wire: wire::Snapshot = serde_json::from_slice(snapshot)?;
        let now = unix_now();
        let (rules, mut mistakes) = match build(&wire, before, At { now, chance: fastrand::u64(..) }) {
            Ok(rules) => (Some(rules), Vec::new()),
            Err(mistakes) => (None, mistakes),
        };
        let ring = rules.as_ref().map(|rules| &rules.ring);
        let mut listeners = Vec::with_capacity(wire.listeners.len());
        for listener in wire.listeners {
            let tls = listener.tls.as_ref().and_then(|tls| {
                let complaints = Complaints::new(&["listeners", &listener.name, "tls"], &mut mistakes);
                tls::prepare(tls, listener.http2, ring, now, complaints)
            });
            if let Ok(address) = listener.address.parse() {
                listeners.push(Listener { name: listener.name, address, tls, http2: listener.http2 });
            }
        }
        let secured = Arc::new(tls::servers::prepare(&wire.pools, secured, &mut mistakes));
        Ok(match rules {
            Some(rules) if mistakes.iter().all(|mistake| mistake.warning) => {
                Ok(Self { rules, listeners, access_log: wire.access_log, secured, warnings: mistakes })
            }
            _ => Err(mistakes),
        })
    }
}
