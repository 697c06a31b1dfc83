//! The writer thread of a required output: formats and writes batches, and reports which
//! batches are taken and accepted.

use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tracing::warn;

use super::batch_formatter::BatchFormatter;
use super::delivery::OutputCommand;
use super::output_log::OutputLog;
use super::progress::{DeliveryProgress, FailOnPanic};
use super::refusals::Refusals;
use super::retry::Retry;
use super::steps::{DeliverySteps, StepError, WriteOutcome};
use crate::delivery::ledger::Ledger;
use crate::delivery::output_counts::OutputCounts;
use crate::disk::DiskFile;
use crate::output::{AcceptedBatch, Output, OutputPart};
use crate::sync::lock;

/// The open files of an output, for the committer.
pub(super) type OpenFiles = Arc<Mutex<Vec<Arc<dyn DiskFile>>>>;

/// The state of a writer thread.
pub(super) struct OutputWriter {
    /// The index among the required outputs.
    index: usize,
    name: Arc<str>,
    formatter: BatchFormatter,
    output: Box<dyn Output>,
    files: OpenFiles,
    retry: Retry,
    refusals: Refusals,
    counts: Arc<OutputCounts>,
    /// The batches that the output has taken but not accepted, and when they were sent.
    taken: VecDeque<(u64, Instant)>,
    steps: Arc<DeliverySteps>,
    progress: Arc<DeliveryProgress>,
}

/// How long to wait for a command while no batch is pending.
const IDLE: Duration = Duration::from_secs(3600);
/// The maximum interval of polls after the last batch.
const FINISH_POLL: Duration = Duration::from_millis(20);

impl OutputWriter {
    pub(super) fn new(
        index: usize,
        name: &str,
        formatter: BatchFormatter,
        output: Box<dyn Output>,
        (counts, ledger): (Arc<OutputCounts>, &Arc<Ledger>),
        (steps, progress): (Arc<DeliverySteps>, Arc<DeliveryProgress>),
    ) -> Self {
        let mut open = Vec::new();
        output.files(&mut open);
        Self {
            index,
            name: name.into(),
            formatter,
            files: Arc::new(Mutex::new(open)),
            output,
            refusals: Refusals::new(name, ledger),
            retry: Retry::new(OutputLog::required(name, counts.standing.clone())),
            counts,
            taken: VecDeque::new(),
            steps,
            progress,
        }
    }

    pub(super) fn files(&self) -> OpenFiles {
        self.files.clone()
    }

    /// Runs until the sender of commands is dropped.
    pub(super) fn run(mut self, commands: &Receiver<OutputCommand>) {
        let progress = self.progress.clone();
        let _ends = Ends(&progress);
        let _guard = FailOnPanic(&progress);
        loop {
            let polls = self.output.poll_interval().into_iter();
            let wait = polls.chain(self.refusals.due_in()).min();
            let command = commands.recv_timeout(wait.unwrap_or(IDLE));
            if progress.is_late() {
                // Another pipeline may write to the same destination by now.
                return;
            }
            let goes_on = match command {
                Ok(OutputCommand::Deliver(delivery)) => {
                    let formatted = self.formatter.format(&delivery);
                    self.refusals.formatted(&delivery.source.name, formatted);
                    self.counts.filtered(formatted.filtered);
                    let (n, sent) = (delivery.n, delivery.sent);
                    // Frees the arena before the event loop is woken.
                    drop(delivery);
                    self.write(n, sent)
                }
                Ok(OutputCommand::Reopen) => self.reopen(),
                Err(RecvTimeoutError::Timeout) => self.poll() && self.close_idle(),
                Err(RecvTimeoutError::Disconnected) => break,
            };
            if !goes_on {
                return;
            }
        }
        self.output.finish();
        while !self.output.is_idle() {
            std::thread::sleep(FINISH_POLL.min(self.output.poll_interval().unwrap_or(FINISH_POLL)));
            // After the time for a stop, another pipeline may send the same events.
            if self.progress.is_late() || !self.poll() {
                return;
            }
        }
    }

    /// Writes the formatted batch. Returns false if the pipeline ends.
    fn write(&mut self, n: u64, sent: Instant) -> bool {
        let Self {
            index,
            name,
            formatter,
            output,
            files,
            retry,
            refusals,
            counts,
            taken,
            steps,
            progress,
        } = self;
        let parts = formatter.parts();
        let bytes: u64 = parts.iter().map(OutputPart::length).sum();
        loop {
            let step = retry.until_stopped(progress, || {
                let step =
                    progress.calling(*index, || steps.write(output.as_mut(), name, n, parts));
                after_step(output.as_mut(), name, files, &step);
                refusals.note(output.as_mut());
                step
            });
            match step {
                None => return false,
                Some(WriteOutcome::CommitFirst(first)) => {
                    if !progress.wait_until_durable(first) {
                        return false;
                    }
                }
                Some(WriteOutcome::Accepted) => {
                    retry.progressed();
                    counts.accepted(bytes, sent.elapsed());
                    progress.accept(*index, n, bytes);
                    return true;
                }
                Some(WriteOutcome::Taken) => {
                    taken.push_back((n, sent));
                    progress.take(*index, n);
                    return self.poll();
                }
            }
        }
    }

    /// Polls the output and reports accepted batches.
    fn poll(&mut self) -> bool {
        let (output, steps, name) = (&mut self.output, &self.steps, &self.name);
        let (index, progress, refusals) = (self.index, &self.progress, &mut self.refusals);
        let polled = self.retry.until_stopped(progress, || {
            let polled = progress.calling(index, || output.poll());
            refusals.note(output.as_mut());
            polled.map_err(StepError::Retry)
        });
        if polled.is_none() {
            return false;
        }
        while let Some(AcceptedBatch { n, bytes }) = output.accepted() {
            let noted = self
                .retry
                .until_stopped(&self.progress, || steps.accepted(name, n));
            if noted.is_none() {
                return false;
            }
            self.retry.progressed();
            if let Some((_, sent)) = self.taken.pop_front() {
                self.counts.accepted(bytes, sent.elapsed());
            }
            self.progress.accept(self.index, n, bytes);
        }
        true
    }

    /// Closes the files that are due although no batch arrives.
    fn close_idle(&mut self) -> bool {
        loop {
            let (index, output, steps) = (self.index, &mut self.output, &self.steps);
            let (name, files, progress) = (&self.name, &self.files, &self.progress);
            let step = self.retry.until_stopped(progress, || {
                let step = progress.calling(index, || steps.close_idle(output.as_mut()));
                after_step(output.as_mut(), name, files, &step);
                step
            });
            match step {
                None => return false,
                Some(None) => return true,
                Some(Some(first)) if !progress.wait_until_durable(first) => return false,
                Some(Some(_)) => {}
            }
        }
    }

    /// Closes files durably; the next batch reopens them by name.
    fn reopen(&mut self) -> bool {
        let (index, output, steps) = (self.index, &mut self.output, &self.steps);
        let progress = &self.progress;
        let done = self.retry.until_stopped(progress, || {
            progress.calling(index, || steps.reopen(output.as_mut()))
        });
        if done.is_some() {
            lock(&self.files).clear();
        }
        done.is_some()
    }
}

/// Tells the notices of a step, also of one that failed, and records the files that are open
/// after it. After a failed sync those before it stay: the file that could not be synced is one
/// of them, and no commit may leave it out.
fn after_step<T>(
    output: &mut dyn Output,
    name: &str,
    files: &OpenFiles,
    step: &Result<T, StepError>,
) {
    for notice in output.notices() {
        warn!(output = name, "{notice}");
    }
    if matches!(step, Err(StepError::NotDurable(_))) {
        return;
    }
    let mut open = lock(files);
    open.clear();
    output.files(&mut open);
}

/// Reports on drop that this output has finished, also after a panic.
struct Ends<'a>(&'a DeliveryProgress);

impl Drop for Ends<'_> {
    fn drop(&mut self) {
        self.0.writer_ended();
    }
}
