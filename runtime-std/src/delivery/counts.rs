//! The counts of a source.

/// The counts of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Records received from the server, duplicates included.
    pub received: u64,
    /// Records that every required output has accepted, error envelopes included.
    pub accepted: u64,
    /// Accepted records that are durable in the bookmark.
    pub durable: u64,
    /// Records dropped because they were delivered before.
    pub duplicates: u64,
    /// Records delivered before that the server did not send again at a resume.
    pub missing: u64,
    /// Malformed messages.
    pub malformed: u64,
    /// Records over the size limit.
    pub oversize: u64,
    /// Gaps in the sequence numbers of bundles.
    pub gaps: u64,
    /// Records dropped by best-effort outputs.
    pub dropped: u64,
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
    /// Records whose length includes archival timestamp and reserved word.
    pub covers_extension: u64,
    /// Records whose length includes the record header.
    pub covers_header: u64,
    /// Records without archival time although it was requested.
    pub no_extension: u64,
    /// Events that are not JSON although JSON was requested.
    pub not_json: u64,
}

impl Counts {
    /// Adds the counts of another source; `disorder` and `newest` become the
    /// maximum.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in [
            (&mut self.received, other.received),
            (&mut self.accepted, other.accepted),
            (&mut self.durable, other.durable),
            (&mut self.duplicates, other.duplicates),
            (&mut self.missing, other.missing),
            (&mut self.malformed, other.malformed),
            (&mut self.oversize, other.oversize),
            (&mut self.gaps, other.gaps),
            (&mut self.dropped, other.dropped),
            (&mut self.ahead, other.ahead),
            (&mut self.unremembered, other.unremembered),
            (&mut self.set_back, other.set_back),
            (&mut self.server_changes, other.server_changes),
            (&mut self.bytes, other.bytes),
            (&mut self.bundles, other.bundles),
            (&mut self.nulls, other.nulls),
            (&mut self.connections, other.connections),
            (&mut self.covers_extension, other.covers_extension),
            (&mut self.covers_header, other.covers_header),
            (&mut self.no_extension, other.no_extension),
            (&mut self.not_json, other.not_json),
        ] {
            *sum += count;
        }
        self.disorder = self.disorder.max(other.disorder);
        self.newest = self.newest.max(other.newest);
    }
}
