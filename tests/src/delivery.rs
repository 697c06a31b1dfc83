//! A simulator whose archive is known, a collector that keeps a bookmark, and
//! the comparison of the two.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use estreamer_simulate::archive::{Archive, ArchiveOptions, Live, Oddities};
use estreamer_simulate::generator::GeneratorOptions;
use estreamer_simulate::{Simulator, SimulatorBuilder};

use crate::process::{Ended, Running, estreamer, wait_until};
use crate::server::{Pki, expected_lines};

/// One server, one directory.
pub struct Scene {
    pki: Arc<Pki>,
    simulator: Simulator,
}

/// Odd in everything a collector has to live with: twins, a second with
/// thousands of events, and disorder that just stays within the overlap of 5 s.
pub const ODD: Oddities = Oddities {
    disorder: 3,
    late: 2,
    twins: 20,
    crowd: 1500,
    clock_back: 0,
    clock_ahead: 0,
};

impl Scene {
    /// A server with this many events, and whatever else `more` asks of it.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn new(
        events: u64,
        oddities: Oddities,
        more: impl FnOnce(SimulatorBuilder) -> SimulatorBuilder,
    ) -> Self {
        let mut options = ArchiveOptions::generated(GeneratorOptions::default(), events);
        options.oddities = oddities;
        Self::of(options, more)
    }

    /// A server with this archive.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn of(
        options: ArchiveOptions,
        more: impl FnOnce(SimulatorBuilder) -> SimulatorBuilder,
    ) -> Self {
        Self::with(Arc::new(Pki::new()), Archive::new(options), more)
    }

    /// Another server with the same archive, for files beside those of this one.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn beside(&self) -> Self {
        Self::with(self.pki.clone(), self.archive().clone(), |builder| builder)
    }

    fn with(
        pki: Arc<Pki>,
        archive: Archive,
        more: impl FnOnce(SimulatorBuilder) -> SimulatorBuilder,
    ) -> Self {
        let simulator = more(pki.server().archive(archive)).spawn();
        Self {
            pki,
            simulator: simulator.expect("a loopback port"),
        }
    }

    /// A server with this many events, and more when a test stores them.
    ///
    /// # Panics
    /// When it cannot be started.
    pub fn live(
        events: u64,
        oddities: Oddities,
        more: impl FnOnce(SimulatorBuilder) -> SimulatorBuilder,
    ) -> Self {
        let options = ArchiveOptions {
            live: Live::ByHand,
            oddities,
            ..ArchiveOptions::generated(GeneratorOptions::default(), events)
        };
        Self::of(options, more)
    }

    /// The server goes away.
    pub fn stop(&mut self) {
        self.simulator.stop();
    }

    /// Its archive.
    pub fn archive(&self) -> &Archive {
        self.simulator.archive()
    }

    /// Events sent so far, over all connections.
    pub fn served(&self) -> u64 {
        let connections = self.simulator.connections();
        connections.iter().map(|connection| connection.events).sum()
    }

    /// The server itself.
    pub fn simulator(&self) -> &Simulator {
        &self.simulator
    }

    /// A path of this scene.
    pub fn path(&self, name: &str) -> PathBuf {
        self.pki.scratch(name)
    }

    /// `estreamer` with arguments that collect into `out` with a bookmark in
    /// `state`, until it is told to stop.
    pub fn collect(&self, out: &str, state: &str) -> Command {
        let mut command = estreamer(&[]);
        command.args(self.arguments(out, state));
        command
    }

    /// Runs such a command until it has everything the server has for it.
    ///
    /// # Panics
    /// When it cannot be started or does not end.
    #[track_caller]
    pub fn run(&self, command: &mut Command) -> Ended {
        Running::until_served(command, &[&self.simulator])
    }

    /// Its arguments.
    pub fn arguments(&self, out: &str, state: &str) -> Vec<String> {
        self.arguments_to(&self.file(out), state, "oldest")
    }

    /// The URL of a file of this scene.
    pub fn file(&self, out: &str) -> String {
        format!("file:{}", self.path(out).display())
    }

    /// `estreamer` with arguments that collect to this URL, from this time on,
    /// until it is told to stop.
    pub fn collect_to(&self, url: &str, state: &str, from: &str) -> Command {
        let mut command = estreamer(&[]);
        command.args(self.arguments_to(url, state, from));
        command
    }

    fn arguments_to(&self, url: &str, state: &str, from: &str) -> Vec<String> {
        let (address, state) = (self.simulator.address().to_string(), self.path(state));
        [
            "collect",
            "--server",
            &address,
            "--name",
            "fmc",
            "--cert",
            &self.pki.file("client.pem"),
            "--key",
            &self.pki.file("client.key"),
            "--ca",
            &self.pki.file("ca.pem"),
            "--state",
            &state.to_string_lossy(),
            "--output",
            url,
            "--from",
            from,
        ]
        .map(String::from)
        .to_vec()
    }

    /// How many events these lines lack, and how many lines there are too many.
    pub fn compare(&self, lines: &[Vec<u8>]) -> (usize, usize) {
        let stored = expected_lines(self.archive());
        let (expected, found) = (counts(&stored), counts(lines));
        let more = |of: &BTreeMap<&[u8], usize>, than: &BTreeMap<&[u8], usize>| {
            let more = of
                .iter()
                .map(|(line, count)| count.saturating_sub(*than.get(line).unwrap_or(&0)));
            more.sum()
        };
        (more(&expected, &found), more(&found, &expected))
    }

    /// Kills a collector once the file `out` has more than so many bytes.
    ///
    /// # Panics
    /// When it had nothing more to do.
    #[track_caller]
    pub fn kill(&self, command: &mut Command, out: &str, bytes: u64) {
        self.halt(command, out, bytes, "KILL").kill();
    }

    /// Sends a collector a signal once the file `out` has more than so many bytes.
    ///
    /// # Panics
    /// When it had nothing more to do.
    #[track_caller]
    pub fn halt(&self, command: &mut Command, out: &str, bytes: u64, signal: &str) -> Running {
        let mut running = Running::start(command);
        let length = || std::fs::metadata(self.path(out)).map_or(0, |file| file.len());
        wait_until(|| !running.is_running() || length() > bytes);
        running.signal(signal);
        let state = format!("/proc/{}/stat", running.id());
        let is_halted = || {
            let state = std::fs::read_to_string(&state).unwrap_or_default();
            state
                .rsplit(") ")
                .next()
                .is_some_and(|state| state.starts_with(['T', 'Z']))
        };
        wait_until(is_halted);
        let (lost, _) = self.compare(&lines(&self.path(out)));
        assert!(lost > 0, "everything was written before {signal}");
        running
    }

    /// Checks that a file holds every event exactly once, in the order in which
    /// the server stored them.
    ///
    /// # Panics
    /// When it does not.
    #[track_caller]
    pub fn check(&self, out: &str, when: &str) {
        let written = lines(&self.path(out));
        let (lost, doubled) = self.compare(&written);
        let stored = expected_lines(self.archive());
        assert!(
            lost == 0 && doubled == 0,
            "{when}: {lost} lost, {doubled} doubled of {}",
            stored.len()
        );
        assert!(stored == written, "{when}: out of order");
    }
}

/// A file's lines.
///
/// # Panics
/// When it cannot be read.
pub fn lines(path: &Path) -> Vec<Vec<u8>> {
    split(&std::fs::read(path).expect("a readable file"))
}

/// The lines of a file that somebody writes, without the one that is being written.
///
/// # Panics
/// When it cannot be read.
pub fn whole_lines(path: &Path) -> Vec<Vec<u8>> {
    let mut bytes = std::fs::read(path).expect("a readable file");
    let end = bytes.iter().rposition(|&byte| byte == b'\n');
    bytes.truncate(end.map_or(0, |end| end + 1));
    split(&bytes)
}

fn split(bytes: &[u8]) -> Vec<Vec<u8>> {
    let lines = bytes.split_inclusive(|&byte| byte == b'\n');
    lines
        .map(|line| line.strip_suffix(b"\n").unwrap_or(line).to_vec())
        .collect()
}

fn counts(lines: &[Vec<u8>]) -> BTreeMap<&[u8], usize> {
    let mut counts = BTreeMap::new();
    for line in lines {
        *counts.entry(line.as_slice()).or_default() += 1;
    }
    counts
}

/// Does the work for each point, a few at a time: they mostly wait.
///
/// # Panics
/// When one of them does.
pub fn at_each<T: Sync>(points: &[T], work: impl Fn(usize, &T) + Sync) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..6 {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(point) = points.get(index) else {
                        break;
                    };
                    work(index, point);
                }
            });
        }
    });
}
