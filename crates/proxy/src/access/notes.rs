//! What is noted of one exchange while it runs: what the log and the debug field tell of it.
//!
//! A request's bytes are gone when its response comes, so its texts are kept apart; only where somebody reads them.

use std::cell::{Cell, OnceCell};

use equalizer_core::access::{Exchange, Request};
use equalizer_core::debug::{self, Decision};
use equalizer_core::http::edits::Edits;
use equalizer_core::http::field::{Known, Span};
use equalizer_core::http::h1::decode::RequestHead;
use equalizer_core::http::h1::encode::Lines;
use equalizer_core::http::refusal::Refusal;
use equalizer_core::persistence::Reason;
use equalizer_core::persistence::cookie::SessionId;
use equalizer_core::pool::{Pool, ServerId};
use equalizer_core::snapshot::Snapshot;

use crate::clock::Moment;
use crate::serve::Client;
use crate::worker::Worker;

/// Notes of one exchange.
#[derive(Default)]
pub(crate) struct Notes {
    /// Where it is told at the end.
    began: Option<Moment>,
    texts: Option<Texts>,
    /// The field that tells whoever showed the debug token.
    told: OnceCell<Vec<u8>>,
    debug: bool,
    status: Cell<u16>,
    received: Cell<u64>,
    sent: Cell<u64>,
    attempts: Cell<u32>,
    head: Cell<Head>,
    server: Cell<Option<ServerId>>,
    home_before: Cell<Option<ServerId>>,
    reason: Cell<Option<Reason>>,
    session: Cell<Option<SessionId>>,
    fault: Cell<&'static str>,
}

/// When the head of the response went to the client.
#[derive(Clone, Copy, Default)]
enum Head {
    /// It did not.
    #[default]
    Never,
    At(Moment),
    /// With all that is behind it: at the end. So the clock, which is not cheap, is looked at once less.
    AtEnd,
}

/// What is told of a request: its head up to the last of the texts, since that is one copy, and where they stand in it.
struct Texts {
    head: Vec<u8>,
    method: Span,
    target: Span,
    host: Span,
    user_agent: Span,
    referer: Span,
    http11: bool,
}

impl Notes {
    /// An exchange begins.
    pub(crate) fn begin(worker: &Worker) -> Self {
        Self { began: worker.log.is_on().then(|| worker.clock.moment()), ..Self::default() }
    }

    /// Keeps what will be told of a request, and looks whether it shows the debug token.
    pub(crate) fn read(
        &mut self,
        worker: &Worker,
        rules: &Snapshot,
        lines: Lines<'_>,
        head: &RequestHead,
        edits: &mut Edits,
    ) {
        self.debug = rules.debug.as_ref().is_some_and(|token| token.is_shown(lines, edits));
        if self.began.is_none() {
            return;
        }
        let mut texts = Texts {
            head: worker.buffers.take_text(),
            method: head.method_text,
            target: head.target,
            host: head.host,
            user_agent: Span::default(),
            referer: Span::default(),
            http11: head.http11,
        };
        // Of several, the first.
        for field in lines.fields.iter().rev() {
            match field.known {
                Known::UserAgent => texts.user_agent = field.value,
                Known::Referer => texts.referer = field.value,
                _ => {}
            }
        }
        let told = [texts.method, texts.target, texts.host, texts.user_agent, texts.referer];
        let end = told.iter().map(|text| text.end).max().unwrap_or_default();
        texts.head.extend_from_slice(&lines.bytes[..end as usize]);
        self.texts = Some(texts);
    }

    /// It goes to a server.
    pub(crate) fn attempt(&self, server: ServerId) {
        self.server.set(Some(server));
        self.attempts.set(self.attempts.get() + 1);
    }

    /// A server has answered, with this status; its answer goes to the client now, whole or its head first.
    pub(crate) fn head(&self, worker: &Worker, status: u16, whole: bool) {
        self.status.set(status);
        if whole {
            self.head.set(Head::AtEnd);
        } else if self.began.is_some() {
            self.head.set(Head::At(worker.clock.moment()));
        }
    }

    /// It is answered by ourselves, with so many bytes.
    pub(crate) fn answered(&self, status: u16, sent: usize) {
        self.status.set(status);
        self.sent.set(sent as u64);
    }

    /// A stream is reset in the place of an answer: told and counted as what HTTP/1.1 answers.
    pub(crate) fn reset(&self, worker: &Worker, refusal: Refusal) {
        self.fault(refusal.word());
        self.answered(refusal.status(), 0);
        worker.count_answer(refusal.status());
    }

    /// Bytes of the request's body go to a server.
    pub(crate) fn received(&self, length: usize) {
        self.received.set(self.received.get() + length as u64);
    }

    /// Bytes of the response's body go to the client.
    pub(crate) fn sent(&self, length: usize) {
        self.sent.set(self.sent.get() + length as u64);
    }

    /// Something went wrong.
    pub(crate) fn fault(&self, word: &'static str) {
        self.fault.set(word);
    }

    /// It is known where it goes, and why.
    pub(crate) fn decided(&self, decision: &Decision<'_>) {
        self.reason.set(Some(decision.reason));
        self.session.set(decision.session);
        self.home_before.set(decision.server.and_then(|server| decision.recall.home_before(server)));
        if self.debug {
            self.told.get_or_init(|| {
                let mut out = Vec::new();
                debug::decision(decision, &mut out);
                out
            });
        }
    }

    /// No route takes it.
    pub(crate) fn no_route(&self) {
        if self.debug {
            self.told.get_or_init(|| {
                let mut out = Vec::new();
                debug::no_route(&mut out);
                out
            });
        }
    }

    /// Whether somebody asked why.
    pub(crate) fn is_debug(&self) -> bool {
        self.debug
    }

    /// The field that answers who asked why; empty for everybody else.
    pub(crate) fn told(&self) -> &[u8] {
        self.told.get().map_or(&[], Vec::as_slice)
    }

    /// The exchange has ended.
    pub(crate) fn end(&mut self, worker: &Worker, client: &Client, rules: &Snapshot, pool: Option<&Pool>) {
        self.end_by(worker, client, rules, pool, "");
    }

    /// The exchange has ended; refused by the rate limit of that name, where there is one.
    pub(crate) fn end_by(
        &mut self,
        worker: &Worker,
        client: &Client,
        rules: &Snapshot,
        pool: Option<&Pool>,
        limit: &str,
    ) {
        let Some(began) = self.began.take() else { return };
        let texts = self.texts.take();
        let name = |id: Option<ServerId>| {
            let server = id.zip(pool).and_then(|(id, pool)| pool.servers.get(id.0));
            server.map_or(&b""[..], |server| server.name.as_bytes())
        };
        let duration = worker.clock.moment().since(began);
        let listener = rules.listeners.get(client.arrival.listener.get());
        worker.log.tell(&Exchange {
            at: worker.clock.unix_ms(began),
            listener: listener.map_or(b"", |name| name.as_bytes()),
            client: client.origin.get().client,
            tls: client.arrival.tls,
            request: texts.as_ref().map(|texts| texts.request(client.socket.is_stream())),
            status: self.status.get(),
            received: self.received.get(),
            sent: self.sent.get(),
            pool: pool.map_or(b"", |pool| pool.name.as_bytes()),
            server: name(self.server.get()),
            home_before: name(self.home_before.get()),
            reason: self.reason.get(),
            session: self.session.get(),
            attempts: self.attempts.get(),
            duration,
            head: match self.head.get() {
                Head::Never => None,
                Head::At(moment) => Some(moment.since(began)),
                Head::AtEnd => Some(duration),
            },
            fault: self.fault.get(),
            limit: limit.as_bytes(),
        });
        if let Some(texts) = texts {
            worker.buffers.give_text(texts.head);
        }
    }
}

impl Texts {
    fn request(&self, http2: bool) -> Request<&[u8]> {
        let text = |span: Span| span.of(&self.head);
        Request {
            method: text(self.method),
            target: text(self.target),
            host: text(self.host),
            protocol: match (http2, self.http11) {
                (true, _) => "HTTP/2",
                (false, true) => "HTTP/1.1",
                (false, false) => "HTTP/1.0",
            },
            user_agent: text(self.user_agent),
            referer: text(self.referer),
        }
    }
}
