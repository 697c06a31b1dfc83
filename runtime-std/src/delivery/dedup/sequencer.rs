//! Numbers batches, and decides which of their records to deliver.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::buffer::EventRecord;

use super::delivered::Delivered;
use super::high_water_mark::{HighWaterMark, ResumePoint, beginning};
use super::ordinals::Ordinals;
use super::replay_filter::ReplayFilter;
use crate::digest::{Digest, DigestKey};
use crate::sync::lock;

/// The decision on a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordVerdict {
    /// Whether to deliver the record.
    pub keep: bool,
    /// The digest of the record.
    pub digest: Digest,
    /// The number of equal records of the same archival second that were delivered before
    /// it. 0 if it is not counted ([`Sequencer::with_ordinals`]).
    pub ordinal: u32,
}

/// A batch with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    /// The batch number, over all sources.
    pub n: u64,
    /// The resume point after it; `None` if not known yet.
    pub point: Option<ResumePoint>,
    /// The number of the server that sent it; 0 if unknown.
    pub server: u64,
    /// Archival second and digest of each record to deliver.
    pub records: Vec<(u32, Digest)>,
    /// Whether it contains the first archival second of its source.
    pub is_first: bool,
    /// The counts of its records.
    pub counts: BatchCounts,
}

/// The counts of the records of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BatchCounts {
    /// Records to deliver.
    pub kept: u64,
    /// Records dropped because they were delivered before.
    pub duplicates: u64,
    /// Records delivered before that the server did not repeat.
    pub missing: u64,
    /// Records with an archival second more than an hour ahead of the local clock.
    pub ahead: u64,
    /// Records whose digest is not kept, because memory is used up. If the server repeats
    /// them, they are delivered again.
    pub unremembered: u64,
    /// New records with an archival second before the resume second.
    pub set_back: u64,
    /// The maximum number of seconds by which a new record is older than the newest one of
    /// its connection.
    pub disorder: u32,
}

/// The limits of a sequencer.
#[derive(Debug, Clone, Copy)]
pub struct SequencerLimits {
    /// Seconds to request again at a resume.
    pub overlap: u32,
    /// The approximate maximum number of digests of all sources.
    pub digests: usize,
}

/// Numbers the batches of all sources.
pub struct Sequencer {
    key: DigestKey,
    limits: SequencerLimits,
    n: u64,
    sources: BTreeMap<Arc<str>, SequencedSource>,
    first_sessions: FirstSessions,
    /// The number of digests of all sources.
    remembered: usize,
    /// Whether equal records are counted.
    has_ordinals: bool,
}

/// What the sources have delivered, and the key of the digests, for the next sequencer of this
/// process if no bookmark says it.
pub type Remembered = Arc<Mutex<Option<(DigestKey, BTreeMap<Arc<str>, Delivered>)>>>;

/// The UNIX second (local clock) of the first session of each source in this process.
pub type FirstSessions = Arc<Mutex<BTreeMap<Arc<str>, u32>>>;

#[derive(Default)]
struct SequencedSource {
    delivered: Delivered,
    filter: ReplayFilter,
    mark: HighWaterMark,
    ordinals: Ordinals,
    /// Events before this archival second are never requested.
    beginning: u32,
    /// Seconds before the overlap for which digests are kept: the maximum difference
    /// between the archives of several servers.
    more: u32,
    /// The number of the server that answers; 0 if unknown.
    server: u64,
    /// The newest archival second of this connection.
    newest: Option<u32>,
    /// The earliest archival second of new records before the resume second, if no later
    /// record followed: the clock of the server was set back.
    set_back: Option<u32>,
}

impl Sequencer {
    /// Returns a sequencer that continues after batch `n` with these sources.
    pub fn new(
        key: DigestKey,
        limits: SequencerLimits,
        n: u64,
        sources: &BTreeMap<Arc<str>, Delivered>,
        first_sessions: FirstSessions,
    ) -> Self {
        let state = |delivered: &Delivered| SequencedSource {
            delivered: delivered.clone(),
            beginning: delivered.point().map_or(0, |point| point.resume_from),
            ..SequencedSource::default()
        };
        Self {
            key,
            limits: SequencerLimits {
                overlap: limits.overlap.max(1),
                ..limits
            },
            n,
            remembered: sources.values().map(Delivered::len).sum(),
            sources: sources
                .iter()
                .map(|(name, delivered)| (name.clone(), state(delivered)))
                .collect(),
            first_sessions,
            has_ordinals: false,
        }
    }

    /// Counts equal records of a second: see [`RecordVerdict::ordinal`].
    #[must_use]
    pub fn with_ordinals(self) -> Self {
        Self {
            has_ordinals: true,
            ..self
        }
    }

    /// Returns what each source has delivered, and the key of the digests.
    pub fn into_delivered(self) -> (DigestKey, BTreeMap<Arc<str>, Delivered>) {
        let sources = self.sources.into_iter();
        let delivered = sources.map(|(name, of)| (name, of.delivered));
        (self.key, delivered.collect())
    }

    /// Prepares a connection of the source and returns the second to request from. The
    /// resume point takes precedence over `from`. Before the first delivery, it is the
    /// earliest second ever requested. A repeated "now" resolves to the time of the first
    /// session minus the overlap (local clock), or to `now` if the clock was set back
    /// since. `several`: more than one server may answer.
    pub fn connect(
        &mut self,
        source: &str,
        from: InitialTimestamp,
        now: u64,
        several: bool,
    ) -> InitialTimestamp {
        let now = u32::try_from(now).unwrap_or(u32::MAX);
        let overlap = self.limits.overlap;
        let state = self.sources.entry(source.into()).or_default();
        state.filter = state.delivered.replay_filter();
        // As after a restart: what the filter does not know may come again.
        state.ordinals = Ordinals::default();
        state.newest = None;
        state.more = if several { overlap } else { 0 };
        if let Some(ResumePoint {
            high: Some(_),
            resume_from,
            ..
        }) = state.delivered.point()
        {
            return InitialTimestamp(resume_from);
        }
        let first = lock(&self.first_sessions).get(source).copied();
        match (from, first) {
            (InitialTimestamp::NOW, None) if state.delivered.point().is_none() => {}
            (InitialTimestamp::NOW, first) => {
                let first = first.map_or(now, |first| first.min(now));
                state.delivered.anchor(first.saturating_sub(overlap));
            }
            (from, _) => {
                state.delivered.anchor(from.0);
            }
        }
        // Events that were stored late since "now" may be older than all received ones.
        state.beginning = beginning(from);
        match state.delivered.point() {
            Some(point) => {
                state.beginning = state.beginning.min(point.resume_from);
                InitialTimestamp(point.resume_from)
            }
            None => from,
        }
    }

    /// Records that a session of the source began at `now` (UNIX seconds, local clock) with
    /// this server (0 if unknown). Returns whether another server answers than before.
    pub fn began(&mut self, source: &str, now: u64, server: u64) -> bool {
        let now = u32::try_from(now).unwrap_or(u32::MAX);
        lock(&self.first_sessions)
            .entry(source.into())
            .or_insert(now);
        let overlap = self.limits.overlap;
        let state = self.sources.entry(source.into()).or_default();
        if state.delivered.point().is_none() {
            state.delivered.anchor(now.saturating_sub(overlap));
        }
        state.server = server;
        let before = state.delivered.server();
        let changed = before != 0 && server != 0 && before != server;
        if changed {
            state.filter.compare_content_alone();
        }
        changed
    }

    /// Returns the second from which a source without deliveries is requested.
    pub fn anchor(&self, source: &str) -> Option<u32> {
        match self.sources.get(source)?.delivered.point()? {
            ResumePoint { high: Some(_), .. } => None,
            point => Some(point.resume_from),
        }
    }

    /// Computes the digests of the records of a batch, and drops bundles that the server
    /// sent twice.
    pub fn screen<'r>(
        &mut self,
        source: &Arc<str>,
        records: impl ExactSizeIterator<Item = EventRecord<'r>>,
        verdicts: &mut Vec<RecordVerdict>,
    ) {
        verdicts.clear();
        verdicts.reserve(records.len());
        let state = self.sources.entry(source.clone()).or_default();
        let repeats = state.filter.repeats();
        // The index of the first record of the current bundle.
        let mut begin = 0;
        let close = |repeats: &mut super::replay_filter::Repeats, of: &mut [RecordVerdict]| {
            if repeats.records(of.iter().map(|verdict| verdict.digest)) {
                of.iter_mut().for_each(|verdict| verdict.keep = false);
            }
        };
        for record in records {
            if let Some(start) = record.bundle {
                close(repeats, &mut verdicts[begin..]);
                begin = verdicts.len();
                repeats.begin(start);
            }
            let digest = self.key.digest(source, record.record_type, record.data);
            verdicts.push(RecordVerdict {
                keep: true,
                digest,
                ordinal: 0,
            });
        }
        close(repeats, &mut verdicts[begin..]);
    }

    /// Numbers a screened batch and sets in `verdicts` which records to deliver. Append the
    /// result to the journal before the batch is written. After `limit` records to deliver
    /// it stops and truncates `verdicts`. `now` is UNIX seconds (local clock); `memory` is
    /// a buffer for reuse.
    pub fn number<'r>(
        &mut self,
        source: &Arc<str>,
        records: impl Iterator<Item = EventRecord<'r>>,
        verdicts: &mut Vec<RecordVerdict>,
        limit: u64,
        now: u64,
        memory: Vec<(u32, Digest)>,
    ) -> Numbered {
        self.n += 1;
        let (key, overlap) = (&self.key, self.limits.overlap);
        let state = self.sources.entry(source.clone()).or_default();
        let before = state.delivered.point();
        let lowest = before
            .and_then(|before| before.high)
            .map_or(0, |high| high.saturating_sub(overlap));
        let version_1_until = state.delivered.version_1_until();
        let mut kept = memory;
        kept.clear();
        kept.reserve(verdicts.len());
        let mut counts = BatchCounts::default();
        let mut checked = 0;
        state.ordinals.begin_batch(self.limits.digests);
        for (record, verdict) in records.zip(verdicts.iter_mut()) {
            if counts.kept >= limit {
                break;
            }
            checked += 1;
            // Second 0 marks metadata, which has no archival time.
            let archival = record.archival.filter(|&second| second != 0);
            if let Some(second) = archival.filter(|_| verdict.keep) {
                let of_version_1 = second <= version_1_until && {
                    let digest =
                        key.digest_version_1(source, record.record_type, archival, record.data);
                    state.filter.is_duplicate(second, digest)
                };
                if of_version_1 || state.filter.is_duplicate(second, verdict.digest) {
                    verdict.keep = false;
                }
            }
            if !verdict.keep {
                counts.duplicates += 1;
                continue;
            }
            counts.kept += 1;
            if self.has_ordinals {
                let (second, delivered) = (archival.unwrap_or(0), state.delivered.seconds());
                verdict.ordinal = state.ordinals.next(second, verdict.digest, delivered);
            }
            // Only new records move the high-water mark.
            if let Some(second) = archival {
                kept.push((second, verdict.digest));
                state.observe(second, now, lowest, &mut counts);
            }
        }
        verdicts.truncate(checked);
        let point = state.next_point(before, overlap);
        // Also before the first second that can be believed.
        if let Some(point) = point.filter(|point| point.high.is_some() || !kept.is_empty()) {
            let fair = self.limits.digests / self.sources.len().max(1);
            self.remember(source, point, &mut kept, fair, &mut counts);
        } else {
            counts.unremembered += kept.len() as u64;
            kept.clear();
        }
        let state = self.sources.entry(source.clone()).or_default();
        let point = state.delivered.point();
        Numbered {
            n: self.n,
            point,
            server: state.server,
            records: kept,
            is_first: before.is_none_or(|before| before.high.is_none())
                && point.is_some_and(|point| point.high.is_some()),
            counts,
        }
    }

    /// Keeps the digests of delivered records, as far as memory allows.
    fn remember(
        &mut self,
        source: &Arc<str>,
        point: ResumePoint,
        kept: &mut Vec<(u32, Digest)>,
        fair: usize,
        counts: &mut BatchCounts,
    ) {
        let Some(state) = self.sources.get_mut(source) else {
            return;
        };
        let high = point.high.unwrap_or(0);
        if let Some(missing) = state.filter.release(high, self.limits.overlap + state.more)
            && !state.filter.compares_content_alone()
        {
            counts.missing += missing;
        }
        // A source may use its fair share, and what other sources do not use.
        let own = state.delivered.len();
        let others = self.remembered.saturating_sub(own);
        let most = self.limits.digests.saturating_sub(others).max(fair);
        let (point, room, forgotten) = state.delivered.make_room(point, kept.len(), most);
        counts.unremembered += (kept.len() - room + forgotten) as u64;
        kept.truncate(room);
        state.delivered.add(kept, point, state.server);
        self.remembered = others + state.delivered.len();
    }
}

impl SequencedSource {
    /// Records the archival second of a new record. `lowest` is the earliest second that
    /// an archive within the overlap would store now.
    fn observe(&mut self, second: u32, now: u64, lowest: u32, counts: &mut BatchCounts) {
        let behind = self
            .newest
            .map_or(0, |newest| newest.saturating_sub(second));
        counts.disorder = counts.disorder.max(behind);
        if !self.mark.observe(second, now) {
            counts.ahead += 1;
            return;
        }
        self.newest = self.newest.max(Some(second));
        self.set_back = match self.set_back {
            _ if second >= lowest => None,
            Some(earliest) => Some(earliest.min(second)),
            None => Some(second),
        };
        counts.set_back += u64::from(self.set_back.is_some());
    }

    /// Returns the resume point after a batch. If all new records since some record are
    /// before the resume second, the clock of the server was set back. A restart then
    /// requests from those records: waiting for the old time would lose events.
    fn next_point(&mut self, before: Option<ResumePoint>, overlap: u32) -> Option<ResumePoint> {
        let Some(lately) = self.mark.high() else {
            return before;
        };
        let high = match before.and_then(|before| before.high) {
            Some(high) if lately >= high.saturating_sub(overlap) => lately.max(high),
            Some(_) => {
                self.beginning = 0;
                self.set_back = None;
                lately
            }
            None => lately,
        };
        let point = ResumePoint::new(high, overlap, self.more, self.beginning);
        Some(match self.set_back {
            Some(earliest) => point.not_after(earliest.saturating_sub(overlap)),
            None => point,
        })
    }
}

#[cfg(test)]
mod tests;
