//! A session's beginning: its id and first home, shared by the requests that one new client sends at once.

use equalizer_core::http::field::Known;
use equalizer_core::http::h1::encode::Lines;
use equalizer_core::persistence::Recall;
use equalizer_core::persistence::births;
use equalizer_core::persistence::cookie::SessionId;
use equalizer_core::pool::{Pool, Tried};
use equalizer_core::route::PoolId;

use crate::serve::Client;
use crate::setup::PoolSeat;
use crate::worker::Worker;

/// Gives a new client its id and home, where something is kept of it; the pool comes with its id and its seat.
///
/// Where no server is left, nothing begins.
pub(crate) fn bear(
    worker: &Worker,
    client: &Client,
    (id, pool, seat): (PoolId, &Pool, &PoolSeat),
    recall: &mut Recall,
    lines: Lines<'_>,
) {
    if !pool.persistence.begins(recall) {
        return;
    }
    let begin = || {
        let server = pool.pick(recall, &Tried::default(), &mut seat.balance.borrow_mut())?;
        Some((SessionId(worker.chance()), server))
    };
    let window = pool.sessions.burst_ms;
    if window == 0 || !pool.persistence.bears_sessions(recall) {
        if let Some((session, home)) = begin() {
            recall.bear(session, home, false);
        }
        return;
    }
    let agent = lines.fields.iter().find(|field| field.known == Known::UserAgent);
    let agent = agent.map(|field| field.value.of(lines.bytes)).unwrap_or_default();
    let who = births::Client::new(id, client.arrival.origin.client, agent, client.arrival.origin.secure);
    let born = worker.births.share(who, client.number, worker.clock.now(), window, || {
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
