//! Which fields may stand behind a body: none that decides where a message ends, where it goes, whose it is or how its
//! content is read, since a reader has acted on all of that before the trailers come (RFC 9110, 6.5.1).

use super::field::{Known, is_lookalike, known};

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

#[cfg(test)]
mod tests {
    use super::*;

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
