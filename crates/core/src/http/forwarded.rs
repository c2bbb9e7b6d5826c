//! What a server is told about the client: Forwarded (RFC 7239) and the X-Forwarded fields before it.
//!
//! What came in these fields is replaced: by what was seen, or by what was believed of them ([`super::believed`]).

use std::io::Write;
use std::net::IpAddr;

use super::edits::Edits;
use super::field::Known;
use super::h1::encode::Lines;

/// Leaves out what a client says of itself that only a proxy can know.
pub fn cut_hearsay(lines: Lines<'_>, edits: &mut Edits) {
    let hearsay = lines.fields.iter().filter(|field| field.known == Known::Hearsay);
    hearsay.for_each(|field| edits.cut(field.line));
}

/// Where a request came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The client's address.
    pub client: IpAddr,
    /// Whether it came over TLS.
    pub secure: bool,
}

impl Origin {
    /// The scheme the client used.
    pub fn scheme(self) -> &'static str {
        if self.secure { "https" } else { "http" }
    }
}

/// What a server is told of one request.
#[derive(Debug, Clone, Copy)]
pub struct Forwarded<'a> {
    /// Where it came from.
    pub origin: Origin,
    /// The host that was asked for; empty where none was named.
    pub host: &'a [u8],
}

impl Forwarded<'_> {
    /// Appends the field lines.
    pub fn write(self, out: &mut Vec<u8>) {
        let Self { origin, host } = self;
        let client = origin.client.to_canonical();
        out.extend_from_slice(b"X-Forwarded-For: ");
        let start = out.len();
        write_address(client, out);
        let address = start..out.len();
        out.extend_from_slice(if origin.secure { PROTO_HTTPS } else { PROTO_HTTP });
        if !host.is_empty() {
            out.extend_from_slice(b"\r\nX-Forwarded-Host: ");
            out.extend_from_slice(host);
        }
        let v6 = client.is_ipv6();
        out.extend_from_slice(if v6 { b"\r\nForwarded: for=\"[" } else { b"\r\nForwarded: for=" });
        out.extend_from_within(address);
        if v6 {
            out.extend_from_slice(b"]\"");
        }
        if !host.is_empty() {
            // A host is checked where it is read: neither quote nor backslash can be in it.
            out.extend_from_slice(b";host=\"");
            out.extend_from_slice(host);
            out.push(b'"');
        }
        out.extend_from_slice(if origin.secure { b";proto=https\r\n" } else { b";proto=http\r\n" });
    }
}

const PROTO_HTTPS: &[u8] = b"\r\nX-Forwarded-Proto: https";
const PROTO_HTTP: &[u8] = b"\r\nX-Forwarded-Proto: http";

fn write_address(address: IpAddr, out: &mut Vec<u8>) {
    match address {
        IpAddr::V4(address) => {
            // Three digits and a dot each; the last dot goes again.
            let mut text = [0; 16];
            let mut length = 0;
            for octet in address.octets() {
                for (place, least) in [(100, 100), (10, 10), (1, 0)] {
                    if octet >= least {
                        text[length] = b'0' + octet / place % 10;
                        length += 1;
                    }
                }
                text[length] = b'.';
                length += 1;
            }
            out.extend_from_slice(&text[..length - 1]);
        }
        // Writing to a vector does not fail.
        IpAddr::V6(address) => drop(write!(out, "{address}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(client: &str, secure: bool, host: &str) -> String {
        let mut out = Vec::new();
        let origin = Origin { client: client.parse().expect("an address"), secure };
        Forwarded { origin, host: host.as_bytes() }.write(&mut out);
        String::from_utf8(out).expect("text")
    }

    #[test]
    fn a_server_learns_address_scheme_and_host() {
        assert_eq!(
            lines("192.0.2.7", true, "shop.example:8443"),
            "X-Forwarded-For: 192.0.2.7\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example:8443\r\n\
             Forwarded: for=192.0.2.7;host=\"shop.example:8443\";proto=https\r\n"
        );
    }

    #[test]
    fn an_ipv6_client_is_quoted_and_a_mapped_one_is_ipv4() {
        assert!(lines("2001:db8::1", false, "").contains("for=\"[2001:db8::1]\";proto=http\r\n"));
        assert!(lines("::ffff:192.0.2.7", false, "").starts_with("X-Forwarded-For: 192.0.2.7\r\n"));
    }
}
