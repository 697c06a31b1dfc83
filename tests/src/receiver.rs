//! Receivers of events: certificates for them, TLS, and framed syslog messages.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::Arc;

use estreamer_mio::tls::{Identity, Pkcs12Encryption};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// The certificates of a receiver: a CA of its own, a server certificate, and one for its
/// clients.
pub struct ReceiverPki {
    ca: String,
    server: [String; 2],
    client: [String; 2],
}

impl ReceiverPki {
    /// Makes them. The server certificate has these names; with `expired`, it has expired.
    ///
    /// # Panics
    /// When that fails.
    pub fn new(names: &[&str], expired: bool) -> Self {
        let key = KeyPair::generate().expect("a key");
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "Receiver CA");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let ca = params.self_signed(&key).expect("a CA").pem();
        let issuer = Issuer::new(params, key);
        let issue = |names: &[&str], expired: bool| {
            let names: Vec<String> = names.iter().map(|name| name.to_string()).collect();
            let mut params = CertificateParams::new(names).expect("names");
            if expired {
                params.not_before = rcgen::date_time_ymd(2020, 1, 1);
                params.not_after = rcgen::date_time_ymd(2021, 1, 1);
            }
            let key = KeyPair::generate().expect("a key");
            let certificate = params.signed_by(&key, &issuer).expect("a certificate");
            [certificate.pem(), key.serialize_pem()]
        };
        Self {
            ca,
            server: issue(names, expired),
            client: issue(&["collector.example.net"], false),
        }
    }

    /// Writes `receiver-ca.pem`, `receiver.pem`, `receiver.key`, `collector.pem` and
    /// `collector.key`.
    ///
    /// # Panics
    /// When they cannot be written.
    pub fn write_to(&self, directory: &Path) {
        for (name, text) in [
            ("receiver-ca.pem", &self.ca),
            ("receiver.pem", &self.server[0]),
            ("receiver.key", &self.server[1]),
            ("collector.pem", &self.client[0]),
            ("collector.key", &self.client[1]),
        ] {
            std::fs::write(directory.join(name), text).expect("a writable directory");
        }
    }

    /// The client's certificate and key as a PKCS#12 file.
    ///
    /// # Panics
    /// When it cannot be made.
    pub fn client_p12(&self, password: &str) -> Vec<u8> {
        let [certificate, key] = &self.client;
        let identity =
            Identity::from_pem(certificate.as_bytes(), key.as_bytes(), self.ca.as_bytes());
        let identity = identity.expect("an identity");
        let file = identity.to_pkcs12("collector", password, Pkcs12Encryption::Aes256);
        file.expect("random numbers")
    }

    /// The settings of a TLS server; with `clients`, one that demands a certificate of its
    /// clients.
    ///
    /// # Panics
    /// When they are refused.
    pub fn tls(&self, clients: bool) -> Arc<ServerConfig> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .expect("versions");
        let builder = match clients {
            false => builder.with_no_client_auth(),
            true => {
                let mut roots = RootCertStore::empty();
                let ca = CertificateDer::from_pem_slice(self.ca.as_bytes()).expect("PEM");
                roots.add(ca).expect("a CA");
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build();
                builder.with_client_cert_verifier(verifier.expect("a verifier"))
            }
        };
        let chain = CertificateDer::from_pem_slice(self.server[0].as_bytes()).expect("PEM");
        let key = PrivateKeyDer::from_pem_slice(self.server[1].as_bytes()).expect("PEM");
        let config = builder.with_single_cert(vec![chain], key);
        Arc::new(config.expect("a certificate"))
    }
}

/// A connection to a receiver, with or without TLS.
pub trait Peer: Read + Write + Send {}

impl<T: Read + Write + Send> Peer for T {}

/// Accepts the next connection; with `tls`, its first read does the handshake.
///
/// # Errors
/// Those of the system.
pub fn accept(
    listener: &TcpListener,
    tls: Option<&Arc<ServerConfig>>,
) -> io::Result<Box<dyn Peer>> {
    let (stream, _) = listener.accept()?;
    with_tls(stream, tls)
}

/// Makes a TLS session of a connection.
///
/// # Errors
/// Those of the library.
pub fn with_tls(stream: TcpStream, tls: Option<&Arc<ServerConfig>>) -> io::Result<Box<dyn Peer>> {
    Ok(match tls {
        None => Box::new(stream),
        Some(tls) => {
            let session = ServerConnection::new(tls.clone()).map_err(io::Error::other)?;
            Box::new(StreamOwned::new(session, stream))
        }
    })
}

/// Splits a stream into syslog messages by the lengths before them. What is left at the end
/// is half a message.
pub fn octet_counted(mut stream: &[u8]) -> (Vec<Vec<u8>>, &[u8]) {
    let mut messages = Vec::new();
    loop {
        let Some(space) = stream.iter().take(9).position(|&byte| byte == b' ') else {
            return (messages, stream);
        };
        let digits = std::str::from_utf8(&stream[..space]).unwrap_or_default();
        let length: usize = digits.parse().unwrap_or(usize::MAX);
        let Some(message) = stream.get(space + 1..(space + 1).saturating_add(length)) else {
            return (messages, stream);
        };
        messages.push(message.to_vec());
        stream = &stream[space + 1 + length..];
    }
}
