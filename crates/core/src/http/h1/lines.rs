//! Reads the lines of a head where they lie: each ends in CRLF, a name is a token, a value has no control character.
//!
//! One pass over every byte, sixteen at a time: what may stand in a line is decided while looking for its end.

use super::super::field::{Field, Known, Span, is_lookalike, known};
use super::super::refusal::Refusal;
use super::decode::place;
use crate::block::{self, Block, Which};

/// Empty lines before a request that are skipped (RFC 9112, 2.2); with one more, it is none.
const MOST_EMPTY_LINES: usize = 4;

/// What a byte may stand in: a token (RFC 9110, 5.6.2), a request target (RFC 9112, 3.2), a host (RFC 3986, 3.2.2).
const TOKEN: u8 = 1;
const TARGET: u8 = 2;
const HOST: u8 = 4;

static CLASSES: [u8; 256] = classes();

const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0x21;
    while byte <= 0x7e {
        // A fragment never travels (RFC 9112, 3.2.1).
        if byte != b'#' {
            classes[byte as usize] |= TARGET;
        }
        if byte.is_ascii_alphanumeric() || holds(b"-._~!$&'*+", byte) {
            classes[byte as usize] |= TOKEN | HOST;
        } else if holds(b"#%^`|", byte) {
            classes[byte as usize] |= TOKEN;
        } else if holds(b"();=", byte) {
            classes[byte as usize] |= HOST;
        }
        byte += 1;
    }
    classes
}

const fn holds(bytes: &[u8], byte: u8) -> bool {
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == byte {
            return true;
        }
        at += 1;
    }
    false
}

/// Whether every byte may stand in the name of a host.
pub(super) fn is_host(text: &[u8]) -> bool {
    text.iter().fold(HOST, |all, byte| all & CLASSES[*byte as usize]) != 0
}

/// A request's first line.
#[derive(Debug, Clone, Copy)]
pub(super) struct RequestLine {
    pub(super) method: Span,
    pub(super) target: Span,
    pub(super) http11: bool,
    /// Where the next line begins.
    pub(super) end: usize,
}

/// A response's first line.
#[derive(Debug, Clone, Copy)]
pub(super) struct StatusLine {
    pub(super) status: u16,
    pub(super) phrase: Span,
    pub(super) http11: bool,
    /// Where the next line begins.
    pub(super) end: usize,
}

/// Reads the line that a request begins with (RFC 9112, 3); `None` while it is incomplete.
pub(super) fn request_line(bytes: &[u8]) -> Result<Option<RequestLine>, Refusal> {
    let mut start = 0;
    while let Some(b'\r' | b'\n') = bytes.get(start) {
        if start == MOST_EMPTY_LINES * 2 {
            return Err(Refusal::StartLine);
        }
        let Some(after) = line_end(bytes, start)? else { return Ok(None) };
        start = after;
    }
    let Some(method) = run(bytes, start, TOKEN) else { return Ok(None) };
    if method == start || bytes[method] != b' ' {
        return Err(Refusal::StartLine);
    }
    let Some(target) = target_end(bytes, method + 1) else { return Ok(None) };
    match bytes[target] {
        b' ' if target > method + 1 => {}
        b'#' | 0x80.. => return Err(Refusal::Target),
        _ => return Err(Refusal::StartLine),
    }
    let Some(http11) = version(&bytes[target + 1..])? else { return Ok(None) };
    let Some(end) = line_end(bytes, target + 1 + VERSION)? else { return Ok(None) };
    Ok(Some(RequestLine { method: span(start, method), target: span(method + 1, target), http11, end }))
}

/// Reads the line that a response begins with (RFC 9112, 4); `None` while it is incomplete.
pub(super) fn status_line(bytes: &[u8]) -> Result<Option<StatusLine>, Refusal> {
    let Some(http11) = version(bytes)? else { return Ok(None) };
    let Some(&[space, a, b, c, after]) = bytes.get(VERSION..VERSION + 5) else { return Ok(None) };
    if space != b' ' || ![a, b, c].iter().all(u8::is_ascii_digit) || a == b'0' {
        return Err(Refusal::StartLine);
    }
    let status = [a, b, c].iter().fold(0, |status, digit| status * 10 + u16::from(digit - b'0'));
    // Some servers leave the space out where there is no phrase.
    let start = VERSION + 4 + usize::from(after == b' ');
    let Some(end) = bytes.get(start..).and_then(text_end).map(|length| start + length) else {
        return Ok(None);
    };
    if end > start && after != b' ' {
        return Err(Refusal::StartLine);
    }
    let Some(next) = line_end(bytes, end)? else { return Ok(None) };
    Ok(Some(StatusLine { status, phrase: span(start, end), http11, end: next }))
}

/// Reads the field lines that begin at `at` into `fields`, at most `most` of them; where what follows the head
/// begins, or `None` while the head is incomplete.
///
/// From a client, a name that others could take for one known here is refused.
pub(super) fn field_lines(
    bytes: &[u8],
    mut at: usize,
    most: usize,
    from_client: bool,
    fields: &mut Vec<Field>,
) -> Result<Option<usize>, Refusal> {
    fields.clear();
    let mut rest = bytes.get(at..).unwrap_or_default();
    loop {
        if let [b'\r' | b'\n', ..] = rest {
            break;
        }
        let Some((colon, plain)) = name_end(rest) else { return Ok(None) };
        let (name, value) = rest.split_at(colon);
        // A line that begins with a space would continue the one before (RFC 9112, 5.2).
        if name.is_empty() || value[0] != b':' {
            return Err(Refusal::FieldLine);
        }
        if from_client && !plain && is_lookalike(name) {
            return Err(Refusal::Lookalike);
        }
        let Some(length) = text_end(value) else { return Ok(None) };
        let (value, after) = value.split_at(length);
        if !after.starts_with(b"\r\n") {
            return line_end(after, 0).map_err(in_field);
        }
        if fields.len() == most {
            return Err(Refusal::HeadTooLarge);
        }
        let (start, end) = trimmed(value);
        let (colon, next) = (at + colon, at + colon + length + 2);
        fields.push(Field {
            known: Known::Other,
            name: span(at, colon),
            value: span(colon + start, colon + end),
            line: span(at, next),
        });
        (at, rest) = (next, &after[2..]);
    }
    // What a name means is looked up once the lines are found: both loops are tight.
    for field in fields {
        field.known = known(field.name.of(bytes));
    }
    line_end(bytes, at)
}

/// Bytes of a version.
const VERSION: usize = 8;

/// Whether `bytes` begin with HTTP/1.1, or else with HTTP/1.0; `None` while that is open.
fn version(bytes: &[u8]) -> Result<Option<bool>, Refusal> {
    match bytes.get(..VERSION) {
        Some(b"HTTP/1.1") => Ok(Some(true)),
        Some(b"HTTP/1.0") => Ok(Some(false)),
        Some([b'H', b'T', b'T', b'P', b'/', b'0'..=b'9', b'.', b'0'..=b'9']) => Err(Refusal::Version),
        None if b"HTTP/".starts_with(bytes) || bytes.starts_with(b"HTTP/") => Ok(None),
        _ => Err(Refusal::StartLine),
    }
}

/// Where the run of bytes of a class ends that begins at `start`; `None` where nothing ends it yet.
fn run(bytes: &[u8], start: usize, class: u8) -> Option<usize> {
    let rest = bytes.get(start..)?;
    let length = rest.iter().position(|byte| CLASSES[*byte as usize] & class == 0)?;
    Some(start + length)
}

/// Where the target ends that begins at `start`; `None` where nothing ends it yet.
fn target_end(bytes: &[u8], start: usize) -> Option<usize> {
    let past = past_blocks(bytes.get(start..)?, |block| !block.within(b'!', b'~') | block.is(b'#'));
    run(bytes, start + past, TARGET)
}

/// Where the name ends that `bytes` begin with, and whether it is made of letters, digits and hyphens, as most names
/// are; `None` where nothing ends it yet.
fn name_end(bytes: &[u8]) -> Option<(usize, bool)> {
    let past = past_blocks(bytes, |block| {
        !(block.small().within(b'a', b'z') | block.within(b'0', b'9') | block.is(b'-'))
    });
    match bytes.get(past) {
        Some(b':') => Some((past, true)),
        _ => Some((run(bytes, past, TOKEN)?, false)),
    }
}

/// Where the text ends that `bytes` begin with: at the first control character that is no tab.
fn text_end(bytes: &[u8]) -> Option<usize> {
    let past = past_blocks(bytes, |block| block.before(b' ') | block.is(0x7f));
    if let Some(b'\r') = bytes.get(past) { Some(past) } else { rare_text_end(bytes, past) }
}

/// The same, from `past` on, for a text with a tab in it, or one whose end may not have come.
#[cold]
fn rare_text_end(bytes: &[u8], past: usize) -> Option<usize> {
    let end = bytes.get(past..)?.iter().position(|byte| byte.is_ascii_control() && *byte != b'\t')?;
    Some(past + end)
}

/// Goes over whole blocks; where the first byte stands that `stops` tells, or where less than a block is left.
#[inline]
fn past_blocks(bytes: &[u8], stops: impl Fn(Block) -> Which) -> usize {
    let mut past = 0;
    for block in bytes.as_chunks().0 {
        match stops(Block::of(block)).first() {
            Some(place) => return past + place,
            None => past += block::LENGTH,
        }
    }
    past
}

/// Where the next line begins, if this one ends at `at`; `None` while that is open.
fn line_end(bytes: &[u8], at: usize) -> Result<Option<usize>, Refusal> {
    match bytes.get(at..).unwrap_or_default() {
        [b'\r', b'\n', ..] => Ok(Some(at + 2)),
        [] | [b'\r'] => Ok(None),
        [b'\n', ..] => Err(Refusal::BareLf),
        _ => Err(Refusal::StartLine),
    }
}

/// What is wrong with the end of a field line.
fn in_field(refusal: Refusal) -> Refusal {
    if refusal == Refusal::BareLf { refusal } else { Refusal::FieldLine }
}

/// Where the value begins and ends in what follows a name: after the colon, and without the white space around it
/// (RFC 9112, 5.1).
fn trimmed(text: &[u8]) -> (usize, usize) {
    let blank = |byte: u8| byte == b' ' || byte == b'\t';
    if let [_, b' ', first, .., last] = *text
        && !blank(first)
        && !blank(last)
    {
        return (2, text.len());
    }
    let (mut start, mut end) = (1, text.len());
    while start < end && blank(text[start]) {
        start += 1;
    }
    while start < end && blank(text[end - 1]) {
        end -= 1;
    }
    (start, end)
}

fn span(start: usize, end: usize) -> Span {
    Span { start: place(start), end: place(end) }
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
