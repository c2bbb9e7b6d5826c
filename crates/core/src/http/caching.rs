//! Whether a response says itself that a shared cache may store it (RFC 9111, 3 and 4.2; RFC 9213).

use super::field::{Field, Known, list};
use super::h1::encode::Lines;

/// Fields for caches of a CDN alone, which do not look at Cache-Control where one is there: that of RFC 9213, 3.1, and
/// the one before it.
const TARGETED: [&[u8]; 2] = [b"CDN-Cache-Control", b"Surrogate-Control"];

/// Whether a cookie in this response could reach other clients out of a cache. `now` in Unix seconds.
///
/// A response that says nothing is treated as one for its client alone, as dynamic pages mostly are.
pub fn shared_cache_may_store(lines: Lines<'_>, now: u64) -> bool {
    if targeted(lines).any(|field| said(lines, std::iter::once(&field)) == Some(true)) {
        return true;
    }
    let of = |known: Known| lines.fields.iter().filter(move |field| field.known == known);
    let expires = || of(Known::Expires).any(|field| is_after(field.value.of(lines.bytes), now));
    said(lines, of(Known::CacheControl)).unwrap_or_else(expires)
}

/// The fields that speak to caches of a CDN.
pub fn targeted(lines: Lines<'_>) -> impl Iterator<Item = Field> + '_ {
    TARGETED.iter().flat_map(move |name| lines.named(name))
}

/// What the directives of these fields come to; nothing where none is about storing.
fn said<'a>(lines: Lines<'_>, fields: impl Iterator<Item = &'a Field>) -> Option<bool> {
    let mut allows = None;
    for field in fields {
        for directive in list(field.value.of(lines.bytes)) {
            match read(directive) {
                Directive::Forbids => return Some(false),
                Directive::Allows => allows = Some(true),
                Directive::Other => {}
            }
        }
    }
    allows
}

enum Directive {
    Allows,
    Forbids,
    Other,
}

fn read(directive: &[u8]) -> Directive {
    let (name, argument) = match directive.iter().position(|byte| *byte == b'=') {
        Some(equals) => (&directive[..equals], &directive[equals + 1..]),
        None => (directive, &b""[..]),
    };
    let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
    // Surrogate-Control has parameters of its own behind an age.
    let argument = argument.split(|&byte| byte == b'+' || byte == b';').next().unwrap_or_default();
    // With names of fields behind it, `private` is about those alone (RFC 9111, 5.2.2.7).
    if (is(b"private") && argument.is_empty()) || is(b"no-store") {
        Directive::Forbids
    } else if is(b"public") || ((is(b"max-age") || is(b"s-maxage")) && over_zero(argument)) {
        Directive::Allows
    } else {
        Directive::Other
    }
}

fn over_zero(argument: &[u8]) -> bool {
    let digits = argument.trim_ascii();
    let digits = digits.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(digits);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit) && digits.iter().any(|digit| *digit != b'0')
}

/// Whether an HTTP date lies in the future; one that cannot be read, such as `0`, means the past (RFC 9111, 5.3).
fn is_after(value: &[u8], now: u64) -> bool {
    let date = std::str::from_utf8(value).ok().and_then(|text| httpdate::parse_http_date(text).ok());
    let seconds =
        date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok()).map(|since| since.as_secs());
    seconds.is_some_and(|seconds| seconds > now)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::h1::decode;
    use crate::http::method::Method;

    fn may_store(fields: &str) -> bool {
        let text = format!("HTTP/1.1 200 OK\r\n{fields}\r\n");
        let mut places = Vec::new();
        decode::response(text.as_bytes(), 4096, Method::Other, &mut places).expect("a head").expect("whole");
        // 2026-01-01
        shared_cache_may_store(Lines { bytes: text.as_bytes(), fields: &places }, 1_767_225_600)
    }

    #[test]
    fn only_a_response_that_says_so_is_for_everybody() {
        for (fields, expected) in [
            ("", false),
            ("Cache-Control: public\r\n", true),
            ("Cache-Control: max-age=60\r\n", true),
            ("Cache-Control: MAX-AGE=\"60\"\r\n", true),
            ("Cache-Control: max-age=0\r\n", false),
            ("Cache-Control: s-maxage=10\r\n", true),
            ("Cache-Control: no-cache\r\n", false),
            ("Cache-Control: public, max-age=60, private\r\n", false),
            ("Cache-Control: public\r\nCache-Control: no-store\r\n", false),
            ("Cache-Control: max-age=60, private=\"X-Basket, X-Name\"\r\n", true),
            ("Expires: Thu, 01 Jan 2037 00:00:00 GMT\r\n", true),
            ("Expires: Thu, 01 Jan 2015 00:00:00 GMT\r\n", false),
            ("Expires: 0\r\n", false),
            ("Expires: Thu, 01 Jan 2037 00:00:00 GMT\r\nCache-Control: private\r\n", false),
            ("Cache-Control: no-store\r\nCDN-Cache-Control: max-age=60\r\n", true),
            ("surrogate-control: max-age=60+30\r\nCache-Control: private\r\n", true),
            ("CDN-Cache-Control: no-store, max-age=60\r\n", false),
            ("CDN-Cache-Control: max-age=0\r\nCache-Control: private\r\n", false),
        ] {
            assert_eq!(may_store(fields), expected, "{fields}");
        }
    }
}
