//! Decides whether there is room for a client's connection: at its listener, and among those of its client's prefix.

use std::cell::OnceCell;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use equalizer_core::crowd::Crowd;
use equalizer_core::network::prefix;
use equalizer_core::snapshot::wire::ClientLimit;

/// Connections beyond a limit that are answered before they close; further ones close at once.
const ANSWERED: u32 = 64;

/// A limit that a connection is beyond.
#[derive(Debug)]
pub(crate) struct Full {
    /// What its request is answered with.
    pub(crate) status: u16,
    /// What logs and metrics call it.
    pub(crate) word: &'static str,
}

/// The listener has all the connections that it takes.
static LISTENER_FULL: Full = Full { status: 503, word: "listener_full" };
/// The client's prefix has.
static CLIENT_FULL: Full = Full { status: 429, word: "client_full" };

/// Counts as a connection of its listener, and of its client, until it is dropped.
pub(crate) struct Place {
    listener: Arc<AtomicU32>,
    /// How many the listener had with this one.
    number: u32,
    client: OnceCell<(Arc<Crowd>, u128)>,
}

/// What becomes of a connection.
pub(crate) enum Room {
    /// It is served.
    Enough,
    /// It is answered, and no more.
    Answer(&'static Full),
    /// There are too many even for that.
    Nothing(&'static Full),
}

impl Room {
    fn beyond(number: u32, most: u32, full: &'static Full) -> Self {
        match number.saturating_sub(most) {
            0 => Self::Enough,
            _ if most == 0 => Self::Enough,
            1..=ANSWERED => Self::Answer(full),
            _ => Self::Nothing(full),
        }
    }
}

impl Place {
    /// A connection has come to a listener.
    pub(crate) fn new(listener: &Arc<AtomicU32>) -> Self {
        let number = listener.fetch_add(1, Relaxed) + 1;
        Self { listener: Arc::clone(listener), number, client: OnceCell::new() }
    }

    /// Whether its listener, which takes at most `most`, has room for it; 0 for any number.
    pub(crate) fn at_listener(&self, most: u32) -> Room {
        Room::beyond(self.number, most, &LISTENER_FULL)
    }

    /// Whether its client may have one more.
    pub(crate) fn of_client(&self, client: IpAddr, limit: ClientLimit, crowd: &Arc<Crowd>) -> Room {
        if limit.connections == 0 {
            return Room::Enough;
        }
        let prefix = prefix(client, limit.prefix4, limit.prefix6);
        let (crowd, prefix) = self.client.get_or_init(|| (Arc::clone(crowd), prefix));
        Room::beyond(crowd.enter(*prefix), limit.connections, &CLIENT_FULL)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.listener.fetch_sub(1, Relaxed);
        if let Some((crowd, prefix)) = self.client.get() {
            crowd.leave(*prefix);
        }
    }
}
