//! The counters of a session.

use crate::quirk::Deviations;

/// Counters of one connection, since its start.
///
/// They depend only on the received bytes, not on how these were split. A message
/// counts when it is complete. A skipped message counts when its fixed fields are
/// complete; for an event, these are its first 56 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Statistics {
    /// Bytes received, including headers, up to the end of the peer's stream or to
    /// the message that ended the session.
    pub bytes: u64,
    /// Event data messages, including malformed and skipped ones.
    pub events: u64,
    /// Complete bundles.
    pub bundles: u64,
    /// Null messages, including nested ones.
    pub nulls: u64,
    /// Deviations of the peer.
    pub deviations: Deviations,
}
