//! A world: servers, a collector, a disk, a receiver, an operator and other programs, which
//! act one after the other.

use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use estreamer::fuzzing::collector::{ModelCollector, OutputTarget};
use estreamer::fuzzing::disk::{Crash, ModelDisk};
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::buffer::{Batch, EventRecord};

use crate::action::Action;
use crate::files::{self, ELSEWHERE};
use crate::oracle::{self, Oracle};
use crate::outputs::{BULK, OUTPUTS, RESPELLED};
use crate::receiver::{Mood, Receiver};
use crate::seed::Random;
use crate::server::Server;
use crate::sources::{SOURCES, Source};

/// Our clock at the start, in UNIX seconds.
const BEGINNING: u64 = 100_000;
/// The directory of the bookmark.
const STATE: &str = "/state";
/// The rounds in which everything arrives once there is no trouble.
const PATIENCE: usize = 400;

/// What a world is like from the start.
#[derive(Debug, Clone)]
pub(crate) struct Conditions {
    pub(crate) overlap: u32,
    /// The size of a segment of the journal, in bytes.
    pub(crate) segment: u64,
    pub(crate) outputs: Vec<usize>,
    /// What the user asks the second source for.
    pub(crate) ask: InitialTimestamp,
    pub(crate) deviations: [usize; SOURCES.len()],
}

impl Conditions {
    pub(crate) fn of_seed(random: &mut Random) -> Self {
        Self {
            overlap: 5 + random.below(3) as u32,
            segment: 64 * (1 + random.below(200) as u64),
            outputs: outputs(1 + random.below(31)),
            ask: match random.below(4) {
                0 => InitialTimestamp::NOW,
                1 => InitialTimestamp(BEGINNING as u32 - 10),
                _ => InitialTimestamp::OLDEST,
            },
            deviations: [random.below(6), random.below(6)],
        }
    }
}

/// Returns the outputs whose bits are set.
fn outputs(bits: usize) -> Vec<usize> {
    let all = 0..OUTPUTS.len();
    all.filter(|output| bits >> output & 1 == 1).collect()
}

/// Why a call of the collector did not succeed.
enum Trouble {
    /// It is to be tried again.
    Again,
    /// The process or the machine is gone.
    Crashed,
    /// The run ends, as for the user: bytes may not be durable.
    NotDurable,
}

/// A world.
pub(crate) struct World {
    conditions: Conditions,
    disk: ModelDisk,
    boot: u32,
    /// The right time.
    now: u64,
    /// How far our clock is ahead of it.
    ahead: u64,
    sources: Vec<Source>,
    outputs: Vec<usize>,
    /// Whether the configuration spells the paths in another way.
    is_respelled: bool,
    collector: ModelCollector,
    receiver: Receiver,
    oracle: Oracle,
    /// What a crash that is still to come does.
    pending: Crash,
    is_renumbered: bool,
    backup: Option<Vec<(PathBuf, Vec<u8>)>>,
    renamed: usize,
    written: usize,
    /// Whether anything but the collector changed files of outputs.
    is_touched: bool,
    story: Vec<String>,
}

impl World {
    /// Creates a world and starts the collector.
    pub(crate) fn new(conditions: &Conditions) -> Self {
        let disk = ModelDisk::default();
        let receiver = Receiver::default();
        let source = |number: usize| Source {
            server: Server::new(
                number as u32 * conditions.overlap,
                conditions.deviations[number],
            ),
            ask: match number {
                0 => InitialTimestamp::OLDEST,
                _ => conditions.ask,
            },
            is_configured: true,
            is_asked: false,
            is_set_back: false,
        };
        let outputs = conditions.outputs.clone();
        let collector = open(&disk, 0, (&outputs, false), conditions.overlap, &receiver);
        let mut world = Self {
            conditions: conditions.clone(),
            disk,
            boot: 0,
            now: BEGINNING,
            ahead: 0,
            sources: (0..SOURCES.len()).map(source).collect(),
            outputs,
            is_respelled: false,
            collector: collector.expect("an empty disk"),
            receiver,
            oracle: Oracle::default(),
            pending: Crash::Kill,
            is_renumbered: false,
            backup: None,
            renamed: 0,
            written: 0,
            is_touched: false,
            story: vec![format!("{conditions:?}")],
        };
        world.collector.set_journal_limit(conditions.segment);
        world.disk.set_now(BEGINNING);
        let connected = world.connect_all();
        assert!(connected.is_ok(), "an empty disk");
        world
    }

    /// What happened so far.
    pub(crate) fn story(&self) -> &[String] {
        &self.story
    }

    fn say(&mut self, what: impl Into<String>) {
        self.story.push(what.into());
    }

    /// Our clock.
    fn clock(&self) -> u64 {
        self.now + self.ahead
    }

    /// Something happens.
    pub(crate) fn apply(&mut self, action: Action) {
        self.say(format!("{action:?}"));
        self.disk.set_now(self.clock());
        let done = self.act(action);
        self.listen();
        if let Err(error) = done {
            self.overcome(error);
        }
        if let Err(error) = self.reconnect() {
            self.overcome(error);
        }
    }

    fn act(&mut self, action: Action) -> io::Result<()> {
        match action {
            Action::Store {
                source,
                count,
                late,
                kind,
            } => {
                for _ in 0..count {
                    let late = late.min(self.conditions.overlap);
                    let server = &mut self.sources[source].server.archive;
                    server.store(SOURCES[source], self.now, late, kind);
                    self.stored(source);
                }
            }
            Action::StoreTwin { source } => {
                // As other events, it is at most as late as the overlap.
                let overlap = u64::from(self.conditions.overlap);
                let server = &mut self.sources[source].server.archive;
                let last = server.archive.last().map(|(second, _)| u64::from(*second));
                if last.is_some_and(|second| second + overlap >= self.now + source as u64 * overlap)
                {
                    server.store_twin();
                    self.stored(source);
                }
            }
            Action::Send { source, events } => {
                self.sources[source].server.send(events);
            }
            Action::Repeat { source } => self.sources[source].server.repeat(),
            Action::SendNull { source } => self.sources[source].server.send_null(),
            Action::Arrive { source, bytes } => {
                self.arrive(source, bytes)?;
            }
            Action::Cut { source } => self.sources[source].server.cut(),
            Action::SetBack { source } => {
                self.sources[source].server.archive.set_back(500);
                self.sources[source].is_set_back = true;
            }
            Action::Write { output, behind } => self.collector.write(output, behind)?,
            Action::Poll => self.poll()?,
            Action::Commit => self.collector.commit()?,
            Action::Reopen { output } => self.collector.reopen(output)?,
            Action::Wait { seconds } => {
                self.now += seconds;
                let now = self.clock();
                for source in &mut self.sources {
                    source.server.wait_until(now);
                }
            }
            Action::StoreFuture { source } => {
                let server = &mut self.sources[source].server.archive;
                server.store_future(SOURCES[source], self.now);
                self.stored(source);
            }
            Action::Clock { ahead } => {
                // Before its first event, a source that asks for new events rests on our clock.
                let mut sources = self.sources.iter();
                let rests = sources.any(|source| source.ask == InitialTimestamp::NOW);
                self.ahead = if rests { 0 } else { ahead };
            }
            Action::Crash(crash) => self.crash(crash),
            Action::CrashAt { operation, crash } => {
                self.pending = crash;
                self.disk.crash_at(operation);
            }
            Action::Full(is_full) => self.disk.set_full(is_full),
            Action::FailSync => self.disk.fail_sync(),
            Action::Renumber => self.is_renumbered = true,
            Action::Reload {
                outputs: of,
                sources,
                is_respelled,
            } => {
                self.end_in_order()?;
                self.is_respelled = is_respelled;
                let removed = self.configure(&outputs(of), sources);
                self.start();
                // What a receiver had not accepted was cut from the files of all outputs.
                for output in removed {
                    self.revoke(output, |_| true);
                }
            }
            Action::Receiver(mood) => self.receiver.set_mood(mood),
            Action::Rename { file, away } => self.rename(file, away),
            Action::Append { file } => self.append(file),
            Action::Replace { file } => self.replace(file),
            Action::Truncate { file, bytes } => self.truncate(file, bytes),
            Action::Compress { file } => self.compress(file),
            Action::Rot { file, at } => self.rot(file, at),
            Action::Backup => self.backup = Some(self.state()),
            Action::Restore => self.restore()?,
            Action::DeleteState => self.delete_state()?,
            Action::LoseSegment { second } => {
                self.cut_all();
                let name = format!("{STATE}/journal.{}", usize::from(second));
                self.say(format!("the process is killed, and {name} is removed"));
                self.disk.removed_by_another(Path::new(&name));
                self.disk.come_up(Crash::Kill);
                self.start();
            }
        }
        Ok(())
    }

    fn stored(&mut self, source: usize) {
        let of = &self.sources[source];
        let is_promised = of.is_asked && of.is_configured && !of.is_set_back;
        let outputs = is_promised.then_some(&*self.outputs);
        self.oracle.stored(source, outputs);
    }

    fn arrive(&mut self, source: usize, bytes: usize) -> io::Result<bool> {
        let now = self.now + self.ahead;
        let collector = &mut self.collector;
        self.sources[source]
            .server
            .arrive(bytes, now, |batch: &Batch| {
                let records: Vec<EventRecord<'_>> = batch.records().collect();
                collector.records(SOURCES[source], &records, now).map(drop)
            })
    }

    fn poll(&mut self) -> io::Result<()> {
        for output in 0..self.outputs.len() {
            self.collector.poll(output)?;
        }
        Ok(())
    }

    /// Goes on after an error of the collector.
    fn overcome(&mut self, error: io::Error) {
        match self.trouble(&error) {
            Trouble::Again => {}
            Trouble::Crashed => self.crash(self.pending),
            Trouble::NotDurable => {
                self.say("the run ends: data may not be durable");
                self.cut_all();
                let disk = self.disk.clone();
                let cut = self.collector.cut_back(&disk);
                self.listen();
                if cut.is_err() && self.disk.has_crashed() {
                    self.crash(self.pending);
                } else {
                    self.start();
                }
            }
        }
    }

    fn trouble(&self, error: &io::Error) -> Trouble {
        match error.kind() {
            _ if self.disk.has_crashed() => Trouble::Crashed,
            ErrorKind::StorageFull | ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset => {
                Trouble::Again
            }
            _ if error.to_string().contains("sync failed") => Trouble::NotDurable,
            // Its receiver asks to try again later.
            _ if self.receiver.mood() != Mood::Up => Trouble::Again,
            _ => panic!("nothing else goes wrong: {error}"),
        }
    }

    fn cut_all(&mut self) {
        for source in &mut self.sources {
            source.server.cut();
        }
    }

    /// The process or the machine crashes, and the collector starts again.
    fn crash(&mut self, crash: Crash) {
        self.say(format!("crash: {crash:?}"));
        self.listen();
        self.cut_all();
        self.disk.come_up(crash);
        self.reboot(crash);
        self.start();
    }

    fn reboot(&mut self, crash: Crash) {
        if crash == Crash::Kill {
            return;
        }
        self.boot += 1;
        if std::mem::take(&mut self.is_renumbered) {
            self.disk.renumber();
        }
    }

    /// Starts the collector until a start does not crash.
    fn start(&mut self) {
        self.disk.set_full(false);
        loop {
            let (overlap, receiver) = (self.conditions.overlap, &self.receiver);
            let outputs = (&*self.outputs, self.is_respelled);
            let opened = open(&self.disk, self.boot, outputs, overlap, receiver);
            let started = opened.and_then(|collector| {
                self.collector = collector;
                self.collector.set_journal_limit(self.conditions.segment);
                self.connect_all()
            });
            self.listen();
            let Err(error) = started else {
                return;
            };
            self.say(format!("the start fails: {error}"));
            self.cut_all();
            if self.disk.has_crashed() {
                let crash = self.pending;
                self.disk.come_up(crash);
                self.reboot(crash);
            } else if error.to_string().contains("journal.") {
                self.say("the operator deletes the state");
                self.remove_state();
            } else {
                let error = error.to_string();
                assert!(error.contains("sync failed"), "it starts again: {error}");
            }
        }
    }

    fn connect_all(&mut self) -> io::Result<()> {
        (0..SOURCES.len()).try_for_each(|source| match self.sources[source].is_configured {
            true => self.connect(source),
            false => Ok(()),
        })
    }

    fn reconnect(&mut self) -> io::Result<()> {
        for source in 0..SOURCES.len() {
            let of = &self.sources[source];
            if of.is_configured && !of.server.is_connected() {
                self.connect(source)?;
            }
        }
        Ok(())
    }

    fn connect(&mut self, number: usize) -> io::Result<()> {
        let now = self.clock();
        let bookmark = self.collector.bookmark();
        let delivered = bookmark.sources.get(SOURCES[number]);
        let point = delivered.and_then(|delivered| delivered.point());
        let is_new = point.is_none_or(|point| point.high.is_none());
        let ask = self.sources[number].ask;
        let from = self.collector.connect(SOURCES[number], ask, now)?;
        let source = &mut self.sources[number];
        source.is_asked = true;
        source.server.connect(from, now);
        self.oracle
            .asked((number, &self.sources[number]), &self.outputs, from, is_new);
        Ok(())
    }

    /// Hears the notices about files.
    fn listen(&mut self) {
        for notice in self.collector.notices() {
            self.story.push(format!("told: {notice}"));
            self.oracle.told(&notice, &self.disk);
        }
    }

    /// Writes everything received, and ends the process.
    fn end_in_order(&mut self) -> io::Result<()> {
        self.disk.set_full(false);
        self.cut_all();
        // Two outputs may have to wait for each other.
        for _ in 0..2 {
            for output in 0..self.outputs.len() {
                if let Err(error) = self.collector.write(output, 0)
                    && !matches!(self.trouble(&error), Trouble::Again)
                {
                    return Err(error);
                }
            }
        }
        // The receiver may be down: the next run sends what it did not get.
        if let Err(error) = self.poll()
            && !matches!(self.trouble(&error), Trouble::Again)
        {
            return Err(error);
        }
        self.collector.close()?;
        self.listen();
        Ok(())
    }

    /// Sets the configuration of the next start. Returns the outputs that are gone.
    fn configure(&mut self, outputs: &[usize], sources: usize) -> Vec<usize> {
        let before = std::mem::replace(&mut self.outputs, outputs.to_vec());
        for output in outputs.iter().filter(|output| !before.contains(output)) {
            self.oracle.added(*output, &self.sources);
        }
        for (number, source) in self.sources.iter_mut().enumerate() {
            source.is_configured = sources >> number & 1 == 1;
        }
        let mut removed = before;
        removed.retain(|output| !outputs.contains(output));
        removed
    }

    /// What an output has not got of some sources is no longer promised.
    fn revoke(&mut self, output: usize, of: impl Fn(&Source) -> bool) {
        let got = oracle::got(output, &self.disk, &self.receiver);
        for number in 0..SOURCES.len() {
            if of(&self.sources[number]) {
                self.oracle.revoke(output, number, &self.sources, &got);
            }
        }
    }

    /// Returns a file that another program is about to touch.
    fn file(&mut self, file: usize) -> Option<PathBuf> {
        self.is_touched = true;
        let paths = files::touchable(&self.disk);
        paths.get(file % paths.len().max(1)).cloned()
    }

    fn rename(&mut self, file: usize, away: bool) {
        if let Some(path) = self.file(file) {
            self.renamed += 1;
            let directory = if away { ELSEWHERE } else { "/out" };
            let to = format!("{directory}/renamed-{}", self.renamed);
            self.say(format!("{} becomes {to}", path.display()));
            self.disk.renamed_by_another(&path, Path::new(&to));
        }
    }

    /// Returns a line that nobody else writes.
    fn foreign(&mut self) -> String {
        self.written += 1;
        format!("<foreign {}>", self.written)
    }

    fn append(&mut self, file: usize) {
        if let Some(path) = self.file(file) {
            let line = self.foreign();
            if self
                .disk
                .appended_by_another(&path, format!("{line}\n").as_bytes())
            {
                self.say(format!("{line} is appended to {}", path.display()));
                self.oracle.wrote(&line, 1);
            }
        }
    }

    fn replace(&mut self, file: usize) {
        if let Some(path) = self.file(file) {
            self.renamed += 1;
            let away = format!("{ELSEWHERE}/renamed-{}", self.renamed);
            self.disk.renamed_by_another(&path, Path::new(&away));
            let line = self.foreign();
            let content = format!("{line}\n").repeat(20);
            self.disk.written_by_another(&path, content.as_bytes());
            self.say(format!(
                "{} becomes {away}; {line} is in its place",
                path.display()
            ));
            self.oracle.wrote(&line, 20);
        }
    }

    /// Runs a change to a file by something else, and notes what it took away.
    fn changes(&mut self, path: &Path, after: &Path, change: impl FnOnce(&ModelDisk)) {
        let before = files::lines_of(&self.disk, path);
        change(&self.disk);
        let after = files::lines_of(&self.disk, after);
        self.oracle.changed(&before, &after);
    }

    fn truncate(&mut self, file: usize, bytes: usize) {
        if let Some(path) = self.file(file) {
            let length = self.disk.content(&path).len().saturating_sub(bytes);
            self.say(format!("{} is cut to {length} bytes", path.display()));
            self.changes(&path, &path, |disk| {
                disk.truncated_by_another(&path, length)
            });
        }
    }

    fn compress(&mut self, file: usize) {
        if let Some(path) = self.file(file) {
            let content = self.disk.content(&path);
            if content.starts_with(&[0x1f, 0x8b]) {
                return;
            }
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(&content).expect("memory");
            let compressed = encoder.finish().expect("memory");
            self.renamed += 1;
            let to = PathBuf::from(format!("{ELSEWHERE}/renamed-{}.gz", self.renamed));
            self.say(format!("{} becomes {}", path.display(), to.display()));
            self.changes(&path, &to, |disk| {
                disk.written_by_another(&to, &compressed);
                disk.removed_by_another(&path);
            });
        }
    }

    fn rot(&mut self, file: usize, at: usize) {
        if let Some(path) = self.file(file) {
            let length = self.disk.content(&path).len();
            if length > 0 {
                self.say(format!(
                    "byte {} of {} changes",
                    at % length,
                    path.display()
                ));
                self.changes(&path, &path, |disk| disk.flip(&path, at % length));
            }
        }
    }

    /// Returns the files of the state directory.
    fn state(&self) -> Vec<(PathBuf, Vec<u8>)> {
        let paths = self.disk.paths(Path::new(STATE)).into_iter();
        paths
            .map(|path| (path.clone(), self.disk.content(&path)))
            .collect()
    }

    fn restore(&mut self) -> io::Result<()> {
        let Some(backup) = self.backup.clone() else {
            return Ok(());
        };
        self.end_in_order()?;
        self.remove_state();
        for (path, content) in backup {
            self.disk.written_by_another(&path, &content);
        }
        self.start();
        // What the old journal cannot explain is moved aside. Only outputs that are still
        // there get it again.
        for output in 0..OUTPUTS.len() {
            if !self.outputs.contains(&output) {
                self.revoke(output, |_| true);
            }
        }
        Ok(())
    }

    fn delete_state(&mut self) -> io::Result<()> {
        self.end_in_order()?;
        self.remove_state();
        self.start();
        Ok(())
    }

    fn remove_state(&mut self) {
        for path in self.disk.paths(Path::new(STATE)) {
            self.disk.removed_by_another(&path);
        }
        self.forget();
    }

    /// The collector does not know what it delivered: a source that does not ask for the
    /// oldest events may miss some, and events come again.
    fn forget(&mut self) {
        self.oracle.may_double();
        for output in 0..OUTPUTS.len() {
            self.revoke(output, |source| source.ask != InitialTimestamp::OLDEST);
        }
    }

    /// All trouble ends; everything arrives. Returns what is wrong then.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        self.say("all trouble ends");
        self.receiver.set_mood(Mood::Up);
        self.disk.set_full(false);
        // A source that is not asked sends nothing.
        self.sources
            .iter_mut()
            .for_each(|source| source.is_configured = true);
        for _ in 0..PATIENCE {
            let outcome = self.round();
            self.listen();
            match outcome {
                Ok(true) => {
                    let (disk, receiver) = (&self.disk, &self.receiver);
                    self.oracle.verdict(disk, receiver, &self.sources)?;
                    return match self.is_touched {
                        true => Ok(()),
                        false => files::prove(disk),
                    };
                }
                Ok(false) => {}
                Err(error) => self.overcome(error),
            }
        }
        Err(format!("not everything arrived in {PATIENCE} rounds"))
    }

    /// A round without trouble. Returns whether there was nothing to do.
    fn round(&mut self) -> io::Result<bool> {
        let mut is_quiet = true;
        self.reconnect()?;
        for source in 0..SOURCES.len() {
            is_quiet &= !self.sources[source].server.send(7);
            is_quiet &= !self.arrive(source, usize::MAX)?;
        }
        for output in 0..self.outputs.len() {
            self.collector.write(output, 0)?;
            self.collector.poll(output)?;
            is_quiet &= self.collector.is_idle(output);
        }
        self.collector.commit()?;
        Ok(is_quiet)
    }
}

fn open(
    disk: &ModelDisk,
    boot: u32,
    (outputs, is_respelled): (&[usize], bool),
    overlap: u32,
    receiver: &Receiver,
) -> io::Result<ModelCollector> {
    let all = match is_respelled {
        true => &RESPELLED,
        false => &OUTPUTS,
    };
    let targets: Vec<OutputTarget> = outputs.iter().map(|output| all[*output]).collect();
    ModelCollector::open_with(disk, &boot.to_string(), &targets, overlap, |target| {
        let is_bulk = target.path == OUTPUTS[BULK].path;
        is_bulk.then(|| receiver.output())
    })
}
