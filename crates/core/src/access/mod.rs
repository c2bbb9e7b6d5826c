//! What the access log says of one exchange: a line of JSON, or a Combined one with the pool, server and reason behind.
//!
//! Whatever a client sends, a line is one line: nothing that breaks lines or steers a terminal is written as it is.

mod date;
mod escape;
mod records;

use std::io::Write as _;
use std::net::IpAddr;

use self::date::Dates;
use self::escape::{HEX, Text};
pub use self::records::Records;
use crate::http::h1::encode::{PAIRS, decimal};
use crate::persistence::Reason;
use crate::persistence::cookie::SessionId;
use crate::snapshot::wire::AccessFormat;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Fixed for ever: every Equalizer must call a session the same.
const SESSION_SEED: u64 = 0x6571_2e6c_6f67_6731;

/// What is told of an exchange. Texts are bytes, and empty where there is nothing to tell.
#[derive(Debug, Clone, Copy)]
pub struct Exchange<Text> {
    /// Milliseconds since 1970, when it began.
    pub at: u64,
    /// The listener's name.
    pub listener: Text,
    /// Who asked.
    pub client: IpAddr,
    /// The version of TLS, on a listener that speaks it.
    pub tls: Option<&'static str>,
    /// What was asked; absent where it could not be read.
    pub request: Option<Request<Text>>,
    /// The status the client was given; 0 when it was given none.
    pub status: u16,
    /// Bytes of the request's body that were passed on.
    pub received: u64,
    /// Bytes of the response's body.
    pub sent: u64,
    /// The pool, where a route was found.
    pub pool: Text,
    /// The server that was tried last.
    pub server: Text,
    /// Where the session lived, if that is another server.
    pub home_before: Text,
    /// Why this server.
    pub reason: Option<Reason>,
    /// Whose session it is.
    pub session: Option<SessionId>,
    /// How often it was sent to a server.
    pub attempts: u32,
    /// Microseconds to its end.
    pub duration: u64,
    /// Microseconds until the response's head went to the client.
    pub head: Option<u64>,
    /// What went wrong.
    pub fault: &'static str,
    /// The rate limit that refused it.
    pub limit: Text,
}

/// The texts of a request that are told.
#[derive(Debug, Clone, Copy)]
pub struct Request<Text> {
    /// Its method.
    pub method: Text,
    /// Its target.
    pub target: Text,
    /// The authority it is for.
    pub host: Text,
    /// As it stands in a start line.
    pub protocol: &'static str,
    /// `User-Agent`.
    pub user_agent: Text,
    /// `Referer`.
    pub referer: Text,
}

/// How lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Style {
    /// Which format.
    pub format: AccessFormat,
    /// Whether queries are told.
    pub query: bool,
}

/// What the log calls a session: always the same, and no way back to what its cookie holds.
pub fn session_name(SessionId(id): SessionId) -> u64 {
    xxh3_64_with_seed(&id.to_be_bytes(), SESSION_SEED) >> 16
}

/// Appends the line of an exchange.
fn line(told: &Exchange<Text<'_>>, style: Style, dates: &mut Dates, out: &mut Vec<u8>) {
    match style.format {
        AccessFormat::Json => json(told, style.query, dates, out),
        AccessFormat::Combined => combined(told, style.query, dates, out),
    }
    out.push(b'\n');
}

/// What may be told of a target or a referer.
fn shown(text: Text<'_>, query: bool) -> Text<'_> {
    let end = if query { None } else { memchr::memchr(b'?', text.bytes()) };
    Text { length: end.unwrap_or(text.length), ..text }
}

fn json(told: &Exchange<Text<'_>>, query: bool, dates: &mut Dates, out: &mut Vec<u8>) {
    out.extend_from_slice(b"{\"time\":\"");
    out.extend_from_slice(dates.rfc3339(told.at));
    out.push(b'"');
    text(out, br#","listener":""#, told.listener);
    out.extend_from_slice(b",\"client\":\"");
    address(told.client, out);
    out.push(b'"');
    if let Some(request) = &told.request {
        text(out, br#","method":""#, request.method);
        text(out, br#","target":""#, shown(request.target, query));
        text(out, br#","host":""#, request.host);
        word(out, br#","protocol":""#, request.protocol.as_bytes());
    }
    word(out, br#","tls":""#, told.tls.unwrap_or_default().as_bytes());
    if told.status > 0 {
        number(out, br#","status":"#, u64::from(told.status));
    }
    number(out, br#","received":"#, told.received);
    number(out, br#","sent":"#, told.sent);
    text(out, br#","pool":""#, told.pool);
    text(out, br#","server":""#, told.server);
    text(out, br#","home_before":""#, told.home_before);
    word(out, br#","reason":""#, told.reason.map_or("", Reason::word).as_bytes());
    if let Some(session) = told.session {
        word(out, br#","session":""#, &hexadecimal(session_name(session)));
    }
    number(out, br#","attempts":"#, u64::from(told.attempts));
    number(out, br#","duration_us":"#, told.duration);
    if let Some(head) = told.head {
        number(out, br#","head_us":"#, head);
    }
    word(out, br#","fault":""#, told.fault.as_bytes());
    text(out, br#","limit":""#, told.limit);
    if let Some(request) = &told.request {
        text(out, br#","user_agent":""#, request.user_agent);
        text(out, br#","referer":""#, shown(request.referer, query));
    }
    out.push(b'}');
}

/// Appends a member of a JSON object, where there is something to tell; the key comes with all that surrounds it.
#[inline]
fn text<const KEY: usize>(out: &mut Vec<u8>, key: &[u8; KEY], value: Text<'_>) {
    if !value.is_empty() {
        out.extend_from_slice(key);
        escape::json(value, out);
        out.push(b'"');
    }
}

/// The same for words of ours, in which there is nothing to escape.
#[inline]
fn word<const KEY: usize>(out: &mut Vec<u8>, key: &[u8; KEY], value: &[u8]) {
    if !value.is_empty() {
        out.extend_from_slice(key);
        out.extend_from_slice(value);
        out.push(b'"');
    }
}

#[inline]
fn number<const KEY: usize>(out: &mut Vec<u8>, key: &[u8; KEY], value: u64) {
    out.extend_from_slice(key);
    decimal(value, out);
}

/// The format of Apache and nginx, with three texts more.
fn combined(told: &Exchange<Text<'_>>, query: bool, dates: &mut Dates, out: &mut Vec<u8>) {
    address(told.client, out);
    out.extend_from_slice(b" - - [");
    out.extend_from_slice(dates.common(told.at));
    out.extend_from_slice(b"] \"");
    match &told.request {
        Some(request) => {
            escape::combined(request.method, out);
            out.push(b' ');
            escape::combined(shown(request.target, query), out);
            out.push(b' ');
            out.extend_from_slice(request.protocol.as_bytes());
        }
        None => out.push(b'-'),
    }
    out.extend_from_slice(b"\" ");
    if told.status > 0 {
        decimal(u64::from(told.status), out);
    } else {
        out.push(b'-');
    }
    out.push(b' ');
    decimal(told.sent, out);
    let request = told.request.as_ref();
    for value in
        [request.map(|request| shown(request.referer, query)), request.map(|request| request.user_agent)]
    {
        out.extend_from_slice(b" \"");
        or_dash(value, out);
        out.push(b'"');
    }
    for value in [told.pool, told.server] {
        out.push(b' ');
        or_dash(Some(value), out);
    }
    out.push(b' ');
    out.extend_from_slice(told.reason.map_or("-", Reason::word).as_bytes());
}

fn or_dash(value: Option<Text<'_>>, out: &mut Vec<u8>) {
    match value {
        Some(value) if !value.is_empty() => escape::combined(value, out),
        _ => out.push(b'-'),
    }
}

/// An address as people write it; a plain IPv4 one, which most are, without the machinery of formatting.
fn address(client: IpAddr, out: &mut Vec<u8>) {
    match client {
        IpAddr::V4(address) => {
            for part in address.octets() {
                let (text, length) = PARTS[usize::from(part)];
                let end = out.len() + length;
                out.extend_from_slice(&text);
                out.truncate(end);
            }
            // The last dot.
            out.pop();
        }
        // Writing into memory does not fail.
        IpAddr::V6(address) => drop(write!(out, "{address}")),
    }
}

/// The parts of IPv4 addresses with a dot behind, and how long that is.
static PARTS: [([u8; 4], usize); 256] = parts();

const fn parts() -> [([u8; 4], usize); 256] {
    let mut parts = [([0; 4], 0); 256];
    let mut part = 0;
    while part < parts.len() {
        let [tens, ones] = PAIRS[part % 100];
        parts[part] = match part {
            0..10 => ([ones, b'.', 0, 0], 2),
            10..100 => ([tens, ones, b'.', 0], 3),
            _ => ([PAIRS[part / 100][1], tens, ones, b'.'], 4),
        };
        part += 1;
    }
    parts
}

/// The bytes in two digits each.
static HEX_PAIRS: [[u8; 2]; 256] = hex_pairs();

const fn hex_pairs() -> [[u8; 2]; 256] {
    let mut pairs = [[0; 2]; 256];
    let mut byte = 0;
    while byte < pairs.len() {
        pairs[byte] = [HEX[byte / 16], HEX[byte % 16]];
        byte += 1;
    }
    pairs
}

/// Twelve digits.
pub(crate) fn hexadecimal(value: u64) -> [u8; 12] {
    let mut digits = [0; 12];
    for (two, byte) in digits.as_chunks_mut().0.iter_mut().zip(&value.to_be_bytes()[2..]) {
        *two = HEX_PAIRS[usize::from(*byte)];
    }
    digits
}

#[cfg(test)]
mod tests;
