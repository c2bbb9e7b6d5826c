//! Believes a certificate that stands in `ca` itself: one that nobody else has signed, or whose signer is not wanted.
//!
//! Chains are built by webpki, which takes no certificate of an authority for that of a server or client. `openssl req
//! -x509` makes such ones, and nobody is asked but who named the file.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use x509_parser::prelude::{FromDer, X509Certificate};

/// The certificates that are believed as they are.
#[derive(Debug)]
struct Named(Vec<CertificateDer<'static>>);

impl Named {
    /// Whether it is one of these, and has neither run out nor yet to begin; `None` where it is none.
    fn judge(&self, leaf: &CertificateDer<'_>, now: UnixTime) -> Option<Result<(), Error>> {
        self.0.iter().any(|one| one == leaf).then(|| {
            let wrong = |error: CertificateError| Error::InvalidCertificate(error);
            let (_, parsed) =
                X509Certificate::from_der(leaf).map_err(|_| wrong(CertificateError::BadEncoding))?;
            let now = i64::try_from(now.as_secs()).unwrap_or(i64::MAX);
            match parsed.validity() {
                validity if validity.not_after.timestamp() < now => Err(wrong(CertificateError::Expired)),
                validity if validity.not_before.timestamp() > now => {
                    Err(wrong(CertificateError::NotValidYet))
                }
                _ => Ok(()),
            }
        })
    }
}

/// Verifies servers.
#[derive(Debug)]
pub(super) struct Servers {
    signed: Arc<WebPkiServerVerifier>,
    named: Named,
}

impl Servers {
    /// By who has signed them, else by themselves.
    pub(super) fn new(signed: Arc<WebPkiServerVerifier>, named: Vec<CertificateDer<'static>>) -> Self {
        Self { signed, named: Named(named) }
    }
}

impl ServerCertVerifier for Servers {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let signed = self.signed.verify_server_cert(leaf, chain, name, ocsp, now);
        let Some(named) = signed.as_ref().err().and_then(|_| self.named.judge(leaf, now)) else {
            return signed;
        };
        named?;
        verify_server_name(&ParsedCertificate::try_from(leaf)?, name)?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signed.supported_verify_schemes()
    }
}

/// Verifies clients.
#[derive(Debug)]
pub(super) struct Clients {
    signed: Arc<dyn ClientCertVerifier>,
    named: Named,
}

impl Clients {
    /// By who has signed them, else by themselves.
    pub(super) fn new(signed: Arc<dyn ClientCertVerifier>, named: Vec<CertificateDer<'static>>) -> Self {
        Self { signed, named: Named(named) }
    }
}

impl ClientCertVerifier for Clients {
    fn offer_client_auth(&self) -> bool {
        self.signed.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.signed.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.signed.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let signed = self.signed.verify_client_cert(leaf, chain, now);
        let named = signed.as_ref().err().and_then(|_| self.named.judge(leaf, now));
        named.map_or(signed, |named| named.map(|()| ClientCertVerified::assertion()))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.signed.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.signed.supported_verify_schemes()
    }
}
