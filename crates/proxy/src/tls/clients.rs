//! Whether a client may come in by its certificate, and what servers are told of it.

use std::sync::Arc;

use aws_lc_rs::digest;
use base64_simd::STANDARD;
use equalizer_core::snapshot::wire::{ClientFields, Clients};
use rustls::RootCertStore;
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{VerifierBuilderError, WebPkiClientVerifier};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, CertificateRevocationListDer};
use x509_parser::prelude::{ASN1Time, CertificateRevocationList, FromDer, X509Certificate};

use super::certificates::chain;
use super::name::{distinguished, hexadecimal};
use super::{Complaints, itself, provider};

/// Prepares the verification of clients; `None` where it cannot be done, which is told.
pub(super) fn verifier(
    clients: &Clients,
    now: u64,
    mut complaints: Complaints<'_>,
) -> Option<Arc<dyn ClientCertVerifier>> {
    let (roots, named) = believed(&clients.ca, complaints.at("ca"))?;
    let lists = revocations(&clients.crl, now, complaints.at("crl"))?;
    // No list tells of a certificate that nobody else has signed.
    let named = if lists.is_empty() { named } else { Vec::new() };
    let mut builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider()).with_crls(lists);
    if !clients.require {
        builder = builder.allow_unauthenticated();
    }
    let built = builder.build().map_err(|error| match error {
        VerifierBuilderError::InvalidCrl(_) => complaints.at("crl").say(
            "which holds a revocation list that cannot be read; write the path of lists of version 2 with a CRL number \
             (RFC 5280, 5.2.3)",
        ),
        error => complaints.say(error.to_string()),
    });
    Some(Arc::new(itself::Clients::new(built.ok()?, named)))
}

/// The certificates in PEM of those who are believed: as authorities, and as they are.
pub(super) fn believed(
    text: &str,
    mut complaints: Complaints<'_>,
) -> Option<(RootCertStore, Vec<CertificateDer<'static>>)> {
    let mut roots = RootCertStore::empty();
    let named = chain(text, complaints.same())?;
    for certificate in &named {
        if let Err(error) = roots.add(certificate.clone()) {
            complaints.say(format!(
                "which holds a certificate that cannot be believed ({error}); write the path of a PEM file"
            ));
            return None;
        }
    }
    Some((roots, named))
}

/// The lists in PEM. One that has run out is a warning: whom it names stays out, and to keep everybody out would end a
/// service for a list that came late.
fn revocations(
    text: &str,
    now: u64,
    mut complaints: Complaints<'_>,
) -> Option<Vec<CertificateRevocationListDer<'static>>> {
    let lists = CertificateRevocationListDer::pem_slice_iter(text.as_bytes()).collect::<Result<Vec<_>, _>>();
    let lists = lists
        .map_err(|error| {
            complaints.say(format!("which is no PEM ({error}); write the path of a PEM file"));
        })
        .ok()?;
    for list in &lists {
        let Ok((_, parsed)) = CertificateRevocationList::from_der(list) else { continue };
        let until = parsed.next_update().filter(|until| until.timestamp() < seconds(now));
        if let Some(until) = until {
            let issuer = distinguished(parsed.issuer());
            complaints.warn(format!(
                "which holds a revocation list of {issuer} that has expired ({until}): who was revoked since comes in; \
                 write one that is valid"
            ));
        }
    }
    Some(lists)
}

/// A listener's fields that tell of the client, ready to be written.
#[derive(Debug)]
pub(crate) struct Telling(ClientFields);

impl Telling {
    pub(super) fn new(fields: &ClientFields) -> Self {
        Self(fields.clone())
    }

    /// The field lines for a client with this certificate, or with none; `None` when it has run out: a session may be
    /// resumed for longer than its certificate counts.
    pub(crate) fn lines(&self, certificate: Option<&CertificateDer<'_>>, now: u64) -> Option<Vec<u8>> {
        let mut out = Vec::new();
        let Some(der) = certificate else {
            line(&self.0.verified, "no", &mut out);
            return Some(out);
        };
        let (_, parsed) = X509Certificate::from_der(der).ok()?;
        let until = parsed.validity().not_after;
        if until.timestamp() < seconds(now) {
            return None;
        }
        line(&self.0.verified, "yes", &mut out);
        line(&self.0.subject, &distinguished(parsed.subject()), &mut out);
        line(&self.0.issuer, &distinguished(parsed.issuer()), &mut out);
        line(&self.0.serial, &hexadecimal(parsed.raw_serial()), &mut out);
        line(&self.0.fingerprint, &hexadecimal(digest::digest(&digest::SHA256, der).as_ref()), &mut out);
        line(&self.0.not_after, &time(until), &mut out);
        if !self.0.certificate.is_empty() {
            line(&self.0.certificate, &format!(":{}:", STANDARD.encode_to_string(der)), &mut out);
        }
        Some(out)
    }
}

/// Appends a field line; none where the field has no name.
fn line(name: &str, value: &str, out: &mut Vec<u8>) {
    if !name.is_empty() {
        for part in [name, ": ", value, "\r\n"] {
            out.extend_from_slice(part.as_bytes());
        }
    }
}

/// A time of ours as certificates have it.
fn seconds(now: u64) -> i64 {
    i64::try_from(now).unwrap_or(i64::MAX)
}

/// As RFC 3339 writes it.
fn time(time: ASN1Time) -> String {
    let time = time.to_datetime();
    let (date, hours) = (time.date(), time.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        hours.hour(),
        hours.minute(),
        hours.second()
    )
}
