//! Runs a collection from start to end, across reloads and failed syncs.

use std::cell::Cell;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use estreamer_core::session::Instant;
use estreamer_mio::client::ClientConnection;
use estreamer_mio::event_loop::EventLoop;
use tracing::{error, info, warn};

use super::history::Histories;
use super::listening::Listening;
use super::options::{Health, Reset, Run};
use super::summary::report;
use super::supervisor::{Ended, Supervisor};
use super::unused;
use crate::config::{Config, OutputConfig, RetryPolicy, SourceConfig};
use crate::delivery::bookmark::journal::JournalError;
use crate::delivery::bookmark::opening::OpeningError;
use crate::delivery::bookmark::state_dir::{StateDir, StateError};
use crate::delivery::dedup::high_water_mark::beginning;
use crate::delivery::dedup::sequencer::{FirstSessions, Remembered, SequencerLimits};
use crate::delivery::ledger::Ledger;
use crate::delivery::pipeline::failure::{PipelineError, StartError};
use crate::delivery::pipeline::{Pipeline, Setup};
use crate::failure::Failure;
use crate::form_hints::FormHints;
use crate::output::destination::Destination;
use crate::reconnect::{Forms, Resolver};
use crate::refusal;
use crate::telemetry::RunState;
use crate::telemetry::monitor::Monitor;

/// This number of failed syncs within ten minutes ends the run, whatever was committed
/// between them: a person has to check the disk.
const FAILED_SYNCS: usize = 3;
const LATELY: u32 = 600_000;

/// The maximum number of bytes for one digest, over all its copies: as delivered, in the
/// snapshot of the journal, and as expected again.
const MEMORY_OF_A_DIGEST: usize = 128;

/// The maximum number of digests, whatever the memory limit: a start has to read all of
/// them.
const MOST_DIGESTS: usize = 1 << 20;

/// The minimum number of milliseconds in which a pipeline may end, even if the time
/// limit has passed.
const AT_LEAST: u64 = 500;

/// A configuration, with sources that outlive their connections.
struct Settled {
    config: Config,
    sources: Vec<Arc<SourceConfig>>,
}

impl Settled {
    fn new(mut config: Config) -> Self {
        let sources = std::mem::take(&mut config.sources);
        Self {
            config,
            sources: sources.into_iter().map(Arc::new).collect(),
        }
    }

    /// Tells the monitor which sources there are.
    fn watch(&self, monitor: &Monitor) {
        let sources = self.sources.iter();
        monitor.set_sources(sources.map(|of| (&*of.name, of.identity.certificate())));
    }
}

/// Collects events until stopped.
///
/// # Errors
/// The cause of the end, and a remedy.
pub fn run(config: Config, mut run: Run) -> Result<(), Failure> {
    let mut event_loop = EventLoop::new().map_err(Failure::system)?;
    if let Some(watch) = run.watch.take() {
        watch(event_loop.handle())?;
    }
    let signals = run.signals.clone();
    let resolver = Resolver::new(event_loop.handle());
    let ledger = Arc::new(Ledger::new(seconds(config.overlap), run.wording));
    let monitor = Monitor::new(ledger.clone(), run.wording, run.configuration.take());
    let monitor = Arc::new(monitor);
    run.status.show(&monitor);
    let began = Cell::new(None);
    let first_sessions = FirstSessions::default();
    let remembered = Remembered::default();
    let mut forms = Forms::default();
    let mut histories = Histories::default();
    let mut current = Settled::new(config);
    current.watch(&monitor);
    let mut listening = Listening::open(current.config.listen, &monitor)?;
    // The configuration that continues if the new one cannot start.
    let mut previous: Option<Settled> = None;
    let mut state: Option<StateDir> = None;
    // The times of recent failed syncs.
    let mut failed_syncs: Vec<Instant> = Vec::new();
    let mut waits_for_space = false;
    let mut has_started = false;
    loop {
        let started = start(
            &current,
            &run,
            state.take(),
            &ledger,
            (&first_sessions, &remembered),
            &event_loop,
        );
        let (pipeline, at) = match (started, previous.take()) {
            (Ok(started), _) => (started, event_loop.now()),
            (Err(NoStart { failure, trouble }), None) => {
                let now = event_loop.now();
                let goes_on = match trouble {
                    Some(DiskTrouble::Full) => true,
                    // A disk that failed a sync may fail the start that follows, too.
                    Some(DiskTrouble::Fails) => has_started && is_bearable(&mut failed_syncs, now),
                    None => false,
                };
                if !goes_on || event_loop.handle().is_stopped() {
                    ledger.report(true);
                    if ledger.total().connections > 0 {
                        report(&ledger, began.get(), now);
                    }
                    return Err(failure);
                }
                let failure = failure.worded(run.wording);
                if trouble == Some(DiskTrouble::Fails) {
                    error!("{failure}. {COLLECTED_AGAIN}");
                    pause(&mut event_loop, now, 1000)?;
                    continue;
                }
                if !std::mem::replace(&mut waits_for_space, true) {
                    warn!("{failure}. Waiting for space on the disk.");
                }
                monitor.set_state(RunState::WaitingForSpace);
                run.beat(Health::WaitingForSpace);
                pause(&mut event_loop, now, 5000)?;
                continue;
            }
            (Err(NoStart { failure, .. }), Some(old)) => {
                error!(
                    "{}. The configuration is unchanged.",
                    failure.worded(run.wording)
                );
                current = old;
                continue;
            }
        };
        run.reset = Reset::Nothing;
        has_started = true;
        if std::mem::take(&mut waits_for_space) {
            info!("the disk has space again.");
        }
        if let Some(path) = &current.config.state {
            forms.keep_in(FormHints::open(path));
        }
        monitor.set_pipeline(pipeline.view(), current.config.state.clone());
        listening.change(current.config.listen);
        listening.open_socket(current.config.state.as_deref());
        let stop_by = Cell::new(None);
        let supervisor = Supervisor {
            config: &mut current.config,
            sources: &mut current.sources,
            run: &mut run,
            event_loop: &mut event_loop,
            signals: &signals,
            pipeline: &pipeline,
            resolver: &resolver,
            forms: &mut forms,
            histories: &mut histories,
            ledger: &ledger,
            monitor: &monitor,
            listening: &mut listening,
            stop_by: &stop_by,
            began: &began,
        };
        let ended = supervisor.serve();
        forms.save();
        // A remaining connection would block the end of the pipeline.
        event_loop.clear();
        let now: Instant = event_loop.now();
        let limit = stop_by
            .get()
            .map_or(current.config.shutdown, |by: Instant| {
                Duration::from_millis(by.0.saturating_sub(now.0).max(AT_LEAST))
            });
        let (finished, left) = pipeline.finish(limit);
        let now = event_loop.now();
        match (finished, ended) {
            (finished, Ok(Ended::Replaced(new))) if goes_on(&finished, left.is_some()) => {
                if let Err(failure) = finished {
                    warn!("{failure}. Events that it did not accept are collected again.");
                }
                if new.state == current.config.state {
                    state = left;
                }
                previous = Some(std::mem::replace(&mut current, Settled::new(*new)));
            }
            (Err(PipelineError::NotDurable(error)), ended @ Ok(_))
                if left.is_some()
                    && is_bearable(&mut failed_syncs, now)
                    && !event_loop.handle().is_stopped() =>
            {
                error!("what was written could not be made durable: {error}. {COLLECTED_AGAIN}");
                // The servers were reachable before.
                if ledger.total().connections > 0 {
                    current.config.retry = Some(RetryPolicy::Always);
                }
                if let Ok(Ended::Replaced(new)) = ended {
                    previous = Some(std::mem::replace(&mut current, Settled::new(*new)));
                }
                state = left.filter(|state| Some(state.path()) == current.config.state.as_deref());
                pause(&mut event_loop, at, 1000)?;
            }
            (finished, ended) => {
                if is_reader_gone(&current.config, &finished) {
                    return Ok(());
                }
                ledger.report(true);
                if ledger.total().connections > 0 {
                    report(&ledger, began.get(), now);
                }
                let stopped = event_loop.handle().is_stopped();
                return conclude(&current.config, finished, ended, stopped);
            }
        }
    }
}

/// The end of the message when a run goes on after a disk error.
const COLLECTED_AGAIN: &str = "Everything since the last commit is cut off and collected again.";

/// Why a pipeline does not start, and what is wrong with the disk if that is the cause.
struct NoStart {
    failure: Failure,
    trouble: Option<DiskTrouble>,
}

/// Disk errors that may pass.
#[derive(Clone, Copy, PartialEq, Eq)]
enum DiskTrouble {
    /// It has no space.
    Full,
    /// It reports an I/O error.
    Fails,
}

impl DiskTrouble {
    fn of(error: &io::Error) -> Option<Self> {
        match error.kind() {
            io::ErrorKind::StorageFull
            | io::ErrorKind::QuotaExceeded
            | io::ErrorKind::FileTooLarge => Some(Self::Full),
            _ if error.raw_os_error() == Some(libc::EIO) => Some(Self::Fails),
            _ => None,
        }
    }
}

/// Opens the state directory unless it is open already, and starts a pipeline.
fn start(
    settled: &Settled,
    run: &Run,
    state: Option<StateDir>,
    ledger: &Arc<Ledger>,
    (first_sessions, remembered): (&FirstSessions, &Remembered),
    event_loop: &EventLoop<ClientConnection>,
) -> Result<Pipeline, NoStart> {
    let config = &settled.config;
    let state = match (&config.state, state) {
        (Some(path), None) => Some(StateDir::open(path, run.reset == Reset::All).map_err(
            |error| NoStart {
                trouble: match &error {
                    StateError::Io(_, error) => DiskTrouble::of(error),
                    _ => None,
                },
                failure: refusal::state(&error),
            },
        )?),
        (_, state) => state,
    };
    ledger.set_overlap(seconds(config.overlap));
    let left = |limit: u64| limit.saturating_sub(ledger.total().accepted.events());
    let sources = settled.sources.iter();
    let setup = Setup {
        state,
        outputs: config.outputs.clone(),
        sources: sources.map(|source| source.name.clone()).collect(),
        beginnings: settled
            .sources
            .iter()
            .map(|source| (source.name.clone(), beginning(source.from)))
            .collect(),
        limits: SequencerLimits {
            overlap: seconds(config.overlap),
            digests: (config.memory / MEMORY_OF_A_DIGEST).min(MOST_DIGESTS),
        },
        is_strict: config.ahead == 0,
        limit: run.limit.map_or(u64::MAX, left),
        ledger: ledger.clone(),
        first_sessions: first_sessions.clone(),
        remembered: remembered.clone(),
        forget: match &run.reset {
            Reset::Source(name) => Some(name.clone()),
            Reset::Nothing | Reset::All => None,
        },
    };
    let pipeline = Pipeline::start(setup, event_loop.handle()).map_err(|error| NoStart {
        trouble: match &error {
            StartError::Opening(
                OpeningError::File(_, error) | OpeningError::Journal(JournalError::Io(_, error)),
            ) => DiskTrouble::of(error),
            _ => None,
        },
        failure: refusal::start(error),
    })?;
    unused::warn(&pipeline, &settled.sources, run.wording);
    Ok(pipeline)
}

/// Records a failed sync. Returns whether the run may continue from the last commit.
fn is_bearable(failed_syncs: &mut Vec<Instant>, now: Instant) -> bool {
    failed_syncs.retain(|at| now.0 < at.after(LATELY).0);
    failed_syncs.push(now);
    failed_syncs.len() < FAILED_SYNCS
}

/// Waits until `at` plus this number of milliseconds, so that a failing disk is not
/// retried without a pause. A stop request ends the wait.
fn pause(
    event_loop: &mut EventLoop<ClientConnection>,
    at: Instant,
    milliseconds: u32,
) -> Result<(), Failure> {
    let until = at.after(milliseconds);
    while event_loop.now() < until && !event_loop.handle().is_stopped() {
        let left = until.0 - event_loop.now().0.min(until.0);
        let left = Some(Duration::from_millis(left));
        event_loop.wait(left).map_err(Failure::system)?;
    }
    Ok(())
}

/// Returns whether another configuration can replace the current one. A blocked output
/// does not prevent this, since it may be the reason for the new configuration.
fn goes_on(finished: &Result<(), PipelineError>, has_state: bool) -> bool {
    match finished {
        Ok(()) => true,
        Err(PipelineError::Output(..) | PipelineError::Late) => has_state,
        Err(_) => false,
    }
}

/// Returns whether standard output is the only output and its reader has closed it.
fn is_reader_gone(config: &Config, finished: &Result<(), PipelineError>) -> bool {
    let is_stdout = |output: &OutputConfig| output.destination == Destination::Stdout;
    matches!(finished, Err(PipelineError::ReaderLeft)) && config.outputs.iter().all(is_stdout)
}

/// Returns the result of the run.
fn conclude(
    config: &Config,
    finished: Result<(), PipelineError>,
    ended: Result<Ended, Failure>,
    stopped: bool,
) -> Result<(), Failure> {
    let comes_again = match config.state {
        Some(_) => "Events that were not written are collected again at the next start",
        None => {
            "Without a state directory it is unknown which events were written: collect again from an earlier time"
        }
    };
    match finished {
        Ok(()) => ended.map(|_| ()),
        Err(
            failure @ (PipelineError::Late | PipelineError::DiskHangs | PipelineError::Output(..)),
        ) if stopped && config.state.is_some() => {
            warn!("{failure}. {comes_again}.");
            Ok(())
        }
        Err(failure @ PipelineError::BookmarkGone(_)) => Err(refusal::bookmark_gone(failure)),
        Err(failure @ PipelineError::Contradiction(_)) => Err(Failure::failed(
            failure,
            format!("{comes_again}. Please report it"),
        )),
        Err(failure) => Err(Failure::failed(
            failure,
            format!("{comes_again}. Make room, or check the disk or the receiver"),
        )),
    }
}

fn seconds(duration: Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}
