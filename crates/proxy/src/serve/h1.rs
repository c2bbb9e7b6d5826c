//! The life of an HTTP/1.1 client connection: idle without a buffer, one exchange after another, an end in good order.

use std::future::poll_fn;
use std::rc::Rc;
use std::task::Poll;

use equalizer_core::http::h1::decode;
use equalizer_core::http::h1::encode::Delivery;
use equalizer_core::http::refusal::Refusal;

use super::{After, Client, Parting, h2};
use crate::access::notes::Notes;
use crate::answer::{Page, RETRY_AFTER, answer};
use crate::body::Source;
use crate::buffer::Buffer;
use crate::clock::Late;
use crate::desk;
use crate::exchange::{Admitted, GONE, LATE, Refused, admit, exchange};
use crate::worker::Worker;

/// How long a client may be silent that has not taken in yet that its connection ends, in milliseconds.
const LINGER_MS: u32 = 2_000;

/// How much of what a client still sends is read and dropped, so that its last answer arrives.
pub(super) struct Linger {
    bytes: usize,
    ms: u64,
}

/// Many clients look for an answer when they have sent all of a body, and not before.
const PATIENT: Linger = Linger { bytes: usize::MAX, ms: 30_000 };
/// For who hears of the end by a frame of HTTP/2, or has come in beyond a limit.
pub(super) const BRIEF: Linger = Linger { bytes: 256 * 1024, ms: 2_000 };

/// Serves a connection until it ends.
pub(crate) async fn serve(worker: Rc<Worker>, client: Rc<Client>) {
    let mut may_be_http2 = client.arrival.http2;
    while let Some(mut buffer) = first_bytes(&worker, &client).await {
        awaits_head(&worker, &client);
        if std::mem::take(&mut may_be_http2) && begins_http2(&worker, &client, &mut buffer).await {
            return Box::pin(h2::serve(worker, client, Some(buffer))).await;
        }
        if !desk::turn(&worker, &client, buffer).await {
            return;
        }
    }
    close(&client).await;
}

/// Serves the requests that have come, until nothing more is here; whether the connection waits for the next one.
pub(crate) async fn turn(worker: &Worker, client: &Client, buffer: &mut Buffer) -> bool {
    loop {
        let after = one(worker, client, buffer).await;
        match after {
            // A stream has one request, whatever comes behind it; its end tells a client that still sends to stop.
            After::Keep | After::Close | After::Linger if client.socket.is_stream() => return false,
            After::Keep if buffer.is_empty() => return true,
            After::Keep => {
                awaits_head(worker, client);
                continue;
            }
            After::Close if buffer.is_empty() => close(client).await,
            After::Close | After::Linger => {
                let most = if client.arrival.full.is_some() { BRIEF } else { PATIENT };
                linger(worker, client, buffer, most).await;
            }
            After::Abort => client.socket.abort(),
        }
        return false;
    }
}

/// Starts the time that a head has from its first byte on.
fn awaits_head(worker: &Worker, client: &Client) {
    client.deadline.set(worker.setup().rules.timeouts.head);
}

/// Serves one request.
async fn one(worker: &Worker, client: &Client, buffer: &mut Buffer) -> After {
    let mut notes = Notes::begin(worker);
    let mut running = Running { worker, client, admitted: None, ended: false };
    match next_request(worker, client, buffer, &mut notes, &mut running.admitted).await {
        Ok((admitted, mut source)) => {
            let after = exchange(worker, client, buffer, admitted, &mut source).await;
            running.ended = true;
            after
        }
        Err(End::Gone) => After::Close,
        Err(End::Malformed(status, fault)) => {
            notes.fault(fault);
            client.comes_from(client.arrival.origin);
            let head_only = buffer.filled().starts_with(b"HEAD ");
            let after = refuse(worker, client, status, head_only, &notes).await;
            notes.end(worker, client, &worker.setup().rules, None);
            after
        }
        Err(End::Refused(mut refused)) => refused.answer(worker, client).await,
    }
}

/// An exchange, which the log hears of however it ends.
struct Running<'a> {
    worker: &'a Worker,
    client: &'a Client,
    /// Made where it stays: it is large.
    admitted: Option<Admitted>,
    ended: bool,
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        let Some(admitted) = &mut self.admitted else { return };
        if !self.ended {
            match self.client.parting.get() {
                _ if std::thread::panicking() => admitted.breaks_off("panic"),
                Some(Parting::Gone) => admitted.breaks_off(GONE),
                Some(Parting::Malformed) => admitted.is_malformed(self.worker),
                None => admitted.breaks_off("stopped"),
            }
        }
        admitted.end(self.worker, self.client);
    }
}

/// Why no request came.
enum End {
    /// The client left, or was idle for too long.
    Gone,
    /// What came is not a request: the status to answer with, and the fault.
    Malformed(u16, &'static str),
    /// No server gets to see it.
    Refused(Box<Refused>),
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Malformed(refusal.status(), refusal.word())
    }
}

/// Waits for the first bytes of a request; borrows a buffer only when there are some. `None` when none will come.
async fn first_bytes(worker: &Worker, client: &Client) -> Option<Buffer> {
    client.deadline.set(client.patience(&worker.setup().rules));
    poll_fn(|context| {
        let mut buffer = Buffer::default();
        let read = worker.buffers.poll_fill(&mut buffer, context, &client.socket);
        if let Poll::Ready(Ok(1..)) = read {
            return Poll::Ready(Some(buffer));
        }
        // What came before the worker was told to stop is still answered.
        if read.is_ready() || (worker.ends_idle() && !client.socket.has_bytes()) {
            return Poll::Ready(None);
        }
        client.deadline.poll_late(context).map(|Late| None)
    })
    .await
}

/// Whether a connection begins as HTTP/2 does; reads on where this cannot be told yet.
async fn begins_http2(worker: &Worker, client: &Client, buffer: &mut Buffer) -> bool {
    while buffer.filled().len() < h2::PREFACE.len() && h2::PREFACE.starts_with(buffer.filled()) {
        let fill = poll_fn(|context| worker.buffers.poll_fill(buffer, context, &client.socket));
        if !matches!(client.deadline.before(fill).await, Ok(Ok(1..))) {
            return false;
        }
    }
    buffer.filled().starts_with(h2::PREFACE)
}

/// Reads until `buffer` holds a whole request head, and admits the request.
async fn next_request<'a>(
    worker: &Worker,
    client: &Client,
    buffer: &mut Buffer,
    notes: &mut Notes,
    into: &'a mut Option<Admitted>,
) -> Result<(&'a Admitted, Source), End> {
    let setup = worker.setup();
    let limits = setup.rules.limits;
    let mut seen: usize = 0;
    loop {
        // A head that comes byte by byte is parsed again only when its end may have come.
        if seen == 0 || may_end(&buffer.filled()[seen.saturating_sub(2)..]) {
            let mut fields = worker.buffers.take_fields();
            let head = decode::request(buffer.filled(), limits, &mut fields)?;
            // A front that speaks TLS for us writes the origin form, as everybody but clients of forward proxies does.
            // One who is trusted may write what its client came by.
            let other = |secure| secure != client.arrival.origin.secure && !client.arrival.trusted;
            if head.is_some_and(|head| head.scheme_secure.is_some_and(other)) {
                return Err(Refusal::Scheme.into());
            }
            if let Some(head) = head {
                let notes = std::mem::take(notes);
                let admitted = admit(worker, client, buffer, &head, &fields, notes, into);
                worker.buffers.give_fields(fields);
                return admitted.map_err(|refused| {
                    buffer.consume(refused.length(&head));
                    End::Refused(refused)
                });
            }
            worker.buffers.give_fields(fields);
        } else {
            decode::incomplete(buffer.filled(), limits)?;
        }
        seen = buffer.filled().len();
        // One byte more than a head may have, so that one too long is seen to be.
        if !buffer.make_room(limits.head as usize + 1) {
            return Err(Refusal::HeadTooLarge.into());
        }
        let fill = poll_fn(|context| worker.buffers.poll_fill(buffer, context, &client.socket));
        match client.deadline.before(fill).await {
            Ok(Ok(1..)) => {}
            Ok(_) => return Err(End::Gone),
            Err(Late) => return Err(End::Malformed(408, LATE)),
        }
    }
}

/// Whether an empty line may stand in `bytes`, however its lines end.
fn may_end(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"\n\n") || bytes.windows(3).any(|three| three == b"\n\r\n")
}

async fn refuse(worker: &Worker, client: &Client, status: u16, head_only: bool, notes: &Notes) -> After {
    let delivery = Delivery { http11: true, keep: false };
    let page = Page { status, location: &[], retry_after: RETRY_AFTER, delivery };
    match answer(worker, client, page, head_only, notes).await {
        Ok(()) => After::Linger,
        Err(_) => After::Close,
    }
}

async fn close(client: &Client) {
    // Late or not, the connection closes now.
    let _ = client.deadline.within(LINGER_MS, client.socket.close()).await;
}

/// Closes so that the answer arrives: bytes that are not read would make the kernel reset the connection under it.
pub(super) async fn linger(worker: &Worker, client: &Client, buffer: &mut Buffer, most: Linger) {
    let (mut left, until) = (most.bytes, client.deadline.now() + most.ms);
    if !matches!(client.deadline.within(LINGER_MS, client.socket.finish()).await, Ok(Ok(()))) {
        return;
    }
    while left > 0 && client.deadline.now() < until {
        buffer.consume(usize::MAX);
        let fill = poll_fn(|context| worker.buffers.poll_fill(buffer, context, &client.socket));
        match client.deadline.within(LINGER_MS, fill).await {
            Ok(Ok(length @ 1..)) => left = left.saturating_sub(length),
            _ => return,
        }
    }
}
