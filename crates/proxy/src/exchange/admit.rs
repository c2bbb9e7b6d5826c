//! What can be known of a request before a server is asked: its route, its session, and how a server gets it.

use std::cell::Cell;
use std::rc::Rc;

use equalizer_core::debug::Decision;
use equalizer_core::fault::Sent;
use equalizer_core::http::edits::Edits;
use equalizer_core::http::field::Field;
use equalizer_core::http::forwarded::{self, Forwarded};
use equalizer_core::http::h1::decode::{Framing, RequestHead};
use equalizer_core::http::h1::encode::{self, Lines};
use equalizer_core::http::https::Https;
use equalizer_core::http::max_forwards;
use equalizer_core::http::method::Method;
use equalizer_core::http::refusal::Refusal;
use equalizer_core::persistence::cookie::SessionId;
use equalizer_core::persistence::{Ask, Reason, Recall};
use equalizer_core::pool::breaker::{OPEN, Pass};
use equalizer_core::pool::rates::{LIMITED, Over};
use equalizer_core::pool::{Pool, ServerId, Tried};
use equalizer_core::route::PoolId;

use super::Asked;
use crate::access::notes::Notes;
use crate::answer::{Page, RETRY_AFTER};
use crate::birth::{self, Newborn};
use crate::body::{self, Source};
use crate::buffer::Buffer;
use crate::choice;
use crate::clock::shared_now;
use crate::outside::Asking;
use crate::serve::{After, Client};
use crate::setup::{PoolSeat, Setup};
use crate::worker::Worker;

const NANOSECONDS_A_MS: u64 = 1_000_000;
/// What ends a head.
const EMPTY_LINE: usize = 2;

/// A request whose session is recalled, ready to be sent to one server or to another.
pub(crate) struct Admitted {
    pub(super) setup: Rc<Setup>,
    pub(super) pool: PoolId,
    pub(super) asked: Asked,
    pub(super) recall: Recall,
    /// The client, where its session is born with the slot that it gets.
    pub(super) newborn: Option<Newborn>,
    /// Its home is being chosen outside.
    pub(super) asking: Cell<Option<Box<Asking>>>,
    /// The head as servers get it, and what was here of the body.
    pub(super) message: Vec<u8>,
    /// Where more fields may follow in the message.
    pub(super) head_end: usize,
    /// What the first write of the message will have sent.
    pub(super) sends: Sent,
    /// As what it was let through, until it is known how it fared.
    pass: Cell<Pass>,
}

impl Admitted {
    /// Counts why an exchange went where it went that no server has answered.
    pub(super) fn ends(
        &self,
        pool: &Pool,
        seat: &PoolSeat,
        recall: &Recall,
        server: Option<ServerId>,
        reason: Reason,
    ) {
        seat.count(reason);
        // A session that was to begin now did not.
        let session = recall.id().filter(|_| !recall.is_birth());
        self.asked.notes.decided(&Decision { pool, recall, server, reason, session });
    }

    /// It does not come to its end.
    pub(crate) fn breaks_off(&self, fault: &'static str) {
        self.asked.notes.fault(fault);
    }

    /// Its stream was reset for what came behind its head.
    pub(crate) fn is_malformed(&self, worker: &Worker) {
        self.asked.notes.reset(worker, Refusal::Malformed);
    }

    /// The pool's servers have answered, or failed: counted once.
    pub(super) fn fares(&self, pool: &Pool, failed: bool) {
        if let Some(breaker) = &pool.breaker {
            breaker.ends(self.pass.take(), failed, shared_now() / NANOSECONDS_A_MS);
        }
    }

    /// Tells the log, and gives back what was borrowed for the request.
    pub(crate) fn end(&mut self, worker: &Worker, client: &Client) {
        let rules = &self.setup.rules;
        if let Some(breaker) = rules.pool(self.pool).and_then(|pool| pool.breaker.as_ref()) {
            breaker.leaves(self.pass.take());
        }
        self.asked.notes.end(worker, client, rules, rules.pool(self.pool));
        worker.buffers.give_text(std::mem::take(&mut self.message));
    }
}

/// A request that no server gets to see.
pub(crate) struct Refused {
    asked: Asked,
    status: u16,
    /// Where it belongs instead; empty where it belongs nowhere.
    location: Vec<u8>,
    /// In how many seconds it may come again.
    retry_after: u32,
    /// Whether nothing of it is left to read.
    whole: bool,
    /// The pool that does not take it.
    pool: Option<(Rc<Setup>, PoolId)>,
    /// The rate of the pool that it is over, by its place.
    limit: Option<usize>,
}

impl Refused {
    /// A connection on which nothing of it is left goes on.
    fn new(asked: Asked, head: &RequestHead, status: u16) -> Self {
        Self {
            asked,
            status,
            location: Vec::new(),
            retry_after: RETRY_AFTER,
            whole: head.framing.is_empty(),
            pool: None,
            limit: None,
        }
    }

    /// It belongs on HTTPS, where that can be told.
    fn to_https(asked: Asked, head: &RequestHead, to: Option<(u16, Vec<u8>)>) -> Self {
        asked.notes.no_route();
        let (status, location) = to.unwrap_or((400, Vec::new()));
        Self { location, ..Self::new(asked, head, status) }
    }

    /// Its body is malformed: it counts for no breaker.
    fn malformed(asked: Asked, head: &RequestHead, refusal: Refusal, pool: &Pool, pass: Pass) -> Self {
        asked.notes.fault(refusal.word());
        if let Some(breaker) = &pool.breaker {
            breaker.leaves(pass);
        }
        Self::new(asked, head, refusal.status())
    }

    /// Its pool takes nothing for a while.
    fn held(asked: Asked, held: &Held, head: &RequestHead, pool: (Rc<Setup>, PoolId)) -> Self {
        let &Held { status, word, retry_after, limit } = held;
        asked.notes.fault(word);
        Self { retry_after, pool: Some(pool), limit, ..Self::new(asked, head, status) }
    }

    /// Bytes to go over before the connection's next request; what is not whole has none behind it.
    pub(crate) fn length(&self, head: &RequestHead) -> usize {
        if self.whole { head.length as usize } else { 0 }
    }

    /// Tells the client.
    pub(crate) async fn answer(&mut self, worker: &Worker, client: &Client) -> After {
        let &mut Self { status, ref location, retry_after, whole, .. } = self;
        let page = Page { status, location, retry_after, delivery: self.asked.delivery(worker, whole) };
        let after = self.asked.tell(worker, client, page).await;
        match &self.pool {
            Some((setup, pool)) => {
                let pool = setup.rules.pool(*pool);
                let limit = pool.zip(self.limit).map_or("", |(pool, place)| pool.rates.name(place));
                self.asked.notes.end_by(worker, client, &setup.rules, pool, limit);
            }
            None => self.asked.notes.end(worker, client, &worker.setup().rules, None),
        }
        after
    }
}

/// Finds the route of the request that `buffer` begins with, recalls its session, and writes it as servers get it.
///
/// Nothing waits here, so that a connection need not hold what only this looks at.
pub(crate) fn admit<'a>(
    worker: &Worker,
    client: &Client,
    buffer: &mut Buffer,
    head: &RequestHead,
    fields: &[Field],
    mut notes: Notes,
    into: &'a mut Option<Admitted>,
) -> Result<(&'a Admitted, Source), Box<Refused>> {
    let setup = worker.setup();
    let lines = Lines { bytes: buffer.filled(), fields };
    let mut edits = worker.buffers.take_edits();
    notes.read(worker, &setup.rules, lines, head, &mut edits);
    let asked = Asked {
        method: head.method,
        http11: head.http11,
        keep_alive: head.keep_alive,
        goes_on: client.goes_on(&setup.rules),
        upgrade: head.upgrade,
        waits: Cell::new(head.expects_continue),
        notes,
    };
    let host = client.hear(&setup, lines, head);
    let origin = client.origin.get();
    if head.hearsay && !client.is_believed(&setup) {
        forwarded::cut_hearsay(lines, &mut edits);
    }
    if let Some((status, word)) = turned_away(&setup, client, head, lines, &mut edits) {
        worker.buffers.give_edits(edits);
        asked.notes.fault(word);
        return Err(Box::new(Refused::new(asked, head, status)));
    }
    if let Some(port) = setup.https(client).and_then(|https| https.redirect).filter(|_| !origin.secure) {
        worker.buffers.give_edits(edits);
        let (target, method) = (head.target.of(lines.bytes), head.method_text.of(lines.bytes));
        let to = Https::redirected(port, host, target, method);
        return Err(Box::new(Refused::to_https(asked, head, to)));
    }
    let found = setup.rules.routes.find().and_then(|route| Some((route.pool, setup.pool(route.pool)?)));
    let Some((id, (pool, seat))) = found else {
        worker.buffers.give_edits(edits);
        asked.notes.no_route();
        return Err(Box::new(Refused::new(asked, head, 404)));
    };
    setup.rules.reserved.cut(lines, &mut edits);
    let ask = Ask {
        lines,
        target: head.target.of(lines.bytes),
        host: head.host.of(lines.bytes),
        method: head.method_text.of(lines.bytes),
        client: origin.client,
        secure: origin.secure,
        listener: client.arrival.listener.get(),
        now: worker.clock.unix(),
        opened: &client.opened,
    };
    let pass = match let_through(pool, &ask) {
        Ok(pass) => pass,
        Err(held) => {
            worker.buffers.give_edits(edits);
            return Err(Box::new(Refused::held(asked, &held, head, (setup, id))));
        }
    };
    let mut recall = pool.persistence.recall(&setup.rules.ring, pool, &ask, &mut edits);
    client.hold_record(&pool.persistence, &recall);
    let (newborn, asking) = born(worker, client, (id, pool, seat), &mut recall, &ask);
    let mut message = worker.buffers.take_text();
    encode::request(lines, head, Forwarded { origin, host }, &edits, &mut message);
    add_lines(client, head, &pool.via, &mut message);
    worker.buffers.give_edits(edits);
    buffer.consume(head.length as usize);
    let head_length = message.len();
    let mut source = Source::within(head.framing, setup.rules.body);
    let (chunked, spoken) = (head.framing == Framing::Chunked, &setup.rules.spoken);
    match body::gather(buffer, &mut source, chunked, spoken, &mut message) {
        Ok(length) => asked.notes.received(length),
        Err(refusal) => return Err(Box::new(Refused::malformed(asked, head, refusal, pool, pass))),
    }
    worker.buffers.rest(buffer);
    let sends = if source.is_done() || message.len() > head_length { Sent::Kept } else { Sent::Head };
    let head_end = head_length - EMPTY_LINE;
    let (asking, pass) = (Cell::new(asking), Cell::new(pass));
    let pool = id;
    let admitted =
        into.insert(Admitted { setup, pool, asked, recall, newborn, asking, message, head_end, sends, pass });
    Ok((admitted, source))
}

/// Begins the session of a new client where its home can be chosen now; else who it is, and who was asked.
fn born(
    worker: &Worker,
    client: &Client,
    (id, pool, seat): (PoolId, &Pool, &PoolSeat),
    recall: &mut Recall,
    ask: &Ask<'_>,
) -> (Option<Newborn>, Option<Box<Asking>>) {
    let mut newborn = birth::newborn(client, id, pool, recall, ask.lines);
    let asking = newborn.and_then(|_| choice::ask(worker, pool, seat, ask));
    // Where servers have limits, the home is the one that has room.
    if let Some(newborn) = newborn.take_if(|_| !pool.limited && asking.is_none()) {
        let (first, mut balance) = (*recall, seat.balance.borrow_mut());
        birth::bear(worker, client, newborn, pool, recall, || {
            let server = pool.pick(&first, &Tried::default(), &mut balance)?;
            Some((SessionId(worker.chance()), server))
        });
    }
    (newborn, asking)
}

/// Why a pool takes no request for a while.
struct Held {
    status: u16,
    word: &'static str,
    retry_after: u32,
    limit: Option<usize>,
}

/// As what a request is let through to the pool, which may have a breaker and rates.
fn let_through(pool: &Pool, ask: &Ask<'_>) -> Result<Pass, Held> {
    if !pool.rates.is_empty()
        && let Err(Over { place, retry_after }) = pool.rates.take(ask, shared_now())
    {
        return Err(Held { status: 429, word: LIMITED, retry_after, limit: Some(place) });
    }
    match &pool.breaker {
        None => Ok(Pass::Uncounted),
        Some(breaker) if breaker.is_closed() => Ok(Pass::Usual),
        Some(breaker) => breaker.enter(shared_now() / NANOSECONDS_A_MS).map_err(|retry_after| Held {
            status: 503,
            word: OPEN,
            retry_after,
            limit: None,
        }),
    }
}

/// Adds what a server is told beside that: of the client's certificate, and of us.
fn add_lines(client: &Client, head: &RequestHead, via: &str, message: &mut Vec<u8>) {
    if client.arrival.certificate.is_none() && via.is_empty() {
        return;
    }
    message.truncate(message.len() - EMPTY_LINE);
    if let Some(certificate) = &client.arrival.certificate {
        message.extend_from_slice(certificate);
    }
    if !via.is_empty() {
        encode::via(client.received_in(head), via, message);
    }
    message.extend_from_slice(b"\r\n");
}

/// The status and the fault of a request that no server needs to see; 200 where it asks us and nobody behind us.
fn turned_away(
    setup: &Setup,
    client: &Client,
    head: &RequestHead,
    lines: Lines<'_>,
    edits: &mut Edits,
) -> Option<(u16, &'static str)> {
    if let Some(full) = client.arrival.full {
        return Some((full.status, full.word));
    }
    if let Framing::Length(length) = head.framing
        && length > setup.rules.body
    {
        return Some((Refusal::BodyTooLarge.status(), Refusal::BodyTooLarge.word()));
    }
    (head.method == Method::Options && max_forwards::ends_here(lines, edits)).then_some((200, ""))
}
