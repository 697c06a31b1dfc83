//! The collector's rules on one thread: the steps that ship, in every order a
//! test asks for.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;

use estreamer_core::wire::{InitialTimestamp, RecordType};
use estreamer_mio::buffer::{BundleStart, EventRecord, RecordKind};

use super::disk::ModelDisk;
use crate::delivery::bookmark::entry::BatchEntry;
use crate::delivery::bookmark::opening::{self, BookmarkLocation};
use crate::delivery::bookmark::recovery::Bookmark;
use crate::delivery::dedup::sequencer::{BatchCounts, FirstSessions, Sequencer, SequencerLimits};
use crate::delivery::pipeline::steps::{DeliverySteps, StepError, WriteOutcome};
use crate::digest::DigestKey;
use crate::disk::{Disk, DiskFile};
use crate::output::file::{FileNotice, FileOutput};
use crate::output::{Output, OutputPart};

/// An event of a source: archival second and text.
pub type Event = (u32, String);

/// An event on its way, and the bundle that begins with it.
pub type Sent = (Event, Option<BundleStart>);

/// What makes two records the same, in every run.
pub fn key() -> DigestKey {
    DigestKey::new([3; 32])
}

/// The type every event has here.
pub const RECORD_TYPE: RecordType = RecordType::CONNECTION;

/// Where an output writes, and whether each kind of event has a file of its own:
/// then the kind, which is the last character of its text, is put behind.
#[derive(Debug, Clone, Copy)]
pub struct Target {
    /// The path, or its beginning.
    pub path: &'static str,
    /// Whether each kind has a file of its own.
    pub by_kind: bool,
}

impl Target {
    /// The path for an event of this text.
    pub fn path_of(&self, text: &str) -> String {
        match (self.by_kind, text.chars().next_back()) {
            (true, Some(kind)) => format!("{}.{kind}", self.path),
            _ => self.path.into(),
        }
    }
}

/// A collector that does what it is told, one thing at a time. After an error it
/// is of no use any more.
pub struct Collector {
    steps: DeliverySteps,
    sequencer: Sequencer,
    outputs: Vec<ModelOutput>,
    notices: Vec<FileNotice>,
}

/// An output and the batches that are to go there.
struct ModelOutput {
    target: Target,
    name: Arc<str>,
    output: Box<dyn Output>,
    queue: VecDeque<(u64, Vec<OutputPart>)>,
    accepted: u64,
}

impl Collector {
    /// Starts from what is on the disk.
    ///
    /// # Errors
    /// The disk's, or the words of a refusal.
    pub fn open(
        disk: &ModelDisk,
        boot: &str,
        targets: &[Target],
        overlap: u32,
    ) -> io::Result<Self> {
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let output = |target: &Target| -> (String, Box<dyn Output>) {
            let paths = match target.by_kind {
                true => Vec::new(),
                false => vec![target.path.into()],
            };
            let output = FileOutput::new(disk.clone(), key(), 0o600, paths, target.by_kind);
            (target.path.into(), Box::new(output))
        };
        let mut outputs: Vec<_> = targets.iter().map(output).collect();
        let place = BookmarkLocation {
            directory: Path::new("/state"),
            boot,
            key: &key(),
        };
        let (journal, notices) = opening::open(&disk, place, overlap, None, &mut outputs)
            .map_err(|error| io::Error::other(error.to_string()))?;
        let accepted = journal.bookmark().n;
        let limits = SequencerLimits {
            overlap,
            digests: 1 << 20,
        };
        let sources = &journal.bookmark().sources;
        let sequencer = Sequencer::new(key(), limits, accepted, sources, FirstSessions::default());
        let outputs = outputs.into_iter().zip(targets);
        let outputs = outputs.map(|((name, output), target)| ModelOutput {
            target: *target,
            name: name.into(),
            output,
            queue: VecDeque::new(),
            accepted,
        });
        Ok(Self {
            sequencer,
            outputs: outputs.collect(),
            steps: DeliverySteps::new(Some(journal)),
            notices,
        })
    }

    /// Makes the journal go on in its other segment after so many bytes.
    pub fn set_journal_limit(&mut self, bytes: u64) {
        if let Some(mut journal) = self.steps.journal() {
            journal.set_limit(bytes);
        }
    }

    /// The bookmark of the last commit.
    pub fn bookmark(&self) -> Bookmark {
        let journal = self.steps.journal();
        journal.map_or_else(Bookmark::default, |journal| journal.bookmark().clone())
    }

    /// What was told of files since the last time.
    pub fn notices(&mut self) -> Vec<FileNotice> {
        for output in &mut self.outputs {
            self.notices.extend(output.output.notices());
        }
        std::mem::take(&mut self.notices)
    }

    /// A connection of a source stands, at `now` by our clock; returns where to
    /// ask from.
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

    /// A batch of a source came, at `now` by our clock: it is numbered, noted
    /// and put into the queue of every output.
    ///
    /// # Errors
    /// The disk's.
    pub fn batch(&mut self, source: &str, events: &[Sent], now: u64) -> io::Result<BatchCounts> {
        let source: Arc<str> = source.into();
        let records: Vec<EventRecord<'_>> = events.iter().map(record).collect();
        let mut verdicts = Vec::new();
        let all = || records.iter().copied();
        self.sequencer.screen(&source, all(), &mut verdicts);
        let numbered =
            self.sequencer
                .number(&source, all(), &mut verdicts, u64::MAX, now, Vec::new());
        let n = numbered.n;
        let mut entry = Some(BatchEntry {
            n,
            source,
            server: numbered.server,
            point: numbered.point,
            records: numbered.records,
        });
        self.steps
            .append_batch(&mut entry, numbered.is_first)
            .map_err(io)?;
        for output in &mut self.outputs {
            let mut parts: Vec<OutputPart> = Vec::new();
            let kept = events.iter().zip(&verdicts).filter(|(_, of)| of.keep);
            for (((_, text), _), _) in kept {
                let path = output.target.path_of(text);
                let part = match parts
                    .iter_mut()
                    .find(|part| *part.path == *Path::new(&path))
                {
                    Some(part) => part,
                    None => {
                        parts.push(OutputPart {
                            path: Path::new(&path).into(),
                            event: "",
                            bytes: Vec::new(),
                        });
                        let last = parts.len() - 1;
                        &mut parts[last]
                    }
                };
                part.bytes.extend_from_slice(text.as_bytes());
                part.bytes.push(b'\n');
            }
            output.queue.push_back((n, parts));
        }
        Ok(numbered.counts)
    }

    /// An output writes what is in its queue, but the last `behind` batches.
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
                WriteOutcome::Accepted | WriteOutcome::Taken => {
                    output.accepted = *n;
                    output.queue.pop_front();
                }
            }
        }
    }

    /// An output closes its files, to open them by their names again.
    ///
    /// # Errors
    /// The disk's.
    pub fn reopen(&mut self, output: usize) -> io::Result<()> {
        match self.outputs.get_mut(output) {
            Some(output) => self.steps.reopen(output.output.as_mut()).map_err(io),
            None => Ok(()),
        }
    }

    /// What every output has accepted becomes the bookmark, durably.
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

    /// The process ends in order: everything is written, committed and closed.
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
        StepError::Retry(error) | StepError::NotDurable(error) | StepError::BookmarkGone(error) => {
            error
        }
    }
}
