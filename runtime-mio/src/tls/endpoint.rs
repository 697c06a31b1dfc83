//! The two ends: an identity and rules, ready to make sessions.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use rustls::client::{Resumption, UnbufferedClientConnection};
use rustls::crypto::{CryptoProvider, ring};
use rustls::server::NoServerSessionStorage;
use rustls::sign::SingleCertAndKey;
use rustls::version::{TLS12, TLS13};
use rustls::{
    ALL_VERSIONS, ClientConfig, Connection, ServerConfig, ServerConnection,
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

/// Which versions of TLS are spoken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TlsVersions {
    /// 1.3 where both ends know it, else 1.2.
    #[default]
    Any,
    /// 1.2 alone.
    Tls12,
    /// 1.3 alone.
    Tls13,
}

/// The client's end: makes sessions to servers judged by the same rules.
#[derive(Clone)]
pub struct ClientTls {
    config: Arc<ClientConfig>,
}

/// The server's end: makes sessions with clients that hold a certificate of
/// the same CA.
#[derive(Clone)]
pub struct ServerTls {
    config: Arc<ServerConfig>,
}

impl ClientTls {
    /// An end that shows `identity` and judges servers by `rules`.
    ///
    /// # Errors
    /// [`TlsError::Identity`] without a CA, unless the rules are `insecure`;
    /// [`TlsError::Setup`] if the rules contradict each other.
    pub fn new(identity: &Identity, rules: ServerRules) -> Result<Self, TlsError> {
        Self::with_versions(identity, rules, TlsVersions::Any)
    }

    /// The same with a choice of TLS versions.
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
                "insecure verifies nothing, so a name rule or a fingerprint beside it would \
                 never be looked at; remove one of them",
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
        // A resumed session would skip the certificates, and sessions last days.
        config.resumption = Resumption::disabled();
        config.enable_sni = false;
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// A session that is about to send its first bytes.
    ///
    /// # Errors
    /// [`TlsError::Setup`] if the system gives no random bytes.
    pub fn connect(&self) -> Result<TlsSession, TlsError> {
        let client = UnbufferedClientConnection::new(Arc::clone(&self.config), no_name());
        let engine = Unbuffered::new(client.map_err(TlsError::setup)?);
        Ok(TlsSession::new(engine, Peer::Server))
    }

    /// The same on the buffered interface of rustls, which replaces the other one
    /// with rustls 0.24.
    #[cfg(test)]
    pub(super) fn connect_buffered(&self) -> Result<TlsSession, TlsError> {
        let client = rustls::ClientConnection::new(Arc::clone(&self.config), no_name());
        let client = Connection::Client(client.map_err(TlsError::setup)?);
        let engine = Buffered::new(client, Peer::Server);
        Ok(TlsSession::new(engine, Peer::Server))
    }
}

impl ServerTls {
    /// An end that shows `identity` and asks clients for a chain to its CA.
    /// [`ClientRules`](super::ClientRules) are applied after the handshake.
    ///
    /// # Errors
    /// [`TlsError::Identity`] without a CA.
    pub fn new(identity: &Identity) -> Result<Self, TlsError> {
        Self::with_versions(identity, TlsVersions::Any)
    }

    /// The same with a choice of TLS versions.
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
        Ok(Self {
            config: Arc::new(config),
        })
    }

    /// A session that waits for a client's first bytes.
    ///
    /// # Errors
    /// [`TlsError::Setup`] if the system gives no random bytes.
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
