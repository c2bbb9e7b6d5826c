//! Decides whether a request is one of those that a matcher means: every key that is written must hold, by one of
//! its values.
//!
//! Nothing is allocated and nothing is remembered: a matcher may be asked of every request.

use std::net::IpAddr;

use memchr::memrchr;

use super::glob::{PathGlob, TextGlob};
use crate::http::h1::encode::Lines;
use crate::network::{Network, no_network};
use crate::snapshot::wire::{self, Scheme};

/// A request, as far as matchers look at it.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// Its fields.
    pub lines: Lines<'a>,
    /// Its target, in origin form.
    pub target: &'a [u8],
    /// Its authority.
    pub host: &'a [u8],
    /// Its method, as it stands there.
    pub method: &'a [u8],
    /// The client's address.
    pub client: IpAddr,
    /// Whether it came over TLS.
    pub secure: bool,
}

/// What a request must be like; a key without values says nothing.
#[derive(Debug, Clone)]
pub struct Matcher {
    paths: Vec<PathGlob>,
    methods: Vec<String>,
    hosts: Vec<HostName>,
    /// All of them must be there, each with one of its values.
    fields: Vec<(String, Vec<TextGlob>)>,
    clients: Vec<Network>,
    schemes: Vec<Scheme>,
}

/// What is wrong with a matcher: the key, and a sentence.
pub type Flaw = (&'static str, String);

impl Matcher {
    /// Reads a matcher, or says what in it cannot be read.
    pub fn new(written: &wire::Matcher) -> Result<Self, Flaw> {
        let network = |text: &String| Network::read(text).ok_or_else(|| ("client", no_network(text)));
        Ok(Self {
            paths: written.path.iter().map(|path| PathGlob::new(path)).collect(),
            methods: written.method.clone(),
            hosts: written.host.iter().map(|host| HostName::new(host)).collect(),
            fields: written
                .field
                .iter()
                .map(|(name, values)| {
                    (name.clone(), values.iter().map(|value| TextGlob::new(value)).collect())
                })
                .collect(),
            clients: written.client.iter().map(network).collect::<Result<_, _>>()?,
            schemes: written.scheme.clone(),
        })
    }

    /// Whether every key holds.
    pub fn matches(&self, request: &Request<'_>) -> bool {
        let scheme = if request.secure { Scheme::Https } else { Scheme::Http };
        any(&self.schemes, |wanted| *wanted == scheme)
            && any(&self.methods, |method| method.as_bytes() == request.method)
            && any(&self.clients, |network| network.holds(request.client))
            && any(&self.hosts, |host| host.means(hostname(request.host)))
            && any(&self.paths, |glob| glob.fits(path(request.target)))
            && self.fields.iter().all(|(name, globs)| {
                let mut values = request.lines.named(name.as_bytes());
                values.any(|field| any(globs, |glob| glob.fits(field.value.of(request.lines.bytes))))
            })
    }
}

/// Whether one holds, or none is written.
fn any<T>(written: &[T], holds: impl Fn(&T) -> bool) -> bool {
    written.is_empty() || written.iter().any(holds)
}

/// The target without its query.
pub fn path(target: &[u8]) -> &[u8] {
    target.split(|&byte| byte == b'?').next().unwrap_or_default()
}

/// The host of an authority, without its port and without the dot that may end a full name.
fn hostname(authority: &[u8]) -> &[u8] {
    let end = match memrchr(b':', authority) {
        // Within brackets a colon belongs to an IPv6 address (RFC 3986, section 3.2.2).
        Some(colon) if !authority[colon..].contains(&b']') => colon,
        _ => authority.len(),
    };
    let host = &authority[..end];
    host.strip_suffix(b".").unwrap_or(host)
}

/// A host, or all hosts below one: `*.shop.example`.
#[derive(Debug, Clone)]
struct HostName {
    /// With its leading dot where hosts below it are meant.
    name: String,
    below: bool,
}

impl HostName {
    fn new(written: &str) -> Self {
        let below = written.starts_with("*.");
        let name = if below { &written[1..] } else { written };
        Self { name: name.strip_suffix('.').unwrap_or(name).to_owned(), below }
    }

    fn means(&self, host: &[u8]) -> bool {
        let Some(end) = host.len().checked_sub(self.name.len()) else { return false };
        (end > 0) == self.below && host[end..].eq_ignore_ascii_case(self.name.as_bytes())
    }
}

#[cfg(test)]
#[path = "matcher_tests.rs"]
mod tests;
