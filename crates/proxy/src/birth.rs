//! A session's beginning: its id and first home, shared by the requests that one new client sends at once.

use equalizer_core::http::field::Known;
use equalizer_core::http::h1::encode::Lines;
use equalizer_core::persistence::Recall;
use equalizer_core::persistence::births;
use equalizer_core::persistence::cookie::SessionId;
use equalizer_core::pool::{Pool, ServerId};
use equalizer_core::route::PoolId;

use crate::serve::Client;
use crate::worker::Worker;

/// A client that a session begins for, and who it is where its requests share one.
#[derive(Clone, Copy)]
pub(crate) struct Newborn(Option<births::Client>);

/// A new client, where something is kept of it.
pub(crate) fn newborn(
    client: &Client,
    id: PoolId,
    pool: &Pool,
    recall: &Recall,
    lines: Lines<'_>,
) -> Option<Newborn> {
    if !recall.is_birth() || !pool.persistence.begins(recall) {
        return None;
    }
    if pool.sessions.burst_ms == 0 || !pool.persistence.bears_sessions(recall) {
        return Some(Newborn(None));
    }
    let agent = lines.fields.iter().find(|field| field.known == Known::UserAgent);
    let agent = agent.map(|field| field.value.of(lines.bytes)).unwrap_or_default();
    let origin = client.origin.get();
    Some(Newborn(Some(births::Client::new(id, origin.client, agent, origin.secure))))
}

/// Gives a new client its id and home: those that `begin` finds, or those of another request of its own.
///
/// Where no server is left, nothing begins.
pub(crate) fn bear(
    worker: &Worker,
    client: &Client,
    Newborn(who): Newborn,
    pool: &Pool,
    recall: &mut Recall,
    begin: impl FnOnce() -> Option<(SessionId, ServerId)>,
) {
    let Some(who) = who else {
        if let Some((session, home)) = begin() {
            recall.bear(session, home, false);
        }
        return;
    };
    let (now, window) = (worker.clock.now(), pool.sessions.burst_ms);
    let serves = |home| pool.find_home(home).is_some_and(|home| pool.serves(home));
    let born = worker.births.share(who, client.number, now, window, serves, || {
        begin().map(|(session, server)| (session, pool.servers[server.0].home))
    });
    let Some((session, home, shared)) = born else { return };
    if !shared {
        client.birth.set(Some(who));
    }
    if let Some(home) = pool.find_home(home) {
        recall.bear(session, home, shared);
    }
}
