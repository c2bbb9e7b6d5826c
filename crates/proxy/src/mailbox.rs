//! What the engine asks of a worker, by message: nothing is shared that a message can carry.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::sync::mpsc::Sender;

use equalizer_core::crowd::Crowd;
use equalizer_core::persistence::births::Births;
use equalizer_core::snapshot::Snapshot;

use crate::access::Sink;
use crate::alarm::Alarm;
use crate::outside::Outside;
use crate::report::Report;
use crate::tls::ListenerTls;
use crate::tls::servers::Secured;

/// A message to a worker.
pub(crate) enum Command {
    /// Run this revision from now on.
    Apply(Box<Revision>),
    /// Tell what was counted; the census, which is large, where it is asked for.
    Report { to: Sender<Report>, census: bool },
    /// Accept nothing more, finish what is under way, and say so.
    Drain(Sender<()>, Leave),
    /// Panic on purpose.
    Drill(Drill),
    /// A task that the worker cannot be without has panicked.
    Broken,
    /// End at once.
    Stop,
}

/// What shall panic, to see what survives it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Drill {
    /// The next connection, when it has sent something.
    Connection,
    /// The worker.
    Worker,
    /// What accepts connections.
    Accepting,
}

/// How connections end that wait for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leave {
    /// At once.
    Now,
    /// With the response to their next request, which tells the client to go, or when they were idle for too long:
    /// no request meets a closed door.
    InTheirTime,
}

/// A revision for one worker.
#[derive(Clone)]
pub(crate) struct Revision {
    pub(crate) rules: Arc<Snapshot>,
    pub(crate) secured: Arc<Secured>,
    pub(crate) listeners: Vec<Accept>,
    pub(crate) births: Arc<Births>,
    pub(crate) crowd: Arc<Crowd>,
    pub(crate) outside: Arc<Outside>,
    pub(crate) alarm: Arc<Alarm>,
    /// Where exchanges are told.
    pub(crate) log: Option<Arc<Sink>>,
}

/// A listener that the worker shall serve.
#[derive(Clone)]
pub(crate) struct Accept {
    pub(crate) name: String,
    pub(crate) tls: Option<ListenerTls>,
    /// Whether clients may speak HTTP/2.
    pub(crate) http2: bool,
    /// Connections that it has open, over all workers.
    pub(crate) open: Arc<AtomicU32>,
    /// What to accept on: most often one socket, and of no other worker.
    pub(crate) sockets: Vec<Arc<TcpListener>>,
}
