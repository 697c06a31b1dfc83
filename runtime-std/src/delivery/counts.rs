//! What is counted of a source.

/// What was counted of a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Records received from the server, those left out among them.
    pub received: u64,
    /// Records that whatever every required output writes to has accepted, error
    /// envelopes among them.
    pub accepted: u64,
    /// Of these, those that are durable in the bookmark.
    pub durable: u64,
    /// Records left out because they were delivered before.
    pub duplicates: u64,
    /// Records delivered before that did not come again.
    pub missing: u64,
    /// Messages that contradict themselves.
    pub malformed: u64,
    /// Records over the limit.
    pub oversize: u64,
    /// Bundles whose sequence number does not follow.
    pub gaps: u64,
    /// Records dropped by outputs that are not required.
    pub dropped: u64,
    /// Records stored more than an hour ahead of our clock.
    pub ahead: u64,
    /// Records that are not remembered, for want of memory.
    pub unremembered: u64,
    /// New records with an archival second before the one to resume from.
    pub set_back: u64,
    /// How often another server answered than before.
    pub server_changes: u64,
    /// The largest number of seconds a record came behind the high mark.
    pub disorder: u64,
    /// Bytes received, framing included.
    pub bytes: u64,
    /// Whole bundles.
    pub bundles: u64,
    /// Null messages sent.
    pub nulls: u64,
    /// Connections that stood.
    pub connections: u64,
    /// Records whose length counts archival timestamp and reserved word, too.
    pub covers_extension: u64,
    /// Records whose length counts the record header, too.
    pub covers_header: u64,
    /// Records without archival time, although it was asked for.
    pub no_extension: u64,
    /// Events that are not the JSON that was asked for.
    pub not_json: u64,
}

impl Counts {
    /// Adds those of another source; of the disorder, the largest counts.
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
    }
}
