//! TLS: with which certificates, versions and tickets a listener speaks it.

mod certificates;
pub(crate) mod clients;
pub(crate) mod failed;
mod itself;
mod name;
pub(crate) mod servers;
mod tickets;

use std::sync::Arc;

use equalizer_core::persistence::seal::{Binding, KeyRing};
use equalizer_core::snapshot::build::Mistake;
use equalizer_core::snapshot::wire;
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{ServerConfig, SupportedProtocolVersion, version};

use self::certificates::Certificates;
use self::clients::Telling;
use self::tickets::Tickets;

/// HTTP/2 and HTTP/1.1 as both sides name them when they shake hands (RFC 9113, 3.2; RFC 7301, 6).
pub(crate) const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// What is wrong with settings, by place; a message that begins with `which` is about the file named there.
pub(crate) struct Complaints<'a> {
    place: Vec<String>,
    all: &'a mut Vec<Mistake>,
}

impl<'a> Complaints<'a> {
    pub(crate) fn new(place: &[&str], all: &'a mut Vec<Mistake>) -> Self {
        Self { place: place.iter().map(|&part| part.to_owned()).collect(), all }
    }

    fn same(&mut self) -> Complaints<'_> {
        Complaints { place: self.place.clone(), all: self.all }
    }

    /// The same, one key deeper.
    fn at(&mut self, key: &str) -> Complaints<'_> {
        let place = self.place.iter().cloned().chain([key.to_owned()]).collect();
        Complaints { place, all: self.all }
    }

    fn say(&mut self, message: impl Into<String>) {
        self.all.push(Mistake { path: self.place.clone(), message: message.into(), warning: false });
    }

    fn warn(&mut self, message: impl Into<String>) {
        self.all.push(Mistake { path: self.place.clone(), message: message.into(), warning: true });
    }
}

/// A listener's TLS.
#[derive(Debug, Clone)]
pub(crate) struct ListenerTls {
    pub(crate) config: Arc<ServerConfig>,
    /// Present when clients are asked for certificates.
    pub(crate) telling: Option<Arc<Telling>>,
}

/// Prepares a listener's TLS; `None` where it cannot be served, which is told.
pub(crate) fn prepare(
    tls: &wire::Tls,
    http2: bool,
    ring: Option<&KeyRing>,
    now: u64,
    mut complaints: Complaints<'_>,
) -> Option<ListenerTls> {
    let certificates = Certificates::read(&tls.certificates, now, complaints.at("certificates"));
    let verifier = match &tls.clients {
        Some(clients) => clients::verifier(clients, now, complaints.at("clients"))?,
        None => WebPkiClientVerifier::no_client_auth(),
    };
    let builder = ServerConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(tls.min_version))
        .map_err(|error| complaints.say(error.to_string()))
        .ok()?;
    let mut config = builder.with_client_cert_verifier(verifier).with_cert_resolver(Arc::new(certificates?));
    let spoken: &[&[u8]] = if http2 { &[HTTP2, HTTP1] } else { &[HTTP1] };
    config.alpn_protocols = spoken.iter().map(|name| name.to_vec()).collect();
    // Sessions travel in tickets: memory that is kept for clients who may return would be kept by one worker only.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = Arc::new(Tickets::new(ring?, &terms(tls.clients.as_ref())));
    // Every suite is strong; still, one who would have a client take the slowest of them gets no say.
    config.ignore_client_order = true;
    let telling = tls.clients.as_ref().map(|clients| Arc::new(Telling::new(&clients.fields)));
    Some(ListenerTls { config: Arc::new(config), telling })
}

/// What a ticket is bound to: a resumed session is not verified again, so one from other terms counts for nothing.
fn terms(clients: Option<&wire::Clients>) -> Vec<u8> {
    let Some(clients) = clients else { return Vec::new() };
    let required: &[u8] = if clients.require { b"require" } else { b"request" };
    Binding::new(&[required, clients.ca.as_bytes(), clients.crl.as_bytes()]).as_bytes().to_vec()
}

fn provider() -> Arc<CryptoProvider> {
    Arc::new(aws_lc_rs::default_provider())
}

fn versions(least: wire::Version) -> &'static [&'static SupportedProtocolVersion] {
    match least {
        wire::Version::Tls12 => rustls::ALL_VERSIONS,
        wire::Version::Tls13 => TLS13_ALONE,
    }
}

static TLS13_ALONE: &[&SupportedProtocolVersion] = &[&version::TLS13];
