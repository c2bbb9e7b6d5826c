//! A birth in a pool whose balance is outside: it is asked there, and what is answered is followed or not.

use std::future::poll_fn;

use equalizer_core::persistence::Ask;
use equalizer_core::pool::{Pool, ServerId};
use serde::Serialize;

use crate::outside::{Asking, Choice};
use crate::setup::PoolSeat;
use crate::worker::Worker;

/// What came of asking outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// A server was chosen.
    Chosen,
    /// The choice was left to the pool.
    Left,
    /// There was no answer in time.
    Late,
    /// Too many were waiting to be asked.
    Full,
    /// The function failed.
    Failed,
    /// What was chosen is no server of the pool, or takes no sessions now.
    Wrong,
}

impl Outcome {
    /// Every outcome, in the order of their numbers.
    pub(crate) const ALL: [Self; 6] =
        [Self::Chosen, Self::Left, Self::Late, Self::Full, Self::Failed, Self::Wrong];

    /// The word for reports.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Chosen => "chosen",
            Self::Left => "left",
            Self::Late => "late",
            Self::Full => "full",
            Self::Failed => "failed",
            Self::Wrong => "wrong",
        }
    }
}

/// A birth as whoever chooses sees it; bytes as ISO 8859-1.
#[derive(Serialize)]
struct Birth<'a> {
    pool: &'a str,
    client: std::net::IpAddr,
    secure: bool,
    method: String,
    host: String,
    path: String,
    query: String,
    fields: Vec<(String, String)>,
}

/// Asks outside for the home of a session that is born with this request, where the pool's balance is there.
pub(crate) fn ask(worker: &Worker, pool: &Pool, seat: &PoolSeat, ask: &Ask<'_>) -> Option<Box<Asking>> {
    let wait = pool.balance.waits()?;
    let target = latin1(ask.target);
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let value = |span: equalizer_core::http::field::Span| latin1(span.of(ask.lines.bytes));
    let birth = Birth {
        pool: &pool.name,
        client: ask.client,
        secure: ask.secure,
        method: latin1(ask.method),
        host: latin1(ask.host),
        path: path.to_owned(),
        query: query.to_owned(),
        fields: ask.lines.fields.iter().map(|field| (value(field.name), value(field.value))).collect(),
    };
    let asking = serde_json::to_vec(&birth).ok().and_then(|text| worker.outside.ask(text, wait));
    if asking.is_none() {
        seat.chose(Outcome::Full);
    }
    asking.map(Box::new)
}

/// Waits for the answer: the server, where it is one that may be chosen.
pub(crate) async fn answer(asking: Box<Asking>, pool: &Pool, seat: &PoolSeat) -> Option<ServerId> {
    let choice = poll_fn(|context| asking.poll(context)).await;
    let (outcome, server) = match choice {
        Choice::Server(name) => {
            let named = pool.servers.iter().position(|server| server.name == name).map(ServerId);
            match named.filter(|server| pool.may_be_chosen(*server)) {
                Some(server) => (Outcome::Chosen, Some(server)),
                None => (Outcome::Wrong, None),
            }
        }
        Choice::Nobody => (Outcome::Left, None),
        Choice::Late => (Outcome::Late, None),
        Choice::Failed => (Outcome::Failed, None),
    };
    seat.chose(outcome);
    server
}

fn latin1(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}
