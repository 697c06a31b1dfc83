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

#[cfg(test)]
mod tests {
    use estreamer_core::wire::RecordType;

    use super::*;

    /// Counts in which no two fields are equal.
    fn counts(from: u64) -> Counts {
        let mut volumes = [Volumes::default(); 3];
        for (place, volume) in volumes.iter_mut().enumerate() {
            volume.count(RecordType(9999), from as usize + place);
        }
        let [received, accepted, durable] = volumes;
        Counts {
            received,
            accepted,
            durable,
            duplicates: from + 3,
            missing: from + 4,
            malformed: from + 5,
            oversize: from + 6,
            dropped: from + 7,
            refused: from + 8,
            truncated: from + 9,
            unfit: from + 10,
            adjusted: from + 11,
            ahead: from + 12,
            unremembered: from + 13,
            set_back: from + 14,
            server_changes: from + 15,
            disorder: from + 16,
            newest: Some(from as u32),
            bytes: from + 17,
            bundles: from + 18,
            nulls: from + 19,
            connections: from + 20,
            quirks: QuirkCounts::default(),
        }
    }

    #[test]
    fn the_counts_of_sources_add_up_each_to_its_own() {
        let mut sum = counts(100);
        sum.add(&counts(1000));
        let volume = |place: usize| {
            let mut volumes = Volumes::default();
            volumes.count(RecordType(9999), 100 + place);
            volumes.count(RecordType(9999), 1000 + place);
            volumes
        };
        let expected = Counts {
            received: volume(0),
            accepted: volume(1),
            durable: volume(2),
            duplicates: 1106,
            missing: 1108,
            malformed: 1110,
            oversize: 1112,
            dropped: 1114,
            refused: 1116,
            truncated: 1118,
            unfit: 1120,
            adjusted: 1122,
            ahead: 1124,
            unremembered: 1126,
            set_back: 1128,
            server_changes: 1130,
            disorder: 1016,
            newest: Some(1000),
            bytes: 1134,
            bundles: 1136,
            nulls: 1138,
            connections: 1140,
            quirks: QuirkCounts::default(),
        };
        assert_eq!(sum, expected);
        sum.add(&counts(1));
        assert_eq!((sum.disorder, sum.newest), (1016, Some(1000)), "the most");
    }
}
