//! An exchange that ends in a change of protocol: the response travels like any other, and then bytes both ways.

use std::io::IoSlice;

use equalizer_core::http::field::Field;
use equalizer_core::http::h1::decode::{Framing, ResponseHead};
use equalizer_core::http::h1::encode::{Delivery, Lines};

use super::At;
use crate::buffer::Buffer;
use crate::forward::Link;
use crate::serve::After;
use crate::tunnel;

impl At<'_> {
    /// Passes the server's consent on, and what follows it until both sides have ended.
    pub(super) async fn switch(
        &self,
        link: &Link,
        (before, incoming): (&mut Buffer, &mut Buffer),
        head: &ResponseHead,
        fields: &[Field],
    ) -> After {
        let (worker, client) = (self.worker, self.client);
        self.admitted.asked.notes.head(worker, head.status, false);
        let mut text = worker.buffers.take_text();
        let lines = Lines { bytes: incoming.filled(), fields };
        let delivery = Delivery { http11: true, keep: true };
        let reason = self.stamped(lines, head, delivery, Framing::None, &mut text);
        incoming.consume(head.length as usize);
        self.passes_on(reason, head.status);
        let written = client.write(worker, &mut [IoSlice::new(&text)]).await;
        worker.buffers.give_text(text);
        if !matches!(written, Ok(Ok(()))) {
            return After::Abort;
        }
        let _open = Open::new(self);
        let moved = tunnel::run(
            (&client.socket, before.filled()),
            (&link.socket, incoming.filled()),
            &worker.buffers,
            &client.deadline,
            self.times().tunnel,
        );
        let ended = moved.await;
        before.consume(usize::MAX);
        if ended.is_ok() { After::Close } else { After::Abort }
    }
}

/// Counts as an open tunnel of its server until it is dropped.
struct Open<'a>(&'a At<'a>);

impl<'a> Open<'a> {
    fn new(at: &'a At<'a>) -> Self {
        let tunnels = &at.seat.server(at.server).counted.tunnels;
        tunnels.set(tunnels.get() + 1);
        Self(at)
    }
}

impl Drop for Open<'_> {
    fn drop(&mut self) {
        let tunnels = &self.0.seat.server(self.0.server).counted.tunnels;
        tunnels.set(tunnels.get() - 1);
    }
}
