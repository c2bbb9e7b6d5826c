//! Exchanges on their way to the log: kept as they are while a client waits, and made into lines where nobody does.

use super::date::Dates;
use super::escape::{self, Text};
use super::{Exchange, Request, Style, line};

/// Bytes of a text that are kept.
pub(super) const LONGEST: u16 = 4096;

/// Exchanges, in the order in which they ended. Each has the lengths of its texts, which lie behind one another in the
/// order in which [`Exchange::map`] comes to them.
#[derive(Debug, Default)]
pub struct Records {
    exchanges: Vec<Exchange<u16>>,
    texts: Vec<u8>,
}

impl Records {
    /// None yet, and room for so many, and for so many bytes of texts.
    pub fn with_capacity(exchanges: usize, texts: usize) -> Self {
        Self { exchanges: Vec::with_capacity(exchanges), texts: Vec::with_capacity(texts) }
    }

    /// Keeps an exchange, and of each of its texts 4 KiB.
    pub fn add(&mut self, told: &Exchange<&[u8]>) {
        let texts = &mut self.texts;
        self.exchanges.push(told.map(|text| {
            let length = u16::try_from(text.len()).unwrap_or(LONGEST).min(LONGEST);
            // Many are empty, and to copy nothing costs as much as to copy little.
            if length > 0 {
                texts.extend_from_slice(&text[..usize::from(length)]);
            }
            length
        }));
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.exchanges.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.exchanges.is_empty()
    }

    /// Bytes of their texts.
    pub fn texts(&self) -> usize {
        self.texts.len()
    }

    /// Appends the line of each.
    pub fn write(&self, style: Style, out: &mut Vec<u8>) {
        let (mut rest, mut dates) = (&self.texts[..], Dates::default());
        for exchange in &self.exchanges {
            let mut all = 0;
            exchange.map(|length| all += usize::from(length));
            // Looked at together: one text after the other, it would cost more.
            let plain = escape::are_plain(&rest[..all]);
            let told = exchange.map(|length| {
                let text = Text { from: rest, length: usize::from(length), plain };
                rest = &rest[text.length..];
                text
            });
            line(&told, style, &mut dates, out);
        }
    }

    /// Takes those of another behind its own.
    pub fn append(&mut self, others: &mut Self) {
        self.exchanges.append(&mut others.exchanges);
        self.texts.append(&mut others.texts);
    }

    /// Forgets them, and keeps the room.
    pub fn clear(&mut self) {
        self.exchanges.clear();
        self.texts.clear();
    }
}

impl<One: Copy> Exchange<One> {
    /// The same with other texts, always made in one order.
    fn map<Other>(&self, mut each: impl FnMut(One) -> Other) -> Exchange<Other> {
        Exchange {
            at: self.at,
            listener: each(self.listener),
            client: self.client,
            tls: self.tls,
            request: self.request.as_ref().map(|request| Request {
                method: each(request.method),
                target: each(request.target),
                host: each(request.host),
                protocol: request.protocol,
                user_agent: each(request.user_agent),
                referer: each(request.referer),
            }),
            status: self.status,
            received: self.received,
            sent: self.sent,
            pool: each(self.pool),
            server: each(self.server),
            home_before: each(self.home_before),
            reason: self.reason,
            session: self.session,
            attempts: self.attempts,
            duration: self.duration,
            head: self.head,
            fault: self.fault,
            limit: each(self.limit),
        }
    }
}
