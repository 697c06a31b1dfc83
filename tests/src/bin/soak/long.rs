//! One collector for minutes, with several sources and all kinds of outputs: killed
//! again and again in the first three quarters of the time, left alone in the last.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use estreamer_simulate::Simulator;
use estreamer_simulate::archive::{Archive, ArchiveOptions, Live};
use estreamer_simulate::chaos::ChaosKind;
use estreamer_simulate::generator::GeneratorOptions;
use estreamer_tests::{Fleet, Running};

use crate::account::{Account, Counts, Promise};
use crate::files::Files;
use crate::kafka::Kafka;
use crate::proof::Proof;
use crate::receivers::{Bulk, Syslog, document_of};
use crate::trouble::{Disk, Trouble, Troubles, wait};
use crate::vitals::{Report, Vitals};
use crate::world::{ODD, PANIC, changed, is_open, stop};
use estreamer_tests::random::Random;

/// What was asked for.
pub(crate) struct Long {
    pub(crate) minutes: u64,
    pub(crate) kills: u64,
    pub(crate) seed: u64,
    /// Whether receivers and disks fail, too.
    pub(crate) chaos: bool,
}

/// Events of each source before the first connection, and in each second.
const HISTORY: u64 = 600;
const PER_SECOND: u32 = 20;
/// How often a process is looked at, and once in how many times it is told to reload.
const TURN: Duration = Duration::from_millis(50);
const RELOAD: u64 = 200;
/// What a collector says of a disk, and of a stop that took too long.
const FULL: &str = "No space left on device";
const IN_TIME: &str = "did not accept the pending events in time";
/// At the end, this long without a further event is the end.
const STALLED: Duration = Duration::from_secs(60);

/// One server and the files of its events.
struct Source {
    archive: Archive,
    server: Simulator,
    files: Files,
}

/// The run.
struct Run {
    random: Random,
    fleet: Fleet,
    sources: Vec<Source>,
    syslog: Syslog,
    bulk: Bulk,
    /// Only in a program that is built with it.
    kafka: Option<Kafka>,
    trouble: Trouble,
    overlap: u32,
    vitals: Vec<Vitals>,
    result: Outcome,
}

/// What was done, and what came of it.
#[derive(Default)]
pub(crate) struct Outcome {
    kills: u64,
    stops: u64,
    reloads: u64,
    connections: u64,
    rotations: u64,
    proven: u64,
    /// How long the end took: until the last event was there, and then until the stop.
    end: [Duration; 2],
    /// Memory, descriptors and log; and whether they are as they should be.
    report: Option<(String, bool)>,
    troubles: Option<Troubles>,
    accounts: Vec<Account>,
    /// What `verify` said of an archive that was tampered with.
    named: Vec<String>,
    wrong: Vec<String>,
}

impl Long {
    /// Runs for that time, and looks what came of it.
    pub(crate) fn run(&self) -> Outcome {
        let mut run = Run::new(self);
        let (fed, calm) = (AtomicBool::new(false), AtomicBool::new(false));
        let mut seeds = Random::new(!self.seed);
        let [first, second] = [(); 2].map(|()| Random::new(seeds.next()));
        scope(|scope| {
            let archives: Vec<Archive> = run.sources.iter().map(|it| it.archive.clone()).collect();
            let feeder = scope.spawn(|| feed(archives, first, &fed));
            let trouble = run.trouble.clone();
            let calm = &calm;
            let trouble = self
                .chaos
                .then(|| scope.spawn(move || trouble.make(second, calm)));
            let time = Duration::from_secs(60 * self.minutes);
            run.be_killed(Instant::now() + time.mul_f64(0.75), self.kills);
            let last = run.live(time.mul_f64(0.25));
            // What is left is collected in peace.
            calm.store(true, Ordering::Relaxed);
            let mut wrong = Vec::new();
            if let Some(trouble) = trouble {
                match trouble.join() {
                    Ok(troubles) => run.result.troubles = Some(troubles),
                    Err(_) => wrong.push("what makes trouble panicked".into()),
                }
            }
            fed.store(true, Ordering::Relaxed);
            if feeder.join().is_err() {
                wrong.push("what stores events panicked".into());
            }
            run.complete(last);
            run.result.wrong.extend(wrong);
        });
        run.judge();
        if run.result.kills < self.kills {
            run.result.wrong.push("there were fewer kills".into());
        }
        run.result
    }
}

/// Stores events at the pace of the clock, in bursts.
fn feed(archives: Vec<Archive>, mut random: Random, stop: &AtomicBool) {
    let start = Instant::now();
    let mut stored = vec![0; archives.len()];
    while !stop.load(Ordering::Relaxed) {
        wait(20 + random.below(400), stop);
        let due = start.elapsed().as_millis() as u64 * u64::from(PER_SECOND) / 1000;
        for (archive, stored) in archives.iter().zip(&mut stored) {
            if !random.once_in(3) {
                archive.store(due - *stored);
                *stored = due;
            }
        }
    }
}

impl Run {
    fn new(long: &Long) -> Self {
        let fleet = Fleet::new();
        let mut disks = Vec::new();
        for (name, size) in [("log", 32 + 4 * long.minutes), ("state", 64)] {
            let path = fleet.path(name);
            match long.chaos.then(|| Disk::mount(&path, size)) {
                Some(Some(disk)) => disks.push(disk),
                Some(None) => println!("no disk is filled under {name}: this user must not mount"),
                None => std::fs::create_dir_all(&path).expect("a writable directory"),
            }
        }
        // The second one cuts no connection, but closes some before the first byte.
        let faults = [Some(ChaosKind::Cut), Some(ChaosKind::SilentClose), None];
        let source = |(index, fault): (usize, Option<ChaosKind>)| {
            let name = format!("log/fmc-{index}.ndjson");
            let hits = 10 * long.minutes as u32;
            let seed = long.seed + index as u64;
            let archive = archive(seed);
            let server = fleet.server(seed, 0, |builder| {
                let builder = builder.archive(archive.clone()).bundle(20).seed(seed);
                match fault {
                    Some(fault) => builder.chaos(fault).chaos_connections(hits),
                    None => builder,
                }
            });
            Source {
                archive,
                server,
                files: Files::new(fleet.path(&name), true),
            }
        };
        let sources = faults.into_iter().enumerate().map(source).collect();
        let syslog = Syslog::start(&fleet.path(""));
        let bulk = Bulk::start(long.seed, long.chaos);
        let kafka = Kafka::start();
        let trouble = Trouble {
            syslog: syslog.paused.clone(),
            bulk: bulk.down.clone(),
            kafka: kafka.as_ref().map(|kafka| kafka.down.clone()),
            disks: disks.into(),
        };
        let run = Self {
            random: Random::new(long.seed),
            fleet,
            sources,
            syslog,
            bulk,
            kafka,
            trouble,
            overlap: 5,
            vitals: Vec::new(),
            result: Outcome::default(),
        };
        run.configure();
        run
    }

    fn configure(&self) {
        let sources = self.sources.iter().enumerate();
        let sources =
            sources.map(|(index, source)| Fleet::source(&format!("fmc-{index}"), &source.server));
        let files = Fleet::output("file:log/{source}.ndjson")
            + "name = \"archive\"\nrotate = { size = \"24KiB\", every = \"2s\" }\n\
               compress = \"zstd\"\n";
        let outputs = [files, self.syslog.output(), self.bulk.output()];
        let outputs = outputs
            .into_iter()
            .chain(self.kafka.as_ref().map(Kafka::output));
        let top = format!("overlap = {}", self.overlap);
        let tables: Vec<String> = sources.chain(outputs).collect();
        self.fleet.configure(&top, &tables);
    }

    /// Processes that are killed, or stopped now and then, so many until that moment.
    fn be_killed(&mut self, end: Instant, kills: u64) {
        while self.result.kills < kills && self.result.wrong.is_empty() {
            let left = end.saturating_duration_since(Instant::now()).as_millis() as u64;
            let mean = (left / (kills - self.result.kills)).max(100);
            // The last one takes what is left.
            let life = match kills - self.result.kills {
                1 => mean,
                _ => self.random.below(2 * mean),
            };
            let running = self.live(Duration::from_millis(life));
            match self.random.once_in(12) {
                true => self.stop(running),
                false => self.kill(running),
            }
        }
    }

    /// Starts a process and lets it run for this time, with reloads.
    fn live(&mut self, life: Duration) -> Running {
        let running = Running::start(&mut self.fleet.collect());
        let start = Instant::now();
        let mut vitals = Vitals::default();
        while start.elapsed() < life {
            sleep(TURN.min(life.saturating_sub(start.elapsed())));
            vitals.look(running.id(), start.elapsed());
            if self.random.once_in(RELOAD) && is_open(running.id()) {
                if self.random.once_in(2) {
                    self.overlap = if self.overlap == 5 { 7 } else { 5 };
                    self.configure();
                }
                running.signal("HUP");
                self.result.reloads += 1;
            }
        }
        vitals.end(start.elapsed(), &running.said());
        self.vitals.push(vitals);
        running
    }

    fn kill(&mut self, running: Running) {
        let said = running.said();
        match running.kill() && !said.contains(PANIC) {
            true => self.result.kills += 1,
            false => self
                .result
                .wrong
                .push(format!("it ended by itself, or panicked: {said}")),
        }
    }

    fn stop(&mut self, running: Running) {
        let stopped = stop(running);
        let said = stopped.said;
        // A start on a full disk ends with an error when it is stopped.
        let is_full = self.trouble.has_disks() && said.contains(FULL) && !said.contains(PANIC);
        match stopped.is_clean {
            true => self.result.stops += 1,
            false if is_full || stopped.is_excused => {}
            false => self.result.wrong.push(format!("a stop failed: {said}")),
        }
    }

    /// Lets the last process collect what is left, and stops it.
    fn complete(&mut self, running: Running) {
        let start = Instant::now();
        let (mut before, mut since) = (0, start);
        let wanted = Counts::of(self.stored().concat());
        while since.elapsed() < STALLED {
            let (bulk, syslog) = (
                self.bulk.total(),
                self.syslog
                    .look(|got| (got.total(), wanted.missing_in(got))),
            );
            let (received, missing) = syslog.unwrap_or_default();
            let (read, unread) = self.kafka.as_ref().map_or((0, 0), |kafka| {
                kafka.look(|got| (got.total(), wanted.missing_in(got)))
            });
            if bulk >= wanted.total() && missing + unread == 0 {
                break;
            }
            if bulk + received + read != before {
                (before, since) = (bulk + received + read, Instant::now());
            }
            sleep(Duration::from_millis(200));
        }
        let (said, there) = (running.said(), start.elapsed());
        let stopped = stop(running);
        self.result.end = [there, start.elapsed() - there];
        if let Some(last) = self.vitals.last_mut() {
            last.went_on(start.elapsed(), &stopped.said);
        }
        if !stopped.is_clean || stopped.said.contains(IN_TIME) {
            let wrong = format!("the last process failed: {}", stopped.said);
            self.result.wrong.push(wrong);
        } else if since.elapsed() >= STALLED {
            self.result.wrong.push(format!("nothing more came: {said}"));
        }
    }

    /// What each server has stored, in order.
    fn stored(&self) -> Vec<Vec<Vec<u8>>> {
        let events = self.sources.iter().map(|source| source.archive.events());
        events
            .map(|events| events.into_iter().map(|event| event.data).collect())
            .collect()
    }

    fn judge(&mut self) {
        let proof = Proof {
            archive: self.fleet.path("log"),
            state: self.fleet.path("state"),
        };
        let open = self.sources[0].files.current();
        let closed = self.sources.iter().map(|source| source.files.rotations());
        self.result.rotations = closed.sum();
        match proof
            .verify()
            .and_then(|proven| Ok((proven, proof.tamper(open)?)))
        {
            Ok((proven, named)) => {
                (self.result.proven, self.result.named) = (proven, named);
                if proven != self.result.rotations {
                    let wrong = "not every closed file was proven".to_owned();
                    self.result.wrong.push(wrong);
                }
            }
            Err(said) => self.result.wrong.push(said),
        }
        let stored = self.stored();
        let mut files = Account::new("files", Promise::ExactlyOnce);
        for (source, stored) in self.sources.iter().zip(&stored) {
            match source.files.lines() {
                Ok(lines) => {
                    let (wanted, found) = (Counts::of(stored), Counts::of(&lines));
                    if wanted == found && *stored != lines {
                        self.result.wrong.push("events are out of order".into());
                    }
                    files.add(&wanted, &found);
                }
                Err(path) => self.result.wrong.push(changed(&path)),
            }
            self.result.connections += source.server.connections().len() as u64;
        }
        let mut syslog = Account::new("syslog", Promise::AtLeastOnce);
        let received = self.syslog.look(|got| {
            syslog.add(&Counts::of(stored.concat()), got);
        });
        let mut bulk = Account::new("bulk", Promise::ExactlyOnce);
        let documents = stored.iter().flatten().map(|event| document_of(event));
        match self.bulk.documents() {
            Ok(got) => bulk.add(&Counts::of(documents), &got),
            Err(wrong) => self.result.wrong.push(wrong),
        }
        self.result.wrong.extend(received.err());
        self.result.accounts = vec![files, syslog, bulk];
        if let Some(kafka) = &self.kafka {
            let mut account = Account::new("kafka", Promise::AtLeastOnce);
            kafka.look(|got| account.add(&Counts::of(stored.concat()), got));
            self.result.accounts.push(account);
        }
        let report = Report(&self.vitals);
        self.result.report = Some((report.to_string(), report.is_sound()));
    }
}

/// An archive whose clock is ours, odd as far as the overlap bears it.
fn archive(seed: u64) -> Archive {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = now.map_or(0, |time| time.as_secs() as u32);
    let generator = GeneratorOptions {
        seed,
        start: now - HISTORY as u32 / PER_SECOND,
        per_second: PER_SECOND,
        ..GeneratorOptions::default()
    };
    Archive::new(ArchiveOptions {
        live: Live::ByHand,
        oddities: ODD,
        ..ArchiveOptions::generated(generator, HISTORY)
    })
}

impl Outcome {
    /// Whether every promise was kept, and nothing grew.
    pub(crate) fn is_sound(&self) -> bool {
        let is_flat = self.report.as_ref().is_some_and(|(_, is_sound)| *is_sound);
        self.wrong.is_empty() && is_flat && self.accounts.iter().all(Account::is_kept)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for named in &self.named {
            writeln!(f, "tampered {named}")?;
        }
        writeln!(
            f,
            "run      {} kills of a living process, {} stops, {} reloads, {} connections, {} \
             rotations, {} closed files proven",
            self.kills, self.stops, self.reloads, self.connections, self.rotations, self.proven
        )?;
        let [there, stop] = self.end.map(|time| time.as_secs_f64());
        writeln!(
            f,
            "end      the last event came after {there:.1} s, the stop took {stop:.1} s"
        )?;
        if let Some(troubles) = &self.troubles {
            writeln!(f, "{troubles}")?;
        }
        for account in &self.accounts {
            writeln!(f, "{account}")?;
        }
        if let Some((report, _)) = &self.report {
            writeln!(f, "{report}")?;
        }
        for wrong in &self.wrong {
            writeln!(f, "wrong    {}", wrong.trim_end())?;
        }
        Ok(())
    }
}
