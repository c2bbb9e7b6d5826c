//! What becomes of a server's response: it is stamped, counted and passed to the client.

use std::io::IoSlice;
use std::pin::pin;

use equalizer_core::debug::{self, Decision};
use equalizer_core::fault::Fault;
use equalizer_core::http::edits::Edits;
use equalizer_core::http::field::{Field, Known};
use equalizer_core::http::h1::decode::{Framing, ResponseHead};
use equalizer_core::http::h1::encode::{self, Delivery, Lines};
use equalizer_core::http::refusal::Refusal;
use equalizer_core::persistence::{self, Reason, Stamping};

use super::{At, GONE};
use crate::body::{self, Broken, Source, Transfer, Upload};
use crate::buffer::Buffer;
use crate::forward::Link;
use crate::serve::After;

/// Why a response did not reach the client whole.
pub(super) enum Unrelayed {
    /// Its body is malformed from the start; nothing has been written.
    Broken(Refusal),
    /// The client has a part of it at most, and cannot be told anything else.
    CutShort,
}

impl At<'_> {
    /// Stamps the response and passes it to the client.
    pub(super) async fn relay(
        &self,
        link: &Link,
        upload: &mut Upload<'_>,
        incoming: &mut Buffer,
        head: &ResponseHead,
        fields: &[Field],
    ) -> Result<After, Unrelayed> {
        let (worker, client, times) = (self.worker, self.client, self.times());
        let notes = &self.admitted.asked.notes;
        let mut delivery = self.admitted.asked.delivery(worker, upload.is_whole());
        let framed = delivery.framing(head.framing);
        let mut text = worker.buffers.take_text();
        let lines = Lines { bytes: incoming.filled(), fields };
        let reason = self.stamped(lines, head, delivery, framed, &mut text);
        incoming.consume(head.length as usize);
        let mut source = Source::new(head.framing);
        let chunked = framed == Framing::Chunked;
        let spoken = &self.admitted.setup.rules.spoken;
        let gathered = body::gather(incoming, &mut source, chunked, spoken, &mut text);
        notes.sent(gathered.map_err(Unrelayed::Broken)?);
        notes.head(worker, head.status, source.is_done());
        self.passes_on(reason, head.status);
        let relayed = if source.is_done() {
            match client.write(worker, &mut [IoSlice::new(&text)]).await {
                Ok(Ok(())) => Ok(()),
                _ => Err(Broken::Sink),
            }
        } else {
            let transfer = Transfer {
                from: &link.socket,
                to: &client.socket,
                buffer: incoming,
                source: &mut source,
                chunked,
                spoken,
                deadline: &client.deadline,
                wait: times.body,
                buffers: &worker.buffers,
            };
            let mut running = pin!(transfer.run(&text, |length| notes.sent(length)));
            match upload.alongside(&client.deadline, times.body, running.as_mut()).await {
                Ok(relayed) => relayed,
                // It was the client's own body that did not come.
                Err(_) => Err(Broken::Sink),
            }
        };
        worker.buffers.give_text(text);
        self.judge_end(head.status, relayed.is_err_and(|broken| broken != Broken::Sink));
        if let Err(broken) = relayed {
            notes.fault(if broken == Broken::Sink { GONE } else { Fault::CutShort.word() });
            return Err(Unrelayed::CutShort);
        }
        Ok(match (delivery.keep, upload.is_whole()) {
            (true, true) => After::Keep,
            (false, true) if !self.admitted.asked.keep_alive => After::Close,
            _ => After::Linger,
        })
    }

    /// Passes an interim response on (RFC 9110, 15.2); HTTP/1.0 knows none.
    pub(super) async fn interim(
        &self,
        head: &ResponseHead,
        incoming: &Buffer,
        fields: &[Field],
    ) -> Result<(), Broken> {
        if !self.admitted.asked.http11 {
            return Ok(());
        }
        let mut text = self.worker.buffers.take_text();
        let lines = Lines { bytes: incoming.filled(), fields };
        let delivery = self.admitted.asked.delivery(self.worker, true);
        let mut edits = Edits::default();
        self.admitted.setup.rules.spoken.cut(lines, &mut edits);
        self.pool.persistence.hold_back(lines, &mut edits);
        encode::response(lines, head, delivery, Framing::None, &edits, &mut text);
        text.extend_from_slice(b"\r\n");
        let written = self.client.write(self.worker, &mut [IoSlice::new(&text)]).await;
        self.worker.buffers.give_text(text);
        if matches!(written, Ok(Ok(()))) { Ok(()) } else { Err(Broken::Sink) }
    }

    /// The answer goes to the client: the exchange is counted, and judged by the head.
    pub(super) fn passes_on(&self, reason: Reason, status: u16) {
        self.count(reason);
        self.judge(status);
        let failed = self.pool.breaker.as_ref().is_some_and(|breaker| breaker.counts(status));
        self.admitted.fares(self.pool, failed);
    }

    /// What the head of an answer says of the server: that it fails, or has agreed to another protocol. Of any other
    /// the end is awaited.
    pub(super) fn judge(&self, status: u16) {
        if status >= 500 {
            self.seat.server(self.server).erred();
        }
        if status >= 500 || status == 101 {
            self.worker.alarm.judge(self.pool, self.server, status >= 500);
        }
    }

    /// What the end of an answer says of the server; who fails by its status was judged by that.
    fn judge_end(&self, status: u16, cut_short: bool) {
        if cut_short {
            self.seat.server(self.server).cut_short(status);
        }
        if cut_short || status < 500 {
            self.worker.alarm.judge(self.pool, self.server, cut_short);
        }
    }

    /// Counts the exchange.
    fn count(&self, reason: Reason) {
        let seat = self.seat.server(self.server);
        seat.counted.exchanges.set(seat.counted.exchanges.get() + 1);
        self.seat.count(reason);
        if let Some(id) = self.pool.persistence.seen(self.recall) {
            let home = self.recall.lives_at(self.server);
            if self.pool.servers[home.0].persist {
                self.seat.server(home).census.borrow_mut().see(id, self.worker.clock.unix());
            }
        }
    }

    /// Writes the response's head with what brings the client back; why it was this server, by what the server said of
    /// the session if that decided.
    pub(super) fn stamped(
        &self,
        lines: Lines<'_>,
        head: &ResponseHead,
        delivery: Delivery,
        framed: Framing,
        text: &mut Vec<u8>,
    ) -> Reason {
        let (worker, origin) = (self.worker, self.client.origin.get());
        let mut edits = worker.buffers.take_edits();
        let mut stamp = worker.buffers.take_text();
        let stamping = Stamping {
            ring: &self.admitted.setup.rules.ring,
            pool: self.pool,
            server: self.server,
            recall: self.recall,
            asked: persistence::Asked {
                method: self.admitted.asked.method,
                client: origin.client,
                secure: origin.secure,
                listener: self.client.arrival.listener.get(),
                now: worker.clock.unix(),
            },
            lines,
        };
        if let Some(https) = self.admitted.setup.https(self.client) {
            https.edit(lines, &self.admitted.message, origin.secure, &mut edits);
            https.write(&mut stamp);
        }
        let notes = &self.admitted.asked.notes;
        if notes.is_debug() {
            debug::cut_answers(lines, &mut edits);
        }
        let (pool, recall, server) = (self.pool, self.recall, self.server);
        let said = pool.persistence.stamp(&stamping, &mut edits, &mut stamp);
        let reason = said.unwrap_or_else(|| recall.reason(server));
        let session = recall.id().filter(|_| reason != Reason::Released);
        notes.decided(&Decision { pool, recall, server: Some(server), reason, session });
        encode::response(lines, head, delivery, framed, &edits, text);
        if !lines.fields.iter().any(|field| field.known == Known::Date) {
            text.extend_from_slice(&worker.clock.date_line());
        }
        text.extend_from_slice(&stamp);
        text.extend_from_slice(notes.told());
        text.extend_from_slice(b"\r\n");
        worker.buffers.give_edits(edits);
        worker.buffers.give_text(stamp);
        self.client.hold_record(&pool.persistence, recall);
        reason
    }
}
