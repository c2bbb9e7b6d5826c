//! THE PAGE: one request and its response.
//!
//! Find the route, recall the session, choose a server, forward, stamp, relay.

mod admit;
mod invite;
mod relay;
mod switch;

use std::cell::Cell;
use std::io::IoSlice;
use std::pin::pin;

use equalizer_core::fault::{Fault, Sent};
use equalizer_core::http::h1::encode::Delivery;
use equalizer_core::http::method::Method;
use equalizer_core::http::refusal::Refusal;
use equalizer_core::persistence::{self, Reason, Recall};
use equalizer_core::pool::retry::{Failed, Next};
use equalizer_core::pool::{Pool, ServerId, Tried};
use equalizer_core::snapshot::wire::Timeouts;

pub(crate) use self::admit::{Admitted, Refused, admit};
use self::relay::Unrelayed;
use crate::access::notes::Notes;
use crate::answer::{Page, RETRY_AFTER, answer};
use crate::body::{Broken, Source, Transfer, Upload};
use crate::buffer::Buffer;
use crate::choice;
use crate::forward::{Link, Wanted};
use crate::queue::{Seeking, Unplaced};
use crate::serve::{After, Client};
use crate::setup::PoolSeat;
use crate::worker::Worker;

/// What the log says of a request that did not come in time, and of a client that left.
pub(crate) const LATE: &str = "request_timeout";
pub(crate) const GONE: &str = "client_gone";

/// Serves an admitted request; `source` tells what of its body is still to come.
pub(crate) async fn exchange(
    worker: &Worker,
    client: &Client,
    buffer: &mut Buffer,
    admitted: &Admitted,
    source: &mut Source,
) -> After {
    let asked = &admitted.asked;
    let Some((pool, seat)) = admitted.setup.pool(admitted.pool) else {
        return asked.refuse(worker, client, 404, false).await;
    };
    let sent = Cell::new(Sent::Nothing);
    let mut tried = Tried::default();
    let mut late = Vec::new();
    let mut fresh = false;
    let Admitted { recall, newborn, .. } = *admitted;
    let mut seeking = Seeking { worker, client, pool, seat, recall, newborn, chosen: None, until: None };
    if let Some(asking) = admitted.asking.take() {
        seeking.chosen = choice::answer(asking, pool, seat).await;
        seeking.bear_chosen();
    }
    let mut place = None;
    pool.retry.begin(worker.clock.unix());
    loop {
        let found = match place.take() {
            Some(place) => Ok(place),
            None => seeking.place(&tried, buffer).await,
        };
        let recall = &seeking.recall;
        let here = match found {
            Ok(here) => here,
            Err(Unplaced::Gone) => {
                asked.notes.fault(GONE);
                return After::Abort;
            }
            Err(unplaced) => {
                return unplaced_ends(&seeking, admitted, &tried, &unplaced, source.is_done()).await;
            }
        };
        let server = here.server;
        asked.notes.attempt(server);
        let at = At { worker, client, admitted, pool, seat, recall, tried: &tried, server, sent: &sent };
        let failure = match at.forward((buffer, source, &mut late), fresh).await {
            Ok(after) => return after,
            Err(failure) => failure,
        };
        let (fault, goes_on) = match failure {
            // A connection that the server had closed meanwhile says nothing about the server.
            Failure::Server { fault: Fault::Closed, reused: true }
                if Fault::Closed.may_retry(asked.method, sent.get()) =>
            {
                (fresh, place) = (true, Some(here));
                continue;
            }
            Failure::Server { fault, .. } => (fault, at.fails(fault)),
            Failure::Status(fault) => (fault, true),
            Failure::Client(broken) => {
                drop(here);
                admitted.ends(pool, seat, recall, Some(server), recall.reason(server));
                return asked.give_up(worker, client, broken).await;
            }
        };
        // Whoever is slow to read an answer of ours takes no room at a server.
        drop(here);
        asked.notes.fault(fault.word());
        if !goes_on {
            admitted.fares(pool, true);
            admitted.ends(pool, seat, recall, Some(server), recall.reason(server));
            return asked.refuse(worker, client, fault.status(), source.is_done()).await;
        }
        if !seeking.turns_back_from(server) && pool.lends(&seeking.recall, server, fault) {
            seeking.recall.fail_home();
        }
        tried.failed(server, fault);
        fresh = false;
    }
}

/// Answers a request that no server takes.
async fn unplaced_ends(
    seeking: &Seeking<'_>,
    admitted: &Admitted,
    tried: &Tried,
    unplaced: &Unplaced,
    whole: bool,
) -> After {
    let &Seeking { worker, client, pool, seat, ref recall, .. } = seeking;
    let full = if let Unplaced::Full(reason) = unplaced { Some(*reason) } else { None };
    let reason = full.unwrap_or_else(|| recall.refusal(pool));
    admitted.ends(pool, seat, recall, None, reason);
    let held = full.is_some() || reason == Reason::StrictRefused;
    let status = if held { 503 } else { tried.status() };
    if tried.count() > 0 {
        admitted.fares(pool, true);
    }
    admitted.asked.refuse(worker, client, status, whole).await
}

/// What of the request decides how it is answered, and what is noted of that.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing that the client or we want")]
struct Asked {
    method: Method,
    http11: bool,
    /// Whether the client keeps the connection: it may have sent its next request.
    keep_alive: bool,
    /// Whether we do.
    goes_on: bool,
    /// Whether it asks to go on with another protocol.
    upgrade: bool,
    /// Whether its client waits for 100 before it sends the body, and we have not said it.
    waits: Cell<bool>,
    notes: Notes,
}

impl Asked {
    fn delivery(&self, worker: &Worker, whole: bool) -> Delivery {
        let keep = self.keep_alive && self.goes_on && whole && !worker.is_stopping();
        Delivery { http11: self.http11, keep }
    }

    /// Answers with an error; `whole` when nothing of the request is left to read.
    async fn refuse(&self, worker: &Worker, client: &Client, status: u16, whole: bool) -> After {
        let delivery = self.delivery(worker, whole);
        self.tell(worker, client, Page { status, location: &[], retry_after: RETRY_AFTER, delivery }).await
    }

    /// The same with a page.
    async fn tell(&self, worker: &Worker, client: &Client, page: Page<'_>) -> After {
        let delivery = page.delivery;
        match answer(worker, client, page, self.method == Method::Head, &self.notes).await {
            Ok(()) if delivery.keep => After::Keep,
            Ok(()) => After::Linger,
            Err(_) => After::Abort,
        }
    }

    /// Ends an exchange whose request did not come whole.
    async fn give_up(&self, worker: &Worker, client: &Client, broken: Broken) -> After {
        match broken {
            Broken::Malformed(refusal) => {
                self.notes.fault(refusal.word());
                self.refuse(worker, client, refusal.status(), false).await
            }
            Broken::Source { late: true } => {
                self.notes.fault(LATE);
                self.refuse(worker, client, 408, false).await
            }
            Broken::Source { late: false } | Broken::Sink => {
                self.notes.fault(GONE);
                After::Abort
            }
        }
    }
}

/// Why an attempt brought no response.
enum Failure {
    /// The server's side; `reused` when the connection had served before.
    Server { fault: Fault, reused: bool },
    /// An answer with a status that is tried elsewhere, and will be.
    Status(Fault),
    /// The client's side: its body did not come.
    Client(Broken),
}

/// What of a body has come and was not sent, what is still to come, and what came after the head and is kept.
type Body<'a> = (&'a mut Buffer, &'a mut Source, &'a mut Vec<u8>);

/// One attempt: this request at this server.
struct At<'a> {
    worker: &'a Worker,
    client: &'a Client,
    admitted: &'a Admitted,
    pool: &'a Pool,
    seat: &'a PoolSeat,
    recall: &'a Recall,
    tried: &'a Tried,
    server: ServerId,
    sent: &'a Cell<Sent>,
}

impl At<'_> {
    /// Sends the request and relays the response; a failure before the response's head may be tried elsewhere.
    async fn forward(&self, body: Body<'_>, fresh: bool) -> Result<After, Failure> {
        let (buffer, source, late) = body;
        let (deadline, times, method) = (&self.client.deadline, self.times(), self.admitted.asked.method);
        let wanted = Wanted { client: self.client, method, fresh, tunnel: self.admitted.asked.upgrade };
        let opened = Link::open(self.seat.server(self.server), wanted, deadline, times.connect).await;
        let link = opened.map_err(|fault| Failure::Server { fault, reused: false })?;
        let reused = link.reused;
        let failed = |fault| Failure::Server { fault, reused };
        let unanswered = |fault| {
            self.take_back(&link);
            failed(fault)
        };
        self.sent.set(if late.is_empty() { self.admitted.sends } else { Sent::Kept });
        let began = self.seat.begins(self.worker);
        self.send(&link, late).await.map_err(|fault| match fault {
            // What this server's protocol has no words for is the client's doing.
            Fault::Broken(refusal) => Failure::Client(Broken::Malformed(refusal)),
            fault => unanswered(fault),
        })?;
        let mut upload = self.upload(&link, (buffer, source, late));
        let mut incoming = Buffer::default();
        let mut fields = self.worker.buffers.take_fields();
        let most = self.admitted.setup.rules.limits.head;
        let patience = self.pool.retry.patience(times.response);
        if self.admitted.asked.waits.get() && !upload.is_whole() {
            // Boxed: it is rare, and every connection's memory would have to hold it.
            Box::pin(self.invite(&link, &mut upload, &mut incoming)).await.map_err(Failure::Client)?;
        }
        let head = loop {
            deadline.set(patience);
            let lent = (&self.worker.buffers, &mut incoming, &mut fields);
            let reading = link.read_head(lent, most, method, deadline);
            let read = upload.alongside(deadline, patience, pin!(reading)).await;
            let read = read.map_err(Failure::Client)?;
            let head = read.map_err(unanswered)?;
            self.seat.server(self.server).spoke11.set(Some(head.http11));
            match head.status {
                101 if !self.admitted.asked.upgrade => return Err(failed(Fault::Broken(Refusal::Upgrade))),
                101 | 200.. => break head,
                _ => {}
            }
            self.interim(&head, &incoming, &fields).await.map_err(Failure::Client)?;
            incoming.consume(head.length as usize);
        };
        if let Some(began) = began {
            self.seat.answered(self.worker, self.server, began);
        }
        if self.pool.retry.is_for(head.status) && self.goes_on(Fault::Status(head.status)) {
            self.judge(head.status);
            self.seat.server(self.server).gives_up();
            return Err(Failure::Status(Fault::Status(head.status)));
        }
        if head.status == 101 {
            drop(upload);
            let after = self.switch(&link, (buffer, &mut incoming), &head, &fields).await;
            self.worker.buffers.give(incoming);
            self.worker.buffers.give_fields(fields);
            return Ok(after);
        }
        let relayed = self.relay(&link, &mut upload, &mut incoming, &head, &fields).await;
        let reusable = relayed.is_ok() && head.keep_alive && incoming.is_empty() && upload.is_whole();
        drop(upload);
        if reusable {
            link.keep(self.worker.clock.now(), self.client);
        }
        self.worker.buffers.give(incoming);
        self.worker.buffers.give_fields(fields);
        match relayed {
            Ok(after) => Ok(after),
            Err(Unrelayed::Broken(refusal)) => Err(failed(Fault::Broken(refusal))),
            Err(Unrelayed::CutShort) => Ok(After::Abort),
        }
    }

    /// Writes what was prepared of the request, and tells a new home what it is to the session.
    async fn send(&self, link: &Link, late: &[u8]) -> Result<(), Fault> {
        let Admitted { message, head_end, .. } = self.admitted;
        let mut moved = Vec::new();
        persistence::announcement(self.pool, self.recall, self.server, &mut moved);
        let (head, rest) = message.split_at(if moved.is_empty() { 0 } else { *head_end });
        let mut parts = [head, &moved, rest, late].map(IoSlice::new);
        link.send(&mut parts, &self.client.deadline, self.times().body).await
    }

    /// Nothing counts as sent where the server is known not to have begun with it: what it cannot have carried out
    /// may be sent again, whatever it is.
    fn take_back(&self, link: &Link) {
        if self.sent.get() < Sent::Streamed && link.socket.is_untouched() {
            self.sent.set(Sent::Nothing);
        }
    }

    /// The server has failed: counted; whether the request goes to another one.
    fn fails(&self, fault: Fault) -> bool {
        self.seat.server(self.server).failed(fault);
        self.worker.alarm.judge(self.pool, self.server, true);
        self.goes_on(fault)
    }

    /// Whether the request goes to another server after such a fault; counts it.
    fn goes_on(&self, fault: Fault) -> bool {
        let &Self { recall, tried, server, .. } = self;
        let (method, sent) = (self.admitted.asked.method, self.sent.get());
        let failed = Failed { recall, tried, server, fault, method, sent };
        let next = self.pool.after(failed, self.worker.clock.unix());
        self.seat.count_retry(next);
        matches!(next, Next::Again | Next::Nobody)
    }

    fn times(&self) -> &Timeouts {
        &self.admitted.setup.rules.timeouts
    }

    /// Sends what is left of the request's body while the response is awaited.
    fn upload<'b>(&'b self, link: &'b Link, (buffer, source, late): Body<'b>) -> Upload<'b> {
        if source.is_done() {
            return Upload::none();
        }
        let transfer = Transfer {
            from: &self.client.socket,
            to: &link.socket,
            chunked: matches!(source, Source::Chunked { .. }),
            spoken: &self.admitted.setup.rules.spoken,
            buffer,
            source,
            deadline: &self.client.deadline,
            wait: self.times().body,
            buffers: &self.worker.buffers,
        };
        Upload::start(transfer, late, |length, kept| {
            if !kept {
                self.sent.set(Sent::Streamed);
            } else if length > 0 {
                self.sent.set(Sent::Kept);
            }
            self.admitted.asked.notes.received(length);
        })
    }
}
