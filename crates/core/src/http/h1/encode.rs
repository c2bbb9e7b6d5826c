//! Writes heads anew: what travels on is copied in the longest runs, what concerns one connection is left out,
//! and the framing is always our own.

use super::super::field::{Field, Known, Span, list};
use super::super::forwarded::Forwarded;
use super::decode::{Framing, RequestHead, ResponseHead};
use crate::http::edits::Edits;

/// A head as it lies in its buffer.
#[derive(Clone, Copy)]
pub struct Lines<'a> {
    /// The buffer the spans point into.
    pub bytes: &'a [u8],
    /// Its fields, in order.
    pub fields: &'a [Field],
}

/// How the client hears the end of a response.
#[derive(Debug, Clone, Copy)]
pub struct Delivery {
    /// Whether the client speaks HTTP/1.1.
    pub http11: bool,
    /// Whether its connection stays open.
    pub keep: bool,
}

impl Delivery {
    /// The framing a client gets for a server's framing; closing where nothing else can tell the end.
    pub fn framing(&mut self, from: Framing) -> Framing {
        match from {
            Framing::None | Framing::Length(_) => from,
            Framing::Chunked | Framing::UntilClose if self.http11 => Framing::Chunked,
            Framing::Chunked | Framing::UntilClose => {
                self.keep = false;
                Framing::UntilClose
            }
        }
    }
}

/// What says that a connection goes on with WebSocket.
const TO_WEBSOCKET: &[u8] = b"Connection: Upgrade\r\nUpgrade: websocket\r\n";

/// The status of a server that serves no other protocol than those of Upgrade, which it must name (RFC 9110, 15.5.22).
const UPGRADE_REQUIRED: u16 = 426;

/// Appends a request head for a server, with `edits` made to its lines.
pub fn request(
    lines: Lines<'_>,
    head: &RequestHead,
    forwarded: Forwarded<'_>,
    edits: &Edits,
    out: &mut Vec<u8>,
) {
    out.extend_from_slice(head.method_text.of(lines.bytes));
    out.push(b' ');
    out.extend_from_slice(if head.whole_server { b"*" } else { head.target.of(lines.bytes) });
    out.extend_from_slice(b" HTTP/1.1\r\n");
    let mut run = Run::new(lines.bytes, edits);
    let mut named = false;
    for field in lines.fields {
        named |= field.known == Known::Host;
        match field.known {
            Known::Other | Known::Hearsay if head.names_fields && lines.connection_names(*field) => {}
            Known::Connection
            | Known::ContentLength
            | Known::TransferEncoding
            | Known::HopByHop
            | Known::Upgrade
            | Known::Forwarded => {}
            Known::Trailer if head.framing != Framing::Chunked => {}
            _ => run.keep(field.line, out),
        }
    }
    run.flush(out);
    if !named {
        // HTTP/1.1 demands the field; a 1.0 client may have named its host in the target, or none at all.
        out.extend_from_slice(b"Host: ");
        out.extend_from_slice(head.host.of(lines.bytes));
        out.extend_from_slice(b"\r\n");
    }
    forwarded.write(out);
    framing(head.framing, out);
    if head.upgrade {
        out.extend_from_slice(TO_WEBSOCKET);
    }
    out.extend_from_slice(b"\r\n");
}

/// Appends a response head for a client, with `edits` made to its lines; without its empty line, so that more fields
/// may follow.
pub fn response(
    lines: Lines<'_>,
    head: &ResponseHead,
    delivery: Delivery,
    framed: Framing,
    edits: &Edits,
    out: &mut Vec<u8>,
) {
    status_line(head.status, head.phrase.of(lines.bytes), out);
    let mut run = Run::new(lines.bytes, edits);
    for field in lines.fields {
        let keep = match field.known {
            Known::Connection | Known::ContentLength | Known::TransferEncoding | Known::HopByHop => false,
            Known::Upgrade => head.status == UPGRADE_REQUIRED,
            Known::Trailer => framed == Framing::Chunked,
            Known::Other | Known::Hearsay => !(head.names_fields && lines.connection_names(*field)),
            _ => true,
        };
        if keep {
            run.keep(field.line, out);
        }
    }
    run.flush(out);
    match (framed, head.described_length) {
        (Framing::None, Some(length)) => framing(Framing::Length(length), out),
        _ => framing(framed, out),
    }
    match head.status {
        101 => out.extend_from_slice(TO_WEBSOCKET),
        UPGRADE_REQUIRED if lines.fields.iter().any(|field| field.known == Known::Upgrade) => {
            out.extend_from_slice(match (delivery.keep, delivery.http11) {
                (false, _) => b"Connection: close, upgrade\r\n",
                (true, false) => b"Connection: keep-alive, upgrade\r\n",
                (true, true) => b"Connection: upgrade\r\n",
            });
        }
        200.. => connection(delivery, out),
        _ => {}
    }
}

/// Appends a status line.
pub fn status_line(status: u16, phrase: &[u8], out: &mut Vec<u8>) {
    let digit = |at: u16| b'0' + (status / at % 10) as u8;
    out.extend_from_slice(&[
        b'H',
        b'T',
        b'T',
        b'P',
        b'/',
        b'1',
        b'.',
        b'1',
        b' ',
        digit(100),
        digit(10),
        digit(1),
        b' ',
    ]);
    out.extend_from_slice(phrase);
    out.extend_from_slice(b"\r\n");
}

/// The line that tells when a response was made, for one that does not say it (RFC 9110, 6.6.1).
pub fn date_line(now: u64) -> [u8; DATE_LINE] {
    // Years beyond 9999 have no such date, and no clock is there yet.
    let now = std::time::UNIX_EPOCH + std::time::Duration::from_secs(now.min(LAST_DATE));
    let text = format!("Date: {}\r\n", httpdate::fmt_http_date(now));
    let mut line = [b' '; DATE_LINE];
    line.copy_from_slice(text.as_bytes());
    line
}

/// Bytes of a line with a date, whose form is fixed.
pub const DATE_LINE: usize = 37;

/// The last second of the year 9999.
const LAST_DATE: u64 = 253_402_300_799;

/// Appends the field line that names a proxy on the way, and the version in which it got the message (RFC 9110, 7.6.3).
pub fn via(version: &[u8], name: &str, out: &mut Vec<u8>) {
    out.extend_from_slice(b"Via: ");
    out.extend_from_slice(version);
    out.push(b' ');
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b"\r\n");
}

/// Appends the Connection field, where the version's default says otherwise.
pub fn connection(delivery: Delivery, out: &mut Vec<u8>) {
    match (delivery.keep, delivery.http11) {
        (false, _) => out.extend_from_slice(b"Connection: close\r\n"),
        (true, false) => out.extend_from_slice(b"Connection: keep-alive\r\n"),
        (true, true) => {}
    }
}

/// Appends the line that opens a chunk of `length` bytes.
pub fn chunk_size(length: usize, out: &mut Vec<u8>) {
    let digits = (usize::BITS - length.leading_zeros()).div_ceil(4).max(1);
    for digit in (0..digits).rev() {
        out.push(b"0123456789abcdef"[(length >> (digit * 4)) & 15]);
    }
    out.extend_from_slice(b"\r\n");
}

/// The last chunk, without trailers.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// Appends a number.
pub fn decimal(number: u64, out: &mut Vec<u8>) {
    match number {
        0..10 => out.push(PAIRS[(number % 100) as usize][1]),
        10..100_000_000 => {
            let digits = eight_digits(number);
            let zeros = digits.trailing_zeros() / 8;
            let end = out.len() + 8 - zeros as usize;
            out.extend_from_slice(&((digits >> (8 * zeros)) | ZEROS).to_le_bytes());
            out.truncate(end);
        }
        _ => {
            decimal(number / 100_000_000, out);
            out.extend_from_slice(&(eight_digits(number % 100_000_000) | ZEROS).to_le_bytes());
        }
    }
}

/// The digit 0, eight times.
const ZEROS: u64 = u64::from_le_bytes(*b"00000000");

/// The digits of a number below 100,000,000, a byte each, the first in the lowest: halves are parted three times, all
/// of them at once. Multiplied by `10486 / 2^20` and `103 / 2^10` numbers of so few digits are divided by 100 and 10.
const fn eight_digits(number: u64) -> u64 {
    let fours = (number / 10_000) | ((number % 10_000) << 32);
    let hundreds = ((fours * 10_486) >> 20) & 0x0000_007f_0000_007f;
    let twos = hundreds | ((fours - hundreds * 100) << 16);
    let tens = ((twos * 103) >> 10) & 0x000f_000f_000f_000f;
    tens | ((twos - tens * 10) << 8)
}

/// The numbers from 0 to 99 in two digits each.
pub(crate) static PAIRS: [[u8; 2]; 100] = pairs();

const fn pairs() -> [[u8; 2]; 100] {
    const DIGITS: &[u8; 10] = b"0123456789";
    let mut pairs = [[0; 2]; 100];
    let mut at = 0;
    while at < 100 {
        pairs[at] = [DIGITS[at / 10], DIGITS[at % 10]];
        at += 1;
    }
    pairs
}

fn framing(framing: Framing, out: &mut Vec<u8>) {
    match framing {
        Framing::Length(length) => {
            out.extend_from_slice(b"Content-Length: ");
            decimal(length, out);
            out.extend_from_slice(b"\r\n");
        }
        Framing::Chunked => out.extend_from_slice(b"Transfer-Encoding: chunked\r\n"),
        Framing::None | Framing::UntilClose => {}
    }
}

impl<'a> Lines<'a> {
    /// The fields called `name`, in order; case does not matter.
    pub fn named(self, name: &'a [u8]) -> impl Iterator<Item = Field> + 'a {
        self.fields.iter().copied().filter(move |field| field.name.of(self.bytes).eq_ignore_ascii_case(name))
    }

    /// Whether a Connection field names this one, so that it ends here (RFC 9110, 7.6.1).
    fn connection_names(&self, field: Field) -> bool {
        let name = field.name.of(self.bytes);
        let connections = self.fields.iter().filter(|other| other.known == Known::Connection);
        connections
            .flat_map(|other| list(other.value.of(self.bytes)))
            .any(|named| named.eq_ignore_ascii_case(name))
    }
}

/// Neighbouring lines that travel on together, copied in one go.
struct Run<'a> {
    bytes: &'a [u8],
    edits: &'a Edits,
    /// The next edit's place in their order.
    next: usize,
    /// Where it cuts; beyond every line when none is left.
    cut: u32,
    lines: Span,
}

impl<'a> Run<'a> {
    fn new(bytes: &'a [u8], edits: &'a Edits) -> Self {
        Self { bytes, edits, next: 0, cut: cut_at(edits, 0), lines: Span::default() }
    }

    #[inline]
    fn keep(&mut self, line: Span, out: &mut Vec<u8>) {
        if line.end <= self.cut {
            self.extend(line, out);
        } else {
            self.keep_edited(line, out);
        }
    }

    #[inline(never)]
    fn keep_edited(&mut self, line: Span, out: &mut Vec<u8>) {
        let mut start = line.start;
        while let Some((cut, text)) = self.edits.get(self.next).filter(|(cut, _)| cut.start < line.end) {
            self.next += 1;
            // Edits of lines that were left out before have nothing to change.
            if cut.start >= start {
                self.extend(Span { start, end: cut.start }, out);
                self.flush(out);
                out.extend_from_slice(text);
                start = cut.end;
            }
        }
        self.cut = cut_at(self.edits, self.next);
        if start < line.end {
            self.extend(Span { start, end: line.end }, out);
        }
    }

    fn extend(&mut self, piece: Span, out: &mut Vec<u8>) {
        if piece.start == self.lines.end {
            self.lines.end = piece.end;
        } else {
            self.flush(out);
            self.lines = piece;
        }
    }

    fn flush(&mut self, out: &mut Vec<u8>) {
        out.extend_from_slice(self.lines.of(self.bytes));
        self.lines = Span { start: self.lines.end, end: self.lines.end };
    }
}

fn cut_at(edits: &Edits, place: usize) -> u32 {
    edits.get(place).map_or(u32::MAX, |(cut, _)| cut.start)
}

#[cfg(test)]
#[path = "encode_tests.rs"]
pub(super) mod tests;
