//! Cookies of the balancer before us: they are honoured until ours take their place at the first response.

use std::collections::HashMap;
use std::net::IpAddr;

use memchr::{memchr, memchr2};
use xxhash_rust::xxh3::Xxh3;

use super::cookie::{Home, SessionId, home_of};
use super::{Ask, Claim, Reason};
use crate::http::cookies::{self, Cookie, unquoted};
use crate::http::edits::Edits;
use crate::http::field::{Known, Span};
use crate::pool::Pool;
use crate::snapshot::wire::{self, ForeignFormat};

/// Fixed for ever: every Equalizer gives a client that comes over the same session.
const CLIENT_SEED: u64 = 0x6571_2e61_6363_7431;

/// A cookie of another balancer, prepared.
#[derive(Debug)]
pub struct Foreign {
    format: ForeignFormat,
    name: Vec<u8>,
    servers: HashMap<Vec<u8>, Home>,
}

/// What a foreign cookie says, and which part of it is the balancer's own.
struct Saying {
    home: Home,
    /// Absent where all of the value is; else the place of `SERVER~` before the application's.
    prefix: Option<Span>,
}

impl Foreign {
    /// Prepares the map from what values say to servers.
    pub fn new(settings: &wire::Foreign) -> Self {
        let key = |text: &String| match settings.format {
            ForeignFormat::Coyote => text.to_ascii_lowercase().into_bytes(),
            ForeignFormat::Literal | ForeignFormat::Bigip => text.clone().into_bytes(),
        };
        Self {
            format: settings.format,
            name: settings.name.clone().into_bytes(),
            servers: settings.servers.iter().map(|(text, server)| (key(text), home_of(server))).collect(),
        }
    }

    fn is_called(&self, name: &[u8]) -> bool {
        match self.format {
            ForeignFormat::Literal => name == self.name,
            ForeignFormat::Bigip | ForeignFormat::Coyote => name.starts_with(&self.name),
        }
    }

    fn read(&self, bytes: &[u8], value: Span) -> Option<Saying> {
        let text = unquoted(value.of(bytes));
        let whole = |home: &Home| Saying { home: *home, prefix: None };
        match self.format {
            ForeignFormat::Bigip => self.servers.get(text).map(whole),
            ForeignFormat::Coyote => {
                let hex = &text[..memchr(b':', text)?];
                self.servers.get(&hex.to_ascii_lowercase()).map(whole)
            }
            ForeignFormat::Literal => {
                self.servers.get(text).map(whole).or_else(|| self.read_part(bytes, value))
            }
        }
    }

    /// Some write dates behind the server's name and `|`; some the name and `~` before the application's value.
    fn read_part(&self, bytes: &[u8], value: Span) -> Option<Saying> {
        let text = unquoted(value.of(bytes));
        let end = memchr2(b'|', b'~', text)?;
        let home = *self.servers.get(&text[..end])?;
        let start = value.start + u32::from(text.len() < value.of(bytes).len());
        let cut = || Some(Span { start, end: start + u32::try_from(end).ok()? + 1 });
        Some(Saying { home, prefix: if text[end] == b'~' { Some(cut()?) } else { None } })
    }
}

/// What the foreign cookies of a request claim, where `ours` said nothing.
///
/// A cookie is taken out when it was believed; a name before the application's own value always, since the
/// application never saw it there, and the client keeps sending it.
pub(super) fn recall(
    foreign: &[Foreign],
    pool: &Pool,
    ask: &Ask<'_>,
    asked: bool,
    edits: &mut Edits,
) -> Option<Claim> {
    if foreign.is_empty() {
        return None;
    }
    let mut claim = None;
    for Cookie { name, value } in cookies::all(ask.lines) {
        let name = name.of(ask.lines.bytes);
        let said = foreign
            .iter()
            .filter(|kind| kind.is_called(name))
            .find_map(|kind| kind.read(ask.lines.bytes, value));
        let Some(Saying { home, prefix }) = said else { continue };
        let believed = asked && claim.is_none() && pool.find_home(home).is_some();
        if believed {
            claim = Some(Claim::Home(home, id(ask, value), Reason::Accepted));
        }
        match prefix {
            Some(prefix) => edits.cut(prefix),
            None if believed => edits.take(value),
            None => {}
        }
    }
    claim
}

/// All clients of a server have one foreign cookie; what tells them apart is the same for parallel requests.
fn id(ask: &Ask<'_>, value: Span) -> SessionId {
    let mut hash = Xxh3::with_seed(CLIENT_SEED);
    match ask.client.to_canonical() {
        IpAddr::V4(client) => hash.update(&client.octets()),
        IpAddr::V6(client) => hash.update(&client.octets()),
    }
    for field in ask.lines.fields.iter().filter(|field| field.known == Known::UserAgent) {
        hash.update(field.value.of(ask.lines.bytes));
    }
    hash.update(value.of(ask.lines.bytes));
    SessionId(hash.digest())
}
