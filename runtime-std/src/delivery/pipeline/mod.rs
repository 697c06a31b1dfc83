//! The threads between the event loop and the outputs: one numbers the batches,
//! one for each output writes them, one commits.

use std::cell::Cell;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use estreamer_core::fqe::EventKind;
use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::batch::Batch;
use estreamer_mio::event_loop::Handle;

mod batch_formatter;
mod best_effort;
mod committer;
pub mod delivery;
mod dispatcher;
mod progress;
mod retry;
mod writer;

use self::batch_formatter::{Layout, OTHER};
use self::best_effort::Lossy;
use self::delivery::Origin;
use self::dispatcher::{Job, Numbering, Spare};
use self::progress::{Credit, Votes};
use self::writer::{Kind, Writer};
use crate::config::Output;
use crate::delivery::bookmark::journal::Journal;
use crate::delivery::bookmark::opening::{self, OpeningError, Target};
use crate::delivery::bookmark::state_dir::StateDir;
use crate::delivery::dedup::sequencer::{Asked, Sequencer};
use crate::delivery::ledger::Ledger;
use crate::digest::Key;
use crate::disk::{Disk, RealDisk};
use crate::output::destination::Destination;
use crate::output::file::{FileOutput, Surprise};
use crate::output::pattern::Pattern;
use crate::output::tcp::TcpOutput;
use crate::sync::lock;
use committer::forget;

/// What is delivered where.
pub struct Setup {
    /// Where the bookmark lives; without it there is none.
    pub state: Option<StateDir>,
    /// The outputs.
    pub outputs: Vec<Output>,
    /// The names of the sources, as far as files are named after them.
    pub sources: Vec<String>,
    /// Seconds asked for again at a resume.
    pub overlap: u32,
    /// Records to deliver, at most.
    pub limit: u64,
    /// Where everything is counted.
    pub ledger: Arc<Ledger>,
    /// When each source was first asked.
    pub asked: Asked,
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
    /// An output took too long to finish.
    Late(Duration),
}

/// The threads at work.
pub struct Pipeline {
    jobs: Option<Sender<Job>>,
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
    /// What was unexpected about the files.
    pub surprises: Vec<Surprise>,
    /// The file outputs, as they are found again.
    files: Vec<(String, Pattern, Vec<PathBuf>)>,
    // Locked until everything is written.
    state: Option<StateDir>,
}

/// What the threads share.
struct Shared {
    votes: Votes,
    journal: Option<Mutex<Journal>>,
    ledger: Arc<Ledger>,
    spare: Arc<Spare>,
    /// The last batch that is durable.
    durable: AtomicU64,
    /// What the ledger counts as delivered and is not durable yet.
    uncommitted: Mutex<VecDeque<Uncommitted>>,
}

/// Records of a batch that went to the outputs.
struct Uncommitted {
    n: u64,
    source: Arc<str>,
    records: u64,
}

/// One connection's way into the pipeline.
pub struct Link {
    origin: Arc<Origin>,
    jobs: Sender<Job>,
    shared: Arc<Shared>,
    credit: Arc<Credit>,
    /// Batches handed on.
    handed: Cell<u64>,
    /// Where to ask from.
    pub from: InitialTimestamp,
}

impl Pipeline {
    /// Brings files and bookmark together and starts the threads. The loop of
    /// `wake` is woken whenever a link has more credit.
    ///
    /// # Errors
    /// [`OpeningError`]; nothing was lost.
    pub fn start(setup: Setup, wake: Handle) -> Result<Self, OpeningError> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let (required, lossy): (Vec<_>, Vec<_>) =
            setup.outputs.iter().partition(|output| output.required);
        let mut targets = Vec::new();
        let mut files = Vec::new();
        let mut others = Vec::new();
        for output in &required {
            match &output.destination {
                Destination::File(pattern) => {
                    let paths = paths(pattern, &setup.sources);
                    files.push((output.name.clone(), pattern.clone(), paths.clone()));
                    let output = FileOutput::new(&output.name, pattern.clone(), disk.clone());
                    targets.push(Target { output, paths });
                }
                Destination::Stdout | Destination::Tcp(_) => others.push(output.name.clone()),
            }
        }
        let (journal, surprises) = match &setup.state {
            None => without_state(&mut targets).map(|()| (None, Vec::new())),
            Some(state) => {
                let (path, boot, overlap) = (state.path(), state.boot(), setup.overlap);
                opening::open(&disk, path, boot, overlap, &mut targets, &others)
                    .map(|(journal, found)| (Some(journal), found))
            }
        }?;
        let bookmark = journal.as_ref().map(|journal| journal.bookmark().clone());
        let bookmark = bookmark.unwrap_or_default();
        let key = setup.state.as_ref().map(|state| state.key().clone());
        let key = key.unwrap_or_else(|| Key::new([0; 32]));
        let sequencer = Sequencer::new(key, setup.overlap, &bookmark).remembering(setup.asked);
        let shared = Arc::new(Shared {
            votes: Votes::new(required.len(), bookmark.n, wake),
            journal: journal.map(Mutex::new),
            ledger: setup.ledger,
            spare: Arc::default(),
            durable: AtomicU64::new(bookmark.n),
            uncommitted: Mutex::default(),
        });
        let mut targets = targets.into_iter();
        let writers = required.iter().enumerate().filter_map(|(index, output)| {
            let kind = match &output.destination {
                Destination::File(_) => Kind::File(targets.next()?.output),
                Destination::Stdout => Kind::Stdout,
                Destination::Tcp(address) => Kind::Tcp(TcpOutput::new(address)),
            };
            let layout = Layout::new(output);
            Some(Writer::new(
                index,
                &output.name,
                layout,
                kind,
                shared.clone(),
            ))
        });
        let writers: Vec<Writer> = writers.collect();
        let lossy = lossy.into_iter().map(Lossy::start).collect();
        let (jobs, threads) = spawn(writers, lossy, sequencer, setup.limit, &shared);
        Ok(Self {
            jobs: Some(jobs),
            shared,
            threads,
            surprises,
            files,
            state: setup.state,
        })
    }

    /// Whether it cannot go on.
    pub fn has_failed(&self) -> bool {
        self.shared.votes.has_failed()
    }

    /// Whether as many records came as were wanted.
    pub fn is_enough(&self) -> bool {
        self.shared.votes.is_enough()
    }

    /// The required outputs, counted from 0, that have not taken every batch.
    pub fn behind(&self) -> Vec<usize> {
        self.shared.votes.behind()
    }

    /// The last batch that is known to be durable; 0 without a bookmark.
    pub fn committed(&self) -> u64 {
        self.shared.durable.load(Ordering::Acquire)
    }

    /// A new connection of a source. What it brings again of what was handed on
    /// before will be left out. `None` when the pipeline has ended. The loop is
    /// woken when the link is there.
    pub fn connect(&self, origin: &Arc<Origin>, from: InitialTimestamp) -> Option<PendingLink> {
        let jobs = self.jobs.clone()?;
        let (answer, receiver) = channel();
        let job = Job::Connect {
            origin: origin.clone(),
            from,
            answer,
        };
        jobs.send(job).ok()?;
        Some(PendingLink {
            origin: origin.clone(),
            jobs,
            shared: self.shared.clone(),
            from: receiver,
        })
    }

    /// Has the outputs make their files durable and open them by their names
    /// again.
    pub fn reopen(&self) {
        if let Some(jobs) = &self.jobs {
            // Without a receiver the pipeline has failed, and says so.
            let _ = jobs.send(Job::Reopen);
        }
    }

    /// Delivers what is under way, commits, and ends, within `limit`. All links
    /// have to be gone. The state directory can be used again afterwards.
    pub fn finish(mut self, limit: Duration) -> (Result<(), Failure>, Option<StateDir>) {
        drop(self.jobs.take());
        self.shared.votes.finish();
        if !self
            .shared
            .votes
            .wait_for_writers(Some(Instant::now() + limit))
        {
            // Its thread is left behind, and what it holds comes again. The thread
            // that commits must not wait for it: the journal may be another's.
            let failure = self.shared.votes.take_failure();
            self.shared.votes.fail(Failure::Late(limit));
            return (Err(failure.unwrap_or(Failure::Late(limit))), self.state);
        }
        for thread in self.threads.drain(..) {
            // A thread that panicked has said so.
            let _ = thread.join();
        }
        let failure = self.shared.votes.take_failure();
        if let (Some(Failure::NotDurable(_)), Some(journal)) = (&failure, &self.shared.journal) {
            let journal = lock(journal);
            self.cut_back(&journal);
            // What comes again is counted when it comes. The files keep what the
            // bookmark has, whether or not that became durable.
            let mut uncommitted = lock(&self.shared.uncommitted);
            forget(&mut uncommitted, journal.bookmark().n);
            for Uncommitted {
                source, records, ..
            } in uncommitted.drain(..)
            {
                let ledger = &self.shared.ledger;
                ledger.change(&source, |counts| counts.delivered -= records);
            }
        }
        (failure.map_or(Ok(()), Err), self.state)
    }

    /// Cuts the files to the last commit: after a failed sync nothing behind it
    /// can be believed, although it can still be read.
    fn cut_back(&self, journal: &Journal) {
        for (name, pattern, paths) in &self.files {
            let marks = journal.bookmark().outputs.get(name.as_str());
            let mut output = FileOutput::new(name, pattern.clone(), Arc::new(RealDisk));
            if let Err((path, error)) = output.restore(marks, paths) {
                say!(
                    "estreamer: cannot cut {} back either: {error}. Its end cannot be believed.",
                    path.display()
                );
            }
        }
    }
}

fn without_state(targets: &mut [Target]) -> Result<(), OpeningError> {
    for target in targets {
        let opened = target.output.restore(None, &target.paths);
        opened.map_err(|(path, error)| OpeningError::File(path, error))?;
    }
    Ok(())
}

fn spawn(
    writers: Vec<Writer>,
    lossy: Vec<Lossy>,
    sequencer: Sequencer,
    limit: u64,
    shared: &Arc<Shared>,
) -> (Sender<Job>, Vec<JoinHandle<()>>) {
    let mut threads = Vec::new();
    let mut outputs = Vec::new();
    let files: Vec<_> = writers.iter().map(Writer::files).collect();
    for writer in writers {
        let (sender, receiver) = channel();
        outputs.push(sender);
        threads.push(thread::spawn(move || writer.run(&receiver)));
    }
    let (jobs, receiver) = channel();
    let numbering = Numbering {
        sequencer,
        left: limit,
        outputs,
        lossy,
        shared: shared.clone(),
    };
    threads.push(thread::spawn(move || numbering.run(&receiver)));
    let of_commits = shared.clone();
    threads.push(thread::spawn(move || committer::run(&files, &of_commits)));
    (jobs, threads)
}

/// A link on its way: the pipeline has to work off what came before.
pub struct PendingLink {
    origin: Arc<Origin>,
    jobs: Sender<Job>,
    shared: Arc<Shared>,
    from: Receiver<InitialTimestamp>,
}

impl PendingLink {
    /// The link, once.
    pub fn link(&self) -> Option<Link> {
        let from = self.from.try_recv().ok()?;
        Some(Link {
            origin: self.origin.clone(),
            jobs: self.jobs.clone(),
            shared: self.shared.clone(),
            credit: Arc::default(),
            handed: Cell::new(0),
            from,
        })
    }
}

impl Link {
    /// The session has begun.
    pub fn began(&self) {
        let origin = self.origin.clone();
        // As below.
        let _ = self.jobs.send(Job::Began { origin });
    }

    /// Hands a batch on.
    pub fn batch(&self, batch: Batch) {
        self.handed.set(self.handed.get() + 1);
        // Without a receiver the pipeline has failed, and says so.
        let _ = self.jobs.send(Job::Batch {
            origin: self.origin.clone(),
            credit: self.credit.clone(),
            batch,
        });
    }

    /// The ledger's account of this source.
    pub fn ledger(&self) -> (&Ledger, &Arc<str>) {
        (&self.shared.ledger, &self.origin.name)
    }

    /// Units of this connection that are where they belong.
    pub fn delivered(&self) -> u64 {
        self.credit.units()
    }

    /// Whether batches are on their way to the outputs.
    pub fn is_busy(&self) -> bool {
        self.handed.get() > self.credit.batches()
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

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReaderLeft => f.write_str("nobody reads standard output any more"),
            Self::Output(what, error) => write!(f, "cannot write to {what}: {error}"),
            Self::NotDurable(error) => {
                write!(f, "what was written could not be made durable: {error}")
            }
            Self::Late(limit) => write!(
                f,
                "an output did not take what was under way within {} s",
                limit.as_secs_f32()
            ),
        }
    }
}
