//! The collector's rules on one thread: the real parts, in every order a test
//! asks for.

use std::collections::VecDeque;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use estreamer::delivery::digest::Key;
use estreamer::delivery::disk::Disk;
use estreamer::delivery::entry::Entry;
use estreamer::delivery::journal::Journal;
use estreamer::delivery::opening::{self, Target};
use estreamer::delivery::sequence::{Memory, Sequencer};
use estreamer::output::file::{FileOutput, Part};
use estreamer::output::pattern::Pattern;
use estreamer_core::wire::{InitialTimestamp, RecordType};
use estreamer_mio::batch::{Record, RecordKind};

use crate::disk::ModelDisk;

/// An event of a source: archival second and text.
pub(crate) type Event = (u32, String);

/// What is collected, and how.
#[derive(Clone)]
pub(crate) struct Setting {
    /// By name, in the order in which the server stored them.
    pub(crate) sources: Vec<(&'static str, Vec<Event>)>,
    /// Paths of the outputs.
    pub(crate) outputs: Vec<&'static str>,
    /// Events in a batch.
    pub(crate) batch: usize,
    /// Batches that the last output lies behind the others.
    pub(crate) lag: usize,
    /// Batches between two commits.
    pub(crate) commit: usize,
    /// Seconds asked for again.
    pub(crate) overlap: u32,
    /// Our clock, UNIX seconds.
    pub(crate) now: u64,
}

/// Runs the collector until it has everything, or the disk crashes. Both
/// sources start with "oldest".
pub(crate) fn run(setting: &Setting, disk: &ModelDisk, boot: &str) -> io::Result<()> {
    let disk: Arc<dyn Disk> = Arc::new(disk.clone());
    let mut targets: Vec<Target> = setting
        .outputs
        .iter()
        .map(|path| {
            let pattern = Pattern::parse(path).unwrap();
            Target {
                output: FileOutput::new(path, pattern, disk.clone()),
                paths: vec![PathBuf::from(path)],
            }
        })
        .collect();
    let (mut journal, surprises) =
        opening::open(&disk, Path::new("/state"), boot, &mut targets, &[])
            .map_err(|error| io::Error::other(error.to_string()))?;
    assert_eq!(surprises, []);
    let mut sequencer = Sequencer::new(Key::new([3; 32]), setting.overlap, journal.bookmark());
    let mut streams: Vec<(&str, VecDeque<&Event>)> = setting
        .sources
        .iter()
        .map(|(name, events)| {
            let from = sequencer.connect(name, InitialTimestamp::OLDEST);
            let asked = events.iter().filter(|event| event.0 >= from.0);
            (*name, asked.collect())
        })
        .collect();
    let mut outputs: Vec<Output> = targets
        .into_iter()
        .map(|target| Output {
            path: target.paths[0].as_path().into(),
            files: target.output,
            queue: VecDeque::new(),
            voted: journal.bookmark().n,
        })
        .collect();
    let mut turn = 0;
    // Sources take turns; the last output starts late and catches up at the end.
    while streams.iter().any(|(_, events)| !events.is_empty()) {
        let index = turn % streams.len();
        let (name, events) = &mut streams[index];
        turn += 1;
        let count = setting.batch.min(events.len());
        let events: Vec<&Event> = events.drain(..count).collect();
        if events.is_empty() {
            continue;
        }
        let batch = sequence(&mut sequencer, &mut journal, name, &events, setting.now)?;
        let last = outputs.len() - 1;
        for (index, output) in outputs.iter_mut().enumerate() {
            output.queue.push_back(batch.clone());
            let behind = if index == last { setting.lag } else { 0 };
            output.catch_up(&mut journal, behind)?;
        }
        if turn % setting.commit == 0 {
            commit(&outputs, &mut journal)?;
        }
    }
    for output in &mut outputs {
        output.catch_up(&mut journal, 0)?;
    }
    commit(&outputs, &mut journal)
}

/// A batch's number and its lines.
type Lines = (u64, Vec<u8>);

struct Output {
    files: FileOutput,
    path: Arc<Path>,
    queue: VecDeque<Lines>,
    voted: u64,
}

impl Output {
    fn catch_up(&mut self, journal: &mut Journal, behind: usize) -> io::Result<()> {
        while self.queue.len() > behind {
            let Some((n, lines)) = self.queue.pop_front() else {
                break;
            };
            let part = Part {
                path: self.path.clone(),
                event: "",
                bytes: lines,
            };
            let parts = match part.bytes.is_empty() {
                true => vec![],
                false => vec![part],
            };
            self.files.look(&parts)?;
            let written = self.files.plan(n, &parts);
            journal
                .note(Entry::Written(written))
                .map_err(|(_, error)| error)?;
            self.files.write(&parts)?;
            self.voted = n;
        }
        Ok(())
    }
}

fn sequence(
    sequencer: &mut Sequencer,
    journal: &mut Journal,
    source: &str,
    events: &[&Event],
    now: u64,
) -> io::Result<Lines> {
    let records = events
        .iter()
        .enumerate()
        .map(|(index, (second, text))| Record {
            kind: RecordKind::Event,
            length: text.len() as u32,
            record_type: RecordType::CONNECTION,
            archival: Some(*second),
            data: text.as_bytes(),
            bundle: (index == 0).then_some(false),
        });
    let numbered = sequencer.batch(&source.into(), records, u64::MAX, now, Memory::default());
    let n = numbered.note.n;
    journal
        .note(Entry::Batch(numbered.note))
        .map_err(|(_, error)| error)?;
    let mut lines = Vec::new();
    for ((_, text), verdict) in events.iter().zip(numbered.verdicts) {
        if verdict.keep {
            lines.extend_from_slice(text.as_bytes());
            lines.push(b'\n');
        }
    }
    Ok((n, lines))
}

fn commit(outputs: &[Output], journal: &mut Journal) -> io::Result<()> {
    let cut = outputs.iter().map(|output| output.voted).min();
    for output in outputs {
        output
            .files
            .files()
            .iter()
            .try_for_each(|file| file.sync())?;
    }
    journal.commit(cut.unwrap_or(0))?.sync()?;
    journal.tidy()
}
