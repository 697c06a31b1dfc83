//! The threads between the event loop and the outputs.
//!
//! ```text
//! link ─▶ dispatcher ─▶ writer of each required output ─┐ accepted
//!             │                                         ▼
//!             └──────▶ best effort                  committer ─▶ journal
//! ```
//!
//! - [`steps`]: the protocol of journal and outputs that all threads follow.
//! - `acknowledgement`: decides which batches may be acknowledged to the server.
//! - `progress`: the shared state of the threads; decides which batches are committed.
//! - `dispatcher`, `writer`, `best_effort`, `committer`: the threads.
//! - `output_log`: tells whether an output works.
//! - `files`: which files outputs write to.
//! - `batch_formatter`: selects and formats the records for one output.

mod acknowledgement;
mod backlog;
mod batch_formatter;
mod best_effort;
mod committer;
pub mod delivery;
mod dispatcher;
pub mod failure;
mod files;
pub mod link;
mod output_log;
mod progress;
mod reading;
mod refusals;
mod retry;
mod selection;
pub mod steps;
pub mod view;
mod writer;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use estreamer_core::wire::InitialTimestamp;
use estreamer_mio::event_loop::Handle;
use tracing::{error, warn};

use crate::config::OutputConfig;
use crate::delivery::bookmark::journal::Journal;
use crate::delivery::bookmark::opening::{self, BookmarkLocation, OpeningError};
use crate::delivery::bookmark::recovery::Bookmark;
use crate::delivery::bookmark::settle::cut_back;
use crate::delivery::bookmark::state_dir::StateDir;
use crate::delivery::dedup::sequencer::{FirstSessions, Remembered, Sequencer, SequencerLimits};
use crate::delivery::ledger::Ledger;
use crate::digest::DigestKey;
use crate::disk::{Disk, RealDisk};
use crate::output::Output;
use crate::output::file::notice::FileNotice;
use crate::output::receivers::RecordNeeds;
use crate::sync::lock;
use crate::thread;
use batch_formatter::BatchFormatter;
use best_effort::BestEffort;
use delivery::SourceInfo;
use dispatcher::{Dispatcher, Job};
use failure::{PipelineError, StartError};
use files::{file_settings, lacking};
use link::PendingLink;
use progress::{DeliveryProgress, Rules};
use reading::Readers;
use steps::DeliverySteps;
use view::{PipelineView, ViewedOutput};
use writer::OutputWriter;

/// How long a stop waits for threads that do not hang, so that another pipeline can open their
/// files.
const FOR_OTHERS: Duration = Duration::from_millis(500);

/// How long a stop waits at least for the last commit, after all outputs have finished.
const FOR_LAST_COMMIT: Duration = Duration::from_secs(10);

/// The parameters of a pipeline.
pub struct Setup {
    /// The state directory; without it there is no bookmark.
    pub state: Option<StateDir>,
    /// The outputs.
    pub outputs: Vec<OutputConfig>,
    /// The names of the sources.
    pub sources: Vec<String>,
    /// The archival second that each is asked from without a bookmark, 0 if from now on.
    pub beginnings: BTreeMap<String, u32>,
    /// The limits of the sequencer.
    pub limits: SequencerLimits,
    /// Whether a batch is acknowledged only after every required output has accepted it.
    pub is_strict: bool,
    /// The maximum number of records to deliver.
    pub limit: u64,
    /// The counts of the sources.
    pub ledger: Arc<Ledger>,
    /// The first session of each source in this process.
    pub first_sessions: FirstSessions,
    /// What the pipeline before this one has delivered: it takes the place of a bookmark. At the
    /// end it gets what this one has delivered.
    pub remembered: Remembered,
    /// A source whose bookmark is discarded.
    pub forget: Option<String>,
}

/// The running threads.
pub struct Pipeline {
    jobs: Option<Sender<Job>>,
    steps: Arc<DeliverySteps>,
    progress: Arc<DeliveryProgress>,
    ledger: Arc<Ledger>,
    threads: Vec<JoinHandle<()>>,
    view: PipelineView,
    /// What the dispatcher had delivered at its end.
    delivered: Remembered,
    remembered: Remembered,
    /// Sources in the bookmark that are not in the setup.
    pub unused: Vec<String>,
    /// Sources in the setup that are not in the bookmark.
    pub without_bookmark: Vec<String>,
    // Holds the lock until everything is written.
    state: Option<StateDir>,
}

impl Pipeline {
    /// Opens the bookmark and the outputs and starts the threads. `wake` wakes the event
    /// loop when a link gets credit.
    ///
    /// # Errors
    /// [`StartError`]. No event is lost.
    pub fn start(setup: Setup, wake: Handle) -> Result<Self, StartError> {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let remembered = match &setup.state {
            Some(_) => None,
            None => lock(&setup.remembered).clone(),
        };
        let (remembered_key, remembered) = remembered.unzip();
        let key = setup.state.as_ref().map(|state| state.key().clone());
        let key = key.or(remembered_key).unwrap_or(DigestKey::new([0; 32]));
        let make = |of: &OutputConfig| {
            let settings = file_settings(of, &setup.sources);
            of.destination.output(&disk, &key, settings, &of.receiver)
        };
        let (required, optional): (Vec<_>, Vec<_>) =
            setup.outputs.iter().partition(|output| output.required);
        let mut outputs: Vec<(String, Box<dyn Output>)> = required
            .iter()
            .map(|output| (output.name.clone(), make(output)))
            .collect();
        let journal = match &setup.state {
            None => {
                for (_, output) in &mut outputs {
                    let prepared = output.prepare();
                    prepared.map_err(|(path, error)| OpeningError::File(path, error))?;
                }
                None
            }
            Some(state) => {
                let place = BookmarkLocation {
                    directory: state.path(),
                    boot: state.boot(),
                    key: &key,
                };
                let forget = setup.forget.as_deref();
                let overlap = setup.limits.overlap;
                let beginning = |source: &str| setup.beginnings.get(source).copied().unwrap_or(0);
                let mut tell = |notice: FileNotice| warn!("{notice}");
                let journal = opening::open(
                    &disk,
                    place,
                    overlap,
                    forget,
                    &beginning,
                    &mut outputs,
                    &mut tell,
                )?;
                let lacking = lacking(state, &required, &setup.sources);
                lacking.into_iter().for_each(tell);
                state
                    .confirm()
                    .map_err(|error| OpeningError::File(state.path().into(), error))?;
                Some(journal)
            }
        };
        let nothing = Bookmark::default();
        let bookmark = journal.as_ref().map_or(&nothing, Journal::bookmark);
        let delivered = remembered.as_ref().unwrap_or(&bookmark.sources);
        let n = bookmark.n;
        let (limits, first_sessions) = (setup.limits, setup.first_sessions);
        let sequencer = Sequencer::new(key.clone(), limits, n, delivered, first_sessions);
        let mut needs = setup.outputs.iter().map(|of| of.destination.needs());
        let sequencer = match needs.any(|needs| needs == RecordNeeds::Ordinals) {
            true => sequencer.with_ordinals(),
            false => sequencer,
        };
        let is_unused = |name: &&Arc<str>| !setup.sources.iter().any(|of| **of == ***name);
        let ledger = setup.ledger;
        for (name, delivered) in &bookmark.sources {
            ledger.resumed(name, delivered.point());
        }
        let is_new = |name: &&String| !delivered.contains_key(name.as_str());
        for name in setup.sources.iter().filter(is_new) {
            ledger.resumed(&name.as_str().into(), None);
        }
        let unused = bookmark.sources.keys().filter(is_unused);
        let unused = unused.map(|name| name.to_string()).collect();
        let sources = setup.sources.iter();
        let is_without = |name: &&String| !bookmark.sources.contains_key(name.as_str());
        let without_bookmark = sources.filter(is_without).cloned().collect();
        let rules = Rules {
            is_strict: setup.is_strict,
            has_bookmark: journal.is_some(),
        };
        let progress = DeliveryProgress::new(outputs.len(), n, rules, wake, ledger.clone());
        let mut pipeline = Self {
            jobs: None,
            steps: Arc::new(DeliverySteps::new(journal)),
            progress: Arc::new(progress),
            ledger,
            threads: Vec::new(),
            view: PipelineView::default(),
            delivered: Remembered::default(),
            remembered: setup.remembered,
            unused,
            without_bookmark,
            state: setup.state,
        };
        let mut best_effort = Vec::new();
        for output in optional {
            let formatter = BatchFormatter::new(output);
            let limit = output.queue as u64;
            let viewed = pipeline.viewed(output);
            let (counts, ledger) = (viewed.counts.clone(), &pipeline.ledger);
            let made = make(output);
            let started = BestEffort::start(&output.name, formatter, made, limit, counts, ledger)?;
            pipeline.view.optional.push((viewed, started.view()));
            best_effort.push(started);
        }
        let readers = setup.outputs.iter().map(BatchFormatter::new);
        let readers = readers.filter_map(|formatter| formatter.reads().cloned());
        let readers = Readers::new(readers.collect());
        let outputs = outputs.into_iter().zip(required);
        pipeline.spawn(outputs, (best_effort, readers), sequencer, setup.limit)?;
        *lock(&pipeline.remembered) = None;
        Ok(pipeline)
    }

    fn spawn<'a>(
        &mut self,
        outputs: impl Iterator<Item = ((String, Box<dyn Output>), &'a OutputConfig)>,
        (best_effort, readers): (Vec<BestEffort>, Arc<Readers>),
        sequencer: Sequencer,
        limit: u64,
    ) -> Result<(), StartError> {
        let mut commands = Vec::new();
        let mut files = Vec::new();
        for (index, ((name, output), of)) in outputs.enumerate() {
            let formatter = BatchFormatter::new(of);
            let shared = (self.steps.clone(), self.progress.clone());
            let viewed = self.viewed(of);
            let counts = viewed.counts.clone();
            self.view.required.push(viewed);
            let writer = OutputWriter::new(
                index,
                &name,
                formatter,
                output,
                (counts, &self.ledger),
                shared,
            );
            files.push(writer.files());
            let (sender, receiver) = channel();
            commands.push(sender);
            self.threads
                .push(thread::spawn("output", move || writer.run(&receiver))?);
        }
        let (jobs, receiver) = channel();
        let shared = (self.steps.clone(), self.progress.clone());
        let ledger = self.ledger.clone();
        let dispatcher = Dispatcher::new(
            (sequencer, self.delivered.clone(), limit),
            commands,
            (best_effort, readers),
            ledger,
            shared,
        );
        self.threads.push(thread::spawn("dispatcher", move || {
            dispatcher.run(&receiver)
        })?);
        let (steps, progress) = (self.steps.clone(), self.progress.clone());
        self.threads.push(thread::spawn("committer", move || {
            committer::run(&files, &steps, &progress);
        })?);
        self.jobs = Some(jobs);
        self.view.progress = Some(self.progress.clone());
        Ok(())
    }

    fn viewed(&self, output: &OutputConfig) -> ViewedOutput {
        ViewedOutput {
            name: output.name.as_str().into(),
            kind: output.destination.scheme(),
            counts: self.ledger.output(&output.name),
        }
    }

    /// Returns a view of the outputs and of what waits for them.
    pub fn view(&self) -> PipelineView {
        self.view.clone()
    }

    /// Returns whether the pipeline has failed.
    pub fn has_failed(&self) -> bool {
        self.progress.has_failed()
    }

    /// Returns whether the record limit is reached.
    pub fn is_enough(&self) -> bool {
        self.progress.is_enough()
    }

    /// Returns the indexes of required outputs that are in a call. An output that stays in
    /// the list hangs.
    pub fn called(&self) -> Vec<usize> {
        self.progress.called()
    }

    /// Returns the required outputs that have not accepted every event, with the number of
    /// events that each has not accepted.
    pub fn pending(&self) -> Vec<(&str, u64)> {
        let names = self.view.required.iter().map(|output| &*output.name);
        let pending = names.zip(self.progress.pending());
        pending.filter(|(_, events)| *events > 0).collect()
    }

    /// Requests a link for a new connection of a source. Records that were delivered
    /// before are dropped. Returns `None` if the pipeline has ended. The event loop is
    /// woken when the link is ready.
    pub fn connect(&self, source: &Arc<SourceInfo>, from: InitialTimestamp) -> Option<PendingLink> {
        let jobs = self.jobs.clone()?;
        let (answer, receiver) = channel();
        let job = Job::Connect {
            source: source.clone(),
            from,
            answer,
        };
        jobs.send(job).ok()?;
        Some(PendingLink {
            source: source.clone(),
            jobs,
            progress: self.progress.clone(),
            ledger: self.ledger.clone(),
            from: receiver,
        })
    }

    /// Makes the files of the outputs durable, and reopens them by name.
    pub fn reopen(&self) {
        if let Some(jobs) = &self.jobs {
            // Fails only if the pipeline has failed, which it reports itself.
            let _ = jobs.send(Job::Reopen);
        }
    }

    /// Delivers pending batches, commits, and stops, within `limit`. Drop all links first.
    /// The returned state directory can be reused.
    pub fn finish(mut self, limit: Duration) -> (Result<(), PipelineError>, Option<StateDir>) {
        drop(self.jobs.take());
        self.progress.finish();
        let deadline = Instant::now() + limit;
        if !self.progress.wait_for_writers(deadline) {
            // The thread of the output is abandoned; its batches are delivered again. The
            // committer must not wait for it: another pipeline may use the journal.
            let failure = self.progress.take_failure();
            self.progress.fail(PipelineError::Late);
            wait_for(&self.threads, self.progress.called().len(), FOR_OTHERS);
            if let Some(failure @ PipelineError::NotDurable(_)) = failure {
                // A hanging output may still write to a file that must be truncated. No
                // other pipeline takes over; the next start truncates it.
                if let Some(mut journal) = self.steps.try_journal() {
                    journal.discard_uncommitted();
                }
                return (Err(failure), None);
            }
            let failure = failure.unwrap_or(PipelineError::Late);
            return (Err(failure), self.state.take());
        }
        let left = deadline.saturating_duration_since(Instant::now());
        // It was started last. The time of the others is limited by themselves.
        let committer = self.threads.last().map_or(&[][..], std::slice::from_ref);
        if !wait_for(committer, 0, left.max(FOR_LAST_COMMIT)) {
            // A disk that hangs. No other pipeline takes over: a write that was begun may
            // still reach the journal.
            self.progress.fail(PipelineError::DiskHangs);
            return (Err(PipelineError::DiskHangs), None);
        }
        for thread in self.threads.drain(..) {
            // A panic is reported already.
            let _ = thread.join();
        }
        let failure = self.progress.take_failure();
        if let Some(PipelineError::NotDurable(_)) = &failure {
            if let Some(mut journal) = self.steps.journal() {
                // Once more: a thread may have appended after the committer discarded.
                journal.discard_uncommitted();
                self.progress.committed(journal.bookmark().n);
            }
            self.progress.discard_not_durable();
            self.cut_back();
        }
        if failure.is_none() {
            // Every output has accepted it.
            std::mem::swap(&mut *lock(&self.remembered), &mut *lock(&self.delivered));
        }
        (failure.map_or(Ok(()), Err), self.state.take())
    }

    /// Truncates the files to the last commit after a failed sync: bytes after it can be
    /// read but may not be durable.
    fn cut_back(&self) {
        let (Some(journal), Some(state)) = (self.steps.journal(), &self.state) else {
            return;
        };
        let (bookmark, discarded) = (journal.bookmark(), journal.discarded());
        let mut tell = |notice: FileNotice| warn!("{notice}");
        if let Err((path, error)) = cut_back(&RealDisk, state.key(), bookmark, discarded, &mut tell)
        {
            error!(
                file = %path.display(),
                "cannot truncate {} to the last commit: {error}. Data after the last \
                 commit may be corrupt.",
                path.display()
            );
        }
    }
}

impl Drop for Pipeline {
    /// Stops the threads, also after a partial start.
    fn drop(&mut self) {
        self.progress.finish();
    }
}

/// Waits until all threads but so many have ended; returns false after `limit`.
fn wait_for(threads: &[JoinHandle<()>], but: usize, limit: Duration) -> bool {
    let deadline = Instant::now() + limit;
    let running = || threads.iter().filter(|thread| !thread.is_finished());
    while running().count() > but {
        if Instant::now() >= deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}
