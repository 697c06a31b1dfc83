//! What every client of a bench is sent.

/// Events in the archive: seconds for the fast clients.
pub(super) const EVENTS: u64 = 1_000_000;
/// Events that the Python client reads in about the same time.
pub(super) const EVENTS_OF_PYTHON: u64 = 50_000;
/// Events in a bundle; all bundles are full.
pub(super) const BUNDLE: u64 = 100;
/// Unacknowledged bundles. What a Management Center allows is not published; 1 is
/// the least, and every client can count on it.
pub(super) const UNACKNOWLEDGED: u32 = 1;
/// Events in an archival second. A collector that removes duplicates keeps the
/// digests of several seconds.
pub(super) const PER_SECOND: u32 = 10_000;
