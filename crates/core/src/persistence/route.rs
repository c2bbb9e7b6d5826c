//! The application names its server itself: its cookie, path parameter or query parameter ends in `.SERVERNAME`.
//!
//! Nothing is stamped. What stands before the name is the session's id, so that one whose server is gone reaches
//! the same next one whatever name its application gives it there.

use memchr::{memmem, memrchr};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::cookie::{SessionId, home_of};
use super::hash::query_value;
use super::{Ask, Claim, Reason};
use crate::http::cookies::{self, unquoted};
use crate::pool::Pool;
use crate::route::matcher::path;
use crate::snapshot::wire::Cookie;

/// Fixed for ever: every Equalizer re-homes a value to the same server.
const ROUTE_SEED: u64 = 0x6571_2e72_6f75_7431;

/// Where the application's value stands.
#[derive(Debug)]
pub struct Route {
    name: String,
    parameters: Vec<String>,
}

impl Route {
    /// The cookie, and the parameters that say the same where there are no cookies.
    pub fn new(cookie: &Cookie) -> Self {
        Self { name: cookie.name.clone(), parameters: cookie.parameters.clone() }
    }

    pub(super) fn recall(&self, pool: &Pool, ask: &Ask<'_>) -> Result<Claim, Reason> {
        let cookies = cookies::values(ask.lines, self.name.as_bytes()).map(|value| value.of(ask.lines.bytes));
        let parameters = self.parameters.iter().flat_map(|name| {
            let name = name.as_bytes();
            [path_parameter(ask.target, name), query_value(ask.target, name)].into_iter().flatten()
        });
        cookies.chain(parameters).find_map(|value| claim(pool, unquoted(value))).ok_or(Reason::New)
    }
}

/// Names may hold dots: the longest that fits is meant. One that fits none is that of a server that is gone.
fn claim(pool: &Pool, value: &[u8]) -> Option<Claim> {
    let ends = |name: &[u8]| value.strip_suffix(name).and_then(|before| before.strip_suffix(b"."));
    let named = pool.servers.iter().filter_map(|server| Some((server.home, ends(server.name.as_bytes())?)));
    let gone = || {
        let dot = memrchr(b'.', value)?;
        let name = std::str::from_utf8(&value[dot + 1..]).ok().filter(|name| !name.is_empty())?;
        Some((home_of(name), &value[..dot]))
    };
    let (home, id) = named.min_by_key(|(_, before)| before.len()).or_else(gone)?;
    Some(Claim::Home(home, SessionId(xxh3_64_with_seed(id, ROUTE_SEED)), Reason::Recalled))
}

/// The value of the first path parameter of a name, as in `/cart;jsessionid=VALUE?item=1` (RFC 3986, section 3.3).
fn path_parameter<'a>(target: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let path = path(target);
    memmem::find_iter(path, name).find_map(|at| {
        let value = path[at + name.len()..].strip_prefix(b"=")?;
        let begins = at > 0 && path[at - 1] == b';';
        begins.then(|| value.split(|byte| matches!(byte, b';' | b'/')).next().unwrap_or_default())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_parameter_ends_with_its_segment() {
        let of = |target: &'static str| path_parameter(target.as_bytes(), b"sid");
        assert_eq!(of("/a;sid=1.web1?sid=2"), Some(&b"1.web1"[..]));
        assert_eq!(of("/a;x=1;sid=1.web1;y=2/b"), Some(&b"1.web1"[..]));
        assert_eq!(of("/a;sid=1.web1/b"), Some(&b"1.web1"[..]));
        for target in ["/a?x=;sid=1", "/sid=1", "/a;xsid=1", "/a;sid", "/a;SID=1"] {
            assert_eq!(of(target), None, "{target}");
        }
    }
}
