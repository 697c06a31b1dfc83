//! One server, one collector that is killed, and what came of it.

use std::fmt;
use std::ops::AddAssign;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use estreamer_simulate::Simulator;
use estreamer_simulate::archive::{Archive, ArchiveOptions, Live, Oddities};
use estreamer_simulate::chaos::ChaosKind;
use estreamer_simulate::generator::GeneratorOptions;
use estreamer_tests::{Fleet, Running, wait_until};

use crate::account::Counts;
use crate::files::Files;
use crate::proof::Proof;
use estreamer_tests::random::Random;

/// From when on events are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Oldest,
    Now,
    Time,
}

/// What was done, and what came of it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Kills of a process that was alive, and of those that had opened its files.
    pub(crate) kills: u64,
    open_kills: u64,
    stops: u64,
    rotations: u64,
    /// Closed files that `estreamer verify` has proven.
    proven: u64,
    reloads: u64,
    connections: u64,
    cuts: u64,
    events: u64,
    lost: u64,
    doubled: u64,
    /// What else is wrong.
    wrong: Vec<String>,
    /// What happened in one world where something is wrong.
    pub(crate) history: String,
}

pub(crate) struct World {
    random: Random,
    ask: Ask,
    /// Whether the collector closes, compresses and records its files.
    is_archive: bool,
    fleet: Fleet,
    archive: Archive,
    server: Simulator,
    files: Files,
    /// The second in which it began.
    start: u32,
    overlap: u32,
    tally: Tally,
    /// What happened, to be told where something is wrong.
    history: Vec<String>,
}

/// Events before the first connection, and in each of their seconds.
const HISTORY: u64 = 600;
const PER_SECOND: u32 = 10;
/// The seconds of them that are not asked for, where a time is.
const SKIPPED: u32 = 20;
/// The seconds before the first connection that may come, where events from now on are asked
/// for: the longest overlap, and as far as an event of the archive may be late.
const BEFORE_NOW: u32 = 12;
/// The connections that are cut at a random byte, if they come to it.
const CUT: u32 = 60;
/// Odd as far as an overlap of 5 s bears it.
pub(crate) const ODD: Oddities = Oddities {
    disorder: 3,
    late: 2,
    twins: 20,
    crowd: 0,
    clock_back: 0,
    clock_ahead: 0,
};
/// After a reload, everything has to come within this time, also after a cut.
const PATIENCE: Duration = Duration::from_secs(60);
/// So many kills come with everything else.
const MANY: u64 = 200;
/// At the end, a process that writes nothing for this long is started again.
const STALLED: Duration = Duration::from_secs(3);

impl World {
    pub(crate) fn new(seed: u64, ask: Ask, is_archive: bool) -> Self {
        // It makes certificates, which takes time.
        let fleet = Fleet::new();
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.map_or(0, |time| time.as_secs() as u32);
        let generator = GeneratorOptions {
            seed,
            // The server's clock is ours.
            start: now - HISTORY as u32 / PER_SECOND,
            per_second: PER_SECOND,
            ..GeneratorOptions::default()
        };
        let archive = Archive::new(ArchiveOptions {
            live: Live::ByHand,
            oddities: ODD,
            ..ArchiveOptions::generated(generator, HISTORY)
        });
        let server = fleet.server(seed, 0, |builder| {
            let builder = builder.archive(archive.clone()).bundle(20).seed(seed);
            builder.chaos(ChaosKind::Cut).chaos_connections(CUT)
        });
        std::fs::create_dir(fleet.path("log")).expect("a writable directory");
        let files = Files::new(fleet.path("log").join("out"), is_archive);
        Self {
            random: Random::new(seed),
            ask,
            is_archive,
            fleet,
            archive,
            server,
            files,
            start: now,
            overlap: 5,
            tally: Tally::default(),
            history: Vec::new(),
        }
    }

    /// Kills the collector so many times, and looks what came of it.
    pub(crate) fn run(mut self, kills: u64) -> Tally {
        self.configure();
        if self.ask == Ask::Now {
            self.begin();
        }
        while self.tally.kills < kills && self.tally.wrong.is_empty() {
            self.life();
        }
        let complete = self.complete();
        self.judge();
        self.tally.wrong.extend(complete.err());
        if !self.tally.is_sound() {
            let history = self.history.iter().map(|line| line.trim_end());
            self.tally.history = history.map(|line| format!("\n  {line}")).collect();
        }
        self.tally.rotations = self.files.rotations();
        let connections = self.server.connections();
        self.tally.connections = connections.len() as u64;
        self.tally.cuts = connections.iter().filter(|one| one.is_cut).count() as u64;
        self.tally
    }

    fn configure(&self) {
        let from = match self.ask {
            Ask::Oldest => "\"oldest\"".into(),
            Ask::Now => "\"now\"".into(),
            Ask::Time => self.first_second().to_string(),
        };
        let source = Fleet::source("fmc", &self.server).replace("\"oldest\"", &from);
        let top = format!("overlap = {}", self.overlap);
        self.fleet.configure(&top, &[source, self.output()]);
    }

    fn output(&self) -> String {
        let keys = match self.is_archive {
            true => "rotate = { size = \"24KiB\", every = \"2s\" }\ncompress = \"zstd\"\n",
            false => "",
        };
        Fleet::output("file:log/out") + keys
    }

    /// The first second that is asked for, where a time is.
    fn first_second(&self) -> u32 {
        let first = self
            .archive
            .events()
            .first()
            .map_or(0, |event| event.archival);
        first + SKIPPED
    }

    /// From “now” on: what comes before the first event is written is no promise.
    fn begin(&mut self) {
        let running = Running::start(&mut self.fleet.collect());
        let server = &self.server;
        let asked = || {
            server
                .connections()
                .iter()
                .any(|one| !one.requests.is_empty())
        };
        wait_until(asked);
        self.archive.store(50);
        let files = &self.files;
        wait_until(|| files.lines().is_ok_and(|lines| !lines.is_empty()));
        self.end(running);
    }

    /// One process, from its start to its end.
    fn life(&mut self) {
        let store = self.random.below(100);
        self.archive.store(store);
        let running = Running::start(&mut self.fleet.collect());
        let longest = [100, 100, 300, 300, 1500][self.random.below(5) as usize];
        let end = Instant::now() + Duration::from_millis(self.random.below(longest));
        let acts = self.random.below(4);
        for _ in 0..acts {
            let left = end.saturating_duration_since(Instant::now());
            sleep(left.mul_f64(self.random.below(100) as f64 / 100.0));
            let store = self.random.below(50);
            self.archive.store(store);
        }
        if is_open(running.id()) && self.random.once_in(3) {
            if self.random.once_in(2) {
                self.files.rotate();
                self.history.push("renamed".into());
            }
            if self.random.once_in(2) {
                self.overlap = if self.overlap == 5 { 7 } else { 5 };
                self.configure();
            }
            running.signal("HUP");
            self.history
                .push(format!("reload, overlap {}", self.overlap));
            self.tally.reloads += 1;
        }
        sleep(end.saturating_duration_since(Instant::now()));
        match self.random.once_in(12) {
            true => self.stop(running),
            false => self.end(running),
        }
    }

    /// Kills it.
    fn end(&mut self, running: Running) {
        let (said, was_open) = (running.said(), is_open(running.id()));
        self.history.push(format!("kill; it said: {said}"));
        if !running.kill() || said.contains(PANIC) {
            let wrong = format!("it ended by itself, or panicked: {said}");
            return self.tally.wrong.push(wrong);
        }
        self.tally.kills += 1;
        self.tally.open_kills += u64::from(was_open);
    }

    /// Stops it, and does what may be done to files between two runs.
    fn stop(&mut self, running: Running) {
        let stopped = stop(running);
        self.history
            .push(format!("stop; it said: {}", stopped.said));
        if !stopped.is_clean {
            if !stopped.is_excused {
                let wrong = format!("a stop failed: {}", stopped.said);
                self.tally.wrong.push(wrong);
            }
            return;
        }
        self.tally.stops += 1;
        if self.random.once_in(3) {
            self.files.usurp();
            self.history.push("replaced by somebody else's file".into());
        }
        if self.random.once_in(2) {
            self.files.take_away();
            self.history.push("renamed files are taken away".into());
        }
    }

    /// Lets it collect what is left. A process that waits before it tries again is stopped,
    /// and started again: each connection that is cut makes the wait longer.
    fn complete(&mut self) -> Result<(), String> {
        let wanted = self.expected().len();
        for _ in 0..CUT {
            let running = Running::start(&mut self.fleet.collect());
            let (mut found, mut since) = (0, Instant::now());
            while found < wanted && since.elapsed() < STALLED {
                sleep(Duration::from_millis(20));
                let lines = self.files.lines().unwrap_or_default();
                let now = self.asked_for(lines).len();
                if now != found {
                    (found, since) = (now, Instant::now());
                }
            }
            if found >= wanted {
                return self.reload(running);
            }
            let stopped = stop(running);
            if !stopped.is_clean && !stopped.is_excused {
                return Err(format!("the last run failed: {}", stopped.said));
            }
            self.history
                .push(format!("not complete; it said: {}", stopped.said));
        }
        Ok(())
    }

    /// The last process has everything: it takes a new file after a reload, and is stopped.
    fn reload(&mut self, running: Running) -> Result<(), String> {
        in_time(|| is_open(running.id())).ok_or("the last process did not open its files")?;
        self.files.rotate();
        running.signal("HUP");
        in_time(|| running.said().contains("the configuration is reloaded"))
            .ok_or_else(|| format!("the last process did not reload: {}", running.said()))?;
        self.archive.store(20);
        let wanted = self.expected().len();
        let are_there = || {
            let lines = self.files.lines().unwrap_or_default();
            self.asked_for(lines).len() >= wanted
        };
        in_time(are_there)
            .ok_or_else(|| format!("nothing came after a reload: {}", running.said()))?;
        if !self.is_archive && std::fs::metadata(self.files.current()).is_err() {
            return Err("a reload took no new file".into());
        }
        let stopped = stop(running);
        match stopped.is_clean {
            true => Ok(()),
            false => Err(format!("the last stop failed: {}", stopped.said)),
        }
    }

    /// What was asked for, in the order in which it was stored.
    fn expected(&self) -> Vec<Vec<u8>> {
        let events = self.archive.events().into_iter().enumerate();
        let from = self.first_second();
        let wanted = events.filter(|(index, event)| match self.ask {
            Ask::Oldest => true,
            Ask::Now => *index as u64 >= HISTORY,
            Ask::Time => event.archival >= from,
        });
        wanted.map(|(_, event)| event.data).collect()
    }

    /// The lines without those that may be there although nobody asked: after
    /// “now”, the last seconds before it may come once, because a bookmark asks from a
    /// while before the last event.
    fn asked_for(&self, mut lines: Vec<Vec<u8>>) -> Vec<Vec<u8>> {
        if self.ask == Ask::Now {
            let history = self.archive.events().into_iter().take(HISTORY as usize);
            let from = self.start - BEFORE_NOW;
            let history = history.filter(|event| event.archival >= from);
            let mut left = Counts::of(history.map(|event| event.data));
            lines.retain(|line| !left.take(line));
        }
        lines
    }

    fn judge(&mut self) {
        if self.is_archive {
            let proof = Proof {
                archive: self.fleet.path("log"),
                state: self.fleet.path("state"),
            };
            match proof.verify() {
                Ok(proven) if proven != self.files.rotations() => {
                    let closed = self.files.rotations();
                    let wrong = format!("{proven} of {closed} closed files were proven");
                    self.tally.wrong.push(wrong);
                }
                Ok(proven) => self.tally.proven = proven,
                Err(said) => self.tally.wrong.push(said),
            }
        }
        let expected = self.expected();
        self.tally.events = expected.len() as u64;
        let written = match self.files.lines() {
            Ok(written) => self.asked_for(written),
            Err(path) => return self.tally.wrong.push(changed(&path)),
        };
        if written == expected {
            return;
        }
        let (wanted, found) = (Counts::of(&expected), Counts::of(&written));
        self.tally.lost = wanted.missing_in(&found);
        self.tally.doubled = found.missing_in(&wanted);
        if self.tally.lost + self.tally.doubled == 0 {
            self.tally.wrong.push("events are out of order".into());
        }
    }
}

/// Whether the process has opened its bookmark and its files: then it looks out
/// for signals, too, and its last thread is there.
pub(crate) fn is_open(process: u32) -> bool {
    let threads = std::fs::read_dir(format!("/proc/{process}/task"));
    let mut threads = threads.into_iter().flatten().flatten();
    threads.any(|thread| {
        let name = std::fs::read_to_string(thread.path().join("comm"));
        name.is_ok_and(|name| name.trim_end() == "committer")
    })
}

/// Waits until this is so; `None` if it takes too long.
fn in_time(is_so: impl Fn() -> bool) -> Option<()> {
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if is_so() {
            return Some(());
        }
        sleep(Duration::from_millis(20));
    }
    None
}

/// What came of a stop.
pub(crate) struct Stopped {
    pub(crate) is_clean: bool,
    /// The signal may have come before the process looked out for it.
    pub(crate) is_excused: bool,
    pub(crate) said: String,
}

/// Stops a process in order.
pub(crate) fn stop(running: Running) -> Stopped {
    let was_open = is_open(running.id());
    running.signal("TERM");
    let ended = running.wait();
    let has_panicked = ended.stderr.contains(PANIC);
    Stopped {
        is_clean: ended.status.success() && !has_panicked,
        is_excused: ended.status.signal() == Some(TERM) && !was_open && !has_panicked,
        said: ended.stderr,
    }
}

/// What a thread says that panics, and the number of the signal of a stop.
pub(crate) const PANIC: &str = "panicked at";
const TERM: i32 = 15;

pub(crate) fn changed(path: &Path) -> String {
    format!("{} is not what somebody else made it", path.display())
}

impl Tally {
    /// Whether everything is there exactly once, in order, and nothing changed
    /// that is somebody else's.
    pub(crate) fn is_sound(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.wrong.is_empty()
    }

    /// Whether everything was done that should be survived. Few kills are in few worlds.
    pub(crate) fn has_tried_all(&self) -> bool {
        let done = [
            self.stops,
            self.rotations,
            self.proven,
            self.reloads,
            self.cuts,
        ];
        self.events > 0 && (self.kills < MANY || !done.contains(&0))
    }

    /// What is wrong beside that, a line each.
    pub(crate) fn faults(&self) -> String {
        let lines = self.wrong.iter().map(|wrong| wrong.trim_end());
        lines.map(|line| format!("\n  {line}")).collect()
    }
}

impl AddAssign for Tally {
    fn add_assign(&mut self, other: Self) {
        self.kills += other.kills;
        self.open_kills += other.open_kills;
        self.stops += other.stops;
        self.rotations += other.rotations;
        self.proven += other.proven;
        self.reloads += other.reloads;
        self.connections += other.connections;
        self.cuts += other.cuts;
        self.events += other.events;
        self.lost += other.lost;
        self.doubled += other.doubled;
        self.wrong.extend(other.wrong);
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} kills of a living process ({} with open files), {} stops, {} rotations, {} closed \
             files proven, {} reloads, {} connections ({} cut), {} events, {} lost, {} doubled",
            self.kills,
            self.open_kills,
            self.stops,
            self.rotations,
            self.proven,
            self.reloads,
            self.connections,
            self.cuts,
            self.events,
            self.lost,
            self.doubled
        )
    }
}
