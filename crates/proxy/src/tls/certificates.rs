//! Chooses the certificate that a client gets, by the name it asks for and the signatures it can verify.

use std::collections::HashMap;
use std::sync::Arc;

use equalizer_core::snapshot::wire;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{SignatureAlgorithm, SignatureScheme};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::prelude::{FromDer, GeneralName, X509Certificate};

use super::{Complaints, provider};

/// Certificates that are good for one name, those first that are cheaper to prove.
type Choices = Vec<Arc<CertifiedKey>>;

/// A listener's certificates, by the names that they hold.
#[derive(Debug)]
pub(super) struct Certificates {
    exact: HashMap<String, Choices>,
    /// By what follows the one label that is free (RFC 9525, 6.3).
    wildcard: HashMap<String, Choices>,
    /// For clients that name none of these.
    default: Choices,
}

/// One certificate, read.
struct Read {
    key: Arc<CertifiedKey>,
    names: Vec<String>,
}

impl Certificates {
    /// Reads them all; `None` where one cannot be used, which is told.
    pub(super) fn read(
        written: &[wire::Certificate],
        now: u64,
        mut complaints: Complaints<'_>,
    ) -> Option<Self> {
        let read: Vec<_> = written
            .iter()
            .enumerate()
            .map(|(place, one)| read(one, now, complaints.at(&place.to_string())))
            .collect();
        let read = read.into_iter().collect::<Option<Vec<_>>>()?;
        let default = written.iter().position(|one| one.default).unwrap_or_default();
        let Some(names) = read.get(default).map(|one| one.names.clone()) else {
            complaints.say("found no certificate; write certificate and key");
            return None;
        };
        let mut all = Self { exact: HashMap::new(), wildcard: HashMap::new(), default: Vec::new() };
        for Read { key, names: held } in read {
            if held.iter().any(|name| names.contains(name)) {
                // The one of the other algorithm for the same name stands beside it.
                all.default.push(Arc::clone(&key));
            }
            for name in held {
                let (table, name) = match name.strip_prefix("*.") {
                    Some(parent) => (&mut all.wildcard, parent.to_owned()),
                    None => (&mut all.exact, name),
                };
                table.entry(name).or_default().push(Arc::clone(&key));
            }
        }
        let lists = all.exact.values_mut().chain(all.wildcard.values_mut()).chain([&mut all.default]);
        // A stable order: of two alike, the first that was written.
        lists.for_each(|list| list.sort_by_key(|one| one.key.algorithm() == SignatureAlgorithm::RSA));
        Some(all)
    }

    fn choose(&self, name: Option<&str>, schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let name = name.map(str::to_ascii_lowercase).unwrap_or_default();
        let parent = name.split_once('.').map_or("", |(_, parent)| parent);
        let (exact, wildcard) = (self.exact.get(&name), self.wildcard.get(parent));
        let default = if exact.or(wildcard).is_none() { Some(&self.default) } else { None };
        let choices = || [exact, wildcard, default].into_iter().flatten().flatten();
        let fits = |one: &&Arc<CertifiedKey>| one.key.choose_scheme(schemes).is_some();
        // With one that does not fit, the handshake fails with the alert that says so.
        choices().find(fits).or(choices().next()).cloned()
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.choose(hello.server_name(), hello.signature_schemes())
    }
}

fn read(written: &wire::Certificate, now: u64, mut complaints: Complaints<'_>) -> Option<Read> {
    let key = certified(&written.certificate, &written.key, &mut complaints)?;
    let names = names(&leaf(&key.cert)?, now, complaints.at("certificate"))?;
    Some(Read { key: Arc::new(key), names })
}

/// A chain and the key of its leaf, which fit together.
pub(super) fn certified(
    certificate: &str,
    key: &str,
    complaints: &mut Complaints<'_>,
) -> Option<CertifiedKey> {
    let chain = chain(certificate, complaints.at("certificate"));
    let key = private_key(key, complaints.at("key"));
    let chain = chain?;
    if leaf(&chain).is_none() {
        let message = "which holds no X.509 certificate; write the path of a PEM file";
        complaints.at("certificate").say(message);
        return None;
    }
    let Ok(key) = provider().key_provider.load_private_key(key?) else {
        let message =
            "which cannot be used; write an RSA key of 2048 bits or more, an ECDSA or an Ed25519 key";
        complaints.at("key").say(message);
        return None;
    };
    // rustls would compare the two as well, but reads no certificate of version 1, as small authorities make them.
    let public = key.public_key();
    let fits = |chain: &[CertificateDer<'_>]| match (&public, leaf(chain)) {
        (Some(public), Some(leaf)) => public.as_ref() == leaf.public_key().raw,
        (None, _) => true,
        (_, None) => false,
    };
    if fits(&chain) {
        return Some(CertifiedKey::new(chain, key));
    }
    if chain.chunks(1).any(fits) {
        let message =
            "which does not begin with the certificate of its key; write that first, its signers below";
        complaints.at("certificate").say(message);
    } else {
        let message =
            "which is not the key of its certificate; write the key that the certificate was made for";
        complaints.at("key").say(message);
    }
    None
}

fn leaf<'a>(chain: &'a [CertificateDer<'_>]) -> Option<X509Certificate<'a>> {
    Some(X509Certificate::from_der(chain.first()?).ok()?.1)
}

/// A chain of certificates in PEM, leaf first; never empty.
pub(super) fn chain(text: &str, mut complaints: Complaints<'_>) -> Option<Vec<CertificateDer<'static>>> {
    match CertificateDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>() {
        Ok(chain) if !chain.is_empty() => Some(chain),
        Ok(_) => {
            complaints.say("which holds no certificate; write the path of a PEM file");
            None
        }
        Err(error) => {
            complaints.say(format!("which is no PEM ({error}); write the path of a PEM file"));
            None
        }
    }
}

/// A private key in PEM.
fn private_key(text: &str, mut complaints: Complaints<'_>) -> Option<PrivateKeyDer<'static>> {
    // What was found instead may be a part of the key: it is not told.
    let key = PrivateKeyDer::from_pem_slice(text.as_bytes()).ok();
    if key.is_none() {
        complaints.say(
            "which holds no private key that can be read without a password; write the path of a PEM file with \
             a PKCS#8, PKCS#1 or SEC1 key",
        );
    }
    key
}

/// The names in a certificate, small letters all; that it has run out is a warning.
fn names(leaf: &X509Certificate<'_>, now: u64, mut complaints: Complaints<'_>) -> Option<Vec<String>> {
    let names = names_of(leaf);
    if names.is_empty() {
        complaints
            .say("which names no host (no subjectAltName); write a certificate with the names of the hosts");
        return None;
    }
    let (from, until) = (leaf.validity().not_before, leaf.validity().not_after);
    let now = i64::try_from(now).unwrap_or(i64::MAX);
    if until.timestamp() < now {
        complaints.warn(format!("which has expired ({until}): clients refuse it; write one that is valid"));
    } else if from.timestamp() > now {
        complaints
            .warn(format!("which is not valid before {from}: clients refuse it; write one that is valid"));
    }
    Some(names)
}

/// Names of hosts and, so that a certificate of these alone is none without names, addresses; the common name where a
/// certificate is so old that it has neither.
fn names_of(certificate: &X509Certificate<'_>) -> Vec<String> {
    let extension = certificate.subject_alternative_name().ok().flatten();
    let names = extension.into_iter().flat_map(|extension| &extension.value.general_names);
    let mut names: Vec<String> = names
        .filter_map(|name| match name {
            GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
            GeneralName::IPAddress(address) => Some(format!("{address:?}")),
            _ => None,
        })
        .collect();
    if names.is_empty() {
        let common = certificate.subject().iter_common_name().filter_map(|name| name.as_str().ok());
        names.extend(common.map(str::to_ascii_lowercase));
    }
    names
}
