//! Model test of delivery: each event exactly once in each output, and files of other
//! programs unchanged. A sequence of operations drives a collector, its servers, its disk
//! and other programs on that disk.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use estreamer_core::fuzzing::Choices;
use estreamer_core::wire::InitialTimestamp;

use crate::config::{ArchiveRules, Compression, Retention, Rotation};

use super::aside::{decompressed, is_aside};
use super::collector::{ModelCollector, ModelEvent, OutputTarget, TargetHead};
use super::disk::{CRASHES, Crash, ModelDisk};
use super::server::ModelServer;
use crate::output::file::notice::FileNotice;

/// Runs operations in any order: servers store and send events and set their clocks
/// back; the collector numbers, writes and commits; other programs rename, append to and
/// replace files; disks become full; processes and machines crash.
///
/// Four bytes select the overlap, the outputs, the size of a segment and the first
/// initial timestamps. After that, one byte selects each operation and the next one its
/// argument. Archives are out of order by at most the overlap, the case for which
/// exactly-once delivery is guaranteed.
pub fn delivery(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut model = DeliveryModel::new(&mut choices);
    while !choices.is_empty() {
        model.apply(&mut choices);
    }
    model.drain();
    model.check();
}

/// The names of the sources.
const SOURCES: [&str; 2] = ["a", "b"];
/// The sets of outputs.
const TARGETS: [&[OutputTarget]; 4] = [
    &[OutputTarget {
        path: "/out/one",
        tag: "",
        by_kind: false,
        archive: PLAIN,
        head: TargetHead::Nothing,
    }],
    &[
        OutputTarget {
            path: "/out/one",
            tag: "",
            by_kind: false,
            archive: PLAIN,
            head: TargetHead::Nothing,
        },
        OutputTarget {
            path: "/out/two",
            tag: "",
            by_kind: false,
            archive: PLAIN,
            head: TargetHead::Nothing,
        },
    ],
    &[OutputTarget {
        path: "/out/kind",
        tag: "",
        by_kind: true,
        archive: PLAIN,
        head: TargetHead::Nothing,
    }],
    &[OutputTarget {
        path: "/out/one",
        tag: "",
        by_kind: false,
        archive: CLOSED,
        head: TargetHead::Nothing,
    }],
];
/// Files that are closed, compressed and recorded.
const CLOSED: ArchiveRules = ArchiveRules {
    rotate: Some(Rotation {
        size: Some(100),
        every: Some(200),
    }),
    compress: Some(Compression::Gzip),
    manifest: true,
    ..PLAIN
};
/// One file that stays open.
const PLAIN: ArchiveRules = ArchiveRules {
    rotate: None,
    keep: Retention {
        files: None,
        days: None,
        total: None,
    },
    compress: None,
    manifest: false,
};
const OUT: &str = "/out";
const ELSEWHERE: &str = "/elsewhere";
/// Our clock at the start.
const BEGINNING: u64 = 100_000;

struct DeliveryModel {
    disk: ModelDisk,
    overlap: u32,
    targets: &'static [OutputTarget],
    segment: u64,
    /// Our clock in UNIX seconds, and the boot of this machine.
    now: u64,
    boot: u32,
    servers: [ModelServer; 2],
    truths: [Truth; 2],
    collector: ModelCollector,
    /// The text that other programs wrote, with the file.
    foreign: Vec<String>,
    renamed: usize,
    /// Whether a notice about a file was given: events may then be there twice.
    is_told: bool,
}

/// The guarantees for a source.
#[derive(Default)]
struct Truth {
    /// How often each event of the archive has to be delivered.
    promised: Vec<bool>,
    /// Whether a connection was requested: events stored from then on are guaranteed.
    is_asked: bool,
    /// Whether the clock was set back: events may then be there twice.
    is_set_back: bool,
}

impl DeliveryModel {
    fn new(choices: &mut Choices<'_>) -> Self {
        let disk = ModelDisk::default();
        let overlap = 1 + u32::from(choices.below(6));
        let targets = TARGETS[usize::from(choices.below(4))];
        let segment = 64 * (1 + u64::from(choices.byte()));
        let collector = ModelCollector::open(&disk, "0", targets, overlap);
        let asks = choices.byte();
        let mut model = Self {
            disk,
            overlap,
            targets,
            segment,
            now: BEGINNING,
            boot: 0,
            servers: [ModelServer::ahead(0), ModelServer::ahead(overlap)],
            truths: Default::default(),
            collector: collector.expect("an empty disk"),
            foreign: Vec::new(),
            renamed: 0,
            is_told: false,
        };
        model.collector.set_journal_limit(segment);
        for source in 0..SOURCES.len() {
            let ask = model.ask(asks >> (2 * source));
            assert!(model.connect(source, ask).is_ok(), "an empty disk");
        }
        model
    }

    /// Returns an initial timestamp that a user may choose.
    fn ask(&self, how: u8) -> InitialTimestamp {
        match how % 4 {
            0 | 1 => InitialTimestamp::OLDEST,
            2 => InitialTimestamp::NOW,
            _ => InitialTimestamp(self.now as u32 - 10),
        }
    }

    fn apply(&mut self, choices: &mut Choices<'_>) {
        let (operation, how) = (choices.below(25), choices.byte());
        self.disk.set_now(self.now);
        let source = usize::from(how % 2);
        let many = usize::from(how / 2);
        let done = match operation {
            0..=3 => {
                self.store(source, how / 2);
                Ok(())
            }
            4..=5 => {
                self.servers[source].send(many % 8);
                Ok(())
            }
            6 => {
                self.servers[source].repeat();
                Ok(())
            }
            7..=8 => self.batch(source, many % 16),
            9..=11 => self.collector.write(source, many % 3),
            12 => self.collector.commit(),
            13 => {
                self.now += u64::from(how);
                Ok(())
            }
            14 => {
                let ask = self.ask(how / 2);
                self.connect(source, ask)
            }
            15 if how < 32 => {
                self.servers[source].set_back(500);
                self.truths[source].is_set_back = true;
                Ok(())
            }
            15 => self.collector.reopen(source),
            16 => {
                self.rename(many);
                Ok(())
            }
            17 => {
                self.write_foreign(many);
                Ok(())
            }
            18 => match self.end_in_order() {
                Ok(()) => {
                    self.start(how);
                    Ok(())
                }
                failed => failed,
            },
            24 => {
                self.disk.set_full(how.is_multiple_of(2));
                Ok(())
            }
            19..=21 => {
                self.disk.crash_at(1 + u64::from(how) % 24);
                Ok(())
            }
            _ => {
                self.crash(how);
                Ok(())
            }
        };
        match done {
            Ok(()) => {}
            // The operation is retried.
            Err(error) if error.kind() == ErrorKind::StorageFull => {}
            Err(error) => {
                assert!(self.disk.has_crashed(), "nothing else goes wrong: {error}");
                self.crash(choices.byte());
            }
        }
        self.listen();
    }

    /// Stores an event; it may be late or equal to the previous one.
    fn store(&mut self, source: usize, how: u8) {
        let server = &mut self.servers[source];
        let kind = if how & 64 == 0 { 'x' } else { 'y' };
        match how % 16 {
            late @ 0..=5 => {
                let late = u32::from(late).min(self.overlap);
                server.store(SOURCES[source], self.now, late, kind);
            }
            6 => server.store_twin(),
            _ => {
                self.now += u64::from(how % 3);
                server.store(SOURCES[source], self.now, 0, kind);
            }
        }
        let truth = &mut self.truths[source];
        let stored = self.servers[source].archive.len();
        // After the clock was set back, a server never sends new events to a client that
        // requests events newer than the newest one.
        truth
            .promised
            .resize(stored, truth.is_asked && !truth.is_set_back);
    }

    fn batch(&mut self, source: usize, count: usize) -> std::io::Result<()> {
        let events = self.servers[source].receive(count);
        if events.is_empty() {
            return Ok(());
        }
        let noticed = self.collector.batch(SOURCES[source], &events, self.now)?;
        if !self.truths[source].is_set_back {
            assert!(noticed.disorder <= self.overlap, "{noticed:?}");
            assert_eq!(noticed.missing, 0, "all of it came again");
        }
        Ok(())
    }

    /// Another program renames a file of ours, or one that was renamed before.
    fn rename(&mut self, how: usize) {
        let mut paths = self.disk.paths(Path::new(OUT));
        // Files moved aside are found by their names below.
        paths.retain(|path| !is_aside(path));
        let Some(path) = paths.get(how % paths.len().max(1)).cloned() else {
            return;
        };
        self.renamed += 1;
        let directory = if how.is_multiple_of(3) {
            ELSEWHERE
        } else {
            OUT
        };
        let to = format!("{directory}/renamed-{}", self.renamed);
        self.disk.renamed_by_another(&path, Path::new(&to));
    }

    /// Another program appends to a file or replaces it.
    fn write_foreign(&mut self, how: usize) {
        let text = format!("<foreign {}>\n", self.foreign.len());
        let mut paths = self.disk.paths(Path::new(OUT));
        paths.retain(|path| !is_aside(path));
        let path = paths.get(how / 2 % paths.len().max(1)).cloned();
        if how.is_multiple_of(2) {
            if let Some(path) = path
                && self.disk.appended_by_another(&path, text.as_bytes())
            {
                self.foreign.push(text);
            }
            return;
        }
        let path = path.unwrap_or_else(|| self.targets[0].path_of("x").into());
        self.renamed += 1;
        let away = format!("{ELSEWHERE}/renamed-{}", self.renamed);
        self.disk.renamed_by_another(&path, Path::new(&away));
        // Longer than the previous content.
        let content = text.repeat(20);
        self.disk.written_by_another(&path, content.as_bytes());
        self.foreign.extend(std::iter::repeat_n(text, 20));
    }

    /// Records the notices about files.
    fn listen(&mut self) {
        let told = self.collector.notices();
        self.is_told |= told
            .iter()
            .any(|notice| !matches!(notice, FileNotice::SetAside(..)));
    }

    /// Writes everything received, and ends the process.
    fn end_in_order(&mut self) -> std::io::Result<()> {
        self.disk.set_full(false);
        self.servers.iter_mut().for_each(ModelServer::disconnect);
        // Two outputs may have to wait for each other.
        for _ in 0..2 {
            for output in 0..self.targets.len() {
                self.collector.write(output, 0)?;
            }
        }
        self.collector.close()
    }

    /// Crashes the process or the machine, and starts the collector again.
    fn crash(&mut self, how: u8) {
        self.servers.iter_mut().for_each(ModelServer::disconnect);
        let crash = CRASHES[usize::from(how) % CRASHES.len()];
        self.disk.come_up(crash);
        // After a killed process, the boot is the same.
        self.boot += u32::from(crash != Crash::Kill);
        self.start(how);
    }

    /// Starts the collector, possibly with other outputs, until a start does not crash.
    fn start(&mut self, how: u8) {
        self.disk.set_full(false);
        self.listen();
        loop {
            let boot = self.boot.to_string();
            let opened = ModelCollector::open(&self.disk, &boot, self.targets, self.overlap);
            let asked = opened.and_then(|collector| {
                self.collector = collector;
                self.collector.set_journal_limit(self.segment);
                (0..SOURCES.len()).try_for_each(|source| {
                    let ask = self.ask(how >> (2 * source));
                    self.connect(source, ask)
                })
            });
            self.listen();
            match asked {
                Ok(()) => return,
                Err(error) => assert!(self.disk.has_crashed(), "it starts again: {error}"),
            }
            self.servers.iter_mut().for_each(ModelServer::disconnect);
            self.disk.come_up(CRASHES[usize::from(how) % CRASHES.len()]);
            self.boot += 1;
        }
    }

    /// Connects a source; the user requests events from `ask`.
    fn connect(&mut self, source: usize, ask: InitialTimestamp) -> std::io::Result<()> {
        let bookmark = self.collector.bookmark();
        let delivered = bookmark.sources.get(SOURCES[source]);
        let point = delivered.and_then(|delivered| delivered.point());
        let is_new = point.is_none_or(|point| point.high.is_none());
        let from = self.collector.connect(SOURCES[source], ask, self.now)?;
        let truth = &mut self.truths[source];
        truth.is_asked = true;
        let archive = self.servers[source].archive.iter();
        for ((second, _), promised) in archive.zip(&mut truth.promised) {
            let asked_by_user = is_new && ask != InitialTimestamp::NOW && *second >= ask.0;
            let asked = from != InitialTimestamp::NOW && *second >= from.0;
            *promised |= !truth.is_set_back && (asked_by_user || asked);
        }
        self.servers[source].connect(from);
        Ok(())
    }

    /// Sends, writes and commits all stored events; a crash that is still pending
    /// happens.
    fn drain(&mut self) {
        self.disk.set_full(false);
        loop {
            let mut done = Ok(());
            for source in 0..SOURCES.len() {
                while done.is_ok() && self.servers[source].send(7) {
                    done = self.batch(source, 16);
                }
                done = done.and_then(|()| self.batch(source, usize::MAX));
            }
            for _ in 0..2 {
                for output in 0..self.targets.len() {
                    done = done.and_then(|()| self.collector.write(output, 0));
                }
            }
            let done = done.and_then(|()| self.collector.commit());
            self.listen();
            match done {
                Ok(()) => return,
                Err(error) => {
                    assert!(self.disk.has_crashed(), "nothing else goes wrong: {error}");
                    self.crash(0);
                }
            }
        }
    }

    /// Checks that every guaranteed event is there as often as it was stored, and that
    /// the text of other programs is unchanged.
    fn check(&self) {
        let paths = [OUT, ELSEWHERE].map(|directory| self.disk.paths(Path::new(directory)));
        let read = |path: &Path| {
            String::from_utf8_lossy(&decompressed(&self.disk.content(path))).into_owned()
        };
        let paths = paths.concat();
        let contents: Vec<String> = paths.iter().map(|path| read(path)).collect();
        for text in &self.foreign {
            let there = contents
                .iter()
                .map(|content| content.matches(&**text).count());
            let expected = self.foreign.iter().filter(|other| *other == text).count();
            assert_eq!(there.sum::<usize>(), expected, "{text:?} was not ours");
        }
        let mut written: BTreeMap<&str, usize> = BTreeMap::new();
        // Events in files moved aside are collected again, or were not ours.
        let files = paths.iter().filter(|path| !is_aside(path));
        let contents: Vec<String> = files.map(|path| read(path)).collect();
        let lines = contents.iter().flat_map(|content| content.lines());
        for line in lines.filter(|line| !line.is_empty()) {
            // A foreign line may follow an incomplete line of ours.
            *written.entry(line.trim_matches('\0')).or_default() += 1;
        }
        // Each event goes to every output, or to the one file of its kind.
        let copies = self.targets.len();
        for (source, (server, truth)) in self.servers.iter().zip(&self.truths).enumerate() {
            let mut stored: BTreeMap<&ModelEvent, (usize, usize)> = BTreeMap::new();
            for (event, promised) in server.archive.iter().zip(&truth.promised) {
                let (all, due) = stored.entry(event).or_default();
                *all += copies;
                *due += usize::from(*promised) * copies;
            }
            let may_double = truth.is_set_back || self.is_told;
            for (event, (all, due)) in stored {
                let count = written.get(&*event.1).copied().unwrap_or(0);
                assert!(
                    count >= due,
                    "{}: lost {event:?}: {count} of {due}",
                    SOURCES[source]
                );
                assert!(
                    may_double || count <= all,
                    "{}: {event:?} is there {count} times, stored {all}",
                    SOURCES[source]
                );
            }
        }
    }
}
