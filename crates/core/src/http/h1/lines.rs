//! Reads the lines of a head where they lie: each ends in CRLF, a name is a token, a value has no control character.
//!
//! One pass over every byte: what may stand in a line and what a name means is decided while looking for its end.

use super::super::field::{Field, Known, Span, is_lookalike, known};
use super::super::refusal::Refusal;
use super::decode::place;

/// Empty lines before a request that are skipped (RFC 9112, 2.2); with one more, it is none.
const MOST_EMPTY_LINES: usize = 4;

/// What a byte may stand in: a token (RFC 9110, 5.6.2), a request target (RFC 9112, 3.2), a host (RFC 3986, 3.2.2).
const TOKEN: u8 = 1;
const TARGET: u8 = 2;
const HOST: u8 = 4;
/// The one byte of a token that some readers take for another.
const UNDERSCORE: u8 = 8;

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
    classes[b'_' as usize] |= UNDERSCORE;
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
    let Some(target) = run(bytes, method + 1, TARGET) else { return Ok(None) };
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
    let Some(end) = text_end(bytes, start) else { return Ok(None) };
    if end > start && after != b' ' {
        return Err(Refusal::StartLine);
    }
    let Some(next) = line_end(bytes, end)? else { return Ok(None) };
    Ok(Some(StatusLine { status, phrase: span(start, end), http11, end: next }))
}

/// Reads the field lines that begin at `at` into `fields`, at most `most` of them; where what follows the head
/// begins, or `None` while the head is incomplete. `each` hears of every field that means something to us.
///
/// From a client, a name that others could take for one of those is refused.
pub(super) fn field_lines(
    bytes: &[u8],
    mut at: usize,
    most: usize,
    from_client: bool,
    fields: &mut Vec<Field>,
    mut each: impl FnMut(&Field) -> Result<(), Refusal>,
) -> Result<Option<usize>, Refusal> {
    fields.clear();
    loop {
        if let Some(b'\r' | b'\n') = bytes.get(at) {
            return line_end(bytes, at);
        }
        let Some((colon, classes)) = name_end(bytes, at) else { return Ok(None) };
        // A line that begins with a space would continue the one before (RFC 9112, 5.2).
        if colon == at || bytes[colon] != b':' {
            return Err(Refusal::FieldLine);
        }
        let Some(end) = text_end(bytes, colon + 1) else { return Ok(None) };
        let Some(next) = line_end(bytes, end).map_err(in_field)? else { return Ok(None) };
        let name = &bytes[at..colon];
        let known = known(name);
        if from_client && known == Known::Other && classes & UNDERSCORE != 0 && is_lookalike(name) {
            return Err(Refusal::Lookalike);
        }
        if fields.len() == most {
            return Err(Refusal::HeadTooLarge);
        }
        let field = Field {
            known,
            name: span(at, colon),
            value: trimmed(bytes, colon + 1, end),
            line: span(at, next),
        };
        if known != Known::Other {
            each(&field)?;
        }
        fields.push(field);
        at = next;
    }
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

/// Where the name ends that begins at `start`, and the classes that any of its bytes has.
fn name_end(bytes: &[u8], start: usize) -> Option<(usize, u8)> {
    let rest = bytes.get(start..)?;
    let mut seen = 0;
    let length = rest.iter().position(|byte| {
        let classes = CLASSES[*byte as usize];
        seen |= classes;
        classes & TOKEN == 0
    })?;
    Some((start + length, seen))
}

/// Where the text that begins at `start` ends: at the first control character that is no tab.
///
/// Eight bytes at a time; a bit is set in each byte that is below a space or DEL, and the lowest such bit is exact.
fn text_end(bytes: &[u8], start: usize) -> Option<usize> {
    const ONES: u64 = u64::MAX / 255;
    const HIGH: u64 = ONES * 0x80;
    let mut rest = bytes.get(start..)?;
    while let Some((eight, after)) = rest.split_first_chunk() {
        let word = u64::from_le_bytes(*eight);
        let delete = word ^ (ONES * 0x7f);
        let below = word.wrapping_sub(ONES * 0x20) & !word;
        let found = (below | (delete.wrapping_sub(ONES) & !delete)) & HIGH;
        if found == 0 {
            rest = after;
            continue;
        }
        let (text, end) = rest.split_at((found.trailing_zeros() / 8) as usize);
        if end[0] != b'\t' {
            return Some(bytes.len() - end.len());
        }
        rest = &rest[text.len() + 1..];
    }
    let end = rest.iter().position(|byte| byte.is_ascii_control() && *byte != b'\t')?;
    Some(bytes.len() - rest.len() + end)
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

/// A value without the white space around it (RFC 9112, 5.1).
fn trimmed(bytes: &[u8], mut start: usize, mut end: usize) -> Span {
    let space = |byte: u8| byte == b' ' || byte == b'\t';
    while start < end && space(bytes[start]) {
        start += 1;
    }
    while start < end && space(bytes[end - 1]) {
        end -= 1;
    }
    span(start, end)
}

fn span(start: usize, end: usize) -> Span {
    Span { start: place(start), end: place(end) }
}

#[cfg(test)]
#[path = "lines_tests.rs"]
mod tests;
