//! TLS towards servers: whom we believe, what we prove ourselves, and under which name we ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use equalizer_core::snapshot::build::Mistake;
use equalizer_core::snapshot::wire;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::certificates::certified;
use super::clients::believed;
use super::{Complaints, HTTP1, HTTP2, itself, provider, versions};

/// Sessions kept for each server: one a worker is enough, and they are used once each.
const SESSIONS: usize = 256;

/// How one server is spoken to.
#[derive(Debug)]
pub(crate) struct ServerTls {
    asked: wire::ServerTls,
    protocol: wire::Protocol,
    host: String,
    pub(crate) config: Arc<ClientConfig>,
    /// For a connection that must be one of HTTP/1.1: nothing else is offered.
    pub(crate) http1: Arc<ClientConfig>,
    pub(crate) name: ServerName<'static>,
}

/// By the names of pool and server; empty where none speaks TLS.
pub(crate) type Secured = BTreeMap<(String, String), Arc<ServerTls>>;

/// Prepares TLS to all servers, keeping what `before` has of those that did not change, and its sessions with it.
pub(crate) fn prepare(pools: &[wire::Pool], before: &Secured, mistakes: &mut Vec<Mistake>) -> Secured {
    let mut secured = Secured::new();
    let mut system = None;
    for pool in pools {
        let Some(tls) = &pool.tls else { continue };
        let mut complaints = Complaints::new(&["pools", &pool.name, "tls"], mistakes);
        let mut made = None;
        for server in &pool.servers {
            let place = (pool.name.clone(), server.name.clone());
            let kept = before.get(&place).filter(|kept| {
                kept.asked == *tls && kept.protocol == pool.protocol && kept.host == server.host
            });
            let one = match kept {
                Some(kept) => Arc::clone(kept),
                None => {
                    let base = made.get_or_insert_with(|| config(tls, &mut system, &mut complaints));
                    let Some(base) = base else { break };
                    let mut config = base.clone();
                    config.resumption = Resumption::in_memory_sessions(SESSIONS);
                    let text = if tls.name.is_empty() { &server.host } else { &tls.name };
                    let Ok(name) = ServerName::try_from(text.trim_end_matches('.').to_owned()) else {
                        complaints.say(format!(
                            "found the host {text:?}, which no certificate can name; write name with one that it can"
                        ));
                        break;
                    };
                    let mut http1 = config.clone();
                    http1.alpn_protocols = vec![HTTP1.to_vec()];
                    config.alpn_protocols = offered(pool.protocol);
                    Arc::new(ServerTls {
                        asked: tls.clone(),
                        protocol: pool.protocol,
                        host: server.host.clone(),
                        config: Arc::new(config),
                        http1: Arc::new(http1),
                        name,
                    })
                }
            };
            secured.insert(place, one);
        }
    }
    secured
}

fn config(
    tls: &wire::ServerTls,
    system: &mut Option<RootCertStore>,
    complaints: &mut Complaints<'_>,
) -> Option<ClientConfig> {
    let verifier = verifier(tls, system, complaints);
    let own = tls.own.as_ref().map(|own| certified(&own.certificate, &own.key, complaints));
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(tls.min_version))
        .map_err(|error| complaints.say(error.to_string()))
        .ok()?
        .dangerous()
        .with_custom_certificate_verifier(verifier?);
    let Some(own) = own else { return Some(builder.with_no_client_auth()) };
    Some(builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own?))))
}

/// What a server may choose from.
fn offered(protocol: wire::Protocol) -> Vec<Vec<u8>> {
    let offered: &[&[u8]] = match protocol {
        wire::Protocol::H1 | wire::Protocol::H2c => &[HTTP1],
        wire::Protocol::H2 => &[HTTP2],
        wire::Protocol::Auto => &[HTTP2, HTTP1],
    };
    offered.iter().map(|name| name.to_vec()).collect()
}

fn verifier(
    tls: &wire::ServerTls,
    system: &mut Option<RootCertStore>,
    complaints: &mut Complaints<'_>,
) -> Option<Arc<dyn ServerCertVerifier>> {
    if !tls.verify {
        return Some(Arc::new(Unverified(provider())));
    }
    let (roots, named) = if tls.ca.is_empty() {
        let roots = system.get_or_insert_with(system_roots).clone();
        if roots.is_empty() {
            complaints
                .say("found no certificates of authorities on this system; write ca with a PEM file of them");
            return None;
        }
        (roots, Vec::new())
    } else {
        believed(&tls.ca, complaints.at("ca"))?
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    let verifier = verifier.map_err(|error| complaints.say(error.to_string())).ok()?;
    Some(Arc::new(itself::Servers::new(verifier, named)))
}

/// Those whom the system believes, so that an authority of one's own is installed once for everything on a machine.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    roots
}

/// Believes any certificate, for `verify = false`; that its owner holds its key is still proven.
#[derive(Debug)]
struct Unverified(Arc<CryptoProvider>);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
