//! A client connection, plain or TLS, that never waits.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;

use equalizer_bench_tools::poll;
use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore};

pub(crate) struct Wire {
    socket: TcpStream,
    tls: Option<Box<ClientConnection>>,
}

/// How to make wires.
pub(crate) struct Dialer {
    target: SocketAddr,
    /// One for all, or one for each connection where sessions are resumed: a shared store keeps too few.
    tls: Vec<Arc<ClientConfig>>,
}

impl Dialer {
    pub(crate) fn new(
        target: SocketAddr,
        trust: Option<&Path>,
        resuming: Option<usize>,
    ) -> Result<Self, Box<dyn std::error::Error>> {
        let mut tls = Vec::new();
        if let Some(path) = trust {
            let config = trusting(path)?;
            for _ in 0..resuming.unwrap_or(1) {
                let mut config = config.clone();
                if resuming.is_some() {
                    config.resumption = Resumption::in_memory_sessions(4);
                }
                tls.push(Arc::new(config));
            }
        }
        Ok(Self { target, tls })
    }

    pub(crate) fn dial(&self, poll: &poll::Poll, number: usize) -> io::Result<Wire> {
        let socket = poll::connect(self.target)?;
        poll.add(&socket)?;
        let tls = match self.tls.get(number % self.tls.len().max(1)) {
            None => None,
            Some(config) => {
                let name = ServerName::try_from("localhost").map_err(io::Error::other)?;
                let tls = ClientConnection::new(Arc::clone(config), name).map_err(io::Error::other)?;
                Some(Box::new(tls))
            }
        };
        Ok(Wire { socket, tls })
    }
}

fn trusting(path: &Path) -> Result<ClientConfig, Box<dyn std::error::Error>> {
    let pem = fs::read(path).map_err(|error| format!("--tls {}: {error}", path.display()))?;
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        roots.add(certificate?)?;
    }
    if roots.is_empty() {
        return Err(format!("--tls {}: no certificate in it; write a PEM file", path.display()).into());
    }
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    config.resumption = Resumption::disabled();
    Ok(config)
}

impl Wire {
    pub(crate) fn index(&self) -> usize {
        poll::index(&self.socket)
    }

    /// Whether the handshake resumed an earlier session; `None` without TLS or before it is done.
    pub(crate) fn resumed(&self) -> Option<bool> {
        self.tls.as_ref()?.handshake_kind().map(|kind| kind == HandshakeKind::Resumed)
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.read(buffer),
            Some(tls) => match rustls::Stream::new(&mut **tls, &mut self.socket).read(buffer) {
                // Some servers close without close_notify; the length has been checked by then.
                Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(0),
                other => other,
            },
        }
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match &mut self.tls {
            None => self.socket.write(bytes),
            Some(tls) => rustls::Stream::new(&mut **tls, &mut self.socket).write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
