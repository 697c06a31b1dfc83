//! The counts of a source.

use super::quirk_counts::QuirkCounts;
use super::volumes::Volumes;

/// The counts of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Records received from the server, duplicates included.
    pub received: Volumes,
    /// Records that every required output has accepted, error envelopes included.
    pub accepted: Volumes,
    /// Accepted records that are durable in the bookmark.
    pub durable: Volumes,
    /// Records dropped because they were delivered before.
    pub duplicates: u64,
    /// Records delivered before that the server did not send again at a resume.
    pub missing: u64,
    /// Malformed messages.
    pub malformed: u64,
    /// Records over the size limit.
    pub oversize: u64,
    /// Records dropped by best-effort outputs.
    pub dropped: u64,
    /// Events that a receiver refused; they are in the file for errors of the output.
    pub refused: u64,
    /// Events that were truncated for a receiver.
    pub truncated: u64,
    /// Events that the format of an output cannot hold; they are in error envelopes.
    pub unfit: u64,
    /// Values that a format could not write as they are.
    pub adjusted: u64,
    /// Records with an archival second more than an hour ahead of the local clock.
    pub ahead: u64,
    /// Records whose digest is not kept, because memory is used up.
    pub unremembered: u64,
    /// New records with an archival second before the resume second.
    pub set_back: u64,
    /// Changes of the server that answers.
    pub server_changes: u64,
    /// The maximum number of seconds by which a record is older than the newest one before
    /// it.
    pub disorder: u64,
    /// The archival second of the newest record that every required output has accepted.
    pub newest: Option<u32>,
    /// Bytes received, framing included.
    pub bytes: u64,
    /// Whole bundles.
    pub bundles: u64,
    /// Null messages sent.
    pub nulls: u64,
    /// Established connections.
    pub connections: u64,
    /// Deviations of the server from the guide.
    pub quirks: QuirkCounts,
}

impl Counts {
    /// Adds the counts of another source; `disorder` and `newest` become the
    /// maximum.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in [
            (&mut self.duplicates, other.duplicates),
            (&mut self.missing, other.missing),
            (&mut self.malformed, other.malformed),
            (&mut self.oversize, other.oversize),
            (&mut self.dropped, other.dropped),
            (&mut self.refused, other.refused),
            (&mut self.truncated, other.truncated),
            (&mut self.unfit, other.unfit),
            (&mut self.adjusted, other.adjusted),
            (&mut self.ahead, other.ahead),
            (&mut self.unremembered, other.unremembered),
            (&mut self.set_back, other.set_back),
            (&mut self.server_changes, other.server_changes),
            (&mut self.bytes, other.bytes),
            (&mut self.bundles, other.bundles),
            (&mut self.nulls, other.nulls),
            (&mut self.connections, other.connections),
        ] {
            *sum += count;
        }
        self.received += &other.received;
        self.accepted += &other.accepted;
        self.durable += &other.durable;
        self.quirks.add(&other.quirks);
        self.disorder = self.disorder.max(other.disorder);
        self.newest = self.newest.max(other.newest);
    }
}
