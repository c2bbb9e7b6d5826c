//! Which fields the proxy must understand, and where each stands in its head.
//!
//! A field is a pair of places in the connection's buffer, never a copy: a head is read in place
//! and the table of places is reused from one head to the next.

use std::ops::Range;

/// A piece of a buffer, by position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// The bytes this span covers; empty where it lies outside.
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        bytes.get(self.start as usize..self.end as usize).unwrap_or_default()
    }

    /// The span of a part of what this one covers. Buffers are shorter than 4 GiB.
    #[expect(clippy::cast_possible_truncation)]
    pub(super) fn part(self, part: Range<usize>) -> Self {
        Self { start: self.start + part.start as u32, end: self.start + part.end as u32 }
    }
}

/// One field of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// What the field means to us.
    pub known: Known,
    /// The name's bytes.
    pub name: Span,
    /// The value's bytes, without the white space around it.
    pub value: Span,
    /// The whole line with its CRLF.
    pub line: Span,
}

/// The fields that change what the proxy does; everything else travels on as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// Any field without a meaning here.
    Other,
    /// RFC 9110, 7.6.1.
    Connection,
    /// RFC 9110, 8.6.
    ContentLength,
    /// RFC 9112, 6.1.
    TransferEncoding,
    /// RFC 9110, 7.2.
    Host,
    /// RFC 6265, 5.4.
    Cookie,
    /// RFC 6265, 5.2.
    SetCookie,
    /// RFC 9110, 10.1.1.
    Expect,
    /// Fields about one connection only: HTTP2-Settings, Keep-Alive, Proxy-Connection, TE.
    HopByHop,
    /// RFC 9110, 7.8.
    Upgrade,
    /// RFC 9110, 6.6.2; of use only where the end is told by chunks.
    Trailer,
    /// RFC 9110, 10.1.5.
    UserAgent,
    /// RFC 9110, 10.1.3.
    Referer,
    /// RFC 9110, 6.6.1.
    Date,
    /// RFC 9111, 5.2.
    CacheControl,
    /// RFC 9111, 5.3.
    Expires,
    /// Fields we write ourselves: Forwarded and its older X- forms.
    Forwarded,
    /// What else proxies say of a client, such as X-Forwarded-Port: passed on where it is a trusted one's word.
    Hearsay,
}

/// How the names begin of what proxies say of a client.
const HEARSAY: &[u8] = b"X-Forwarded-";

/// The longest name that is looked at for underscores.
const MOST_LOOKALIKE: usize = 32;

/// Looks a field's name up; case does not matter.
pub fn known(name: &[u8]) -> Known {
    // Length and first letter leave one candidate at most, and most write it as the standards do.
    let first = name.first().map_or(0, u8::to_ascii_lowercase);
    let (text, known): (&[u8], _) = match (name.len(), first) {
        (2, b't') => (b"TE", Known::HopByHop),
        (4, b'h') => (b"Host", Known::Host),
        (4, b'd') => (b"Date", Known::Date),
        (6, b'c') => (b"Cookie", Known::Cookie),
        (6, b'e') => (b"Expect", Known::Expect),
        (7, b'e') => (b"Expires", Known::Expires),
        (7, b'u') => (b"Upgrade", Known::Upgrade),
        (7, b'r') => (b"Referer", Known::Referer),
        (7, b't') => (b"Trailer", Known::Trailer),
        (9, b'f') => (b"Forwarded", Known::Forwarded),
        (10, b'c') => (b"Connection", Known::Connection),
        (10, b's') => (b"Set-Cookie", Known::SetCookie),
        (10, b'u') => (b"User-Agent", Known::UserAgent),
        (10, b'k') => (b"Keep-Alive", Known::HopByHop),
        (13, b'c') => (b"Cache-Control", Known::CacheControl),
        (14, b'c') => (b"Content-Length", Known::ContentLength),
        (14, b'h') => (b"HTTP2-Settings", Known::HopByHop),
        (15, b'x') => (b"X-Forwarded-For", Known::Forwarded),
        (16, b'p') => (b"Proxy-Connection", Known::HopByHop),
        (16, b'x') => (b"X-Forwarded-Host", Known::Forwarded),
        (17, b't') => (b"Transfer-Encoding", Known::TransferEncoding),
        (17, b'x') => (b"X-Forwarded-Proto", Known::Forwarded),
        _ => return other(name, first),
    };
    if name == text || name.eq_ignore_ascii_case(text) { known } else { other(name, first) }
}

/// A name that is not one of the table's, and its first letter in lower case.
fn other(name: &[u8], first: u8) -> Known {
    let start = (first == b'x').then(|| name.get(..HEARSAY.len())).flatten();
    if start.is_some_and(|start| start.eq_ignore_ascii_case(HEARSAY)) { Known::Hearsay } else { Known::Other }
}

/// Whether CGI and its heirs, which write `_` for `-` (RFC 3875, 4.1.18), would take this name for one known here.
pub fn is_lookalike(name: &[u8]) -> bool {
    // The shortest known name with a hyphen has ten bytes.
    if !(10..=MOST_LOOKALIKE).contains(&name.len()) || !name.contains(&b'_') {
        return false;
    }
    let mut text = [0; MOST_LOOKALIKE];
    let text = &mut text[..name.len()];
    text.copy_from_slice(name);
    text.iter_mut().filter(|byte| **byte == b'_').for_each(|byte| *byte = b'-');
    known(text) != Known::Other
}

/// The members of a comma-separated list, without empty ones (RFC 9110, 5.6.1).
pub fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&byte| byte == b',').map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_known_whatever_their_case() {
        assert_eq!(known(b"Content-Length"), Known::ContentLength);
        assert_eq!(known(b"CONTENT-LENGTH"), Known::ContentLength);
        assert_eq!(known(b"content_length"), Known::Other);
        assert_eq!(known(b"tE"), Known::HopByHop);
        assert_eq!(known(b""), Known::Other);
        assert_eq!(known(b"x-forwarded-port"), Known::Hearsay);
        assert_eq!(known(b"X-Forwarded-Prefix"), Known::Hearsay);
        assert_eq!(known(b"X-Forwarder"), Known::Other);
    }

    #[test]
    fn a_name_with_underscores_may_look_like_a_known_one() {
        for name in [
            "Content_Length",
            "transfer_encoding",
            "X_Forwarded-For",
            "SET_COOKIE",
            "X_FORWARDED_CLIENT_CERT",
        ] {
            assert!(is_lookalike(name.as_bytes()), "{name}");
        }
        for name in ["Content-Length", "Content_Type", "_", "user_id_of_shop"] {
            assert!(!is_lookalike(name.as_bytes()), "{name}");
        }
    }

    #[test]
    fn lists_skip_empty_members() {
        assert_eq!(list(b" close ,, X ,").collect::<Vec<_>>(), [&b"close"[..], b"X"]);
    }
}
