//! The bookmark of a program that acknowledges events itself.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::buffer::{Batch, EventRecord};

use super::{Error, ErrorKind};
use crate::delivery::bookmark::entry::BatchEntry;
use crate::delivery::bookmark::journal::Journal;
use crate::delivery::bookmark::opening::{self, BookmarkLocation};
use crate::delivery::bookmark::state_dir::StateDir;
use crate::delivery::dedup::high_water_mark::{self, ResumePoint};
use crate::delivery::dedup::sequencer::{FirstSessions, RecordVerdict, Sequencer, SequencerLimits};
use crate::delivery::pipeline::steps::{DeliverySteps, StepError};
use crate::digest::{Digest, DigestKey};
use crate::disk::{Disk, RealDisk};

/// A bookmark in the journal format of the collector. A batch in the journal holds what
/// one call acknowledged.
pub(super) struct ClientBookmark {
    source: Arc<str>,
    sequencer: Sequencer,
    steps: DeliverySteps,
    /// The last batch in the journal, and the last that is durable.
    n: u64,
    durable: u64,
    /// The verdict on each record of the current batch.
    verdicts: Vec<RecordVerdict>,
    /// What each server sent that is not acknowledged, in order.
    handed_out: Vec<Since>,
    /// What each server sent that is acknowledged and not committed, in order.
    acknowledged: Vec<Since>,
    /// Seconds that are requested again at a resume.
    overlap: u32,
    /// When acknowledged records have to be durable.
    due: Option<Instant>,
    /// Set after a failed sync: later writes are not reliable.
    broken: bool,
    /// Holds the lock of the state directory, if there is one.
    _state: Option<StateDir>,
}

/// Archival second and digest of records of a server, and the resume point after them.
struct Since {
    server: u64,
    records: Vec<(u32, Digest)>,
    point: Option<ResumePoint>,
}

/// The time between two commits if the program requests none.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// The maximum number of digests.
const DIGESTS: usize = 1 << 18;

impl Since {
    /// Returns the last of these if it is of this server, or a new one.
    fn of(all: &mut Vec<Self>, server: u64) -> &mut Self {
        if all.last().is_none_or(|last| last.server != server) {
            all.push(Self {
                server,
                records: Vec::new(),
                point: None,
            });
        }
        let last = all.len() - 1;
        &mut all[last]
    }
}

impl ClientBookmark {
    /// Opens the bookmark of an earlier run, or creates one.
    /// The source is asked for events from `from` on without one.
    pub(super) fn open(
        state: StateDir,
        source: &str,
        overlap: u32,
        from: InitialTimestamp,
    ) -> Result<Self, Error> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let place = BookmarkLocation {
            directory: state.path(),
            boot: state.boot(),
            key: state.key(),
        };
        let beginning = |_: &str| high_water_mark::beginning(from);
        let opened = opening::open(&disk, place, overlap, None, &beginning, &mut [], &mut drop);
        let journal = opened.map_err(Error::bookmark)?;
        state.confirm().map_err(Error::bookmark)?;
        let (n, sources) = (journal.bookmark().n, &journal.bookmark().sources);
        let limits = SequencerLimits {
            overlap,
            digests: DIGESTS,
        };
        let key = state.key().clone();
        let sequencer = Sequencer::new(key, limits, n, sources, FirstSessions::default());
        let stored = Some((journal, state));
        Ok(Self::new(source, sequencer, overlap, n, stored))
    }

    /// Returns a bookmark that lasts as long as the client.
    pub(super) fn in_memory(source: &str, overlap: u32) -> Self {
        let limits = SequencerLimits {
            overlap,
            digests: DIGESTS,
        };
        let key = DigestKey::new([0; 32]);
        let nothing = BTreeMap::new();
        let sequencer = Sequencer::new(key, limits, 0, &nothing, FirstSessions::default());
        Self::new(source, sequencer, overlap, 0, None)
    }

    fn new(
        source: &str,
        sequencer: Sequencer,
        overlap: u32,
        n: u64,
        stored: Option<(Journal, StateDir)>,
    ) -> Self {
        let (journal, state) = stored.unzip();
        Self {
            source: source.into(),
            sequencer,
            steps: DeliverySteps::new(journal),
            n,
            durable: n,
            verdicts: Vec::new(),
            handed_out: Vec::new(),
            acknowledged: Vec::new(),
            overlap,
            due: None,
            broken: false,
            _state: state,
        }
    }

    /// Returns whether an earlier write could not be made durable: later ones are not
    /// reliable.
    pub(super) fn is_broken(&self) -> bool {
        self.broken
    }

    /// Returns the initial timestamp of the next connection. `several` tells whether
    /// more than one server may answer.
    pub(super) fn connect(
        &mut self,
        from: InitialTimestamp,
        several: bool,
    ) -> Result<InitialTimestamp, Error> {
        let before = self.sequencer.anchor(&self.source);
        let from = self
            .sequencer
            .connect(&self.source, from, unix_seconds(), several);
        self.anchor(before)?;
        Ok(from)
    }

    /// Records the start of a session with the server of this number.
    pub(super) fn began(&mut self, server: u64) -> Result<(), Error> {
        let before = self.sequencer.anchor(&self.source);
        self.sequencer.began(&self.source, unix_seconds(), server);
        self.anchor(before)
    }

    /// Makes the second from which events are requested durable, if it changed.
    fn anchor(&mut self, before: Option<u32>) -> Result<(), Error> {
        match self.sequencer.anchor(&self.source) {
            Some(second) if before != Some(second) => {
                let anchored = self.steps.anchor(&self.source, second);
                anchored.map_err(|error| self.failed(error))
            }
            _ => Ok(()),
        }
    }

    /// Prepares to hand out the records of this batch.
    pub(super) fn begin(&mut self, batch: &Batch) {
        let source = &self.source;
        self.sequencer
            .screen(source, batch.records(), &mut self.verdicts);
    }

    /// Returns whether the record at this index of the batch was not acknowledged
    /// before. Such a record is handed out.
    pub(super) fn is_new(&mut self, record: EventRecord<'_>, index: usize) -> bool {
        let Some(verdict) = self.verdicts.get(index) else {
            return true;
        };
        let mut verdicts = vec![*verdict];
        let numbered = self.sequencer.number(
            &self.source,
            std::iter::once(record),
            &mut verdicts,
            u64::MAX,
            unix_seconds(),
            Vec::new(),
        );
        let since = Since::of(&mut self.handed_out, numbered.server);
        since.records.extend(numbered.records);
        since.point = numbered.point.or(since.point);
        verdicts.iter().any(|verdict| verdict.keep)
    }

    /// Acknowledges the records that were handed out. They become durable soon.
    pub(super) fn accept(&mut self) {
        for mut since in self.handed_out.drain(..) {
            let before = Since::of(&mut self.acknowledged, since.server);
            before.records.append(&mut since.records);
            before.point = since.point.or(before.point);
            if before.point.is_none() {
                // Without a resume point, a restart cannot recognise the records.
                before.records.clear();
            }
        }
        self.due
            .get_or_insert_with(|| Instant::now() + COMMIT_EVERY);
    }

    /// Returns the time until acknowledged records have to be durable.
    pub(super) fn due(&self) -> Option<Duration> {
        let due = self.due?;
        Some(due.saturating_duration_since(Instant::now()))
    }

    /// Makes acknowledged records durable if it is time; returns the time until it has to be
    /// called again. While the disk is full it is tried again each second, and nothing is lost.
    ///
    /// # Errors
    /// So many records could not be made durable that their digests take too much memory; or an
    /// error that another attempt does not repair.
    pub(super) fn commit_if_due(&mut self) -> Result<Option<Duration>, Error> {
        if self.due() != Some(Duration::ZERO) {
            return Ok(self.due());
        }
        if let Err(error) = self.commit() {
            self.due = Some(Instant::now() + COMMIT_EVERY);
            let records: usize = self.acknowledged.iter().map(|of| of.records.len()).sum();
            if !error.is_temporary() || records > DIGESTS {
                return Err(error);
            }
        }
        Ok(self.due())
    }

    /// Makes acknowledged records durable.
    pub(super) fn commit(&mut self) -> Result<(), Error> {
        if self.broken {
            let what = "the bookmark: an earlier write could not be made durable";
            return Err(Error::new(ErrorKind::Bookmark, what, "Connect again"));
        }
        self.acknowledged.retain(|since| since.point.is_some());
        while let Some(since) = self.acknowledged.first_mut() {
            // Older ones are not asked for again. Archives of several servers differ by up to
            // the overlap.
            let oldest = since.point.map_or(0, |point| point.resume_from);
            let oldest = oldest.saturating_sub(self.overlap.max(1));
            since.records.retain(|(second, _)| *second >= oldest);
            let mut entry = Some(BatchEntry {
                n: self.n + 1,
                source: self.source.clone(),
                server: since.server,
                point: since.point,
                records: std::mem::take(&mut since.records),
            });
            if let Err(error) = self.steps.append_batch(&mut entry, false) {
                // Nothing is lost: the next commit tries again.
                if let Some(entry) = entry {
                    since.records = entry.records;
                }
                return Err(self.failed(error));
            }
            self.acknowledged.remove(0);
            self.n += 1;
        }
        if self.durable < self.n {
            let committed = self.steps.commit(Vec::new(), self.n, || false);
            committed.map_err(|error| self.failed(error))?;
            self.durable = self.n;
        }
        self.due = None;
        Ok(())
    }

    fn failed(&mut self, error: StepError) -> Error {
        match error {
            StepError::Retry(error) => Error::bookmark(error).temporary(),
            StepError::NotDurable(error)
            | StepError::BookmarkGone(error)
            | StepError::Contradiction(error) => {
                self.broken = true;
                Error::bookmark(error)
            }
        }
    }
}

fn unix_seconds() -> u64 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH);
    age.map_or(0, |age| age.as_secs())
}

#[cfg(test)]
mod tests {
    use estreamer_core::wire::RecordType;
    use estreamer_mio::buffer::RecordKind;

    use super::*;

    /// Returns whether an event with this archival second is handed out.
    fn is_new(bookmark: &mut ClientBookmark, second: u32, data: &'static [u8]) -> bool {
        let record = EventRecord {
            kind: RecordKind::Event,
            record_type: RecordType::FILE,
            archival: Some(second),
            bundle: None,
            length: data.len() as u32,
            data,
        };
        let ClientBookmark {
            sequencer,
            source,
            verdicts,
            ..
        } = bookmark;
        sequencer.screen(source, std::iter::once(record), verdicts);
        bookmark.is_new(record, 0)
    }

    #[test]
    fn events_that_two_servers_sent_between_two_commits_are_both_known_to_a_restart() {
        let place = tempfile::tempdir().unwrap();
        let open = |server| {
            let state = StateDir::open(place.path(), false).unwrap();
            let from = InitialTimestamp::OLDEST;
            let mut bookmark = ClientBookmark::open(state, "fmc", 5, from).unwrap();
            bookmark.connect(from, true).unwrap();
            bookmark.began(server).unwrap();
            bookmark
        };
        let mut bookmark = open(1);
        assert!(is_new(&mut bookmark, 20, b"x"));
        bookmark.connect(InitialTimestamp::OLDEST, true).unwrap();
        bookmark.began(2).unwrap();
        // The other server stored it a second later.
        assert!(!is_new(&mut bookmark, 21, b"x"));
        assert!(is_new(&mut bookmark, 21, b"y"));
        bookmark.accept();
        bookmark.commit().unwrap();
        drop(bookmark);
        let mut bookmark = open(2);
        assert!(!is_new(&mut bookmark, 21, b"x"));
        assert!(!is_new(&mut bookmark, 21, b"y"));
        assert!(is_new(&mut bookmark, 22, b"z"));
    }
}
