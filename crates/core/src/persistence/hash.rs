//! No state at all: a hash of something that the request carries chooses the server, the same one everywhere.

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::by_address::address_hash;
use super::cookie::SessionId;
use super::{Ask, Claim, Reason};
use crate::http::cookies;
use crate::route::matcher::path;
use crate::snapshot::wire::{HashOver, Hashed};

/// Fixed for ever: every Equalizer must choose the same server.
const HASH_SEED: u64 = 0x6571_2e68_6173_6831;

/// What is hashed.
#[derive(Debug)]
pub struct ByHash(Hashed);

impl ByHash {
    /// A hash over what the settings say.
    pub fn new(settings: &Hashed) -> Self {
        Self(settings.clone())
    }

    pub(super) fn recall(&self, ask: &Ask<'_>) -> Result<Claim, Reason> {
        self.hash(ask).map(|hash| Claim::Id(SessionId(hash))).ok_or(Reason::New)
    }

    /// The hash, where the request carries what is hashed.
    pub(crate) fn hash(&self, ask: &Ask<'_>) -> Option<u64> {
        self.hash_with(ask, HASH_SEED)
    }

    /// The same with a seed that may be a secret.
    pub(crate) fn hash_with(&self, ask: &Ask<'_>, seed: u64) -> Option<u64> {
        match self.0.over {
            HashOver::Address => Some(address_hash(ask.client, self.0.prefix4, self.0.prefix6, seed)),
            _ => self.text(ask).map(|text| xxh3_64_with_seed(text, seed)),
        }
    }

    fn text<'a>(&self, ask: &Ask<'a>) -> Option<&'a [u8]> {
        let name = self.0.name.as_bytes();
        let lines = ask.lines;
        match self.0.over {
            HashOver::Field => lines.named(name).next().map(|field| field.value.of(lines.bytes)),
            HashOver::Cookie => cookies::values(lines, name).next().map(|value| value.of(lines.bytes)),
            HashOver::Query => query_value(ask.target, name),
            HashOver::Path => Some(path(ask.target)),
            HashOver::Address => None,
        }
    }
}

/// The value of the first query parameter of a name.
pub(super) fn query_value<'a>(target: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let query = target.splitn(2, |&byte| byte == b'?').nth(1)?;
    query.split(|&byte| byte == b'&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_parameter_is_found_by_its_whole_name() {
        assert_eq!(query_value(b"/a?xid=1&id=2&id=3", b"id"), Some(&b"2"[..]));
        assert_eq!(query_value(b"/a?id", b"id"), None);
        assert_eq!(query_value(b"/a", b"id"), None);
        assert_eq!(path(b"/a/b?id=1"), b"/a/b");
    }
}
