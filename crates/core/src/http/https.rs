//! Keeps clients on HTTPS: redirects to it, Strict-Transport-Security (RFC 6797), and Location fields that a server
//! wrote without knowing that its client came over TLS.

use super::edits::Edits;
use super::field::Span;
use super::h1::encode::{self, Lines};

/// What holds for the clients of one listener.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Https {
    /// The port of HTTPS to which every request is redirected, on a listener without TLS.
    pub redirect: Option<u16>,
    /// The value of Strict-Transport-Security; empty for none. On a listener with TLS only.
    pub hsts: String,
    /// Whether a Location of this host is made HTTPS, where the client came by that.
    pub location: bool,
}

const HSTS: &[u8] = b"Strict-Transport-Security";

impl Https {
    /// The status and the Location for a request that belongs to HTTPS; `None` without a host to send it to.
    pub fn redirected(port: u16, host: &[u8], target: &[u8], method_text: &[u8]) -> Option<(u16, Vec<u8>)> {
        let name = without_port(host);
        if name.is_empty() {
            return None;
        }
        let mut location = b"https://".to_vec();
        location.extend_from_slice(name);
        if port != 443 {
            location.push(b':');
            encode::decimal(u64::from(port), &mut location);
        }
        // `OPTIONS *` is about the whole server, which has no path (RFC 9110, 9.3.7).
        if target.starts_with(b"/") {
            location.extend_from_slice(target);
        }
        // RFC 9110, 15.4.9: with 308 a client repeats the method, with 301 it may make it a GET.
        let status = if matches!(method_text, b"GET" | b"HEAD") { 301 } else { 308 };
        Some((status, location))
    }

    /// Changes a response's head; `request` is the request's head as its server got it, and names the host. `secure` is
    /// whether its client came by HTTPS, be it to a proxy that is trusted.
    pub fn edit(&self, lines: Lines<'_>, request: &[u8], secure: bool, edits: &mut Edits) {
        if !self.hsts.is_empty() {
            // RFC 6797, 8.1: only the first of several counts, and this one is ours to say.
            lines.named(HSTS).for_each(|field| edits.cut(field.line));
        }
        if self.location && secure {
            for field in lines.named(b"Location") {
                if let Some(length) = ours(field.value.of(lines.bytes), request) {
                    let start = field.value.start;
                    let mut text = b"https://".to_vec();
                    text.extend_from_slice(host_of(request));
                    edits.replace(Span { start, end: start + length }, &text);
                }
            }
        }
    }

    /// Appends the field line that goes with every response.
    pub fn write(&self, out: &mut Vec<u8>) {
        if !self.hsts.is_empty() {
            out.extend_from_slice(HSTS);
            out.extend_from_slice(b": ");
            out.extend_from_slice(self.hsts.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
    }
}

/// How much of a Location is `http://` and the host that the client had asked for, with no port or the usual one.
fn ours(location: &[u8], request: &[u8]) -> Option<u32> {
    const SCHEME: &[u8] = b"http://";
    let (scheme, rest) = location.split_at_checked(SCHEME.len())?;
    if !scheme.eq_ignore_ascii_case(SCHEME) {
        return None;
    }
    let length = rest.iter().position(|byte| b"/?#".contains(byte)).unwrap_or(rest.len());
    let (authority, asked) = (&rest[..length], host_of(request));
    let (name, port) = authority.split_at(without_port(authority).len());
    // A server that was told of the port writes it too; another port is another place.
    let known = matches!(port, b"" | b":" | b":80") || port == &asked[without_port(asked).len()..];
    let same = !name.is_empty() && name.eq_ignore_ascii_case(without_port(asked));
    (known && same).then(|| u32::try_from(SCHEME.len() + length).ok())?
}

/// The value of Host, of which every request that is sent has exactly one.
fn host_of(request: &[u8]) -> &[u8] {
    let lines = request.split(|&byte| byte == b'\n').take_while(|line| line.len() > 1);
    let mut values = lines.filter_map(|line| {
        let (name, value) = line.split_at(line.iter().position(|&byte| byte == b':')?);
        name.eq_ignore_ascii_case(b"host").then(|| value[1..].trim_ascii())
    });
    values.next().unwrap_or_default()
}

/// A host as RFC 3986, 3.2.2 writes it; an IPv6 address has colons of its own.
fn without_port(authority: &[u8]) -> &[u8] {
    let end = if authority.starts_with(b"[") {
        authority.iter().position(|&byte| byte == b']').map(|place| place + 1)
    } else {
        authority.iter().position(|&byte| byte == b':')
    };
    &authority[..end.unwrap_or(authority.len())]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(port: u16, host: &str, target: &str, method: &str) -> Option<(u16, String)> {
        let found = Https::redirected(port, host.as_bytes(), target.as_bytes(), method.as_bytes());
        found.map(|(status, location)| (status, String::from_utf8(location).expect("text")))
    }

    #[test]
    fn a_redirect_keeps_host_and_target() {
        let there = |location: &str| Some((301, location.to_owned()));
        assert_eq!(to(443, "shop.test", "/a?b=c", "GET"), there("https://shop.test/a?b=c"));
        assert_eq!(to(8443, "shop.test:8080", "/", "HEAD"), there("https://shop.test:8443/"));
        assert_eq!(to(443, "[2001:db8::1]:80", "/", "GET"), there("https://[2001:db8::1]/"));
        assert_eq!(to(443, "", "/", "GET"), None);
    }

    #[test]
    fn what_is_no_get_is_repeated_as_it_is() {
        assert_eq!(to(443, "shop.test", "/", "POST"), Some((308, "https://shop.test/".to_owned())));
        assert_eq!(to(443, "shop.test", "*", "OPTIONS"), Some((308, "https://shop.test".to_owned())));
    }

    fn is_ours(location: &str, host: &str) -> Option<u32> {
        ours(
            location.as_bytes(),
            format!("GET / HTTP/1.1\r\nA: b\r\nhOst: {host}\r\n\r\nHost: body").as_bytes(),
        )
    }

    #[test]
    fn a_location_is_ours_by_its_host() {
        assert_eq!(is_ours("http://shop.test/a", "shop.test"), Some(16));
        assert_eq!(is_ours("HTTP://SHOP.test", "shop.test:8443"), Some(16));
        assert_eq!(is_ours("http://shop.test:80?a", "shop.test"), Some(19));
        assert_eq!(is_ours("http://shop.test:8443/", "shop.test:8443"), Some(21));
        assert_eq!(is_ours("http://[::1]:80/", "[::1]"), Some(15));
    }

    #[test]
    fn a_location_elsewhere_is_left_alone() {
        for location in [
            "https://shop.test/",
            "http://shop.test.evil/",
            "http://shop.test@evil/",
            "http://shop.test:8080/",
            "http://other.test/",
            "/shop.test",
            "http:///",
            "",
        ] {
            assert_eq!(is_ours(location, "shop.test"), None, "{location}");
        }
        assert_eq!(is_ours("http:///a", ""), None);
    }
}
