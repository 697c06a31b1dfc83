//! A world: servers, a collector, a disk, a receiver, an operator and other programs, which
//! act one after the other.

mod neighbours;
mod operator;
mod process;

use std::io;
use std::path::{Path, PathBuf};

use estreamer::fuzzing::collector::ModelCollector;
use estreamer::fuzzing::disk::{Crash, ModelDisk};
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::buffer::{Batch, EventRecord};

use crate::action::Action;
use crate::archive::Touched;
use crate::oracle::Oracle;
use crate::outputs::OUTPUTS;
use crate::receiver::{Mood, Receiver};
use crate::server::Server;
use crate::sources::{SOURCES, Source};
use crate::whole::Damage;
use estreamer_tests::random::Random;

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
    /// How many events each server has from the start, one every five seconds.
    pub(crate) history: usize,
}

impl Conditions {
    pub(crate) fn of_seed(random: &mut Random) -> Self {
        Self {
            overlap: 5 + random.index(3) as u32,
            segment: 64 * (1 + random.index(200) as u64),
            outputs: outputs(1 + random.index(63)),
            ask: match random.index(4) {
                0 => InitialTimestamp::NOW,
                1 => InitialTimestamp(BEGINNING as u32 - 10),
                _ => InitialTimestamp::OLDEST,
            },
            deviations: [random.index(6), random.index(6)],
            history: random.index(6),
        }
    }
}

/// Returns the outputs whose bits are set.
fn outputs(bits: usize) -> Vec<usize> {
    let all = 0..OUTPUTS.len();
    all.filter(|output| bits >> output & 1 == 1).collect()
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
    /// The closed files that other programs changed.
    touched: Touched,
    /// What others did to lines.
    damage: Damage,
    /// Whether every byte since the last start was written whole, and others only appended.
    is_plain: bool,
    /// Whether the operator lost a part of the state, or a failed sync and a power loss took one:
    /// the collector may refuse to start.
    is_state_damaged: bool,
    /// What a start did wrong.
    wrong: Option<String>,
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
        let sources: Vec<Source> = (0..SOURCES.len()).map(source).collect();
        let collector = process::open(
            &disk,
            0,
            (&outputs, false),
            conditions.overlap,
            (&|name| process::beginning(&sources, name), &receiver),
            &mut drop,
        );
        let mut world = Self {
            conditions: conditions.clone(),
            disk,
            boot: 0,
            now: BEGINNING,
            ahead: 0,
            sources,
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
            touched: Touched::default(),
            damage: Damage::default(),
            is_plain: true,
            is_state_damaged: false,
            wrong: None,
            story: vec![format!("{conditions:?}")],
        };
        world.collector.set_journal_limit(conditions.segment);
        world.disk.set_now(BEGINNING);
        world.store_history();
        let connected = world.connect_all();
        assert!(connected.is_ok(), "an empty disk");
        world
    }

    /// Stores what the servers have before anybody asks.
    fn store_history(&mut self) {
        for age in (1..=self.conditions.history as u64).rev() {
            for (source, name) in SOURCES.into_iter().enumerate() {
                let server = &mut self.sources[source].server.archive;
                server.store(name, BEGINNING - 5 * age, 0, 'x');
                self.stored(source);
            }
        }
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
        self.is_plain &= !matches!(
            action,
            Action::CrashAt { .. }
                | Action::Full(true)
                | Action::StateFull(true)
                | Action::FailSyncs { .. }
                | Action::Rename { .. }
                | Action::Replace { .. }
                | Action::Truncate { .. }
                | Action::Compress { .. }
                | Action::Rot { .. }
        );
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
            Action::CommitPart { operations } => {
                for _ in 0..operations {
                    if self.collector.advance_commit()? {
                        break;
                    }
                }
            }
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
            Action::Crash(crash) => self.crash_and_look(crash),
            Action::CrashAt { operation, crash } => {
                self.pending = crash;
                self.disk.crash_at(operation);
            }
            Action::Full(is_full) => self.disk.set_full(is_full),
            Action::StateFull(is_full) => self.disk.set_state_full(is_full),
            Action::FailSyncs { count } => self.disk.fail_syncs(count),
            Action::FailRename => self.disk.fail_rename(),
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
                self.is_state_damaged = true;
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
        let is_asked = of.is_asked;
        self.oracle.stored(source, is_asked, outputs);
    }

    fn arrive(&mut self, source: usize, bytes: usize) -> io::Result<bool> {
        let now = self.now + self.ahead;
        let (collector, oracle) = (&mut self.collector, &mut self.oracle);
        self.sources[source]
            .server
            .arrive(bytes, now, |batch: &Batch| {
                let records: Vec<EventRecord<'_>> = batch.records().collect();
                let counts = collector.records(SOURCES[source], &records, now)?;
                oracle.counted_ahead(source, counts.ahead);
                Ok(())
            })
    }

    fn poll(&mut self) -> io::Result<()> {
        for output in 0..self.outputs.len() {
            self.collector.poll(output)?;
        }
        Ok(())
    }

    /// All trouble ends; everything arrives. Returns what is wrong then, or after a power loss.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        self.say("all trouble ends");
        self.receiver.set_mood(Mood::Up);
        self.free_disks();
        // A source that is not asked sends nothing.
        self.sources
            .iter_mut()
            .for_each(|source| source.is_configured = true);
        self.become_quiet()?;
        self.check()?;
        // What was committed has to be durable.
        self.crash(Crash::Power);
        self.become_quiet()?;
        self.check()
    }

    /// Everything arrives, and is committed.
    fn become_quiet(&mut self) -> Result<(), String> {
        for _ in 0..PATIENCE {
            let outcome = self.round();
            self.listen();
            match outcome {
                Ok(true) => return Ok(()),
                Ok(false) => {}
                Err(error) => self.overcome(error),
            }
        }
        Err(format!("not everything arrived in {PATIENCE} rounds"))
    }

    /// Returns what is wrong now that everything has arrived.
    fn check(&mut self) -> Result<(), String> {
        if let Some(wrong) = self.wrong.take() {
            return Err(wrong);
        }
        let (disk, receiver) = (&self.disk, &self.receiver);
        self.oracle.verdict(disk, receiver, &self.sources)?;
        self.damage.check(disk, &self.sources, &self.oracle)?;
        self.touched.prove(disk, self.damage.rotten)
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
