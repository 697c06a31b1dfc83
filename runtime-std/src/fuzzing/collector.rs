//! The collector on one thread: the production steps, in any order that a test selects.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;

use estreamer_core::wire::{InitialTimestamp, RecordType};
use estreamer_mio::buffer::{BundleStart, EventRecord, RecordKind};

use super::disk::ModelDisk;
pub use super::output::{FIRST_LINE, OutputTarget, TargetHead};
use super::output::{KINDS, ModelOutput};
use crate::delivery::bookmark::entry::BatchEntry;
use crate::delivery::bookmark::opening::{self, BookmarkLocation};
use crate::delivery::bookmark::recovery::Bookmark;
use crate::delivery::bookmark::settle;
use crate::delivery::dedup::sequencer::{BatchCounts, FirstSessions, Sequencer, SequencerLimits};
use crate::delivery::pipeline::steps::{Commit, DeliverySteps, StepError, WriteOutcome};
use crate::digest::DigestKey;
use crate::disk::{Disk, DiskFile};
use crate::output::file::FileOutput;
use crate::output::file::notice::FileNotice;
use crate::output::file::settings::FileSettings;
use crate::output::{Output, OutputPart};

/// An event of a source: archival second and text.
pub type ModelEvent = (u32, String);

/// An event in flight, and the bundle that starts with it.
pub type Sent = (ModelEvent, Option<BundleStart>);

/// The digest key, the same in every run.
pub fn key() -> DigestKey {
    DigestKey::new([3; 32])
}

/// The record type of every event.
pub const RECORD_TYPE: RecordType = RecordType::CONNECTION;

/// A collector that runs one step at a time. It must not be used after an error.
pub struct ModelCollector {
    disk: ModelDisk,
    steps: DeliverySteps,
    sequencer: Sequencer,
    outputs: Vec<ModelOutput>,
    notices: Vec<FileNotice>,
    /// What the journal has no space for. The rest waits behind it.
    waiting: VecDeque<Waiting>,
    /// A commit that is under way.
    commit: Option<Commit>,
}

/// An entry of the journal that comes before something else.
enum Waiting {
    /// Before the source is asked.
    Anchor(Arc<str>, u32),
    /// Before its parts, one list for each output, are written.
    Batch {
        n: u64,
        entry: Option<BatchEntry>,
        is_first: bool,
        parts: Vec<Vec<OutputPart>>,
    },
}

impl ModelCollector {
    /// Starts from the content of the disk.
    ///
    /// # Errors
    /// Those of the disk, or the text of a refusal.
    pub fn open(
        disk: &ModelDisk,
        boot: &str,
        targets: &[OutputTarget],
        overlap: u32,
    ) -> io::Result<Self> {
        let mut notices = Vec::new();
        let mut tell = |notice| notices.push(notice);
        let mut collector =
            Self::open_with(disk, boot, targets, overlap, &|_| 0, |_| None, &mut tell)?;
        collector.notices = notices;
        Ok(collector)
    }

    /// As [`open`](Self::open), with other outputs than files where `receiver` returns one.
    /// `beginning` returns the second that a source is asked from, 0 if from now on. `tell`
    /// hears what happened to files, also if the start fails.
    ///
    /// # Errors
    /// Those of the disk, or the text of a refusal.
    pub fn open_with(
        disk: &ModelDisk,
        boot: &str,
        targets: &[OutputTarget],
        overlap: u32,
        beginning: &dyn Fn(&str) -> u32,
        mut receiver: impl FnMut(&OutputTarget) -> Option<Box<dyn Output>>,
        tell: &mut dyn FnMut(FileNotice),
    ) -> io::Result<Self> {
        let model = disk.clone();
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let output = |target: &OutputTarget| -> (String, Box<dyn Output>) {
            if let Some(output) = receiver(target) {
                return (target.path.into(), output);
            }
            let settings = FileSettings {
                paths: match target.by_kind {
                    true => KINDS.map(|kind| target.path_of(kind).into()).into(),
                    false => vec![target.path.into()],
                },
                is_lazy: target.by_kind,
                mode: 0o600,
                archive: target.archive,
                ..FileSettings::default()
            };
            let output = FileOutput::new(disk.clone(), key(), settings);
            (target.path.into(), Box::new(output))
        };
        let mut outputs: Vec<_> = targets.iter().map(output).collect();
        let place = BookmarkLocation {
            directory: Path::new("/state"),
            boot,
            key: &key(),
        };
        let journal = opening::open(&disk, place, overlap, None, beginning, &mut outputs, tell)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let accepted = journal.bookmark().n;
        let limits = SequencerLimits {
            overlap,
            digests: 1 << 20,
        };
        let sources = &journal.bookmark().sources;
        let sequencer = Sequencer::new(key(), limits, accepted, sources, FirstSessions::default())
            .with_ordinals();
        let outputs = outputs.into_iter().zip(targets);
        let outputs = outputs.map(|((name, output), target)| {
            ModelOutput::new(*target, name.into(), output, accepted)
        });
        Ok(Self {
            disk: model,
            sequencer,
            outputs: outputs.collect(),
            steps: DeliverySteps::new(Some(journal)),
            notices: Vec::new(),
            waiting: VecDeque::new(),
            commit: None,
        })
    }

    /// Sets the size after which the journal switches to its other segment.
    pub fn set_journal_limit(&mut self, bytes: u64) {
        if let Some(mut journal) = self.steps.journal() {
            journal.set_limit(bytes);
        }
    }

    /// Returns the bookmark of the last commit.
    pub fn bookmark(&self) -> Bookmark {
        let journal = self.steps.journal();
        journal.map_or_else(Bookmark::default, |journal| journal.bookmark().clone())
    }

    /// Returns the notices about files since the last call.
    pub fn notices(&mut self) -> Vec<FileNotice> {
        self.tell();
        std::mem::take(&mut self.notices)
    }

    /// Tells the notices of a step. A process that was killed in the middle of it tells none.
    fn tell(&mut self) {
        if !self.disk.has_crashed() {
            let outputs = self.outputs.iter_mut();
            self.notices
                .extend(outputs.flat_map(|output| output.output.notices()));
        }
    }

    /// Connects a source at `now` by our clock; returns the second to request from.
    ///
    /// # Errors
    /// The disk's.
    pub fn connect(
        &mut self,
        source: &str,
        from: InitialTimestamp,
        now: u64,
    ) -> io::Result<InitialTimestamp> {
        let source: Arc<str> = source.into();
        let before = self.sequencer.anchor(&source);
        let from = self.sequencer.connect(&source, from, now, false);
        self.sequencer.began(&source, now, 0);
        match self.sequencer.anchor(&source) {
            Some(second) if before != Some(second) => {
                self.waiting.push_back(Waiting::Anchor(source, second));
            }
            _ => {}
        }
        self.go_on()?;
        Ok(from)
    }

    /// Tries again what the journal had no space for.
    ///
    /// # Errors
    /// The disk's.
    pub fn go_on(&mut self) -> io::Result<()> {
        while let Some(waiting) = self.waiting.front_mut() {
            match waiting {
                Waiting::Anchor(source, second) => {
                    self.steps.anchor(source, *second).map_err(io)?
                }
                Waiting::Batch {
                    n,
                    entry,
                    is_first,
                    parts,
                } => {
                    self.steps.append_batch(entry, *is_first).map_err(io)?;
                    for (output, parts) in self.outputs.iter_mut().zip(parts.drain(..)) {
                        output.queue.push_back((*n, parts));
                    }
                }
            }
            self.waiting.pop_front();
        }
        Ok(())
    }

    /// Receives a batch of a source at `now` by our clock: numbers it, appends it to the
    /// journal and puts it into the queue of every output.
    ///
    /// # Errors
    /// The disk's.
    pub fn batch(&mut self, source: &str, events: &[Sent], now: u64) -> io::Result<BatchCounts> {
        let records: Vec<EventRecord<'_>> = events.iter().map(record).collect();
        self.records(source, &records, now)
    }

    /// As [`batch`](Self::batch), for records as they were received.
    ///
    /// # Errors
    /// The disk's.
    pub fn records(
        &mut self,
        source: &str,
        records: &[EventRecord<'_>],
        now: u64,
    ) -> io::Result<BatchCounts> {
        let source: Arc<str> = source.into();
        let mut verdicts = Vec::new();
        let all = || records.iter().copied();
        self.sequencer.screen(&source, all(), &mut verdicts);
        let numbered =
            self.sequencer
                .number(&source, all(), &mut verdicts, u64::MAX, now, Vec::new());
        let parts = self
            .outputs
            .iter_mut()
            .map(|output| output.parts(&source, records, &verdicts));
        let parts = parts.collect();
        let entry = Some(BatchEntry {
            n: numbered.n,
            source,
            server: numbered.server,
            point: numbered.point,
            records: numbered.records,
        });
        self.waiting.push_back(Waiting::Batch {
            n: numbered.n,
            entry,
            is_first: numbered.is_first,
            parts,
        });
        // What waits is received.
        full_is_no_error(self.go_on())?;
        Ok(numbered.counts)
    }

    /// An output writes its queue except the last `behind` batches.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&mut self, output: usize, behind: usize) -> io::Result<()> {
        full_is_no_error(self.go_on())?;
        loop {
            // As in the pipeline, nothing is tried before the batch is durable.
            if self.waits(output)? {
                return Ok(());
            }
            let Self { steps, outputs, .. } = self;
            let Some(output) = outputs.get_mut(output) else {
                return Ok(());
            };
            if output.queue.len() <= behind {
                return Ok(());
            }
            let Some((n, parts)) = output.queue.front() else {
                return Ok(());
            };
            let step = steps.write(output.output.as_mut(), &output.name, *n, parts);
            match step {
                Ok(WriteOutcome::CommitFirst(first)) => output.waits_for = first,
                Ok(WriteOutcome::Accepted) => {
                    output.accepted = *n;
                    output.queue.pop_front();
                }
                Ok(WriteOutcome::Taken) => {
                    output.taken.push_back(*n);
                    output.queue.pop_front();
                }
                Err(error) => return Err(io(error)),
            }
            self.tell();
        }
    }

    /// Commits what an output waits for. Returns whether it still waits: another output has
    /// to write first.
    fn waits(&mut self, output: usize) -> io::Result<bool> {
        let waits_for = self.outputs.get(output).map_or(0, |it| it.waits_for);
        if self.committed() < waits_for {
            self.commit()?;
        }
        Ok(self.committed() < waits_for)
    }

    /// An output sends what it has taken, and reports what its receiver accepted.
    ///
    /// # Errors
    /// The disk's, or the receiver's.
    pub fn poll(&mut self, output: usize) -> io::Result<()> {
        let Self { steps, outputs, .. } = self;
        let Some(output) = outputs.get_mut(output) else {
            return Ok(());
        };
        let polled = output.output.poll();
        loop {
            if output.confirmed.is_none() {
                output.confirmed = output.output.accepted().map(|batch| batch.n);
            }
            let Some(n) = output.confirmed else {
                break;
            };
            steps.accepted(&output.name, n).map_err(io)?;
            output.confirmed = None;
            output.taken.retain(|taken| *taken > n);
            output.accepted = n;
        }
        polled
    }

    /// Returns whether an output has accepted everything that was received.
    pub fn is_idle(&self, output: usize) -> bool {
        let output = self.outputs.get(output);
        let is_idle = output.is_none_or(|it| it.queue.is_empty() && it.taken.is_empty());
        is_idle && self.waiting.is_empty()
    }

    /// Returns the number of the last batch that every output has accepted and that is
    /// committed.
    pub fn committed(&self) -> u64 {
        self.bookmark().n
    }

    /// An output closes its files, to reopen them by name.
    ///
    /// # Errors
    /// The disk's.
    pub fn reopen(&mut self, output: usize) -> io::Result<()> {
        if self.waits(output)? {
            return Ok(());
        }
        match self.outputs.get_mut(output) {
            Some(output) => self.steps.reopen(output.output.as_mut()).map_err(io),
            None => Ok(()),
        }
    }

    /// Commits what every output has accepted to the bookmark, durably.
    ///
    /// # Errors
    /// The disk's.
    pub fn commit(&mut self) -> io::Result<()> {
        self.finish_commit()?;
        self.advance_commit()?;
        self.finish_commit()
    }

    /// Begins a commit of what every output has accepted, or does the next operation of the one
    /// that is under way. Returns whether it was the last one.
    ///
    /// # Errors
    /// The disk's.
    pub fn advance_commit(&mut self) -> io::Result<bool> {
        let mut commit = match self.commit.take() {
            Some(commit) => commit,
            None => {
                let cut = self.outputs.iter().map(|output| output.accepted).min();
                let mut files: Vec<Arc<dyn DiskFile>> = Vec::new();
                for output in &self.outputs {
                    output.output.files(&mut files);
                }
                Commit::of(files, cut.unwrap_or(0))
            }
        };
        let is_done = self.steps.advance(&mut commit).map_err(io)?;
        self.commit = (!is_done).then_some(commit);
        Ok(is_done)
    }

    fn finish_commit(&mut self) -> io::Result<()> {
        while self.commit.is_some() {
            self.advance_commit()?;
        }
        Ok(())
    }

    /// Cuts the files back to the last commit, as after a failed sync. The collector must not
    /// be used any more.
    ///
    /// # Errors
    /// The disk's.
    pub fn cut_back(&mut self, disk: &ModelDisk) -> io::Result<()> {
        // The committer's thread may be in the middle of one.
        let _ = self.finish_commit();
        let Some(mut journal) = self.steps.journal() else {
            return Ok(());
        };
        journal.discard_uncommitted();
        let (bookmark, discarded) = (journal.bookmark(), journal.discarded());
        let mut tell = |notice| self.notices.push(notice);
        settle::cut_back(disk, &key(), bookmark, discarded, &mut tell).map_err(|(_, error)| error)
    }

    /// Shuts down in order: everything is written, committed and closed.
    ///
    /// # Errors
    /// The disk's.
    pub fn close(&mut self) -> io::Result<()> {
        self.commit()?;
        match self.steps.journal() {
            Some(mut journal) => journal.close(),
            None => Ok(()),
        }
    }
}

fn record(((second, text), bundle): &Sent) -> EventRecord<'_> {
    EventRecord {
        kind: RecordKind::Event,
        length: text.len() as u32,
        record_type: RECORD_TYPE,
        archival: Some(*second),
        data: text.as_bytes(),
        bundle: *bundle,
    }
}

/// A disk without space is tried again.
fn full_is_no_error(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::StorageFull => Ok(()),
        done => done,
    }
}

fn io(error: StepError) -> io::Error {
    match error {
        StepError::Contradiction(error) => panic!("{error}"),
        StepError::Retry(error) | StepError::NotDurable(error) | StepError::BookmarkGone(error) => {
            error
        }
    }
}
