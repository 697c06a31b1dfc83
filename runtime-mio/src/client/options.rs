//! What a client needs to know.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use estreamer_core::session::ClientConfig;

use crate::buffer::Pool;

/// What a client needs to know. The fields that are not parameters of
/// [`new`](Self::new) have defaults and can be set afterwards.
#[derive(Clone)]
#[non_exhaustive]
pub struct ClientOptions {
    /// The server.
    pub address: SocketAddr,
    /// The local address to connect from; by default the system chooses.
    pub bind: Option<IpAddr>,
    /// The whole request message; see [`estreamer_core::fqe`].
    pub request: Vec<u8>,
    /// The session's behaviour.
    pub session: ClientConfig,
    /// The memory to receive into, at least [`Pool::min_budget`] for the session's
    /// limits.
    pub pool: Pool,
    /// Time until TCP is connected and the TLS handshake complete; by default 30 s.
    pub handshake_timeout: Duration,
    /// Whether records gather until all earlier batches are
    /// [delivered](super::ClientConnection::delivered) and 2 ms have passed since the last
    /// one. The 2 ms are left out if the server waits for a null message. A full arena is
    /// handed over at once. By default every turn hands over what arrived, unless an
    /// earlier batch was not polled yet.
    pub gather: bool,
    /// Whether the plaintext of both directions is copied into
    /// [events](super::ClientEvent), for a recording. By default it is not.
    pub capture: bool,
}

impl ClientOptions {
    /// Creates options for a connection to `address`, with defaults for the rest.
    pub fn new(address: SocketAddr, request: Vec<u8>, pool: Pool) -> Self {
        Self {
            address,
            bind: None,
            request,
            session: ClientConfig::default(),
            pool,
            handshake_timeout: Duration::from_secs(30),
            gather: false,
            capture: false,
        }
    }
}

impl fmt::Debug for ClientOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientOptions")
            .field("address", &self.address)
            .field("bind", &self.bind)
            .field("session", &self.session)
            .field("pool", &self.pool)
            .finish_non_exhaustive()
    }
}
