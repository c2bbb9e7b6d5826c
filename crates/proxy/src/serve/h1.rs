//! The life of an HTTP/1.1 client connection: idle without a buffer, one exchange after another, an end in good order.

use std::future::poll_fn;
use std::task::Poll;

use equalizer_core::http::field::Field;
use equalizer_core::http::h1::decode::{self, RequestHead};
use equalizer_core::http::h1::encode::Delivery;
use equalizer_core::http::refusal::Refusal;

use super::{After, Client};
use crate::answer::answer;
use crate::buffer::Buffer;
use crate::clock::Late;
use crate::exchange::exchange;
use crate::worker::Worker;

/// How long a client may take to read an answer that ends the connection, in milliseconds.
const LINGER_MS: u32 = 2_000;
/// Bytes of a refused request that are read so that its answer arrives.
const LINGER_BYTES: usize = 256 * 1024;

/// Serves a connection until it ends.
pub(crate) async fn serve(worker: &Worker, client: &Client) {
    let mut held: Option<Buffer> = None;
    loop {
        let mut buffer = match held.take() {
            Some(buffer) => buffer,
            None => match first_bytes(worker, client).await {
                Some(buffer) => buffer,
                None => return close(client).await,
            },
        };
        let mut fields = worker.buffers.take_fields();
        let after = match read_head(worker, client, &mut buffer, &mut fields).await {
            Ok(head) => exchange(worker, client, &mut buffer, &head, &fields).await,
            Err(End::Gone) => After::Close,
            Err(End::Refused(status)) => refuse(worker, client, status).await,
        };
        worker.buffers.give_fields(fields);
        match after {
            After::Keep if !buffer.is_empty() => held = Some(buffer),
            After::Keep => worker.buffers.give(buffer),
            After::Close if buffer.is_empty() => {
                worker.buffers.give(buffer);
                return close(client).await;
            }
            After::Close | After::Linger => {
                linger(client, &mut buffer).await;
                return worker.buffers.give(buffer);
            }
            After::Abort => {
                client.socket.abort();
                return worker.buffers.give(buffer);
            }
        }
    }
}

/// Why no request came.
enum End {
    /// The client left, or was idle for too long.
    Gone,
    /// What came is not a request: the status to answer with.
    Refused(u16),
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal.status())
    }
}

/// Waits for the first bytes of a request; borrows a buffer only when there are some.
async fn first_bytes(worker: &Worker, client: &Client) -> Option<Buffer> {
    client.deadline.set(worker.setup().rules.timeouts.idle_client);
    poll_fn(|context| {
        let mut buffer = worker.buffers.take();
        match buffer.poll_fill(context, &client.socket) {
            Poll::Ready(Ok(1..)) => return Poll::Ready(Some(buffer)),
            Poll::Ready(_) => {
                worker.buffers.give(buffer);
                return Poll::Ready(None);
            }
            Poll::Pending => worker.buffers.give(buffer),
        }
        // Bytes may wait in the kernel of which the event loop has not heard yet.
        if worker.is_stopping() && !client.socket.has_bytes() {
            Poll::Ready(None)
        } else {
            client.deadline.poll_late(context).map(|Late| None)
        }
    })
    .await
}

/// Reads until `buffer` holds a whole request head.
async fn read_head(
    worker: &Worker,
    client: &Client,
    buffer: &mut Buffer,
    fields: &mut Vec<Field>,
) -> Result<RequestHead, End> {
    let setup = worker.setup();
    let limits = setup.rules.limits;
    let mut seen: usize = 0;
    client.deadline.set(setup.rules.timeouts.head);
    loop {
        // A head that comes byte by byte is parsed again only when its end may have come.
        if seen == 0 || may_end(&buffer.filled()[seen.saturating_sub(2)..]) {
            if let Some(head) = decode::request(buffer.filled(), limits, fields)? {
                return Ok(head);
            }
        } else {
            decode::incomplete(buffer.filled(), limits)?;
        }
        seen = buffer.filled().len();
        // One byte more than a head may have, so that one too long is seen to be.
        if !buffer.make_room(limits.head as usize + 1) {
            return Err(Refusal::HeadTooLarge.into());
        }
        match client.deadline.before(poll_fn(|context| buffer.poll_fill(context, &client.socket))).await {
            Ok(Ok(1..)) => {}
            Ok(_) => return Err(End::Gone),
            Err(Late) => return Err(End::Refused(408)),
        }
    }
}

/// Whether an empty line may stand in `bytes`, however its lines end.
fn may_end(bytes: &[u8]) -> bool {
    bytes.windows(2).any(|pair| pair == b"\n\n") || bytes.windows(3).any(|three| three == b"\n\r\n")
}

async fn refuse(worker: &Worker, client: &Client, status: u16) -> After {
    let delivery = Delivery { http11: true, keep: false };
    match answer(worker, client, status, delivery, false).await {
        Ok(()) => After::Linger,
        Err(_) => After::Close,
    }
}

async fn close(client: &Client) {
    // Late or not, the connection closes now.
    let _ = client.deadline.within(LINGER_MS, client.socket.close()).await;
}

/// Closes so that the answer arrives: bytes that are not read would make the kernel reset the connection under it.
async fn linger(client: &Client, buffer: &mut Buffer) {
    let drain = async {
        if client.socket.finish().await.is_err() {
            return;
        }
        let mut left = LINGER_BYTES;
        while left > 0 {
            buffer.consume(usize::MAX);
            match poll_fn(|context| buffer.poll_fill(context, &client.socket)).await {
                Ok(length @ 1..) => left = left.saturating_sub(length),
                _ => return,
            }
        }
    };
    // Late or not, the connection closes now.
    let _ = client.deadline.within(LINGER_MS, drain).await;
}
