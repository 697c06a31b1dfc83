//! Batches get their numbers, and lose what was delivered before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::buffer::EventRecord;

use super::delivered::Delivered;
use super::high_water_mark::{HighWaterMark, ResumePoint};
use super::replay_filter::ReplayFilter;
use crate::digest::{Digest, Key};
use crate::sync::lock;

/// What of each record is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is to be delivered.
    pub keep: bool,
    /// The digest of its content.
    pub digest: Digest,
}

/// A batch with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    /// The number, over all sources.
    pub n: u64,
    /// Where to go on from after it; `None` before that is known.
    pub point: Option<ResumePoint>,
    /// The server it came from; 0 where that is not known.
    pub server: u64,
    /// Archival second and digest of each record to be delivered.
    pub records: Vec<(u32, Digest)>,
    /// Whether it holds the first archival second of its source.
    pub is_first: bool,
    /// What was noticed of its records.
    pub noticed: Noticed,
}

/// What was noticed of a batch's records.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Noticed {
    /// Records to be delivered.
    pub kept: u64,
    /// Records left out because they were delivered before.
    pub duplicates: u64,
    /// Records delivered before that did not come again.
    pub missing: u64,
    /// Records stored more than an hour ahead of our clock.
    pub ahead: u64,
    /// Records that are not remembered, for want of memory: if they come again,
    /// they are delivered again.
    pub unremembered: u64,
    /// New records whose archival second lies before the one to resume from.
    pub set_back: u64,
    /// The largest number of seconds a new record came behind the newest one of
    /// its connection.
    pub disorder: u32,
}

/// How sources are remembered.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Seconds asked for again at a resume.
    pub overlap: u32,
    /// Digests of all sources together, about.
    pub digests: usize,
}

/// Numbers the batches of all sources.
pub struct Sequencer {
    key: Key,
    limits: Limits,
    n: u64,
    sources: BTreeMap<Arc<str>, SourceState>,
    first_sessions: FirstSessions,
    /// Digests of all sources.
    remembered: usize,
}

/// For each source our clock's second when its first session began, for as long
/// as the process runs.
pub type FirstSessions = Arc<Mutex<BTreeMap<Arc<str>, u32>>>;

#[derive(Default)]
struct SourceState {
    delivered: Delivered,
    filter: ReplayFilter,
    mark: HighWaterMark,
    /// Not to be asked for: what was archived before this second.
    beginning: u32,
    /// Seconds beyond the overlap that are remembered: as many as the archives
    /// of several servers may differ by.
    more: u32,
    /// The server that answers; 0 where that is not known.
    server: u64,
    /// The newest archival second of this connection.
    newest: Option<u32>,
    /// The earliest of the new records that lie before the second to resume
    /// from, with none after it since: the server's clock was set back.
    set_back: Option<u32>,
}

impl Sequencer {
    /// Goes on after batch `n`, with what is known of the sources.
    pub fn new(
        key: Key,
        limits: Limits,
        n: u64,
        sources: &BTreeMap<Arc<str>, Delivered>,
        first_sessions: FirstSessions,
    ) -> Self {
        let state = |delivered: &Delivered| SourceState {
            delivered: delivered.clone(),
            beginning: delivered.point().map_or(0, |point| point.resume_from),
            ..SourceState::default()
        };
        Self {
            key,
            limits: Limits {
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
        }
    }

    /// A connection of the source is about to be made. Returns where to ask from:
    /// what is known of the source wins over `from`. As long as nothing was
    /// delivered, that is the earliest second ever asked for. "Now" is the moment of
    /// the first session by our clock, or `now` where the clock was set back behind
    /// that since. `several` servers may answer.
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
        // What was stored late since "now" may be older than all that came.
        state.beginning = match from {
            InitialTimestamp::NOW => 0,
            from => from.0,
        };
        match state.delivered.point() {
            Some(point) => {
                state.beginning = state.beginning.min(point.resume_from);
                InitialTimestamp(point.resume_from)
            }
            None => from,
        }
    }

    /// A session of the source has begun, at `now` by our clock, with this server
    /// (0 where it is not known). Whether another server answers than before.
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

    /// The second that was asked for, of a source of which nothing was delivered.
    pub fn anchor(&self, source: &str) -> Option<u32> {
        match self.sources.get(source)?.delivered.point()? {
            ResumePoint { high: Some(_), .. } => None,
            point => Some(point.resume_from),
        }
    }

    /// Computes the digests of received records, all of a batch together, and
    /// leaves out bundles that the server sends a second time.
    pub fn screen<'r>(
        &mut self,
        source: &Arc<str>,
        records: impl ExactSizeIterator<Item = EventRecord<'r>>,
        verdicts: &mut Vec<Verdict>,
    ) {
        verdicts.clear();
        verdicts.reserve(records.len());
        let state = self.sources.entry(source.clone()).or_default();
        let repeats = state.filter.repeats();
        // Where the current bundle's records begin.
        let mut begin = 0;
        let close = |repeats: &mut super::replay_filter::Repeats, of: &mut [Verdict]| {
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
            verdicts.push(Verdict { keep: true, digest });
        }
        close(repeats, &mut verdicts[begin..]);
    }

    /// Gives screened records a number and says in `verdicts` which of them are
    /// to be delivered. What is returned has to be in the journal before anything
    /// of the batch goes out. After `limit` records to be delivered it looks at no
    /// more, and `verdicts` becomes shorter. `now` is UNIX seconds by our clock;
    /// `memory` is used again.
    pub fn number<'r>(
        &mut self,
        source: &Arc<str>,
        records: impl Iterator<Item = EventRecord<'r>>,
        verdicts: &mut Vec<Verdict>,
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
        let mut noticed = Noticed::default();
        let mut looked_at = 0;
        for (record, verdict) in records.zip(verdicts.iter_mut()) {
            if noticed.kept >= limit {
                break;
            }
            looked_at += 1;
            // Second 0 is metadata and says nothing of the archive.
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
                noticed.duplicates += 1;
                continue;
            }
            noticed.kept += 1;
            // What comes again says nothing of how far the server is.
            if let Some(second) = archival {
                kept.push((second, verdict.digest));
                state.arrive(second, now, lowest, &mut noticed);
            }
        }
        verdicts.truncate(looked_at);
        let point = state.next_point(before, overlap);
        if let Some(point) = point.filter(|point| point.high.is_some()) {
            let fair = self.limits.digests / self.sources.len().max(1);
            self.remember(source, point, &mut kept, fair, &mut noticed);
        } else {
            noticed.unremembered += kept.len() as u64;
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
            noticed,
        }
    }

    /// Remembers what is delivered, as far as there is memory for it.
    fn remember(
        &mut self,
        source: &Arc<str>,
        point: ResumePoint,
        kept: &mut Vec<(u32, Digest)>,
        fair: usize,
        noticed: &mut Noticed,
    ) {
        let Some(state) = self.sources.get_mut(source) else {
            return;
        };
        let high = point.high.unwrap_or(0);
        if let Some(missing) = state.filter.release(high, self.limits.overlap + state.more)
            && !state.filter.compares_content_alone()
        {
            noticed.missing += missing;
        }
        // A source may have its share, and more where others leave theirs.
        let own = state.delivered.len();
        let others = self.remembered.saturating_sub(own);
        let most = self.limits.digests.saturating_sub(others).max(fair);
        let (point, room, forgotten) = state.delivered.make_room(point, kept.len(), most);
        noticed.unremembered += (kept.len() - room + forgotten) as u64;
        kept.truncate(room);
        state.delivered.add(kept, point, state.server);
        self.remembered = others + state.delivered.len();
    }
}

impl SourceState {
    /// A new record of this archival second arrived. `lowest` is the earliest
    /// that an archive within the overlap would store now.
    fn arrive(&mut self, second: u32, now: u64, lowest: u32, noticed: &mut Noticed) {
        let behind = self
            .newest
            .map_or(0, |newest| newest.saturating_sub(second));
        noticed.disorder = noticed.disorder.max(behind);
        if !self.mark.arrive(second, now) {
            noticed.ahead += 1;
            return;
        }
        self.newest = self.newest.max(Some(second));
        self.set_back = match self.set_back {
            _ if second >= lowest => None,
            Some(earliest) => Some(earliest.min(second)),
            None => Some(second),
        };
        noticed.set_back += u64::from(self.set_back.is_some());
    }

    /// The point after a batch. Where everything new since some record lies
    /// before the second to resume from, the server's clock was set back: then a
    /// restart asks from those records, since waiting for the old time to come
    /// would lose events.
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
