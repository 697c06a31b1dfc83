//! What waits for an output, as a view shows it.

use std::time::Duration;

/// What waits for an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Backlog {
    /// Batches that the output has not accepted.
    pub batches: u64,
    /// Their bytes: the data of their events for a required output, formatted bytes for
    /// the queue of another output.
    pub bytes: u64,
    /// How long the first of them has waited.
    pub age: Duration,
}
