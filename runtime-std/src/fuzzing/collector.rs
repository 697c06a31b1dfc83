//! The collector on one thread: the production steps, in any order that a test selects.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use estreamer_core::wire::{InitialTimestamp, RecordType};
use estreamer_mio::buffer::{BundleStart, EventRecord, RecordKind};

use super::disk::ModelDisk;
use crate::config::ArchiveRules;
use crate::delivery::bookmark::entry::BatchEntry;
use crate::delivery::bookmark::opening::{self, BookmarkLocation};
use crate::delivery::bookmark::recovery::Bookmark;
use crate::delivery::bookmark::settle;
use crate::delivery::dedup::sequencer::{BatchCounts, FirstSessions, Sequencer, SequencerLimits};
use crate::delivery::pipeline::steps::{DeliverySteps, StepError, WriteOutcome};
use crate::digest::DigestKey;
use crate::disk::{Disk, DiskFile};
use crate::format::head::{PartHead, Section};
use crate::output::file::FileOutput;
use crate::output::file::notice::FileNotice;
use crate::output::file::settings::FileSettings;
use crate::output::{Output, OutputPart, RecordInfo};

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

/// The destination of an output, and whether each kind of event has a separate file. The
/// kind is the last character of the event's text, quotes and brackets aside; it is appended
/// to the path.
#[derive(Debug, Clone, Copy)]
pub struct OutputTarget {
    /// The path, or its prefix.
    pub path: &'static str,
    /// What each line begins with.
    pub tag: &'static str,
    /// Whether each kind has a separate file.
    pub by_kind: bool,
    /// When files are closed, and what is done to them then.
    pub archive: ArchiveRules,
    /// What its files begin with.
    pub head: TargetHead,
}

/// What the files of an output begin with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TargetHead {
    /// Nothing.
    Nothing,
    /// [`FIRST_LINE`].
    FirstLine,
    /// A section with [`FIRST_LINE`] and one more line that begins with `#` for each source.
    Section,
}

/// The kinds of events: ordinary ones, and those with a second far ahead.
const KINDS: [&str; 3] = ["x", "y", "f"];

/// The first line of a file that has one.
pub const FIRST_LINE: &str = "#\n";

impl OutputTarget {
    /// Returns the path for an event with this text.
    pub fn path_of(&self, text: &str) -> String {
        let text = text.trim_end_matches(['"', '}']);
        match (self.by_kind, text.chars().next_back()) {
            (true, Some(kind)) => format!("{}.{kind}", self.path),
            _ => self.path.into(),
        }
    }
}

/// A collector that runs one step at a time. It must not be used after an error.
pub struct ModelCollector {
    steps: DeliverySteps,
    sequencer: Sequencer,
    outputs: Vec<ModelOutput>,
    notices: Vec<FileNotice>,
}

/// An output and the batches in its queue.
struct ModelOutput {
    target: OutputTarget,
    name: Arc<str>,
    output: Box<dyn Output>,
    queue: VecDeque<(u64, Vec<OutputPart>)>,
    /// The batches that the output has taken but not accepted.
    taken: VecDeque<u64>,
    accepted: u64,
    section: Section,
}

/// The number of the next section.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl ModelOutput {
    /// Returns what the file of a part of this source has to hold.
    fn head(&mut self, source: &str) -> PartHead {
        match self.target.head {
            TargetHead::Nothing => PartHead::Nothing,
            TargetHead::FirstLine => PartHead::FirstLine(FIRST_LINE.as_bytes().into()),
            TargetHead::Section => {
                let block = format!("#{source}\n").into_bytes().into();
                if !self.section.blocks.contains(&block) {
                    self.section.blocks.push(block);
                }
                PartHead::Section(self.section.clone())
            }
        }
    }
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
        Self::open_with(disk, boot, targets, overlap, &|_| 0, |_| None)
    }

    /// As [`open`](Self::open), with other outputs than files where `receiver` returns one.
    /// `beginning` returns the second that a source is asked from, 0 if from now on.
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
    ) -> io::Result<Self> {
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
        let (journal, notices) =
            opening::open(&disk, place, overlap, None, beginning, &mut outputs)
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
        let outputs = outputs.map(|((name, output), target)| ModelOutput {
            target: *target,
            name: name.into(),
            output,
            queue: VecDeque::new(),
            taken: VecDeque::new(),
            accepted,
            section: Section {
                number: NEXT.fetch_add(1, Ordering::Relaxed),
                blocks: vec![FIRST_LINE.as_bytes().into()],
            },
        });
        Ok(Self {
            sequencer,
            outputs: outputs.collect(),
            steps: DeliverySteps::new(Some(journal)),
            notices,
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
        for output in &mut self.outputs {
            self.notices.extend(output.output.notices());
        }
        std::mem::take(&mut self.notices)
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
                self.steps.anchor(&source, second).map_err(io)?;
            }
            _ => {}
        }
        Ok(from)
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
        let n = numbered.n;
        let mut entry = Some(BatchEntry {
            n,
            source: source.clone(),
            server: numbered.server,
            point: numbered.point,
            records: numbered.records,
        });
        self.steps
            .append_batch(&mut entry, numbered.is_first)
            .map_err(io)?;
        for output in &mut self.outputs {
            let mut parts: Vec<OutputPart> = Vec::new();
            for (record, verdict) in all().zip(&verdicts).filter(|(_, of)| of.keep) {
                let text = String::from_utf8_lossy(record.data);
                let path = output.target.path_of(&text);
                let part = match parts
                    .iter_mut()
                    .find(|part| *part.path == *Path::new(&path))
                {
                    Some(part) => part,
                    None => {
                        let path = Path::new(&path).into();
                        let mut part = OutputPart::new(path, "", source.clone(), 0);
                        part.head = output.head(&source);
                        parts.push(part);
                        let last = parts.len() - 1;
                        &mut parts[last]
                    }
                };
                part.bytes.extend_from_slice(output.target.tag.as_bytes());
                part.bytes.extend_from_slice(text.as_bytes());
                part.bytes.push(b'\n');
                part.count(record.archival);
                part.records.push(RecordInfo {
                    end: part.bytes.len(),
                    kind: None,
                    source: source.clone(),
                    device: None,
                    connection: None,
                    archival: record.archival,
                    time: None,
                    digest: verdict.digest,
                    ordinal: verdict.ordinal,
                });
            }
            output.queue.push_back((n, parts));
        }
        Ok(numbered.counts)
    }

    /// An output writes its queue except the last `behind` batches.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&mut self, output: usize, behind: usize) -> io::Result<()> {
        loop {
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
            match step.map_err(io)? {
                WriteOutcome::CommitFirst(first) => {
                    self.commit()?;
                    if self.bookmark().n < first {
                        // Another output has to write first.
                        return Ok(());
                    }
                }
                WriteOutcome::Accepted => {
                    output.accepted = *n;
                    output.queue.pop_front();
                }
                WriteOutcome::Taken => {
                    output.taken.push_back(*n);
                    output.queue.pop_front();
                }
            }
        }
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
        while let Some(accepted) = output.output.accepted() {
            steps.accepted(&output.name, accepted.n).map_err(io)?;
            output.taken.retain(|n| *n > accepted.n);
            output.accepted = accepted.n;
        }
        polled
    }

    /// Returns whether an output has accepted everything that was received.
    pub fn is_idle(&self, output: usize) -> bool {
        let output = self.outputs.get(output);
        output.is_none_or(|output| output.queue.is_empty() && output.taken.is_empty())
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
        let cut = self.outputs.iter().map(|output| output.accepted).min();
        let mut files: Vec<Arc<dyn DiskFile>> = Vec::new();
        for output in &self.outputs {
            output.output.files(&mut files);
        }
        self.steps.commit(&files, cut.unwrap_or(0)).map_err(io)
    }

    /// Cuts the files back to the last commit, as after a failed sync. The collector must not
    /// be used any more.
    ///
    /// # Errors
    /// The disk's.
    pub fn cut_back(&mut self, disk: &ModelDisk) -> io::Result<()> {
        let Some(mut journal) = self.steps.journal() else {
            return Ok(());
        };
        journal.discard_uncommitted();
        let (bookmark, discarded) = (journal.bookmark(), journal.discarded());
        let notices = settle::cut_back(disk, &key(), bookmark, discarded);
        self.notices.extend(notices.map_err(|(_, error)| error)?);
        Ok(())
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

fn io(error: StepError) -> io::Error {
    match error {
        StepError::Contradiction(error) => panic!("{error}"),
        StepError::Retry(error) | StepError::NotDurable(error) | StepError::BookmarkGone(error) => {
            error
        }
    }
}
