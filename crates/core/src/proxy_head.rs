//! The head of the PROXY protocol, versions 1 and 2: with it whoever passes a connection on says between whom it was.
//!
//! It stands before everything else, TLS included. What is not exactly as it should be is refused: the protocol has no
//! way to ask again, and a head that two sides read differently is an address that nobody vouches for.

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::snapshot::wire::Introduction;

/// Bytes that a head may have; version 1 has 107 at most, version 2 more where it carries further values.
pub const MOST: usize = 4096;
const MOST_V1: usize = 107;
const V1: &[u8] = b"PROXY ";
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family, length.
const FIXED: usize = 16;

/// Between whom a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The client.
    pub from: SocketAddr,
    /// What it connected to.
    pub to: SocketAddr,
}

/// A whole head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// Nothing where the connection is the sender's own, or of a family without addresses of ours.
    pub ends: Option<Ends>,
    /// Its bytes.
    pub length: usize,
}

/// It is no head.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a head of the PROXY protocol")]
pub struct Malformed;

/// Reads a head from the start of `bytes`; `None` while it is incomplete, and then all of them belong to it.
pub fn read(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    match bytes.first() {
        None => Ok(None),
        Some(b'P') => read_v1(bytes),
        Some(_) => read_v2(bytes),
    }
}

/// Whether `bytes` begin with `start`, or may still.
fn may_begin(bytes: &[u8], start: &[u8]) -> bool {
    let length = bytes.len().min(start.len());
    bytes[..length] == start[..length]
}

fn read_v1(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    if !may_begin(bytes, V1) {
        return Err(Malformed);
    }
    let most = bytes.len().min(MOST_V1);
    let Some(end) = memchr::memchr(b'\n', &bytes[..most]) else {
        return if bytes.len() < MOST_V1 { Ok(None) } else { Err(Malformed) };
    };
    let line = bytes[..end].strip_suffix(b"\r").and_then(|line| line.strip_prefix(V1)).ok_or(Malformed)?;
    let text = std::str::from_utf8(line).map_err(|_| Malformed)?;
    let mut words = text.split(' ');
    let ends = match words.next() {
        Some("UNKNOWN") => None,
        Some(family @ ("TCP4" | "TCP6")) => {
            let mut address =
                || words.next()?.parse().ok().filter(|ip: &IpAddr| ip.is_ipv4() == (family == "TCP4"));
            let (from, to) = (address().ok_or(Malformed)?, address().ok_or(Malformed)?);
            let mut port = || words.next().and_then(port);
            let (from_port, to_port) = (port().ok_or(Malformed)?, port().ok_or(Malformed)?);
            if words.next().is_some() {
                return Err(Malformed);
            }
            Some(Ends { from: end_at(from, from_port), to: end_at(to, to_port) })
        }
        _ => return Err(Malformed),
    };
    Ok(Some(Head { ends, length: end + 1 }))
}

fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|_| plain)
}

fn end_at(address: IpAddr, port: u16) -> SocketAddr {
    SocketAddr::new(address.to_canonical(), port)
}

fn read_v2(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    let command = bytes.get(12).copied();
    let family = bytes.get(13).copied();
    let known = command.is_none_or(|command| matches!(command, 0x20 | 0x21))
        && family.is_none_or(|family| matches!(family, 0x00 | 0x11 | 0x12 | 0x21 | 0x22 | 0x31 | 0x32));
    if !may_begin(bytes, V2) || !(known || command == Some(0x20)) {
        return Err(Malformed);
    }
    let (Some(family), Some(&[high, low])) = (family, bytes.get(14..FIXED).and_then(|two| two.first_chunk()))
    else {
        return Ok(None);
    };
    let length = FIXED + usize::from(u16::from_be_bytes([high, low]));
    // Of what may follow the addresses nothing is read.
    let size = match (command, family) {
        (Some(0x20), _) | (_, 0x00) => 0,
        (_, 0x11 | 0x12) => 12,
        (_, 0x21 | 0x22) => 36,
        _ => 216,
    };
    if length > MOST || length < FIXED + size {
        return Err(Malformed);
    }
    let Some(addresses) = bytes.get(FIXED..length) else { return Ok(None) };
    let ends = match (command, family) {
        (Some(0x21), 0x11) => ends_of::<4, Ipv4Addr>(addresses),
        (Some(0x21), 0x21) => ends_of::<16, Ipv6Addr>(addresses),
        _ => None,
    };
    Ok(Some(Head { ends, length }))
}

/// Two addresses of `N` bytes, and two ports.
fn ends_of<const N: usize, A: From<[u8; N]> + Into<IpAddr>>(bytes: &[u8]) -> Option<Ends> {
    let (from, rest) = bytes.split_first_chunk::<N>()?;
    let (to, rest) = rest.split_first_chunk::<N>()?;
    let (from_port, rest) = rest.split_first_chunk()?;
    let to_port = rest.first_chunk()?;
    let end = |address: &[u8; N], port: &[u8; 2]| end_at(A::from(*address).into(), u16::from_be_bytes(*port));
    Some(Ends { from: end(from, from_port), to: end(to, to_port) })
}

/// Appends a head that tells of `ends`; nothing where none is asked for.
pub fn write(version: Introduction, ends: Ends, out: &mut Vec<u8>) {
    let Ends { from, to } = ends;
    let addresses = match (from.ip().to_canonical(), to.ip().to_canonical()) {
        (IpAddr::V4(from), IpAddr::V4(to)) => Addresses::V4(from, to),
        (from, to) => Addresses::V6(wide(from), wide(to)),
    };
    let (from, to) = (from.port(), to.port());
    // Writing to a vector does not fail.
    let _ = match (version, addresses) {
        (Introduction::Off, _) => Ok(()),
        (Introduction::V1, Addresses::V4(one, other)) => {
            write!(out, "PROXY TCP4 {one} {other} {from} {to}\r\n")
        }
        (Introduction::V1, Addresses::V6(one, other)) => {
            write!(out, "PROXY TCP6 {one} {other} {from} {to}\r\n")
        }
        (Introduction::V2, addresses) => {
            let (family, length, bytes) = match addresses {
                Addresses::V4(one, other) => (0x11, 12, [one.octets(), other.octets()].concat()),
                Addresses::V6(one, other) => (0x21, 36, [one.octets(), other.octets()].concat()),
            };
            out.extend_from_slice(V2);
            out.extend_from_slice(&[0x21, family, 0, length]);
            out.extend_from_slice(&bytes);
            out.extend_from_slice(&from.to_be_bytes());
            out.extend_from_slice(&to.to_be_bytes());
            Ok(())
        }
    };
}

/// Both of one family, as the protocol wants them.
enum Addresses {
    V4(Ipv4Addr, Ipv4Addr),
    V6(Ipv6Addr, Ipv6Addr),
}

fn wide(address: IpAddr) -> Ipv6Addr {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    }
}

#[cfg(test)]
#[path = "proxy_head_tests.rs"]
mod tests;
