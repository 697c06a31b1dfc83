//! What a client reports.

use std::net::SocketAddr;

use super::end::ClientEnd;
use crate::buffer::Batch;

/// What happened on a connection; see
/// [`ClientConnection::poll_event`](super::ClientConnection::poll_event).
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientEvent {
    /// TCP is connected and the TLS handshake begins.
    TcpConnected {
        /// The local address. The server sees another one behind NAT.
        local: SocketAddr,
    },
    /// The TLS handshake is complete and the request is sent. Whether the server
    /// accepts the client shows in what it sends; see
    /// [`ClientConnection::is_answered`](super::ClientConnection::is_answered).
    Connected,
    /// Plaintext was received. Only with [`ClientOptions::capture`](super::ClientOptions::capture).
    Received(Vec<u8>),
    /// Plaintext was sent. Only with [`ClientOptions::capture`](super::ClientOptions::capture).
    Sent(Vec<u8>),
    /// Records were received.
    Batch(Batch),
    /// The connection ended. This is the last event.
    Ended(ClientEnd),
}
