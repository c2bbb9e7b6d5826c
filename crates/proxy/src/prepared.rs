//! A snapshot that would run: everything about it that can be wrong has been looked at, and nothing has changed yet.

use std::net::SocketAddr;
use std::sync::Arc;

use equalizer_core::snapshot::build::{At, Mistake, build};
use equalizer_core::snapshot::{Snapshot, wire};

use crate::clock::unix_now;
use crate::engine::Refused;
use crate::tls::servers::Secured;
use crate::tls::{self, Complaints, ListenerTls};

/// A snapshot that would run.
pub(crate) struct Prepared {
    pub(crate) rules: Snapshot,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) access_log: Option<wire::AccessLog>,
    pub(crate) secured: Arc<Secured>,
    pub(crate) warnings: Vec<Mistake>,
}

/// A listener that would be served.
pub(crate) struct Listener {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    pub(crate) tls: Option<ListenerTls>,
    pub(crate) http2: bool,
}

impl Prepared {
    /// Reads a snapshot; the inner error holds everything that is wrong with it.
    pub(crate) fn read(
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
