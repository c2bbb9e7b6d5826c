//! TLS towards clients: versions 1.2 and 1.3, from a certificate chain and its key.

use std::sync::Arc;

use equalizer_core::snapshot::wire::Tls;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

/// HTTP/2 as clients ask for it (RFC 9113, 3.2).
pub(crate) const HTTP2: &[u8] = b"h2";

/// Prepares a listener's TLS; the error is a sentence for whoever wrote the configuration.
pub(crate) fn prepare(tls: &Tls, http2: bool) -> Result<Arc<ServerConfig>, String> {
    let chain = CertificateDer::pem_slice_iter(tls.certificate.as_bytes())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|error| format!("the certificate is not PEM: {error}"))?;
    if chain.is_empty() {
        return Err("the certificate file holds no certificate".to_owned());
    }
    let key = PrivateKeyDer::from_pem_slice(tls.key.as_bytes())
        .map_err(|_| "the key file holds no private key in PEM".to_owned())?;
    let mut config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| format!("certificate and key do not serve together: {error}"))?;
    let spoken: &[&[u8]] = if http2 { &[HTTP2, b"http/1.1"] } else { &[b"http/1.1"] };
    config.alpn_protocols = spoken.iter().map(|name| name.to_vec()).collect();
    config.ticketer = aws_lc_rs::Ticketer::new().map_err(|error| format!("no session tickets: {error}"))?;
    Ok(Arc::new(config))
}
