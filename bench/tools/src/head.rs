//! Reads just enough of a response head to know what came, from where, and how much follows.

use memchr::{memchr, memmem};

/// What the generator wants to know of a response head.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Head<'a> {
    /// Bytes up to and with the empty line.
    pub len: usize,
    pub status: u16,
    pub body: Option<u64>,
    /// Its Transfer-Encoding is `chunked`.
    pub chunked: bool,
    pub server: &'a [u8],
    /// The `name=value` of the first Set-Cookie.
    pub cookie: Option<&'a [u8]>,
}

/// Where the head ends, if it does.
pub fn end(bytes: &[u8]) -> Option<usize> {
    memmem::find(bytes, b"\r\n\r\n").map(|at| at + 4)
}

/// Parses a head that begins `bytes`; `None` when it has not ended yet or is not HTTP/1.1 at all.
pub fn parse(bytes: &[u8]) -> Option<Head<'_>> {
    let len = end(bytes)?;
    let status = std::str::from_utf8(bytes.strip_prefix(b"HTTP/1.1 ")?.get(..3)?).ok()?.parse().ok()?;
    let mut head = Head { len, status, ..Head::default() };
    let mut rest = &bytes[memchr(b'\n', bytes)? + 1..len - 2];
    while let Some(eol) = memchr(b'\n', rest) {
        let line = rest[..eol].strip_suffix(b"\r").unwrap_or(&rest[..eol]);
        rest = &rest[eol + 1..];
        let Some(colon) = memchr(b':', line) else { continue };
        let (name, value) = (&line[..colon], line[colon + 1..].trim_ascii());
        // Four lengths tell almost every other field away without comparing it.
        match name.len() {
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                head.body = std::str::from_utf8(value).ok().and_then(|text| text.parse().ok());
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => {
                head.chunked = value.eq_ignore_ascii_case(b"chunked");
            }
            8 if name.eq_ignore_ascii_case(b"x-server") => head.server = value,
            10 if head.cookie.is_none() && name.eq_ignore_ascii_case(b"set-cookie") => {
                head.cookie = Some(value[..memchr(b';', value).unwrap_or(value.len())].trim_ascii_end());
            }
            _ => {}
        }
    }
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_status_length_server_and_cookie_whatever_their_case() {
        let bytes = b"HTTP/1.1 200 OK\r\ncontent-length: 17\r\nX-SERVER: web3\r\nset-Cookie: EQ=abc; Path=/\r\n\r\nbody";
        let head = parse(bytes).expect("complete");
        assert_eq!((head.status, head.body, head.len), (200, Some(17), bytes.len() - 4));
        assert_eq!((head.server, head.cookie), (&b"web3"[..], Some(&b"EQ=abc"[..])));
    }

    #[test]
    fn an_unfinished_head_is_none() {
        assert_eq!(parse(b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n"), None);
    }
}
