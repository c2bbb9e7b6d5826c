//! A session's beginning: its id and first home, shared by the requests that one new client sends at once.

use equalizer_core::http::field::Known;
use equalizer_core::http::h1::encode::Lines;
use equalizer_core::persistence::Recall;
use equalizer_core::persistence::births;
use equalizer_core::persistence::cookie::{Home, SessionId};
use equalizer_core::pool::Pool;
use equalizer_core::route::PoolId;

use crate::serve::Client;
use crate::worker::Worker;

/// Who a new client is, where the pool stamps sessions and lets its requests share one.
pub(crate) fn newborn(client: &Client, id: PoolId, pool: &Pool, lines: Lines<'_>) -> Option<births::Client> {
    if pool.sessions.burst_ms == 0 || !pool.persistence.bears_sessions() {
        return None;
    }
    let agent = lines.fields.iter().find(|field| field.known == Known::UserAgent);
    let agent = agent.map(|field| field.value.of(lines.bytes)).unwrap_or_default();
    Some(births::Client::new(id, client.origin.client, agent, client.origin.secure))
}

/// Gives a new client its id and home: those that `bear` finds, or those of another request of its own.
pub(crate) fn bear(
    worker: &Worker,
    client: &Client,
    newborn: births::Client,
    pool: &Pool,
    recall: &mut Recall,
    bear: impl FnOnce() -> Option<(SessionId, Home)>,
) {
    let (now, window) = (worker.clock.now(), pool.sessions.burst_ms);
    let Some((session, home, shared)) = worker.births.share(newborn, client.number, now, window, bear) else {
        return;
    };
    if !shared {
        client.birth.set(Some(newborn));
    }
    if let Some(home) = pool.find_home(home) {
        recall.bear(session, home, shared);
    }
}
