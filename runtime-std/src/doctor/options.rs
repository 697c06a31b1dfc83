//! The options of a diagnosis.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use estreamer_core::fqe::RequestForm;
use estreamer_core::quirk::Quirks;
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::tls::{ClientTls, Identity, ServerRules};

use crate::config::EventRequest;
use crate::failure::Wording;

/// The options of a diagnosis.
pub struct DoctorOptions<'a> {
    /// The name of the source in a configuration, if the diagnosis is of one.
    pub source: Option<String>,
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
    /// The local address to connect from.
    pub bind: Option<IpAddr>,
    /// The request.
    pub request: &'a EventRequest,
    /// The time from which it asks. If no events are newer, it is asked from the oldest on,
    /// too.
    pub from: InitialTimestamp,
    /// The form that is configured; without one, all forms are tried.
    pub form: Option<RequestForm>,
    /// Further deviations from the guide that the server needs.
    pub quirks: Quirks,
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
