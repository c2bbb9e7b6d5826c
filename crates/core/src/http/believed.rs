//! Decides what a request says of its client, where whoever sent it is trusted: `Forwarded` (RFC 7239) and the
//! `X-Forwarded` fields before it, read from the right.
//!
//! Each proxy appends what it saw, so the entry furthest right is that of the proxy next to us. Entries that name a
//! trusted proxy are passed over; the first that names somebody else names the client, and what stands further left
//! was written by nobody who is trusted.

use std::net::{IpAddr, SocketAddr};

use super::h1::encode::Lines;
use super::h1::is_authority;
use crate::network::Networks;

/// What is believed; where nothing is told, what we see ourselves holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Believed<'a> {
    /// The client's address.
    pub client: Option<IpAddr>,
    /// Whether the client came over TLS.
    pub secure: Option<bool>,
    /// The host that the client asked for.
    pub host: Option<&'a [u8]>,
}

/// Reads what is told of the client by proxies of which those in `trusted` are believed.
///
/// A proxy that writes one kind of field passes the other on as its client sent it: where the two differ, neither is
/// believed.
pub fn read<'a>(lines: Lines<'a>, trusted: &Networks) -> Believed<'a> {
    let (one, other) = (older(lines, trusted), standard(lines, trusted));
    Believed {
        client: agreed(one.client, other.client),
        secure: agreed(one.secure, other.secure),
        host: agreed(one.host, other.host),
    }
}

fn agreed<T: PartialEq>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => (one == other).then_some(one),
        (one, other) => one.or(other),
    }
}

/// The members of all fields of a name, the last one first.
fn from_the_right<'a>(lines: Lines<'a>, name: &'static [u8]) -> impl Iterator<Item = &'a [u8]> {
    let named = move |field: &&super::field::Field| field.name.of(lines.bytes).eq_ignore_ascii_case(name);
    let values = lines.fields.iter().rev().filter(named).map(move |field| field.value.of(lines.bytes));
    let members = values.flat_map(|value| value.rsplit(|&byte| byte == b','));
    members.map(<[u8]>::trim_ascii).filter(|member| !member.is_empty())
}

/// What X-Forwarded-For, -Proto and -Host say.
fn older<'a>(lines: Lines<'a>, trusted: &Networks) -> Believed<'a> {
    let (mut client, mut place) = (None, 0);
    for (distance, member) in from_the_right(lines, b"x-forwarded-for").enumerate() {
        let Some(address) = node(member) else { break };
        (client, place) = (Some(address), distance);
        if !trusted.holds(address) {
            break;
        }
    }
    // What the same proxy said; most write one value only, or pass on the one there is.
    let beside = |name| from_the_right(lines, name).take(place + 1).last();
    Believed {
        client,
        secure: beside(b"x-forwarded-proto").and_then(scheme),
        host: beside(b"x-forwarded-host").filter(|host| is_authority(host)),
    }
}

/// What Forwarded says.
fn standard<'a>(lines: Lines<'a>, trusted: &Networks) -> Believed<'a> {
    let mut found = Believed::default();
    // A comma within quotes splits an entry in two that mean nothing: then reading ends there.
    for (distance, member) in from_the_right(lines, b"forwarded").enumerate() {
        let entry = entry(member);
        if distance == 0 || entry.client.is_some() {
            found = entry;
        }
        if !entry.client.is_some_and(|address| trusted.holds(address)) {
            break;
        }
    }
    found
}

/// One entry: `for=192.0.2.7;proto=https;host=shop.example`.
fn entry(text: &[u8]) -> Believed<'_> {
    let mut found = Believed::default();
    for pair in text.split(|&byte| byte == b';').map(<[u8]>::trim_ascii) {
        let Some(equals) = memchr::memchr(b'=', pair) else { continue };
        let (name, value) = (&pair[..equals], unquoted(&pair[equals + 1..]));
        if name.eq_ignore_ascii_case(b"for") {
            found.client = node(value);
        } else if name.eq_ignore_ascii_case(b"proto") {
            found.secure = scheme(value);
        } else if name.eq_ignore_ascii_case(b"host") {
            found.host = Some(value).filter(|host| is_authority(host));
        }
    }
    found
}

fn unquoted(value: &[u8]) -> &[u8] {
    value.strip_prefix(b"\"").and_then(|inner| inner.strip_suffix(b"\"")).unwrap_or(value)
}

/// Some proxies tell of the handshake of a WebSocket by its own schemes.
fn scheme(text: &[u8]) -> Option<bool> {
    let is_one_of = |schemes: [&[u8]; 2]| schemes.iter().any(|scheme| text.eq_ignore_ascii_case(scheme));
    match text {
        _ if is_one_of([b"https", b"wss"]) => Some(true),
        _ if is_one_of([b"http", b"ws"]) => Some(false),
        _ => None,
    }
}

/// An address, with or without a port (RFC 7239, 6); `unknown` and made-up names are none.
fn node(text: &[u8]) -> Option<IpAddr> {
    let text = std::str::from_utf8(text).ok()?;
    let bare = text.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse().or_else(|_| text.parse().map(|address: SocketAddr| address.ip()));
    address.ok().map(|address: IpAddr| address.to_canonical())
}

#[cfg(test)]
#[path = "believed_tests.rs"]
mod tests;
