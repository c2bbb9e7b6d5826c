//! Reads a head where it lies and decides where its message ends; what could mean two things is refused.

use super::super::field::{Field, Known, Span, list};
use super::super::method::Method;
use super::super::refusal::Refusal;
use super::lines::{RequestLine, StatusLine, field_lines, request_line, status_line};
use super::target::{Target, agreed_host, read_target};

/// Bytes of a method; the longest that is registered has 17.
const MOST_METHOD: usize = 32;

/// More fields than this are refused whatever the limits say.
pub const MOST_FIELDS: usize = 256;

/// Where a body ends (RFC 9112, 6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framing {
    /// There is no body, and no length was given.
    None,
    /// After so many bytes.
    Length(u64),
    /// With the last chunk.
    Chunked,
    /// When the server closes; responses only.
    UntilClose,
}

impl Framing {
    /// Whether there is no content.
    pub fn is_empty(self) -> bool {
        matches!(self, Self::None | Self::Length(0))
    }
}

/// A request's head, as places in the buffer it was read from.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing that the message does or does not")]
#[derive(Debug, Clone, Copy)]
pub struct RequestHead {
    /// What may be done with it.
    pub method: Method,
    /// The method's bytes.
    pub method_text: Span,
    /// The target in origin form (or `*`), also where the client sent the absolute form.
    pub target: Span,
    /// Whether it asks the server as a whole: servers get `*`.
    pub whole_server: bool,
    /// The authority: Host's value, empty in an HTTP/1.0 request without one.
    pub host: Span,
    /// Whether the absolute form said `https`; nothing of it where there was none.
    pub scheme_secure: Option<bool>,
    /// Whether the client speaks HTTP/1.1; else 1.0.
    pub http11: bool,
    /// Where the body ends.
    pub framing: Framing,
    /// Whether the client keeps the connection.
    pub keep_alive: bool,
    /// Whether the client waits for 100 before it sends the body.
    pub expects_continue: bool,
    /// Whether the client asks to go on with WebSocket (RFC 6455, 4.1).
    pub upgrade: bool,
    /// Whether Connection names fields other than the usual ones.
    pub names_fields: bool,
    /// Whether it says of its client what only a proxy can know ([`Known::Hearsay`]).
    pub hearsay: bool,
    /// Bytes of the head, its empty line included.
    pub length: u32,
}

/// A response's head, as places in the buffer it was read from.
#[derive(Debug, Clone, Copy)]
pub struct ResponseHead {
    /// 100 to 999.
    pub status: u16,
    /// The reason phrase, often empty.
    pub phrase: Span,
    /// Where the body ends.
    pub framing: Framing,
    /// A Content-Length that describes a body which is not sent (HEAD, 304).
    pub described_length: Option<u64>,
    /// Whether the server speaks HTTP/1.1; else 1.0.
    pub http11: bool,
    /// Whether the server keeps the connection.
    pub keep_alive: bool,
    /// Whether Connection names fields other than the usual ones.
    pub names_fields: bool,
    /// Bytes of the head, its empty line included.
    pub length: u32,
}

/// Limits a request's head is held to.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes of the whole head.
    pub head: u32,
    /// Bytes of the target.
    pub target: u32,
    /// Number of fields.
    pub fields: u16,
}

/// Reads a request head from the start of `bytes`; `None` while it is incomplete. `fields` is refilled.
pub fn request(
    bytes: &[u8],
    limits: Limits,
    fields: &mut Vec<Field>,
) -> Result<Option<RequestHead>, Refusal> {
    let Some(RequestLine { method: method_text, target, http11, end }) = request_line(bytes)? else {
        return incomplete(bytes, limits);
    };
    if target.end - target.start > limits.target {
        return Err(Refusal::TargetTooLong);
    }
    let most = usize::from(limits.fields);
    let Some(length) = field_lines(bytes, end, most, true, fields)? else {
        return incomplete(bytes, limits);
    };
    if length > limits.head as usize {
        return Err(Refusal::HeadTooLarge);
    }
    let method = offered(method_text.of(bytes))?;
    let facts = Facts::of(bytes, fields)?;
    let framing = facts.request_framing(http11)?;
    let Target { form: target, authority, scheme_secure, whole_server } =
        read_target(bytes, target, method_text)?;
    let host = agreed_host(bytes, facts.host, authority, http11)?;
    Ok(Some(RequestHead {
        method,
        method_text,
        target,
        whole_server,
        host,
        scheme_secure,
        http11,
        framing,
        keep_alive: facts.keeps(http11),
        hearsay: facts.hearsay,
        expects_continue: facts.expects_continue && http11,
        upgrade: facts.upgrades() && http11 && framing.is_empty() && method_text.of(bytes) == b"GET",
        names_fields: facts.names_fields,
        length: place(length),
    }))
}

/// Reads a response head from the start of `bytes`; `None` while it is incomplete. `fields` is refilled.
/// `to` is the method of the request it answers, which decides whether there is a body.
pub fn response(
    bytes: &[u8],
    most: u32,
    to: Method,
    fields: &mut Vec<Field>,
) -> Result<Option<ResponseHead>, Refusal> {
    let Some(StatusLine { status, phrase, http11, end }) = status_line(bytes)? else {
        return unfinished(bytes, most);
    };
    let Some(length) = field_lines(bytes, end, MOST_FIELDS, false, fields)? else {
        return unfinished(bytes, most);
    };
    if length > most as usize {
        return Err(Refusal::HeadTooLarge);
    }
    let facts = Facts::of(bytes, fields)?;
    if status == 101 && !facts.upgrades() {
        return Err(Refusal::Upgrade);
    }
    let framing = facts.response_framing(status, to, http11)?;
    Ok(Some(ResponseHead {
        status,
        phrase,
        framing,
        described_length: facts.length.filter(|_| to == Method::Head || status == 304),
        http11,
        keep_alive: facts.keeps(http11) && framing != Framing::UntilClose && !facts.body_against(status),
        names_fields: facts.names_fields,
        length: place(length),
    }))
}

/// What the fields of one head say together.
#[expect(clippy::struct_excessive_bools, reason = "each says one thing that the message does or does not")]
#[derive(Default)]
struct Facts {
    length: Option<u64>,
    chunked: bool,
    host: Option<Span>,
    close: bool,
    keep: bool,
    expects_continue: bool,
    /// Whether Connection says that the protocol changes.
    changes: bool,
    /// Whether Upgrade names WebSocket, and nothing else.
    websocket: bool,
    names_fields: bool,
    hearsay: bool,
}

impl Facts {
    /// Takes in the fields of a head, which must agree.
    fn of(bytes: &[u8], fields: &[Field]) -> Result<Self, Refusal> {
        let mut facts = Self::default();
        for field in fields.iter().filter(|field| field.known != Known::Other) {
            let value = field.value.of(bytes);
            match field.known {
                Known::ContentLength if facts.length.is_some() => return Err(Refusal::ContentLength),
                Known::ContentLength => facts.length = Some(number(value).ok_or(Refusal::ContentLength)?),
                Known::TransferEncoding if facts.chunked => return Err(Refusal::TransferEncoding),
                Known::TransferEncoding => facts.chunked = coding(value)?,
                Known::Host if facts.host.is_some() => return Err(Refusal::Host),
                Known::Host => facts.host = Some(field.value),
                Known::Connection => facts.read_connection(value),
                Known::Upgrade => facts.websocket = value.eq_ignore_ascii_case(b"websocket"),
                Known::Hearsay => facts.hearsay = true,
                Known::Expect => facts.expects_continue = value.eq_ignore_ascii_case(b"100-continue"),
                _ => {}
            }
        }
        if facts.chunked && facts.length.is_some() { Err(Refusal::TwoLengths) } else { Ok(facts) }
    }

    fn read_connection(&mut self, value: &[u8]) {
        // As nearly everybody writes it.
        match value {
            b"keep-alive" => return self.keep = true,
            b"close" => return self.close = true,
            _ => {}
        }
        for option in list(value) {
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep = true;
            } else if option.eq_ignore_ascii_case(b"upgrade") {
                self.changes = true;
            } else {
                self.names_fields = true;
            }
        }
    }

    /// Whether the connection goes on with WebSocket.
    fn upgrades(&self) -> bool {
        self.changes && self.websocket
    }

    fn keeps(&self, http11: bool) -> bool {
        !self.close && (http11 || self.keep)
    }

    /// Whether a response that never has a body tells of one, other than as what a body would have been: a server
    /// that sends it after all would answer the next request with it (RFC 9110, 15.3.5; RFC 9112, 6.3).
    fn body_against(&self, status: u16) -> bool {
        status == 204 && (self.chunked || self.length.is_some_and(|length| length > 0))
    }

    fn request_framing(&self, http11: bool) -> Result<Framing, Refusal> {
        match (self.chunked, http11) {
            // RFC 9112, 6.1: a 1.0 message with a transfer coding has faulty framing.
            (true, false) => Err(Refusal::TransferEncoding),
            (true, true) => Ok(Framing::Chunked),
            (false, _) => Ok(self.length.map_or(Framing::None, Framing::Length)),
        }
    }

    fn response_framing(&self, status: u16, to: Method, http11: bool) -> Result<Framing, Refusal> {
        // RFC 9112, 6.3: these never have a body, whatever the fields say.
        if to == Method::Head || matches!(status, 100..200 | 204 | 304) {
            return Ok(Framing::None);
        }
        match (self.chunked, self.length) {
            (true, _) if !http11 => Err(Refusal::TransferEncoding),
            (true, _) => Ok(Framing::Chunked),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(Framing::UntilClose),
        }
    }
}

/// A Content-Length: digits and nothing else, and below 2^63, so that no reader can take it for another number.
pub(super) fn number(value: &[u8]) -> Option<u64> {
    if value.is_empty() || value.len() > 19 || !value.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = value.iter().fold(0, |total, digit| total * 10 + u64::from(digit - b'0'));
    (number >> 63 == 0).then_some(number)
}

/// Reads Transfer-Encoding: only `chunked`, once, is understood.
fn coding(value: &[u8]) -> Result<bool, Refusal> {
    let mut members = value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    match (members.next(), members.next()) {
        (Some(only), None) if only.eq_ignore_ascii_case(b"chunked") => Ok(true),
        (Some(first), Some(_)) if first.eq_ignore_ascii_case(b"chunked") => Err(Refusal::TransferEncoding),
        (Some(b""), _) => Err(Refusal::TransferEncoding),
        _ => Err(Refusal::UnknownCoding),
    }
}

/// The method, if it is one of those that may be forwarded.
fn offered(text: &[u8]) -> Result<Method, Refusal> {
    match Method::read(text) {
        Method::Connect => Err(Refusal::Connect),
        Method::Trace => Err(Refusal::Trace),
        Method::Other
            if [&b"HEAD"[..], b"CONNECT", b"TRACE"].iter().any(|name| text.eq_ignore_ascii_case(name)) =>
        {
            Err(Refusal::MethodCase)
        }
        Method::Other if text.len() > MOST_METHOD => Err(Refusal::MethodTooLong),
        method => Ok(method),
    }
}

/// What is known of a request head whose end has not come: it may already be too large; else `None`.
pub fn incomplete(bytes: &[u8], limits: Limits) -> Result<Option<RequestHead>, Refusal> {
    let line = memchr::memchr(b'\n', bytes).unwrap_or(bytes.len());
    // A method and a version stand beside the target; 64 bytes are ample for both, and for spaces that are refused.
    if line > limits.target as usize + 64 {
        return Err(Refusal::TargetTooLong);
    }
    if bytes.len() > limits.head as usize { Err(Refusal::HeadTooLarge) } else { Ok(None) }
}

/// The same of a response's head.
fn unfinished(bytes: &[u8], most: u32) -> Result<Option<ResponseHead>, Refusal> {
    if bytes.len() > most as usize { Err(Refusal::HeadTooLarge) } else { Ok(None) }
}

/// Heads are at most a few hundred KiB, so a place in one fits 32 bits.
#[expect(clippy::cast_possible_truncation)]
pub(super) fn place(position: usize) -> u32 {
    position as u32
}

#[cfg(test)]
#[path = "decode_tests.rs"]
mod tests;
