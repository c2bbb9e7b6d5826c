//! Who tells a client that waits for it to send the body (RFC 9110, 10.1.1): its server, or we where that cannot.

use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::pin;

use equalizer_core::fault::Sent;

use super::At;
use crate::body::{Broken, Upload};
use crate::buffer::Buffer;
use crate::clock::{Deadline, Late};
use crate::forward::Link;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How long a server of which nothing is known may say nothing, in milliseconds: as long as curl waits by itself.
const SILENCE_MS: u32 = 1_000;

impl At<'_> {
    /// Says 100 in the place of a server that speaks HTTP/1.0, which does not know it, or that has never answered and
    /// says nothing now. One that spoke HTTP/1.1 decides for itself.
    pub(super) async fn invite(
        &self,
        link: &Link,
        upload: &mut Upload<'_>,
        incoming: &mut Buffer,
    ) -> Result<(), Broken> {
        let waits = match self.seat.server(self.server).spoke11.get() {
            Some(http11) => !http11,
            None => self.is_silent(link, upload, incoming).await?,
        };
        // A client that sends it without a word does not wait any more.
        if !waits || self.sent.get() != Sent::Head {
            return Ok(());
        }
        self.admitted.asked.waits.set(false);
        match self.client.write(self.worker, &mut [IoSlice::new(CONTINUE)]).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Broken::Sink),
        }
    }

    /// Whether the server says nothing for a while; what it says is kept.
    async fn is_silent(
        &self,
        link: &Link,
        upload: &mut Upload<'_>,
        incoming: &mut Buffer,
    ) -> Result<bool, Broken> {
        let pause = Deadline::new(&self.worker.clock);
        let buffers = &self.worker.buffers;
        let fill = poll_fn(|context| buffers.poll_fill(incoming, context, &link.socket));
        let filling = pause.within(SILENCE_MS, fill);
        let patience = self.pool.retry.patience(self.times().response);
        let filled = upload.alongside(&self.client.deadline, patience, pin!(filling)).await?;
        Ok(matches!(filled, Err(Late)))
    }
}
