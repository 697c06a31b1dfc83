//! Batches get their numbers, and lose what was handed on before.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::batch::Record;

use super::delivered::Delivered;
use super::high_water_mark::{HighMark, Marks};
use super::replay_filter::Seam;
use crate::delivery::bookmark::entry::Batch;
use crate::delivery::bookmark::recovery::Bookmark;
use crate::digest::{Digest, Key};
use crate::sync::lock;

/// A batch with its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Numbered {
    /// For the journal.
    pub note: Batch,
    /// What of each record is to be done; shorter than the batch at the limit.
    pub verdicts: Vec<Verdict>,
}

/// Lists that are used again.
#[derive(Debug, Default)]
pub struct Memory {
    /// For the verdicts.
    pub verdicts: Vec<Verdict>,
    /// For what the journal is told.
    pub records: Vec<(u32, Digest)>,
}

/// What is to be done with a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Whether it is to be delivered.
    pub keep: bool,
    /// What it is known by.
    pub digest: Digest,
}

/// What was noticed on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Noticed {
    /// Records handed on.
    pub delivered: u64,
    /// Records left out because they were handed on before.
    pub duplicates: u64,
    /// Records handed on before that did not come again.
    pub missing: u64,
    /// Records stored more than an hour ahead of our clock.
    pub ahead: u64,
    /// How often the second to resume from had to move up, because too many
    /// records came in the seconds before.
    pub bounded: u64,
    /// The largest number of seconds a record came behind the high mark.
    pub disorder: u32,
}

/// Numbers the batches of all sources.
pub struct Sequencer {
    key: Key,
    overlap: u32,
    n: u64,
    sources: BTreeMap<Arc<str>, SourceState>,
    asked: Asked,
}

/// For each source our clock's second when its first session began, for as long
/// as the process runs.
pub type Asked = Arc<Mutex<BTreeMap<Arc<str>, u32>>>;

/// Digests kept for a source, at most: 32 MiB of memory or so.
const MOST_DIGESTS: usize = 1 << 20;

#[derive(Default)]
struct SourceState {
    delivered: Delivered,
    seam: Seam,
    mark: HighMark,
    /// Not to be asked for: what was archived before this second.
    beginning: u32,
    noticed: Noticed,
}

impl Sequencer {
    /// Goes on from a bookmark.
    pub fn new(key: Key, overlap: u32, bookmark: &Bookmark) -> Self {
        let source = |delivered: &Delivered| SourceState {
            delivered: delivered.clone(),
            beginning: delivered.marks().map_or(0, |marks| marks.resume_from),
            ..SourceState::default()
        };
        Self {
            key,
            overlap: overlap.max(1),
            asked: Asked::default(),
            n: bookmark.n,
            sources: bookmark
                .sources
                .iter()
                .map(|(name, delivered)| (name.clone(), source(delivered)))
                .collect(),
        }
    }

    /// The same, with what earlier ones of the process remember.
    #[must_use]
    pub fn remembering(mut self, asked: Asked) -> Self {
        self.asked = asked;
        self
    }

    /// Whether it is known where the source is to be asked from.
    pub fn is_anchored(&self, source: &str) -> bool {
        let state = self.sources.get(source);
        state.is_some_and(|state| state.delivered.marks().is_some())
    }

    /// A connection of the source is about to be made. Returns where to ask from:
    /// a bookmark of something delivered wins over `from`. Where "now" was asked
    /// before and nothing came since, it is that now, by our clock, and not a later
    /// one; where something came and was not delivered, the bookmark has its second.
    pub fn connect(&mut self, source: &str, from: InitialTimestamp) -> InitialTimestamp {
        let state = self.sources.entry(source.into()).or_default();
        state.seam = state.delivered.seam();
        if let Some(marks) = state.delivered.marks()
            && (from == InitialTimestamp::NOW || !state.delivered.is_empty())
        {
            return InitialTimestamp(marks.resume_from);
        }
        let asked = lock(&self.asked).get(source).copied();
        let from = match (from, asked) {
            (InitialTimestamp::NOW, Some(asked)) => {
                InitialTimestamp(asked.saturating_sub(self.overlap))
            }
            _ => from,
        };
        // What was stored late since "now" may be older than all that came.
        state.beginning = match from {
            InitialTimestamp::NOW => 0,
            from => from.0,
        };
        from
    }

    /// A session of the source has begun: the server counts from here.
    pub fn began(&mut self, source: &str, now: u64) {
        lock(&self.asked).entry(source.into()).or_insert(now as u32);
    }

    /// Gives a batch its number and says what of it is to be delivered. The
    /// note has to be in the journal before anything of the batch goes out. After
    /// `limit` records to be delivered it looks at no more. `now` is UNIX seconds
    /// by our clock. `memory` is used again.
    pub fn batch<'r>(
        &mut self,
        source: &Arc<str>,
        records: impl ExactSizeIterator<Item = Record<'r>>,
        limit: u64,
        now: u64,
        memory: Memory,
    ) -> Numbered {
        self.n += 1;
        let (key, overlap) = (&self.key, self.overlap);
        let state = self.sources.entry(source.clone()).or_default();
        let before = state.delivered.marks();
        let Memory {
            mut verdicts,
            records: mut handed_on,
        } = memory;
        verdicts.clear();
        handed_on.clear();
        verdicts.reserve(records.len());
        handed_on.reserve(records.len());
        let mut kept = 0;
        for record in records {
            if kept >= limit {
                break;
            }
            if let Some(repeats) = record.bundle {
                state.seam.bundle(repeats);
            }
            // Second 0 is metadata and says nothing of the archive.
            let archival = record.archival.filter(|&second| second != 0);
            let digest = key.digest(source, record.record_type, archival, record.data);
            let duplicate = state.seam.is_duplicate(digest);
            verdicts.push(Verdict {
                keep: !duplicate,
                digest,
            });
            state.noticed.duplicates += u64::from(duplicate);
            state.noticed.delivered += u64::from(!duplicate);
            kept += u64::from(!duplicate);
            // What comes again says nothing of how far the server is.
            if let Some(second) = archival.filter(|_| !duplicate) {
                state.look_back(second, before);
                handed_on.push((second, digest));
                state.arrive(second, now);
            }
        }
        let marks = state.next_marks(before, overlap);
        if let Some(marks) = marks {
            state.noticed.missing += state.seam.release(marks.high, overlap).unwrap_or(0);
            state.delivered.add(&handed_on, marks);
            if let Some(bound) = state.delivered.bound(MOST_DIGESTS) {
                state.noticed.bounded += 1;
                state.beginning = bound.resume_from;
            }
        }
        let marks = state.delivered.marks();
        let note = Batch {
            n: self.n,
            source: source.clone(),
            marks: marks.map(|marks| (marks.high, marks.resume_from)),
            records: handed_on,
        };
        Numbered { note, verdicts }
    }

    /// What was noticed of a source.
    pub fn noticed(&self, source: &str) -> Noticed {
        self.sources
            .get(source)
            .map(|state| state.noticed)
            .unwrap_or_default()
    }
}

impl SourceState {
    /// How far behind the others a record comes that was not there before: one
    /// that comes again says nothing of the archive's order.
    fn look_back(&mut self, second: u32, before: Option<Marks>) {
        let high = self.mark.high().or(before.map(|marks| marks.high));
        let behind = high.map_or(0, |high| high.saturating_sub(second));
        self.noticed.disorder = self.noticed.disorder.max(behind);
    }

    /// A record of this archival second arrived.
    fn arrive(&mut self, second: u32, now: u64) {
        self.noticed.ahead += u64::from(!self.mark.arrive(second, now));
    }

    /// The marks after a batch. The high mark goes back only when everything
    /// that arrived lately lies before the second we would resume from: then the
    /// server's clock was set back, and waiting for it would lose events.
    fn next_marks(&mut self, before: Option<Marks>, overlap: u32) -> Option<Marks> {
        let Some(lately) = self.mark.high() else {
            return before;
        };
        let high = match before {
            Some(marks) if lately >= marks.resume_from => lately.max(marks.high),
            Some(_) => {
                self.beginning = 0;
                lately
            }
            None => lately,
        };
        Some(Marks::new(high, overlap, self.beginning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use estreamer_core::wire::RecordType;
    use estreamer_mio::batch::RecordKind;

    #[test]
    fn what_is_remembered_is_bounded_and_that_is_noticed() {
        let mut sequencer = Sequencer::new(Key::new([1; 32]), 5, &Bookmark::default());
        let source: Arc<str> = "fmc".into();
        sequencer.connect(&source, InitialTimestamp::OLDEST);
        let mut resume_from = 0;
        for second in 1000..1004 {
            // A third of what is kept at most, in each second.
            let records = (0..(MOST_DIGESTS / 3) as u32).map(|number| Record {
                kind: RecordKind::Event,
                record_type: RecordType::FILE,
                archival: Some(second),
                bundle: None,
                length: 4,
                data: [&b"a"[..], b"b", b"c"][number as usize % 3],
            });
            let records: Vec<Record<'_>> = records.collect();
            let records = records.into_iter();
            let numbered = sequencer.batch(&source, records, u64::MAX, 2000, Memory::default());
            resume_from = numbered.note.marks.unwrap().1;
        }
        assert_eq!(sequencer.noticed(&source).bounded, 1);
        assert_eq!(resume_from, 1001, "a whole second is forgotten");
    }

    #[test]
    fn now_stays_the_now_that_was_asked_first() {
        let mut sequencer = Sequencer::new(Key::new([1; 32]), 5, &Bookmark::default());
        let source: Arc<str> = "fmc".into();
        let now = InitialTimestamp::NOW;
        assert_eq!(sequencer.connect(&source, now), now);
        // Nothing was heard: the next try asks the same.
        assert_eq!(sequencer.connect(&source, now), now);
        sequencer.began(&source, 5000);
        sequencer.began(&source, 6000);
        assert_eq!(sequencer.connect(&source, now), InitialTimestamp(4995));
    }

    #[test]
    fn what_is_late_from_before_all_that_came_is_asked_for_again() {
        let event = |second| Record {
            kind: RecordKind::Event,
            record_type: RecordType::FILE,
            archival: Some(second),
            bundle: None,
            length: 1,
            data: b"a",
        };
        let source: Arc<str> = "fmc".into();
        for (from, resumed) in [
            (InitialTimestamp::NOW, 995),
            (InitialTimestamp::OLDEST, 995),
            (InitialTimestamp(998), 998),
        ] {
            let mut sequencer = Sequencer::new(Key::new([1; 32]), 5, &Bookmark::default());
            sequencer.connect(&source, from);
            let first = [event(1000)].into_iter();
            sequencer.batch(&source, first, 1, 2000, Memory::default());
            let again = sequencer.connect(&source, InitialTimestamp::NOW);
            assert_eq!(again, InitialTimestamp(resumed), "after {from:?}");
        }
    }

    #[test]
    fn a_second_of_which_nothing_was_delivered_stands_for_now_alone() {
        let marks = Marks::new(1000, 5, 0);
        let anchor = Delivered::restore(Some(marks), BTreeMap::new());
        let mut bookmark = Bookmark::default();
        bookmark.sources.insert("fmc".into(), anchor);
        let mut sequencer = Sequencer::new(Key::new([1; 32]), 5, &bookmark);
        let mut ask = |from| sequencer.connect("fmc", from).0;
        assert_eq!(ask(InitialTimestamp::NOW), 995);
        assert_eq!(ask(InitialTimestamp::OLDEST), 0);
        assert_eq!(ask(InitialTimestamp(998)), 998);
    }
}
