//! The collector's rules on one thread: the real parts, in every order a test
//! asks for.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use estreamer_core::wire::{InitialTimestamp, RecordType};
use estreamer_mio::batch::{Record, RecordKind};

use super::disk::ModelDisk;
use crate::delivery::bookmark::entry::Entry;
use crate::delivery::bookmark::journal::Journal;
use crate::delivery::bookmark::opening::{self, Target};
use crate::delivery::bookmark::recovery::Bookmark;
use crate::delivery::dedup::sequencer::{Memory, Noticed, Sequencer};
use crate::digest::Key;
use crate::disk::Disk;
use crate::output::file::{FileOutput, Part};
use crate::output::pattern::Pattern;

/// An event of a source: archival second and text.
pub type Event = (u32, String);

/// An event on its way: set where it is the first of its bundle, whether that
/// repeats its predecessor.
pub type Sent = (Event, Option<bool>);

/// What makes two records the same, in every run.
pub fn key() -> Key {
    Key::new([3; 32])
}

/// The type every event has here.
pub const RECORD_TYPE: RecordType = RecordType::CONNECTION;

/// A batch's number and its lines.
type Lines = (u64, Vec<u8>);

/// A collector that does what it is told, one thing at a time. After an error it
/// is of no use any more.
pub struct Collector {
    journal: Journal,
    sequencer: Sequencer,
    outputs: Vec<Output>,
}

/// A file and the batches that are to go there.
struct Output {
    path: Arc<Path>,
    files: FileOutput,
    queue: VecDeque<Lines>,
    voted: u64,
}

impl Collector {
    /// Starts from what is on the disk, with a file for each output.
    ///
    /// # Errors
    /// The disk's, or the words of a refusal.
    ///
    /// # Panics
    /// When a file is not as it was left.
    pub fn open(disk: &ModelDisk, boot: &str, paths: &[&str], overlap: u32) -> io::Result<Self> {
        let disk: Arc<dyn Disk> = Arc::new(disk.clone());
        let mut targets: Vec<Target> = paths
            .iter()
            .map(|path| {
                let pattern = Pattern::parse(path).expect("a path");
                Target {
                    output: FileOutput::new(path, pattern, disk.clone()),
                    paths: vec![PathBuf::from(path)],
                }
            })
            .collect();
        let (journal, surprises) =
            opening::open(&disk, Path::new("/state"), boot, overlap, &mut targets, &[])
                .map_err(|error| io::Error::other(error.to_string()))?;
        assert_eq!(surprises, [], "nobody else writes here");
        let voted = journal.bookmark().n;
        let outputs = targets.into_iter().map(|target| Output {
            path: target.paths[0].as_path().into(),
            files: target.output,
            queue: VecDeque::new(),
            voted,
        });
        Ok(Self {
            sequencer: Sequencer::new(key(), overlap, journal.bookmark()),
            outputs: outputs.collect(),
            journal,
        })
    }

    /// Makes the journal go on in its other segment after so many bytes.
    pub fn set_journal_limit(&mut self, bytes: u64) {
        self.journal.set_limit(bytes);
    }

    /// The bookmark of the last commit.
    pub fn bookmark(&self) -> &Bookmark {
        self.journal.bookmark()
    }

    /// What was noticed of a source.
    pub fn noticed(&self, source: &str) -> Noticed {
        self.sequencer.noticed(source)
    }

    /// A connection of a source stands; returns the second to ask from, where
    /// the first one of all asks for the oldest.
    pub fn connect(&mut self, source: &str) -> u32 {
        self.sequencer.connect(source, InitialTimestamp::OLDEST).0
    }

    /// A batch of a source came, at `now` by our clock: it is numbered, noted
    /// and put into the queue of every output.
    ///
    /// # Errors
    /// The disk's.
    pub fn batch(&mut self, source: &str, events: &[Sent], now: u64) -> io::Result<()> {
        let records = events.iter().map(|((second, text), bundle)| Record {
            kind: RecordKind::Event,
            length: text.len() as u32,
            record_type: RECORD_TYPE,
            archival: Some(*second),
            data: text.as_bytes(),
            bundle: *bundle,
        });
        let memory = Memory::default();
        let numbered = self
            .sequencer
            .batch(&source.into(), records, u64::MAX, now, memory);
        let n = numbered.note.n;
        self.journal
            .note(Entry::Batch(numbered.note))
            .map_err(|(_, error)| error)?;
        let mut lines = Vec::new();
        for (((_, text), _), verdict) in events.iter().zip(numbered.verdicts) {
            if verdict.keep {
                lines.extend_from_slice(text.as_bytes());
                lines.push(b'\n');
            }
        }
        for output in &mut self.outputs {
            output.queue.push_back((n, lines.clone()));
        }
        Ok(())
    }

    /// An output writes what is in its queue, but the last `behind` batches.
    ///
    /// # Errors
    /// The disk's.
    pub fn write(&mut self, output: usize, behind: usize) -> io::Result<()> {
        let Some(output) = self.outputs.get_mut(output) else {
            return Ok(());
        };
        while output.queue.len() > behind {
            let Some((n, lines)) = output.queue.pop_front() else {
                break;
            };
            let parts: Vec<Part> = (!lines.is_empty())
                .then(|| Part {
                    path: output.path.clone(),
                    event: "",
                    bytes: lines,
                })
                .into_iter()
                .collect();
            output.files.look(&parts)?;
            assert_eq!(output.files.surprises(), [], "nobody else writes here");
            let written = output.files.plan(n, &parts);
            self.journal
                .note(Entry::Written(written))
                .map_err(|(_, error)| error)?;
            output.files.write(&parts)?;
            output.voted = n;
        }
        Ok(())
    }

    /// What every output has written becomes the bookmark, durably.
    ///
    /// # Errors
    /// The disk's.
    pub fn commit(&mut self) -> io::Result<()> {
        let cut = self.outputs.iter().map(|output| output.voted).min();
        for output in &self.outputs {
            output.files.files().try_for_each(|file| file.sync())?;
        }
        self.journal.commit(cut.unwrap_or(0))?.sync()?;
        self.journal.tidy()
    }
}
