//! The threads between the event loop and the outputs: one numbers the batches,
//! one for each output writes them, one commits.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use estreamer_core::fqe::EventKind;
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::batch::Batch;
use estreamer_mio::event_loop::Handle;

use super::digest::Key;
use super::disk::{Disk, RealDisk};
use super::entry::Entry;
use super::journal::Journal;
use super::opening::{self, OpeningError, Target};
use super::sequence::{Noticed, Sequencer, Verdict};
use super::state::StateDir;
use super::votes::Votes;
use super::writer::{OTHER, Writer};
use crate::config::{Data, Output};
use crate::output::destination::Destination;
use crate::output::file::{FileOutput, Surprise};
use crate::output::pattern::Pattern;

/// What is delivered where.
pub struct Setup {
    /// Where the bookmark lives; without it there is none.
    pub state: Option<StateDir>,
    /// The outputs.
    pub outputs: Vec<Output>,
    /// The form the events' data comes in.
    pub data: Data,
    /// The names of the sources, as far as files are named after them.
    pub sources: Vec<String>,
    /// Seconds asked for again at a resume.
    pub overlap: u32,
    /// Records to deliver, at most.
    pub limit: u64,
}

/// What ended a pipeline.
#[derive(Debug)]
pub enum Failure {
    /// Whoever read standard output has had enough.
    ReaderLeft,
    /// An output cannot be written any more.
    Output(String, io::Error),
    /// What was written could not be made durable: all since the last commit is
    /// cut off and comes again.
    NotDurable(io::Error),
}

/// The threads at work.
pub struct Pipeline {
    jobs: Option<Sender<Job>>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    committer: Option<JoinHandle<()>>,
    links: u64,
    /// What was unexpected about the files.
    pub surprises: Vec<Surprise>,
    /// The file outputs, as they are found again.
    files: Vec<(Pattern, Vec<PathBuf>)>,
    // Locked until everything is written.
    _state: Option<StateDir>,
}

/// What the threads share.
pub(super) struct Shared {
    pub(super) votes: Votes,
    pub(super) journal: Option<Mutex<Journal>>,
    noticed: Mutex<BTreeMap<String, Noticed>>,
}

impl Shared {
    fn notice(&self, source: &str, noticed: Noticed) {
        let mut all = lock(&self.noticed);
        match all.get_mut(source) {
            Some(of_source) => *of_source = noticed,
            None => drop(all.insert(source.into(), noticed)),
        }
    }
}

/// One connection's way into the pipeline.
pub struct Link {
    number: u64,
    source: Arc<str>,
    jobs: Sender<Job>,
    shared: Arc<Shared>,
    /// Batches handed on.
    handed: Cell<u64>,
    /// Where to ask from.
    pub from: InitialTimestamp,
}

enum Job {
    Connect {
        source: Arc<str>,
        from: InitialTimestamp,
        answer: Sender<InitialTimestamp>,
    },
    Batch {
        link: u64,
        source: Arc<str>,
        batch: Batch,
    },
}

/// A batch on its way to the outputs.
pub(super) struct Delivery {
    pub(super) n: u64,
    pub(super) source: Arc<str>,
    pub(super) batch: Batch,
    pub(super) verdicts: Vec<Verdict>,
}

/// Between two commits, while events come.
const COMMIT_EVERY: Duration = Duration::from_secs(1);
/// Or after so many bytes.
const COMMIT_VOLUME: u64 = 64 << 20;

impl Pipeline {
    /// Brings files and bookmark together and starts the threads. The loop of
    /// `wake` is woken whenever a link has more credit.
    ///
    /// # Errors
    /// [`OpeningError`]; nothing was lost.
    pub fn start(setup: Setup, wake: Handle) -> Result<Self, OpeningError> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let mut targets = Vec::new();
        let mut files = Vec::new();
        let mut others = Vec::new();
        for setting in &setup.outputs {
            match &setting.destination {
                Destination::File(pattern) => {
                    let paths = paths(pattern, &setup.sources);
                    files.push((pattern.clone(), paths.clone()));
                    let output = FileOutput::new(&setting.name, pattern.clone(), disk.clone());
                    targets.push(Target { output, paths });
                }
                Destination::Stdout => others.push(setting.name.clone()),
            }
        }
        let (mut journal, mut surprises) = (None, Vec::new());
        if setup.state.is_none() {
            for target in &mut targets {
                let opened = target.output.restore(None, &target.paths);
                opened.map_err(|(path, error)| OpeningError::File(path, error))?;
            }
        }
        if let Some(state) = &setup.state {
            let (started, found) =
                opening::open(&disk, state.path(), state.boot(), &mut targets, &others)?;
            journal = Some(started);
            surprises = found;
        }
        let n = journal.as_ref().map_or(0, |journal| journal.bookmark().n);
        let key = setup.state.as_ref().map(|state| state.key().clone());
        let sequencer = Sequencer::new(
            key.unwrap_or_else(|| Key::new([0; 32])),
            setup.overlap,
            &journal
                .as_ref()
                .map(|j| j.bookmark().clone())
                .unwrap_or_default(),
        );
        let shared = Arc::new(Shared {
            votes: Votes::new(setup.outputs.len(), n, wake),
            journal: journal.map(Mutex::new),
            noticed: Mutex::default(),
        });
        let mut writers: Vec<Writer> = targets
            .into_iter()
            .map(|target| Writer::file(target.output, &setup))
            .collect();
        writers.extend(others.into_iter().map(|name| Writer::stdout(name, &setup)));
        let mut pipeline = Self::spawn(setup.state, setup.limit, sequencer, writers, shared);
        pipeline.surprises = surprises;
        pipeline.files = files;
        Ok(pipeline)
    }

    fn spawn(
        state: Option<StateDir>,
        limit: u64,
        sequencer: Sequencer,
        writers: Vec<Writer>,
        shared: Arc<Shared>,
    ) -> Self {
        let mut threads = Vec::new();
        let mut outputs = Vec::new();
        let mut files = Vec::new();
        for (index, writer) in writers.into_iter().enumerate() {
            let (sender, receiver) = channel();
            outputs.push(sender);
            files.extend(writer.files());
            let shared = shared.clone();
            threads.push(thread::spawn(move || writer.run(index, &receiver, &shared)));
        }
        let (jobs, receiver) = channel();
        let of_jobs = shared.clone();
        threads.push(thread::spawn(move || {
            number(sequencer, limit, &receiver, &outputs, &of_jobs);
        }));
        let of_commits = shared.clone();
        let committer = thread::spawn(move || commits(&files, &of_commits));
        Self {
            jobs: Some(jobs),
            shared,
            threads,
            committer: Some(committer),
            links: 0,
            surprises: Vec::new(),
            files: Vec::new(),
            _state: state,
        }
    }

    /// Whether it cannot go on.
    pub fn has_failed(&self) -> bool {
        self.shared.votes.has_failed()
    }

    /// A new connection of a source. What it brings again of what was handed on
    /// before will be left out. `None` when the pipeline has ended.
    pub fn connect(&mut self, source: &str, from: InitialTimestamp) -> Option<Link> {
        let jobs = self.jobs.clone()?;
        let source: Arc<str> = source.into();
        let (answer, receiver) = channel();
        let job = Job::Connect {
            source: source.clone(),
            from,
            answer,
        };
        jobs.send(job).ok()?;
        self.links += 1;
        Some(Link {
            number: self.links,
            source,
            jobs,
            shared: self.shared.clone(),
            handed: Cell::new(0),
            from: receiver.recv().ok()?,
        })
    }

    /// Delivers what is under way, commits, and ends. All links have to be gone.
    pub fn finish(mut self) -> Result<BTreeMap<String, Noticed>, Failure> {
        drop(self.jobs.take());
        self.shared.votes.finish();
        for thread in self.threads.drain(..).chain(self.committer.take()) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
        let failure = self.shared.votes.take_failure();
        if let (Some(Failure::NotDurable(_)), Some(journal)) = (&failure, &self.shared.journal) {
            self.cut_back(&lock(journal));
        }
        match failure {
            Some(failure) => Err(failure),
            None => Ok(lock(&self.shared.noticed).clone()),
        }
    }

    /// Cuts the files to the last commit: after a failed sync nothing behind it
    /// can be believed, although it can still be read.
    fn cut_back(&self, journal: &Journal) {
        for (pattern, paths) in &self.files {
            let name = pattern.to_string();
            let marks = journal.bookmark().outputs.get(&name);
            let mut output = FileOutput::new(&name, pattern.clone(), Arc::new(RealDisk));
            if let Err((path, error)) = output.restore(marks, paths) {
                say!(
                    "estreamer: cannot cut {} back either: {error}. Its end cannot be believed.",
                    path.display()
                );
            }
        }
    }
}

impl Link {
    /// Hands a batch on.
    pub fn batch(&self, batch: Batch) {
        self.handed.set(self.handed.get() + 1);
        // Without a receiver the pipeline has failed, and says so.
        let _ = self.jobs.send(Job::Batch {
            link: self.number,
            source: self.source.clone(),
            batch,
        });
    }

    /// Units of this connection that are where they belong.
    pub fn delivered(&self) -> u64 {
        self.shared.votes.credit(self.number)
    }

    /// Whether batches are on their way to the outputs.
    pub fn is_busy(&self) -> bool {
        self.handed.get() > self.shared.votes.accepted(self.number)
    }

    /// Whether as many records came as were wanted.
    pub fn is_enough(&self) -> bool {
        self.shared.votes.is_enough()
    }

    /// Whether the pipeline cannot go on.
    pub fn has_failed(&self) -> bool {
        self.shared.votes.has_failed()
    }
}

/// The thread that numbers batches.
fn number(
    mut sequencer: Sequencer,
    mut left: u64,
    jobs: &Receiver<Job>,
    outputs: &[Sender<Arc<Delivery>>],
    shared: &Shared,
) {
    for job in jobs {
        match job {
            Job::Connect {
                source,
                from,
                answer,
            } => {
                // Whoever asked may be gone.
                let _ = answer.send(sequencer.connect(&source, from));
            }
            Job::Batch {
                link,
                source,
                batch,
            } => {
                let numbered = sequencer.batch(&source, batch.records(), left, unix_seconds());
                left -= numbered.verdicts.iter().filter(|v| v.keep).count() as u64;
                if left == 0 {
                    shared.votes.enough();
                }
                shared.notice(&source, sequencer.noticed(&source));
                let n = numbered.note.n;
                if let Some(journal) = &shared.journal {
                    let mut entry = Some(Entry::Batch(numbered.note));
                    let noted = patiently(shared, "the journal", || match entry.take() {
                        None => Ok(()),
                        Some(note) => lock(journal).note(note).map_err(|(note, error)| {
                            entry = Some(note);
                            error
                        }),
                    });
                    if !noted {
                        return;
                    }
                }
                shared.votes.sent(n, link, batch.units);
                let delivery = Arc::new(Delivery {
                    n,
                    source,
                    batch,
                    verdicts: numbered.verdicts,
                });
                for output in outputs {
                    // An output that has ended has failed, and says so.
                    let _ = output.send(delivery.clone());
                }
            }
        }
    }
}

/// Tries until it works; false when it is not worth trying any more. The first
/// failure is told.
pub(super) fn patiently(
    shared: &Shared,
    what: &str,
    mut work: impl FnMut() -> io::Result<()>,
) -> bool {
    let mut pause = Duration::from_millis(50);
    let mut told = false;
    loop {
        match work() {
            Ok(()) => {
                if told {
                    say!("estreamer: {what} can be written again");
                }
                return true;
            }
            Err(error) if shared.votes.is_over() => {
                shared.votes.fail(Failure::Output(what.into(), error));
                return false;
            }
            Err(error) => {
                if !std::mem::replace(&mut told, true) {
                    say!(
                        "estreamer: cannot write to {what}: {error}. Nothing is lost: it is tried \
                         again, and the server waits."
                    );
                }
                drop(shared.votes.wait(pause, |state| state.finishing));
                pause = (pause * 2).min(Duration::from_secs(5));
            }
        }
    }
}

/// The thread that commits.
fn commits(files: &[super::writer::Files], shared: &Shared) {
    let Some(journal) = &shared.journal else {
        return;
    };
    let mut committed = lock(journal).bookmark().n;
    loop {
        let finishing = {
            let mut state = shared.votes.wait(COMMIT_EVERY, |state| {
                state.finishing || state.volume >= COMMIT_VOLUME
            });
            state.volume = 0;
            state.finishing
        };
        if finishing {
            shared.votes.wait_for_writers();
        }
        let cut = shared.votes.cut();
        if cut > committed {
            match commit(files, journal, cut) {
                Ok(true) => committed = cut,
                // No room for it; the next one tries again.
                Ok(false) => {}
                Err(error) => {
                    shared.votes.fail(Failure::NotDurable(error));
                    return;
                }
            }
        }
        if finishing || shared.votes.has_failed() {
            return;
        }
    }
}

/// Commits up to batch `n`; false if the journal has no room to say so.
fn commit(files: &[super::writer::Files], journal: &Mutex<Journal>, n: u64) -> io::Result<bool> {
    for file in files.iter().flat_map(|files| lock(files).clone()) {
        file.sync()?;
    }
    let Ok(segment) = lock(journal).commit(n) else {
        return Ok(false);
    };
    segment.sync()?;
    lock(journal).tidy()?;
    Ok(true)
}

/// The paths a pattern may become.
fn paths(pattern: &Pattern, sources: &[String]) -> Vec<PathBuf> {
    let events = || {
        EventKind::ALL
            .map(EventKind::name)
            .into_iter()
            .chain([OTHER])
    };
    let all = sources
        .iter()
        .flat_map(|source| events().map(|event| pattern.path(source, event)));
    let mut paths: Vec<PathBuf> = all.collect();
    paths.sort();
    paths.dedup();
    paths
}

fn unix_seconds() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |age| age.as_secs())
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReaderLeft => f.write_str("nobody reads standard output any more"),
            Self::Output(what, error) => write!(f, "cannot write to {what}: {error}"),
            Self::NotDurable(error) => {
                write!(f, "what was written could not be made durable: {error}")
            }
        }
    }
}
