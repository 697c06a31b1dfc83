//! The two ends of a conversation, without sockets and without a clock.
//!
//! A session is driven by its owner, who moves bytes and tells the time:
//!
//! 1. Put received bytes into the window and call `step` with all unread bytes,
//!    until it neither consumes nor returns a frame.
//! 2. Call `poll_transmit` and send what it writes.
//! 3. Sleep until bytes arrive or `poll_timeout` is due; then `handle_timeout`.
//!
//! Nothing here blocks, allocates or logs. [`ClientSession`] acknowledges by
//! *credit*: the null message is flow control ("ready for more"), not a receipt,
//! so `ahead` bundles may be acknowledged before the application has delivered
//! them; with `ahead` 0 a null follows delivery.

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

/// A point in time: milliseconds since an origin of the caller's choice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub struct Instant(
    /// Milliseconds.
    pub u64,
);

impl Instant {
    /// This point and so many milliseconds.
    #[must_use]
    pub const fn after(self, milliseconds: u32) -> Self {
        Self(self.0.saturating_add(milliseconds as u64))
    }
}

/// Why a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum End {
    /// The peer sent an error message; its text came with the frame.
    PeerError {
        /// The peer's code.
        code: i32,
    },
    /// The peer closed after the TLS handshake without sending a byte: the way
    /// a server refuses a client's certificate (FQE, Terminating Connections).
    BeforeFirstByte,
    /// The peer closed between two messages: it shuts down, or an intermediary
    /// lost patience.
    Idle,
    /// The peer closed inside a message.
    MidMessage,
    /// Framing is lost; see [`PeerError::OutOfStep`].
    OutOfStep(PeerError),
    /// Nothing was heard for longer than the configured deadline.
    PeerSilent,
    /// This side closed.
    Closed,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PeerError { code } => write!(f, "the peer sent error {code}"),
            Self::BeforeFirstByte => f.write_str("the peer closed without sending a byte"),
            Self::Idle => f.write_str("the peer closed between two messages"),
            Self::MidMessage => f.write_str("the peer closed in the middle of a message"),
            Self::OutOfStep(error) => error.fmt(f),
            Self::PeerSilent => f.write_str("nothing was heard of the peer for too long"),
            Self::Closed => f.write_str("closed by this side"),
        }
    }
}

impl core::error::Error for End {}
