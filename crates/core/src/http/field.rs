//! Which fields the proxy must understand, and where each stands in its head.
//!
//! A field is a pair of places in the connection's buffer, never a copy: a head is read in place
//! and the table of places is reused from one head to the next.

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
    /// Fields about one connection only: Keep-Alive, Proxy-Connection, TE, Trailer.
    HopByHop,
    /// RFC 9110, 7.8.
    Upgrade,
    /// RFC 9110, 10.1.5.
    UserAgent,
    /// RFC 9111, 5.2.
    CacheControl,
    /// RFC 9111, 5.3.
    Expires,
    /// Fields we write ourselves: Forwarded and its older X- forms.
    Forwarded,
}

/// Looks a field's name up; case does not matter.
pub fn known(name: &[u8]) -> Known {
    let candidates: &[(&[u8], Known)] = match name.len() {
        2 => &[(b"te", Known::HopByHop)],
        4 => &[(b"host", Known::Host)],
        6 => &[(b"cookie", Known::Cookie), (b"expect", Known::Expect)],
        7 => &[(b"expires", Known::Expires), (b"upgrade", Known::Upgrade), (b"trailer", Known::HopByHop)],
        9 => &[(b"forwarded", Known::Forwarded)],
        10 => &[
            (b"connection", Known::Connection),
            (b"set-cookie", Known::SetCookie),
            (b"user-agent", Known::UserAgent),
            (b"keep-alive", Known::HopByHop),
        ],
        13 => &[(b"cache-control", Known::CacheControl)],
        14 => &[(b"content-length", Known::ContentLength)],
        15 => &[(b"x-forwarded-for", Known::Forwarded)],
        16 => &[(b"proxy-connection", Known::HopByHop), (b"x-forwarded-host", Known::Forwarded)],
        17 => &[(b"transfer-encoding", Known::TransferEncoding), (b"x-forwarded-proto", Known::Forwarded)],
        _ => &[],
    };
    candidates
        .iter()
        .find(|(text, _)| name.eq_ignore_ascii_case(text))
        .map_or(Known::Other, |(_, known)| *known)
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
    }

    #[test]
    fn lists_skip_empty_members() {
        assert_eq!(list(b" close ,, X ,").collect::<Vec<_>>(), [&b"close"[..], b"X"]);
    }
}
