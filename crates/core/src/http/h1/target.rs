//! Decides what a request is addressed to: the form of its target, and the one authority it speaks of.

use super::super::field::Span;
use super::super::refusal::Refusal;
use super::decode::{number, place};
use super::lines::is_host;

/// What a target says.
pub(super) struct Target {
    /// In origin form, or `*`.
    pub(super) form: Span,
    pub(super) authority: Option<Span>,
    pub(super) scheme_secure: Option<bool>,
    /// Whether it means the server as a whole, and not one of its paths.
    pub(super) whole_server: bool,
}

/// Splits the target into its origin form and, for the absolute form, scheme and authority (RFC 9112, 3.2).
pub(super) fn read_target(bytes: &[u8], target: Span, method: Span) -> Result<Target, Refusal> {
    let text = target.of(bytes);
    if text.first() == Some(&b'/') || (text == b"*" && method.of(bytes) == b"OPTIONS") {
        let whole_server = text == b"*";
        return Ok(Target { form: target, authority: None, scheme_secure: None, whole_server });
    }
    let scheme = [&b"http://"[..], b"https://"]
        .into_iter()
        .find(|scheme| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme)))
        .ok_or(Refusal::Target)?;
    let scheme_secure = Some(scheme == b"https://");
    let authority = target.start + place(scheme.len());
    let rest = &text[scheme.len()..];
    let Some(path) = memchr::memchr2(b'/', b'?', rest) else {
        // An empty path is the root (RFC 9112, 3.2.1), and the scheme ends with a slash that can stand for it.
        let root = Span { start: authority - 1, end: authority };
        let authority = Some(Span { start: authority, end: target.end });
        // For OPTIONS it is the server as a whole (RFC 9112, 3.2.4).
        let whole_server = method.of(bytes) == b"OPTIONS";
        return Ok(Target { form: root, authority, scheme_secure, whole_server });
    };
    if rest[path] == b'?' {
        return Err(Refusal::Target);
    }
    let path = authority + place(path);
    let authority = Some(Span { start: authority, end: path });
    let form = Span { start: path, end: target.end };
    Ok(Target { form, authority, scheme_secure, whole_server: false })
}

/// The one authority a request speaks of: Host, and the absolute form where there is one, must agree.
pub(super) fn agreed_host(
    bytes: &[u8],
    host: Option<Span>,
    authority: Option<Span>,
    http11: bool,
) -> Result<Span, Refusal> {
    let host = match (host, authority) {
        (None, _) if http11 => return Err(Refusal::Host),
        (Some(host), Some(authority)) if !host.of(bytes).eq_ignore_ascii_case(authority.of(bytes)) => {
            return Err(Refusal::Host);
        }
        (Some(host), _) => host,
        (None, authority) => authority.unwrap_or_default(),
    };
    // Without an authority, the field is there and empty (RFC 9112, 3.2).
    if host.of(bytes).is_empty() || is_authority(host.of(bytes)) { Ok(host) } else { Err(Refusal::Host) }
}

/// Whether this is a host with or without a port (RFC 3986, 3.2). User information has no place in Host, and what is
/// percent-encoded could be spelt in two ways.
pub(in crate::http) fn is_authority(text: &[u8]) -> bool {
    let (host, rest) = match text.strip_prefix(b"[") {
        Some(literal) => {
            let Some(end) = memchr::memchr(b']', literal) else { return false };
            let address = std::str::from_utf8(&literal[..end]).ok();
            if address.and_then(|address| address.parse::<std::net::Ipv6Addr>().ok()).is_none() {
                return false;
            }
            text.split_at(end + 2)
        }
        None => text.split_at(memchr::memchr(b':', text).unwrap_or(text.len())),
    };
    let host_holds = !host.is_empty() && (host.starts_with(b"[") || is_host(host));
    let port_holds = match rest.strip_prefix(b":") {
        Some(port) => port.len() <= 5 && number(port).is_some_and(|port| u16::try_from(port).is_ok()),
        None => rest.is_empty(),
    };
    host_holds && port_holds
}
