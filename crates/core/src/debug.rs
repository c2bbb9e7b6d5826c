//! Tells whoever shows the debug token where a request went, and why.
//!
//! `Equalizer-Decision: reason=recalled, pool="shop", server="web2", home="web2", session="5f0c41d2a9e3",
//! alternatives=("web1";state=up)`: a dictionary of RFC 8941.

use aws_lc_rs::constant_time::verify_slices_are_equal;

use crate::access::{hexadecimal, session_name};
use crate::http::edits::Edits;
use crate::http::h1::encode::Lines;
use crate::persistence::cookie::SessionId;
use crate::persistence::{Reason, Recall};
use crate::pool::{Pool, ServerId};
use crate::snapshot::wire::State;

/// The fields in which a request shows the token, and a response tells.
pub const FIELDS: [&str; 2] = ["Equalizer-Debug", "Equalizer-Decision"];
const ASKS: &[u8] = FIELDS[0].as_bytes();
const TELLS: &[u8] = FIELDS[1].as_bytes();
/// Alternatives that are told at most.
const MOST: usize = 16;

/// What a request has to show.
pub struct Token(Box<[u8]>);

impl Token {
    /// This text.
    pub fn new(text: &str) -> Self {
        Self(text.as_bytes().into())
    }

    /// Whether a request shows it; the field is cut, whatever it says.
    pub fn is_shown(&self, lines: Lines<'_>, edits: &mut Edits) -> bool {
        let mut shown = false;
        for field in lines.named(ASKS) {
            edits.cut(field.line);
            // How long it takes tells nothing of the token but its length.
            shown |= verify_slices_are_equal(&self.0, field.value.of(lines.bytes)).is_ok();
        }
        shown
    }
}

/// Never shows the token.
impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Token").finish_non_exhaustive()
    }
}

/// Why an exchange went where it went.
#[derive(Clone, Copy)]
pub struct Decision<'a> {
    /// The pool.
    pub pool: &'a Pool,
    /// What the request said of its session.
    pub recall: &'a Recall,
    /// The server, where there was one.
    pub server: Option<ServerId>,
    /// Why this server.
    pub reason: Reason,
    /// Whose session it is from now on.
    pub session: Option<SessionId>,
}

/// Cuts what a server says in our name.
pub fn cut_answers(lines: Lines<'_>, edits: &mut Edits) {
    for field in lines.named(TELLS) {
        edits.cut(field.line);
    }
}

/// Appends the line for an exchange that no route takes.
pub fn no_route(out: &mut Vec<u8>) {
    out.extend_from_slice(TELLS);
    out.extend_from_slice(b": route=?0\r\n");
}

/// Appends the line for an exchange.
pub fn decision(decision: &Decision<'_>, out: &mut Vec<u8>) {
    let Decision { pool, recall, server, reason, session } = *decision;
    out.extend_from_slice(TELLS);
    out.extend_from_slice(b": reason=");
    out.extend_from_slice(reason.word().as_bytes());
    out.extend_from_slice(b", pool=");
    string(pool.name.as_bytes(), out);
    let name = |id: ServerId| pool.servers.get(id.0).map(|server| server.name.as_bytes());
    if let Some(server) = server.and_then(name) {
        out.extend_from_slice(b", server=");
        string(server, out);
    }
    if let Some(home) = recall.known_home().and_then(name) {
        out.extend_from_slice(b", home=");
        string(home, out);
    }
    if let Some(session) = session {
        out.extend_from_slice(b", session=");
        string(&hexadecimal(session_name(session)), out);
    }
    let others = pool.servers.iter().enumerate().filter(|(place, _)| server != Some(ServerId(*place)));
    let mut before: &[u8] = b", alternatives=(";
    for (_, other) in others.take(MOST) {
        out.extend_from_slice(before);
        before = b" ";
        string(other.name.as_bytes(), out);
        out.extend_from_slice(b";state=");
        out.extend_from_slice(state(other.live.state()));
    }
    if before == b" " {
        out.push(b')');
    }
    out.extend_from_slice(b"\r\n");
}

/// A string of RFC 8941, 3.3.3.
fn string(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for &byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b' '..=b'~' => out.push(byte),
            _ => out.push(b'?'),
        }
    }
    out.push(b'"');
}

fn state(state: State) -> &'static [u8] {
    match state {
        State::Up => b"up",
        State::Draining => b"draining",
        State::Maintenance => b"maintenance",
        State::Down => b"down",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_closed_by_nothing_inside() {
        let mut out = Vec::new();
        string(b"a\"b\\c\r\nd\xff", &mut out);
        assert_eq!(out, br#""a\"b\\c??d?""#);
    }

    #[test]
    fn a_token_is_not_in_its_debug_text() {
        assert!(!format!("{:?}", Token::new("a-token-of-some-length")).contains("token-of"));
    }
}
