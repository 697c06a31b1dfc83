//! The options of a diagnosis.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use estreamer_mio::tls::{ClientTls, Identity, ServerRules};

use crate::config::EventRequest;
use crate::failure::Wording;

/// The options of a diagnosis.
pub struct DoctorOptions<'a> {
    /// The server as the user wrote it.
    pub server: String,
    /// The result of the resolver.
    pub addresses: io::Result<Vec<SocketAddr>>,
    /// The identity of this client.
    pub identity: &'a Identity,
    /// The rules for the server's certificate.
    pub rules: &'a ServerRules,
    /// The TLS configuration from identity and rules.
    pub tls: &'a ClientTls,
    /// The request, from the oldest event on.
    pub request: &'a EventRequest,
    /// The request in words.
    pub request_text: String,
    /// The time limit for TCP and the TLS handshake.
    pub timeout: Duration,
    /// The time to wait for events.
    pub wait: Duration,
    /// The current time in UNIX seconds, to check certificates.
    pub now: i64,
    /// The wording of remedies.
    pub wording: Wording,
}
