//! Which fields may stand behind a body: none that decides where a message ends, where it goes, whose it is or how its
//! content is read, since a reader has acted on all of that before the trailers come (RFC 9110, 6.5.1).

use super::field::{Known, is_lookalike, known};
use super::reserved::Reserved;

/// Names that begin so never trail: content's own, conditions, and what concerns connections and credentials.
const BEGINNINGS: [&[u8]; 5] = [b"content-", b"if-", b"proxy-", b"sec-", b"x-forwarded-"];

/// Routing, controls, conditions, credentials and what says how a response is to be used.
const NEVER: [&[u8]; 20] = [
    b"age",
    b"allow",
    b"alt-svc",
    b"authentication-info",
    b"authorization",
    b"date",
    b"http2-settings",
    b"location",
    b"max-forwards",
    b"origin",
    b"pragma",
    b"priority",
    b"range",
    b"referer",
    b"retry-after",
    b"strict-transport-security",
    b"vary",
    b"via",
    b"warning",
    b"www-authenticate",
];

/// Whether a trailer of this name travels on; those that do not are dropped (RFC 9110, 6.5.1).
pub fn may_trail(name: &[u8]) -> bool {
    let begins = |start: &&[u8]| {
        name.get(..start.len()).is_some_and(|beginning| beginning.eq_ignore_ascii_case(start))
    };
    known(name) == Known::Other
        && !is_lookalike(name)
        && !BEGINNINGS.iter().any(begins)
        && !NEVER.iter().any(|never| name.eq_ignore_ascii_case(never))
}

/// Appends trailers, each a line with its CRLF, `without` those whose names mean something between us and others: that
/// was read in the head.
pub fn write(trailers: &[u8], without: &Reserved, out: &mut Vec<u8>) {
    for line in trailers.split_inclusive(|&byte| byte == b'\n') {
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
        if !without.holds(name) {
            out.extend_from_slice(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_counts_in_heads_alone_does_not_trail() {
        let ours = Reserved::new(["X-Client-Cert-Verified", "Session-Pin"].into_iter());
        let mut out = Vec::new();
        write(b"A: b\r\nx_client_cert_verified: yes\r\nB:\r\nSession-Pin: pin\r\n", &ours, &mut out);
        assert_eq!(out, b"A: b\r\nB:\r\n");
    }

    #[test]
    fn only_what_nobody_has_acted_on_trails() {
        for name in ["X-Checksum", "Server-Timing", "ETag", "grpc-status", "Digest", "x"] {
            assert!(may_trail(name.as_bytes()), "{name}");
        }
        for name in [
            "Content-Length",
            "transfer-encoding",
            "HOST",
            "Cookie",
            "Set-Cookie",
            "Authorization",
            "Content-Type",
            "Connection",
            "Trailer",
            "If-Match",
            "X-Forwarded-For",
            "Content_Length",
            "Proxy-Authorization",
            "Location",
        ] {
            assert!(!may_trail(name.as_bytes()), "{name}");
        }
    }
}
