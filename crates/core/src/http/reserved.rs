//! Decides which request fields are ours alone to write: a client that sends one is not believed.

use super::edits::Edits;
use super::field::Field;
use super::h1::encode::Lines;

/// Names of such fields, on every listener: a plain one must not be a way round one that verifies.
#[derive(Debug, Default)]
pub struct Reserved(Box<[Box<str>]>);

impl Reserved {
    /// Reserves names; one may be given more than once.
    pub fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        let mut names: Vec<Box<str>> = names.map(Into::into).collect();
        names.sort_unstable();
        names.dedup();
        Self(names.into())
    }

    /// Leaves a client's own fields of these names out.
    pub fn cut(&self, lines: Lines<'_>, edits: &mut Edits) {
        if !self.0.is_empty() {
            let own = |field: &&Field| self.holds(field.name.of(lines.bytes));
            lines.fields.iter().filter(own).for_each(|field| edits.cut(field.line));
        }
    }

    /// Leaves them out of trailers, whole lines, too: a server may read these as if they had stood in the head.
    pub fn cut_trailers(&self, trailers: &mut Vec<u8>) {
        let name = |line: &[u8]| memchr::memchr(b':', line).unwrap_or(line.len());
        let lines = trailers.split_inclusive(|&byte| byte == b'\n');
        let kept = lines.filter(|line| !self.holds(&line[..name(line)]));
        *trailers = kept.collect::<Vec<_>>().concat();
    }

    fn holds(&self, name: &[u8]) -> bool {
        self.0.iter().any(|own| alike(own, name))
    }
}

/// Servers that hand fields on as variables (RFC 3875, 4.1.18) cannot tell a hyphen from an underscore.
fn alike(name: &str, other: &[u8]) -> bool {
    let plain = |byte: u8| if byte == b'_' { b'-' } else { byte.to_ascii_lowercase() };
    name.len() == other.len() && name.bytes().zip(other).all(|(one, &other)| plain(one) == plain(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trailers_lose_what_is_ours() {
        let reserved = Reserved::new(["X-Client-Cert-Serial", "Session-Moved"].into_iter());
        let mut trailers =
            b"X-Sum: 1\r\nx_client-cert-serial: 7\r\nX-Two: Session-Moved:\r\nSession-Moved:\r\n".to_vec();
        reserved.cut_trailers(&mut trailers);
        assert_eq!(trailers, b"X-Sum: 1\r\nX-Two: Session-Moved:\r\n");
    }

    #[test]
    fn a_name_is_ours_in_every_disguise() {
        for disguise in ["X-Client-Cert-Serial", "x-client-cert-serial", "X_Client_Cert-SERIAL"] {
            assert!(alike("X-Client-Cert-Serial", disguise.as_bytes()), "{disguise}");
        }
        assert!(!alike("X-Client-Cert-Serial", b"X-Client-Cert-Serials"));
        assert!(!alike("X-Client-Cert-Serial", b"X.Client.Cert.Serial"));
    }
}
