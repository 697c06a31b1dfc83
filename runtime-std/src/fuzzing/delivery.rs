//! Nothing lost, nothing twice: a collector, its servers and its disk, driven by
//! a sequence of operations.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;

use estreamer_core::fuzzing::Choices;

use super::collector::{Collector, Event, RECORD_TYPE, Sent, key};
use super::disk::{CRASHES, Crash, ModelDisk};
use crate::digest::Digest;

/// Lets servers store and send, the collector number, write and commit, and
/// processes and machines crash, in any order.
///
/// Three bytes choose the overlap, the outputs and the size of a segment; then
/// one chooses each operation, and the next what of it. Archives are out of
/// order by as much as the overlap, which is what is promised for.
pub fn delivery(data: &[u8]) {
    let mut choices = Choices::new(data);
    let mut world = World::new(&mut choices);
    while !choices.is_empty() {
        world.apply(&mut choices);
    }
    world.drain();
    world.check_exactly_once();
}

/// The sources, by name.
const SOURCES: [&str; 2] = ["a", "b"];
/// The paths of the outputs.
const OUTPUTS: [&str; 2] = ["/out/one", "/out/two"];

struct World {
    disk: ModelDisk,
    overlap: u32,
    outputs: usize,
    segment: u64,
    /// Our clock, UNIX seconds, and this machine's boot.
    now: u64,
    boot: u32,
    servers: [Server; 2],
    collector: Collector,
}

/// A server, its archive, and what is on its way from there.
#[derive(Default)]
struct Server {
    archive: Vec<Event>,
    /// The largest second stored.
    high: u32,
    /// The second asked for, and how much of the archive was looked at.
    from: u32,
    at: usize,
    bundle: Vec<Event>,
    under_way: VecDeque<Sent>,
}

impl World {
    fn new(choices: &mut Choices<'_>) -> Self {
        let disk = ModelDisk::default();
        let overlap = 1 + u32::from(choices.below(6));
        let outputs = 1 + usize::from(choices.below(2));
        let segment = 64 * (1 + u64::from(choices.byte()));
        let collector = Collector::open(&disk, "0", &OUTPUTS[..outputs], overlap);
        let mut world = Self {
            disk,
            overlap,
            outputs,
            segment,
            now: 100_000,
            boot: 0,
            servers: Default::default(),
            collector: collector.expect("an empty disk"),
        };
        world.connect_all();
        world
    }

    fn apply(&mut self, choices: &mut Choices<'_>) {
        let (operation, how) = (choices.below(16), choices.byte());
        let source = usize::from(how % 2);
        let many = usize::from(how / 2);
        let done = match operation {
            0..=2 => {
                self.store(source, how / 2);
                Ok(())
            }
            3..=4 => {
                self.servers[source].send(many % 8);
                Ok(())
            }
            5 => {
                self.servers[source].repeat();
                Ok(())
            }
            6..=7 => self.batch(source, many % 16),
            8..=9 => self.collector.write(source, many % 3),
            10 => self.collector.commit(),
            11 => {
                self.now += u64::from(how);
                Ok(())
            }
            12 => {
                self.connect(source);
                Ok(())
            }
            13..=14 => {
                self.disk.crash_at(1 + u64::from(how) % 24);
                Ok(())
            }
            _ => {
                self.crash(usize::from(how));
                Ok(())
            }
        };
        if done.is_err() {
            assert!(self.disk.has_crashed(), "nothing else goes wrong");
            self.crash(usize::from(choices.byte()));
        }
    }

    /// An event is stored, perhaps late, perhaps the twin of the one before.
    fn store(&mut self, source: usize, how: u8) {
        let overlap = self.overlap;
        let server = &mut self.servers[source];
        server.high = server.high.max(BEGINNING);
        let second = match how % 16 {
            late @ 0..=5 => server.high - u32::from(late).min(overlap),
            6 => server.high - overlap,
            7 => return server.archive.extend(server.archive.last().cloned()),
            ahead => server.high + u32::from(ahead - 8),
        };
        server.high = server.high.max(second);
        let text = format!("{} {second} {}", SOURCES[source], server.archive.len());
        server.archive.push((second, text));
    }

    fn batch(&mut self, source: usize, count: usize) -> std::io::Result<()> {
        let under_way = &mut self.servers[source].under_way;
        let count = count.min(under_way.len());
        let events: Vec<Sent> = under_way.drain(..count).collect();
        if events.is_empty() {
            return Ok(());
        }
        self.collector.batch(SOURCES[source], &events, self.now)
    }

    /// The process or the machine goes down, and the collector starts again.
    fn crash(&mut self, how: usize) {
        let crash = CRASHES[how % CRASHES.len()];
        loop {
            self.disk.come_up(crash);
            // A killed process finds the same boot.
            self.boot += u32::from(crash != Crash::Kill);
            let boot = self.boot.to_string();
            let outputs = &OUTPUTS[..self.outputs];
            match Collector::open(&self.disk, &boot, outputs, self.overlap) {
                Ok(collector) => self.collector = collector,
                Err(error) => {
                    assert!(self.disk.has_crashed(), "it starts again: {error}");
                    continue;
                }
            }
            break;
        }
        self.collector.set_journal_limit(self.segment);
        self.check_bookmark();
        self.connect_all();
    }

    fn connect_all(&mut self) {
        self.collector.set_journal_limit(self.segment);
        (0..SOURCES.len()).for_each(|source| self.connect(source));
    }

    /// A new connection: what was on its way on the old one is lost.
    fn connect(&mut self, source: usize) {
        let from = self.collector.connect(SOURCES[source]);
        let server = &mut self.servers[source];
        let (archive, high) = (std::mem::take(&mut server.archive), server.high);
        *server = Server {
            archive,
            high,
            from,
            ..Server::default()
        };
    }

    /// Everything that is stored is sent, written and committed; a crash that is
    /// still to come comes.
    fn drain(&mut self) {
        loop {
            let mut done = Ok(());
            for source in 0..SOURCES.len() {
                while done.is_ok() && self.servers[source].send(7) {
                    done = self.batch(source, 16);
                }
                done = done.and_then(|()| self.batch(source, usize::MAX));
            }
            for output in 0..self.outputs {
                done = done.and_then(|()| self.collector.write(output, 0));
            }
            match done.and_then(|()| self.collector.commit()) {
                Ok(()) => return,
                Err(_) => self.crash(0),
            }
        }
    }

    /// After a start: for each source, the outputs hold exactly the bookmark's
    /// records from the second to resume from on, and all that was stored before.
    fn check_bookmark(&self) {
        for (source, server) in SOURCES.iter().zip(&self.servers) {
            let delivered = self.collector.bookmark().sources.get(*source);
            let marks = delivered.and_then(|delivered| delivered.marks());
            let resume_from = marks.map_or(0, |marks| marks.resume_from);
            let seconds = delivered.map(|delivered| delivered.seconds());
            let digests = seconds.into_iter().flat_map(BTreeMap::values).flatten();
            let bookmark = counted(digests.copied());
            let early = |event: &Event| event.0 < resume_from;
            let stored = counted(server.archive.iter().filter(|event| early(event)).cloned());
            for path in &OUTPUTS[..self.outputs] {
                let written: Vec<Event> = self.lines(path, source);
                let late = written.iter().filter(|event| !early(event));
                let late = counted(late.map(|event| digest(source, event)));
                assert_eq!(late, bookmark, "{path}: the bookmark is what was written");
                let written = counted(written.into_iter().filter(|event| early(event)));
                assert_eq!(
                    written, stored,
                    "{path}: nothing before {resume_from} is missing"
                );
            }
        }
    }

    fn check_exactly_once(&self) {
        for (source, server) in SOURCES.iter().zip(&self.servers) {
            let stored = counted(server.archive.iter().cloned());
            for path in &OUTPUTS[..self.outputs] {
                let written = counted(self.lines(path, source).into_iter());
                assert_eq!(written, stored, "{path}: exactly once");
            }
            let noticed = self.collector.noticed(source);
            assert_eq!(noticed.missing, 0, "all of it came again");
            assert!(noticed.disorder <= self.overlap);
        }
    }

    /// The events of a source in a file.
    fn lines(&self, path: &str, source: &str) -> Vec<Event> {
        let content = self.disk.content(Path::new(path));
        let text = String::from_utf8(content).expect("what was written is text");
        assert!(
            text.is_empty() || text.ends_with('\n'),
            "whole lines: {text:?}"
        );
        let events = text.lines().filter(|line| line.starts_with(source));
        events
            .map(|line| {
                let second = line.split(' ').nth(1).and_then(|word| word.parse().ok());
                (second.expect("a second"), line.to_owned())
            })
            .collect()
    }
}

impl Server {
    /// Sends the next bundle, of so many events at most; whether there was one.
    fn send(&mut self, count: usize) -> bool {
        let rest = self.archive[self.at..].iter();
        let wanted = rest.enumerate().filter(|(_, event)| event.0 >= self.from);
        let bundle: Vec<(usize, Event)> = wanted
            .take(count)
            .map(|(index, event)| (index, event.clone()))
            .collect();
        let Some((last, _)) = bundle.last() else {
            return false;
        };
        self.at += last + 1;
        self.bundle = bundle.into_iter().map(|(_, event)| event).collect();
        self.dispatch(false);
        true
    }

    /// Sends the last bundle once more.
    fn repeat(&mut self) {
        self.dispatch(true);
    }

    fn dispatch(&mut self, repeats: bool) {
        let events = self.bundle.iter().enumerate();
        let marked = |(index, event): (usize, &Event)| {
            let first = (index == 0).then_some(repeats);
            (event.clone(), first)
        };
        self.under_way.extend(events.map(marked));
    }
}

/// What every archive begins around: its first events may be late, too.
const BEGINNING: u32 = 1000;

fn digest(source: &str, (second, text): &Event) -> Digest {
    key().digest(source, RECORD_TYPE, Some(*second), text.as_bytes())
}

/// How often each is there.
fn counted<T: Ord>(all: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for one in all {
        *counts.entry(one).or_default() += 1;
    }
    counts
}
