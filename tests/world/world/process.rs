//! The lives of the collector: its starts, connections, stops and crashes.

use std::io::{self, ErrorKind};

use estreamer::fuzzing::FileNotice;
use estreamer::fuzzing::collector::{ModelCollector, OutputTarget};
use estreamer::fuzzing::disk::{Crash, ModelDisk};
use estreamer_core::wire::InitialTimestamp;

use super::World;
use crate::files;
use crate::oracle;
use crate::outputs::{BULK, OUTPUTS, RESPELLED};
use crate::receiver::{Mood, Receiver};
use crate::sources::{SOURCES, Source};

/// Why a call of the collector did not succeed.
enum Trouble {
    /// It is to be tried again.
    Again,
    /// The process or the machine is gone.
    Crashed,
    /// The run ends, as for the user: bytes may not be durable.
    NotDurable,
}

impl World {
    /// Goes on after an error of the collector.
    pub(super) fn overcome(&mut self, error: io::Error) {
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
            _ if error.to_string().contains("rename failed") => Trouble::Again,
            // Its receiver asks to try again later.
            _ if self.receiver.mood() != Mood::Up => Trouble::Again,
            _ => panic!("nothing else goes wrong: {error}"),
        }
    }

    pub(super) fn free_disks(&self) {
        self.disk.set_full(false);
        self.disk.set_state_full(false);
    }

    pub(super) fn cut_all(&mut self) {
        for source in &mut self.sources {
            source.server.cut();
        }
    }

    /// The process or the machine crashes, and the collector starts again.
    pub(super) fn crash(&mut self, crash: Crash) {
        self.say(format!("crash: {crash:?}"));
        self.listen();
        self.cut_all();
        self.disk.come_up(crash);
        self.reboot(crash);
        self.start();
    }

    /// The same. If the process is killed between two steps, all that it wrote explains
    /// itself, and what others appended has to stay where it is.
    pub(super) fn crash_and_look(&mut self, crash: Crash) {
        let is_plain = self.is_plain && crash == Crash::Kill;
        let before = files::aside(&self.disk);
        self.crash(crash);
        if !is_plain {
            return;
        }
        for path in files::aside(&self.disk) {
            let lines = files::lines_of(&self.disk, &path);
            if !before.contains(&path) && lines.keys().any(|line| line.starts_with("<foreign")) {
                let path = path.display();
                let moved = format!("{path} has a line of another program: moved");
                self.wrong.get_or_insert(moved);
            }
        }
    }

    pub(super) fn reboot(&mut self, crash: Crash) {
        if crash == Crash::Kill {
            return;
        }
        self.is_state_damaged |= self.disk.is_state_damaged();
        self.boot += 1;
        if std::mem::take(&mut self.is_renumbered) {
            self.disk.renumber();
        }
    }

    /// Starts the collector until a start does not crash.
    pub(super) fn start(&mut self) {
        loop {
            let (overlap, receiver) = (self.conditions.overlap, &self.receiver);
            let outputs = (&*self.outputs, self.is_respelled);
            let beginning = |name: &str| beginning(&self.sources, name);
            let mut notices = Vec::new();
            let opened = open(
                &self.disk,
                self.boot,
                outputs,
                overlap,
                (&beginning, receiver),
                &mut |notice| notices.push(notice),
            );
            for notice in notices {
                self.hear(&notice);
            }
            let started = opened.and_then(|collector| {
                self.collector = collector;
                self.collector.set_journal_limit(self.conditions.segment);
                self.connect_all()
            });
            self.listen();
            let Err(error) = started else {
                self.is_plain = self.disk.is_sound();
                if let Err(untold) = self
                    .oracle
                    .unproven_was_told(&self.disk, self.damage.rotten > 0)
                {
                    self.wrong.get_or_insert(untold);
                }
                return;
            };
            self.say(format!("the start fails: {error}"));
            self.cut_all();
            if self.disk.has_crashed() {
                let crash = self.pending;
                self.disk.come_up(crash);
                self.reboot(crash);
            } else if error.to_string().contains("no storage space") {
                self.say("the operator frees space");
                self.free_disks();
            } else if error.to_string().contains("journal.") {
                if !self.is_state_damaged {
                    self.wrong
                        .get_or_insert(format!("a start fails: {error}: refused"));
                }
                self.say("the operator deletes the state");
                self.remove_state();
            } else {
                let error = error.to_string();
                let again = ["sync failed", "rename failed"];
                let is_again = again.iter().any(|again| error.contains(again));
                assert!(is_again, "it starts again: {error}");
            }
        }
    }

    pub(super) fn connect_all(&mut self) -> io::Result<()> {
        (0..SOURCES.len()).try_for_each(|source| match self.sources[source].is_configured {
            true => self.connect(source),
            false => Ok(()),
        })
    }

    pub(super) fn reconnect(&mut self) -> io::Result<()> {
        for source in 0..SOURCES.len() {
            let of = &self.sources[source];
            if of.is_configured && !of.server.is_connected() {
                self.connect(source)?;
            }
        }
        Ok(())
    }

    pub(super) fn connect(&mut self, number: usize) -> io::Result<()> {
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
    pub(super) fn listen(&mut self) {
        for notice in self.collector.notices() {
            self.hear(&notice);
        }
    }

    fn hear(&mut self, notice: &FileNotice) {
        self.story.push(format!("told: {notice}"));
        if let Some(path) = oracle::leaves(notice) {
            self.damage.left(&self.disk.content(path));
        }
        self.oracle.told(notice, &self.disk);
    }

    /// Writes everything received, and ends the process.
    pub(super) fn end_in_order(&mut self) -> io::Result<()> {
        self.free_disks();
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
}

/// The second from which the source of this name is asked, 0 if from now on.
pub(super) fn beginning(sources: &[Source], name: &str) -> u32 {
    let number = SOURCES.iter().position(|source| *source == name);
    match number.map(|number| sources[number].ask) {
        Some(InitialTimestamp::NOW) | None => 0,
        Some(from) => from.0,
    }
}

/// Starts a collector with these outputs.
pub(super) fn open(
    disk: &ModelDisk,
    boot: u32,
    (outputs, is_respelled): (&[usize], bool),
    overlap: u32,
    (beginning, receiver): (&dyn Fn(&str) -> u32, &Receiver),
    tell: &mut dyn FnMut(FileNotice),
) -> io::Result<ModelCollector> {
    let all = match is_respelled {
        true => &RESPELLED,
        false => &OUTPUTS,
    };
    let targets: Vec<OutputTarget> = outputs.iter().map(|output| all[*output]).collect();
    let output = |target: &OutputTarget| {
        let is_bulk = target.path == OUTPUTS[BULK].path;
        is_bulk.then(|| receiver.output())
    };
    let boot = boot.to_string();
    ModelCollector::open_with(disk, &boot, &targets, overlap, beginning, output, tell)
}
