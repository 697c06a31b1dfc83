//! The client and the server end of a connection, without sockets and clock.
//!
//! The owner of a session moves the bytes and supplies the time:
//!
//! 1. Put received bytes into the window. Call `step` with all unread bytes until
//!    it neither consumes bytes nor returns a frame.
//! 2. Call `poll_transmit` and send what it writes.
//! 3. Wait until bytes arrive or `poll_timeout` is due. When it is due, call
//!    `handle_timeout`.
//!
//! Nothing here blocks, allocates or logs. A null message is flow control ("ready
//! for more"), not a receipt. So [`ClientSession`] may acknowledge up to `ahead`
//! bundles before the application has delivered them; with `ahead` 0, every
//! acknowledgement follows delivery. With [`prepaid`](ClientConfig::prepaid) it sends
//! more nulls than units, for servers that count them as credit.

mod client;
mod observer;
mod receiver;
mod server;
mod statistics;

pub use client::{ClientConfig, ClientSession};
pub use server::{ServerConfig, ServerSession};
pub use statistics::Statistics;

use crate::PeerError;
use core::fmt;

/// A point in time, in milliseconds since an origin that the caller chooses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Instant(
    /// Milliseconds.
    pub u64,
);

impl Instant {
    /// The point in time `milliseconds` later.
    #[must_use]
    pub const fn after(self, milliseconds: u32) -> Self {
        Self(self.0.saturating_add(milliseconds as u64))
    }
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum End {
    /// The peer sent an error message. Its text is in the frame.
    PeerError {
        /// The peer's code.
        code: i32,
    },
    /// The peer closed the connection after the TLS handshake without sending a
    /// byte. A server refuses a client's certificate this way (FQE, Terminating
    /// Connections).
    BeforeFirstByte,
    /// The peer, or an intermediary, closed the connection between two messages.
    Idle,
    /// The peer closed the connection inside a message.
    MidMessage,
    /// The message boundaries are lost; see [`PeerError::InvalidHeader`].
    InvalidHeader(PeerError),
    /// The peer was silent for longer than the configured deadline.
    PeerSilent,
    /// This side closed the session.
    Closed,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerError { code } => write!(f, "the peer sent error {code}"),
            Self::BeforeFirstByte => {
                f.write_str("the peer closed the connection without sending a byte")
            }
            Self::Idle => f.write_str("the peer closed the connection between two messages"),
            Self::MidMessage => f.write_str("the peer closed the connection inside a message"),
            Self::InvalidHeader(error) => error.fmt(f),
            Self::PeerSilent => f.write_str("the peer was silent for too long"),
            Self::Closed => f.write_str("closed by this side"),
        }
    }
}

impl core::error::Error for End {}
