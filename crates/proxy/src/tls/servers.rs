//! TLS towards servers: whom we believe, what we prove ourselves, and under which name we ask.

use std::collections::BTreeMap;
use std::sync::Arc;

use equalizer_core::snapshot::build::Mistake;
use equalizer_core::snapshot::wire;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::{ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};

use super::certificates::{chain, private_key};
use super::clients::roots;
use super::{Complaints, provider, versions};

/// Sessions kept for each server: one a worker is enough, and they are used once each.
const SESSIONS: usize = 256;

/// How one server is spoken to.
#[derive(Debug)]
pub(crate) struct ServerTls {
    asked: wire::ServerTls,
    host: String,
    pub(crate) config: Arc<ClientConfig>,
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
            let kept = before.get(&place).filter(|kept| kept.asked == *tls && kept.host == server.host);
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
                    let config = Arc::new(config);
                    Arc::new(ServerTls { asked: tls.clone(), host: server.host.clone(), config, name })
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
    let own = tls.own.as_ref().map(|own| {
        let chain = chain(&own.certificate, complaints.at("certificate"));
        let key = private_key(&own.key, complaints.at("key"));
        (chain, key)
    });
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(tls.min_version))
        .map_err(|error| complaints.say(error.to_string()))
        .ok()?
        .dangerous()
        .with_custom_certificate_verifier(verifier?);
    let mut config = match own {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => match builder.with_client_auth_cert(chain?, key?) {
            Ok(config) => config,
            Err(error) => {
                complaints.at("key").say(format!(
                    "which cannot be used with its certificate ({error}); write the key that it was made for"
                ));
                return None;
            }
        },
    };
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Some(config)
}

fn verifier(
    tls: &wire::ServerTls,
    system: &mut Option<RootCertStore>,
    complaints: &mut Complaints<'_>,
) -> Option<Arc<dyn ServerCertVerifier>> {
    if !tls.verify {
        return Some(Arc::new(Unverified(provider())));
    }
    let roots = if tls.ca.is_empty() {
        let roots = system.get_or_insert_with(system_roots).clone();
        if roots.is_empty() {
            complaints
                .say("found no certificates of authorities on this system; write ca with a PEM file of them");
            return None;
        }
        roots
    } else {
        roots(&tls.ca, complaints.at("ca"))?
    };
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider()).build();
    let verifier = verifier.map_err(|error| complaints.say(error.to_string())).ok()?;
    Some(verifier)
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
