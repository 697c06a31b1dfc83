//! The bookmark of a program that says itself what is delivered.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::batch::Record;

use super::Error;
use crate::delivery::bookmark::entry::{Batch, Entry};
use crate::delivery::bookmark::journal::Journal;
use crate::delivery::bookmark::opening;
use crate::delivery::bookmark::state_dir::StateDir;
use crate::delivery::dedup::sequencer::{Memory, Sequencer};
use crate::digest::Digest;
use crate::disk::{Disk, RealDisk};

/// The same journal as a collector's, in which a batch is what was acknowledged
/// at once.
pub(super) struct Bookmark {
    source: Arc<str>,
    sequencer: Sequencer,
    journal: Journal,
    n: u64,
    handed_out: Since,
    acknowledged: Since,
    /// When what was acknowledged has to be durable.
    due: Option<Instant>,
    /// A sync failed: nothing written since can be believed.
    broken: bool,
    /// Locked as long as this lives.
    _state: StateDir,
}

/// Archival second and digest of records, and the source's marks after them.
#[derive(Default)]
struct Since {
    records: Vec<(u32, Digest)>,
    marks: Option<(u32, u32)>,
}

/// Between two commits, where the program does not ask for one.
const COMMIT_EVERY: Duration = Duration::from_secs(1);

impl Bookmark {
    /// Opens what an earlier run left behind.
    pub(super) fn open(state: StateDir, source: &str, overlap: u32) -> Result<Self, Error> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let (journal, _) = opening::open(&disk, state.path(), state.boot(), overlap, &mut [], &[])
            .map_err(Error::bookmark)?;
        let bookmark = journal.bookmark();
        Ok(Self {
            source: source.into(),
            sequencer: Sequencer::new(state.key().clone(), overlap, bookmark),
            n: bookmark.n,
            journal,
            handed_out: Since::default(),
            acknowledged: Since::default(),
            due: None,
            broken: false,
            _state: state,
        })
    }

    /// A connection is about to be made: where to ask from.
    pub(super) fn connect(&mut self, from: InitialTimestamp) -> InitialTimestamp {
        self.sequencer.connect(&self.source, from)
    }

    /// Whether a record was not acknowledged before; then it is handed out.
    pub(super) fn is_new(&mut self, record: Record<'_>) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |age| age.as_secs());
        let one = std::iter::once(record);
        let numbered = self
            .sequencer
            .batch(&self.source, one, u64::MAX, now, Memory::default());
        self.handed_out.records.extend(numbered.note.records);
        self.handed_out.marks = numbered.note.marks.or(self.handed_out.marks);
        numbered.verdicts.iter().any(|verdict| verdict.keep)
    }

    /// What was handed out is acknowledged, and to be durable soon.
    pub(super) fn accept(&mut self) {
        let Since { records, marks } = &mut self.handed_out;
        self.acknowledged.records.append(records);
        if marks.is_none() && self.acknowledged.marks.is_none() {
            // Without marks nothing can be asked from, and nothing recognised.
            self.acknowledged.records.clear();
        }
        if marks.is_some() {
            self.acknowledged.marks = marks.take();
        }
        self.due
            .get_or_insert_with(|| Instant::now() + COMMIT_EVERY);
    }

    /// Makes durable what was acknowledged, if it is time; says when it will be.
    pub(super) fn commit_if_due(&mut self) -> Result<Option<Duration>, Error> {
        let Some(due) = self.due else {
            return Ok(None);
        };
        let left = due.saturating_duration_since(Instant::now());
        if left.is_zero() {
            self.commit()?;
            return Ok(None);
        }
        Ok(Some(left))
    }

    /// Makes durable what was acknowledged.
    pub(super) fn commit(&mut self) -> Result<(), Error> {
        if self.broken {
            let why = "it could not be made durable before; connect again";
            return Err(Error::bookmark(why));
        }
        if self.acknowledged.marks.is_some() {
            let Since { records, marks } = std::mem::take(&mut self.acknowledged);
            let entry = Entry::Batch(Batch {
                n: self.n + 1,
                source: self.source.clone(),
                marks,
                records,
            });
            if let Err((entry, error)) = self.journal.note(entry) {
                // Nothing is lost: the next commit tries again.
                if let Entry::Batch(Batch { records, marks, .. }) = entry {
                    self.acknowledged = Since { records, marks };
                }
                return Err(Error::bookmark(error));
            }
            self.n += 1;
        }
        if self.journal.bookmark().n < self.n {
            let segment = self.journal.commit(self.n).map_err(Error::bookmark)?;
            let durable = segment.sync().and_then(|()| self.journal.tidy());
            if let Err(error) = durable {
                self.broken = true;
                return Err(Error::bookmark(error));
            }
        }
        self.due = None;
        Ok(())
    }
}
