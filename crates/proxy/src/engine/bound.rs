//! Which sockets a listener gets: those that it has, those that somebody opened for it, or new ones.

use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use super::{Engine, Refused};
use crate::listener::{self, bind};

/// A listener as it was asked for, and the address it really has.
#[derive(Clone)]
pub(super) struct Bound {
    asked: SocketAddr,
    pub(super) real: SocketAddr,
    /// One for each worker, where we opened them; none when they were closed for good.
    pub(super) sockets: Vec<Arc<TcpListener>>,
    /// Connections that it has open.
    pub(super) open: Arc<AtomicU32>,
}

impl Engine {
    /// The sockets that an address has, whatever its listener was called; port 0 is another for each name.
    pub(super) fn bound(&self, name: &str, asked: SocketAddr) -> Option<&Bound> {
        if asked.port() == 0 {
            return self.listeners.get(name).filter(|bound| bound.asked == asked);
        }
        self.listeners.values().find(|bound| bound.asked == asked)
    }

    /// Sockets for a listener at an address that has none yet: those that were opened for it, or our own. `others` are
    /// bound beside it.
    pub(super) fn bind(
        &self,
        name: &str,
        asked: SocketAddr,
        others: &BTreeMap<String, Bound>,
    ) -> Result<Bound, Refused> {
        let failed = |error| Refused::Bind { name: name.to_owned(), address: asked, error };
        let sockets = match self.adopted.get(&Some(name.to_owned())) {
            Some(sockets) => sockets.clone(),
            None => {
                let ours = self.addresses().chain(others.values().map(|other| other.real));
                let shared = ours.into_iter().any(|address| listener::overlap(address, asked));
                bind(asked, self.count, shared).map_err(failed)?.into_iter().map(Arc::new).collect()
            }
        };
        let real = sockets[0].local_addr().map_err(failed)?;
        // Connections to the address before are still this listener's.
        let open = self.listeners.get(name).map(|before| Arc::clone(&before.open));
        Ok(Bound { asked, real, sockets, open: open.unwrap_or_default() })
    }

    /// Those that we accept on now, and those that a process before us does.
    fn addresses(&self) -> impl Iterator<Item = SocketAddr> {
        let adopted = self.adopted.values().flatten().filter_map(|socket| socket.local_addr().ok());
        self.listeners.values().map(|bound| bound.real).chain(adopted)
    }
}

impl Bound {
    /// Those of one of `count` workers. None may be left alone, for connections wait at it; and where there are fewer
    /// than workers, some share one.
    pub(super) fn sockets_of(&self, worker: usize, count: usize) -> Vec<Arc<TcpListener>> {
        let Some(first) = worker.checked_rem(self.sockets.len()) else { return Vec::new() };
        let step = if worker < self.sockets.len() { count } else { usize::MAX };
        self.sockets[first..].iter().step_by(step).map(Arc::clone).collect()
    }
}
