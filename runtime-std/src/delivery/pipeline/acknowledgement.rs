//! Decides which batches may be acknowledged to the server.

use std::sync::atomic::{AtomicU64, Ordering};

/// Returns the last batch that may be acknowledged: in strict mode the last one that every
/// output has accepted, otherwise the last one that every output has taken.
pub(super) fn last_batch(is_strict: bool, accepted: u64, taken: u64) -> u64 {
    match is_strict {
        true => accepted,
        false => taken,
    }
}

/// What a connection may acknowledge.
#[derive(Debug, Default)]
pub(super) struct Credit {
    /// Units that may be acknowledged.
    units: AtomicU64,
    /// Batches that got credit.
    batches: AtomicU64,
}

impl Credit {
    /// Returns the number of units that may be acknowledged.
    pub(super) fn units(&self) -> u64 {
        self.units.load(Ordering::Acquire)
    }

    /// Returns the number of batches that got credit.
    pub(super) fn batches(&self) -> u64 {
        self.batches.load(Ordering::Acquire)
    }

    /// Allows the acknowledgement of another batch, up to this unit of the connection.
    pub(super) fn grant(&self, units: u64) {
        self.units.store(units, Ordering::Release);
        self.batches.fetch_add(1, Ordering::AcqRel);
    }
}
