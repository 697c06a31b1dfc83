//! What all connections of a server share.

use std::time::Duration;

use estreamer_core::session::ServerConfig;

use crate::tls::{ClientRules, ServerTls};

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
            bundle: 100,
            handshake_timeout: Duration::from_secs(30),
            nagle: false,
        }
    }
}
