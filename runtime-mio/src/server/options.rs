//! What all connections of a server share.

use std::net::IpAddr;
use std::time::Duration;

use estreamer_core::session::{Instant, ServerConfig, ServerSession};

use super::end::ServerEnd;
use super::surplus::SurplusNulls;
use crate::tls::{CertificateFacts, ClientRules, ServerTls};

/// What all connections of a server share.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ServerOptions {
    /// TLS with the server's identity.
    pub tls: ServerTls,
    /// Which clients are served.
    pub clients: ClientRules,
    /// The sessions' behaviour.
    pub session: ServerConfig,
    /// Whether the length of every request is taken to count the message header, as
    /// the guide says literally. A request that does not count it loses its last 8
    /// bytes. By default either is understood.
    pub literal_requests: bool,
    /// What is done with null messages for which no bundle waits.
    pub surplus_nulls: SurplusNulls,
    /// How much later than it arrives everything that a client sends after the handshake is
    /// handled, as if the server were so many milliseconds away. By default at once.
    pub delay: Duration,
    /// Records in a bundle, at most; by default 100.
    pub bundle: usize,
    /// Time until the TLS handshake has to be complete; by default 30 s.
    pub handshake_timeout: Duration,
    /// Whether Nagle's algorithm stays on: the end of a bundle may then wait for a
    /// TCP acknowledgement of its beginning. By default it is off.
    pub nagle: bool,
}

impl ServerOptions {
    /// Creates options with defaults for everything but TLS.
    pub fn new(tls: ServerTls) -> Self {
        Self {
            tls,
            clients: ClientRules::default(),
            session: ServerConfig::default(),
            literal_requests: false,
            surplus_nulls: SurplusNulls::Ignore,
            delay: Duration::ZERO,
            bundle: 100,
            handshake_timeout: Duration::from_secs(30),
            nagle: false,
        }
    }

    /// Checks who the client is.
    pub(super) fn admit(
        &self,
        client: Option<&CertificateFacts>,
        address: IpAddr,
    ) -> Result<(), ServerEnd> {
        let Some(client) = client else {
            let reason = "the client's certificate cannot be read";
            return Err(ServerEnd::Refused(reason.into()));
        };
        let checked = self.clients.check(client, address);
        checked.map_err(|refusal| ServerEnd::Refused(refusal.to_string()))
    }

    /// Creates the session with this connection id.
    pub(super) fn session(
        &self,
        window: usize,
        connection_id: u32,
        now: Instant,
    ) -> Result<ServerSession, ServerEnd> {
        let mut config = self.session;
        config.connection_id = connection_id;
        if self.surplus_nulls == SurplusNulls::Credit {
            config.prepaid = u32::MAX;
        }
        ServerSession::new(window, config, now).map_err(|e| ServerEnd::Broken(e.to_string()))
    }
}
