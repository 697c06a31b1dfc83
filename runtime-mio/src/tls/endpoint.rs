//! The configuration of each end, from which its sessions are made.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ALL_VERSIONS, ClientConfig, Connection, KeyLogFile, ServerConfig, ServerConnection,
    SupportedProtocolVersion,
};
use rustls_pki_types::ServerName;

use super::engine::{Buffered, Unbuffered};
use super::error::TlsError;
use super::identity::Identity;
use super::peer::Peer;
use super::rules::{NameRule, ServerRules};
use super::session::TlsSession;
use super::verify::{ClientVerifier, ServerVerifier};

/// The TLS versions that are enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum TlsVersions {
    /// TLS 1.3 if the peer supports it, else 1.2.
    #[default]
    Any,
    /// TLS 1.2 only.
    Tls12,
    /// TLS 1.3 only.
    Tls13,
}

/// A client's configuration: it makes sessions to servers. If the environment variable
/// `SSLKEYLOGFILE` names a file, the keys of the sessions are appended to it.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
}

/// A server's configuration: it makes sessions with clients that have a certificate
/// of the same CA. `SSLKEYLOGFILE` is as for [`ClientTls`].
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
}

impl ClientTls {
    /// Creates a client with this identity, which verifies servers by `rules`.
    ///
    /// # Errors
    /// [`TlsError::Identity`] without a CA, unless the rules are `insecure`;
    /// [`TlsError::Setup`] if the rules contradict each other.
    pub fn new(identity: &Identity, rules: ServerRules) -> Result<Self, TlsError> {
        Self::with_versions(identity, rules, TlsVersions::Any)
    }

    /// As [`new`](Self::new), with a choice of TLS versions.
    ///
    /// # Errors
    /// As [`ClientTls::new`].
    pub fn with_versions(
        identity: &Identity,
        rules: ServerRules,
        versions: TlsVersions,
    ) -> Result<Self, TlsError> {
        if rules.insecure && (rules.fingerprint.is_some() || rules.name != NameRule::None) {
            return Err(TlsError::setup(
                "insecure disables verification, so a name rule or a fingerprint would have no \
                 effect; remove one of them",
            ));
        }
        let provider = Arc::new(ring::default_provider());
        let verifier = ServerVerifier::new(identity, rules, &provider)?;
        let key = Arc::new(SingleCertAndKey::from(identity.certified_key()?));
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(versions.supported())
            .map_err(TlsError::setup)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_cert_resolver(key);
        // A resumed session would not verify certificates, and sessions last days.
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        config.key_log = Arc::new(KeyLogFile::new());
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// Creates a session that has its first bytes to send.
    ///
    /// # Errors
    /// [`TlsError::Setup`] if the system has no random numbers.
    pub fn connect(&self) -> Result<TlsSession, TlsError> {
        let client = UnbufferedClientConnection::new(Arc::clone(&self.config), no_name());
        let engine = Unbuffered::new(client.map_err(TlsError::setup)?);
        Ok(TlsSession::new(engine, Peer::Server))
    }

    /// As [`connect`](Self::connect), on the buffered interface of rustls.
    #[cfg(test)]
    pub(super) fn connect_buffered(&self) -> Result<TlsSession, TlsError> {
        let client = rustls::ClientConnection::new(Arc::clone(&self.config), no_name());
        let client = Connection::Client(client.map_err(TlsError::setup)?);
        let engine = Buffered::new(client, Peer::Server);
        Ok(TlsSession::new(engine, Peer::Server))
    }
}

impl ServerTls {
    /// Creates a server with this identity, which requires a chain to its CA from
    /// clients. Apply [`ClientRules`](super::ClientRules) after the handshake.
    ///
    /// # Errors
    /// [`TlsError::Identity`] without a CA.
    pub fn new(identity: &Identity) -> Result<Self, TlsError> {
        Self::with_versions(identity, TlsVersions::Any)
    }

    /// As [`new`](Self::new), with a choice of TLS versions.
    ///
    /// # Errors
    /// As [`ServerTls::new`].
    pub fn with_versions(identity: &Identity, versions: TlsVersions) -> Result<Self, TlsError> {
        let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());
        let verifier = ClientVerifier::new(identity, &provider)?;
        let key = Arc::new(SingleCertAndKey::from(identity.certified_key()?));
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_protocol_versions(versions.supported())
            .map_err(TlsError::setup)?
            .with_client_cert_verifier(Arc::new(verifier))
            .with_cert_resolver(key);
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        config.key_log = Arc::new(KeyLogFile::new());
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// Creates a session that waits for a client's first bytes.
    ///
    /// # Errors
    /// [`TlsError::Setup`] if the system has no random numbers.
    pub fn accept(&self) -> Result<TlsSession, TlsError> {
        let server = ServerConnection::new(Arc::clone(&self.config));
        let server = Connection::Server(server.map_err(TlsError::setup)?);
        let engine = Buffered::new(server, Peer::Client);
        Ok(TlsSession::new(engine, Peer::Client))
    }
}

/// The library requires a name. This one is neither sent nor compared.
fn no_name() -> ServerName<'static> {
    ServerName::from(IpAddr::from(Ipv4Addr::UNSPECIFIED))
}

impl TlsVersions {
    fn supported(self) -> &'static [&'static SupportedProtocolVersion] {
        match self {
            Self::Any => ALL_VERSIONS,
            Self::Tls12 => ONLY_TLS12,
            Self::Tls13 => ONLY_TLS13,
        }
    }
}

impl fmt::Debug for ClientTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientTls").finish_non_exhaustive()
    }
}

impl fmt::Debug for ServerTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerTls").finish_non_exhaustive()
    }
}

static ONLY_TLS12: &[&SupportedProtocolVersion] = &[&TLS12];
static ONLY_TLS13: &[&SupportedProtocolVersion] = &[&TLS13];
