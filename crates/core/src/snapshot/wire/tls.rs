//! How a connection is encrypted and who proves what to whom, as it crosses the boundary.

use serde::{Deserialize, Serialize};

/// TLS towards clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// At least one; the client's SNI chooses among their names.
    pub certificates: Vec<Certificate>,
    /// The oldest version that is spoken.
    pub min_version: Version,
    /// Present when clients are asked for certificates.
    pub clients: Option<Clients>,
}

/// A certificate chain and its private key, both PEM text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// Leaf first.
    pub certificate: String,
    /// PKCS#8, PKCS#1 or SEC1.
    pub key: String,
    /// Whether it answers clients that name none of our names; where none does, the first.
    pub default: bool,
}

/// TLS towards the servers of a pool.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerTls {
    /// Whether a server must prove that it is the one.
    pub verify: bool,
    /// Who may have signed the servers' certificates: PEM text; empty for whom the system believes.
    pub ca: String,
    /// The name that all servers must prove; empty for each its own host.
    pub name: String,
    /// What we prove ourselves; absent for nothing.
    pub own: Option<Own>,
    /// The oldest version that is spoken.
    pub min_version: Version,
}

/// Our own certificate chain and its private key, both PEM text.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Own {
    /// Leaf first.
    pub certificate: String,
    /// PKCS#8, PKCS#1 or SEC1.
    pub key: String,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Version {
    /// RFC 5246.
    #[serde(rename = "1.2")]
    Tls12,
    /// RFC 8446.
    #[serde(rename = "1.3")]
    Tls13,
}

/// Certificates of clients.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clients {
    /// Who may have signed them: PEM text.
    pub ca: String,
    /// Whether a client without one is turned away.
    pub require: bool,
    /// Revocation lists in PEM; empty for none.
    pub crl: String,
    /// What servers are told of them.
    pub fields: ClientFields,
}

/// The names of the request fields that tell of a client's certificate; empty for what is not told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientFields {
    /// `yes`, or `no` where there is none.
    pub verified: String,
    /// Whose it is (RFC 4514).
    pub subject: String,
    /// Who signed it (RFC 4514).
    pub issuer: String,
    /// Its number, in hexadecimal.
    pub serial: String,
    /// SHA-256 of the whole, in hexadecimal.
    pub fingerprint: String,
    /// Until when it counts.
    pub not_after: String,
    /// The whole (RFC 9440).
    pub certificate: String,
}

impl ClientFields {
    /// The names that no client may send; where `Client-Cert` is one, its sister is too (RFC 9440, 2.4).
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let sister =
            if self.certificate.eq_ignore_ascii_case("Client-Cert") { "Client-Cert-Chain" } else { "" };
        let all = [
            &self.verified,
            &self.subject,
            &self.issuer,
            &self.serial,
            &self.fingerprint,
            &self.not_after,
            &self.certificate,
        ];
        all.into_iter().map(String::as_str).chain([sister]).filter(|name| !name.is_empty())
    }
}

/// Shows the certificate's size, never the key.
impl std::fmt::Debug for Own {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Own").field("certificate_bytes", &self.certificate.len()).finish_non_exhaustive()
    }
}

/// Shows the certificate's size, never the key.
impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("certificate_bytes", &self.certificate.len())
            .finish_non_exhaustive()
    }
}
