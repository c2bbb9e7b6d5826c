//! What the engine asks of a worker, by message: nothing is shared that a message can carry.

use std::net::TcpListener;
use std::sync::Arc;
use std::sync::mpsc::Sender;

use equalizer_core::persistence::births::Births;
use equalizer_core::snapshot::Snapshot;

use crate::access::Sink;
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
    Drain(Sender<()>),
    /// End at once.
    Stop,
}

/// A revision for one worker.
pub(crate) struct Revision {
    pub(crate) rules: Arc<Snapshot>,
    pub(crate) secured: Arc<Secured>,
    pub(crate) listeners: Vec<Accept>,
    pub(crate) births: Arc<Births>,
    pub(crate) outside: Arc<Outside>,
    /// Where exchanges are told.
    pub(crate) log: Option<Arc<Sink>>,
}

/// A listener that the worker shall serve.
pub(crate) struct Accept {
    pub(crate) name: String,
    pub(crate) tls: Option<ListenerTls>,
    /// Whether clients may speak HTTP/2.
    pub(crate) http2: bool,
    /// A socket of its own, where the worker has none for this listener yet.
    pub(crate) socket: Option<TcpListener>,
}
