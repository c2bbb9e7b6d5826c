//! Decides which fields are ours alone to write: a client that sends one is not believed, nor one that comes where we do
//! not read it.

use super::edits::Edits;
use super::field::Field;
use super::h1::encode::Lines;

/// Names of such fields, for every listener: a plain one must not be a way round one that verifies.
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

    /// Whether a name is one of these.
    pub fn holds(&self, name: &[u8]) -> bool {
        self.0.iter().any(|own| alike(own, name))
    }

    /// Leaves fields of these names out, whoever has sent them.
    pub fn cut(&self, lines: Lines<'_>, edits: &mut Edits) {
        if !self.0.is_empty() {
            let own = |field: &&Field| self.holds(field.name.of(lines.bytes));
            lines.fields.iter().filter(own).for_each(|field| edits.cut(field.line));
        }
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
    fn a_name_is_ours_in_every_disguise() {
        for disguise in ["X-Client-Cert-Serial", "x-client-cert-serial", "X_Client_Cert-SERIAL"] {
            assert!(alike("X-Client-Cert-Serial", disguise.as_bytes()), "{disguise}");
        }
        assert!(!alike("X-Client-Cert-Serial", b"X-Client-Cert-Serials"));
        assert!(!alike("X-Client-Cert-Serial", b"X.Client.Cert.Serial"));
    }
}
