//! What a session counted.

use crate::quirk::Deviations;

/// Counters of one connection, since its start.
///
/// They depend on what was received only, never on how it was chopped up: a
/// message counts when it is complete, whole or in pieces, and a message that
/// is left out when its fixed fields are there: of an event, its first 56 bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Statistics {
    /// Bytes received, framing included: everything up to the end of the peer's
    /// stream, or up to the message that ended the session.
    pub bytes: u64,
    /// Event data messages, malformed and skipped ones included.
    pub events: u64,
    /// Whole bundles.
    pub bundles: u64,
    /// Null messages, nested ones included.
    pub nulls: u64,
    /// The peer's deviations, by name.
    pub deviations: Deviations,
}
