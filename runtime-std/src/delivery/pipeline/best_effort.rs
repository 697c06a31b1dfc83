//! A best-effort output: the bookmark does not wait for it. Its queue is bounded; batches
//! that do not fit are dropped and counted.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tracing::warn;

use super::backlog::Backlog;
use super::batch_formatter::BatchFormatter;
use super::delivery::Delivery;
use super::output_log::OutputLog;
use super::refusals::Refusals;
use crate::delivery::ledger::Ledger;
use crate::delivery::output_counts::OutputCounts;
use crate::failure::Failure;
use crate::output::{Acceptance, Output, OutputPart};
use crate::sync::lock;
use crate::thread;

/// The sending end of the queue.
pub(super) struct BestEffort {
    formatter: BatchFormatter,
    /// Of formatting; the writing thread has those of the receiver.
    refusals: Refusals,
    /// The capacity of the queue in bytes.
    limit: u64,
    shared: Arc<SharedQueue>,
    counts: Arc<OutputCounts>,
}

#[derive(Default)]
struct SharedQueue {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Default)]
struct Queue {
    batches: VecDeque<QueuedBatch>,
    bytes: u64,
    /// Batches that the output was given and has not accepted, without their data.
    given: VecDeque<QueuedBatch>,
    is_finishing: bool,
    /// Whether the writing thread has ended.
    has_ended: bool,
}

/// A formatted batch in the queue.
struct QueuedBatch {
    n: u64,
    parts: Vec<OutputPart>,
    bytes: u64,
    source: Arc<str>,
    records: u64,
    sent: Instant,
}

/// A view of a queue from outside.
#[derive(Clone)]
pub(super) struct QueueView(Arc<SharedQueue>);

impl QueueView {
    /// Returns what waits in the queue or is being written.
    pub(super) fn backlog(&self) -> Backlog {
        let queue = lock(&self.0.queue);
        Backlog {
            batches: (queue.given.len() + queue.batches.len()) as u64,
            bytes: queue.bytes,
            age: queue.oldest().map_or(Duration::ZERO, |sent| sent.elapsed()),
        }
    }
}

impl Queue {
    /// Returns since when the first batch has waited.
    fn oldest(&self) -> Option<Instant> {
        let first = self.given.front().or(self.batches.front());
        first.map(|batch| batch.sent)
    }
}

impl QueuedBatch {
    fn without_data(&self) -> Self {
        Self {
            parts: Vec::new(),
            source: self.source.clone(),
            ..*self
        }
    }
}

/// What the writing thread does next.
enum Next {
    /// Write this batch.
    Batch(QueuedBatch),
    /// Poll the output: no batch came in time.
    Nothing,
    /// End: the queue is closed and empty.
    Closed,
}

/// How long to wait for a batch while none is pending.
const IDLE: Duration = Duration::from_secs(3600);
/// The pause before a retry.
const PAUSE: Duration = Duration::from_secs(1);
/// How long to retry after the last batch.
const FINISH_RETRY: Duration = Duration::from_secs(2);

impl BestEffort {
    /// Starts the thread that writes to `output`. `limit` is the capacity of the queue in
    /// bytes.
    ///
    /// # Errors
    /// The system refuses another thread.
    pub(super) fn start(
        name: &str,
        formatter: BatchFormatter,
        output: Box<dyn Output>,
        limit: u64,
        counts: Arc<OutputCounts>,
        ledger: &Arc<Ledger>,
    ) -> Result<Self, Failure> {
        let shared = Arc::<SharedQueue>::default();
        let refusals = Refusals::new(name, ledger);
        let of_thread = shared.clone();
        let counted = counts.clone();
        let log = OutputLog::best_effort(name, counts.standing.clone());
        thread::spawn("best effort", move || {
            QueueWriter {
                log,
                output,
                refusals,
                end: None,
                counts: counted,
            }
            .run(&of_thread);
            lock(&of_thread.queue).has_ended = true;
            of_thread.changed.notify_all();
        })?;
        Ok(Self {
            formatter,
            refusals: Refusals::new(name, ledger),
            limit,
            shared,
            counts,
        })
    }

    /// Returns a view of its queue.
    pub(super) fn view(&self) -> QueueView {
        QueueView(self.shared.clone())
    }

    /// Queues a batch, or drops and counts it.
    pub(super) fn offer(&mut self, delivery: &Delivery, ledger: &Ledger) {
        let formatted = self.formatter.format(delivery);
        let records = formatted.records;
        self.counts.filtered(formatted.filtered);
        let parts = self.formatter.parts();
        let bytes: u64 = parts.iter().map(OutputPart::length).sum();
        let source = &delivery.source.name;
        let mut queue = lock(&self.shared.queue);
        if queue.bytes + bytes > self.limit {
            drop(queue);
            ledger.change(source, |counts| counts.dropped += records);
            self.counts.dropped(records);
            return;
        }
        if parts.is_empty() {
            return;
        }
        self.refusals.formatted(source, formatted);
        queue.bytes += bytes;
        queue.batches.push_back(QueuedBatch {
            n: delivery.n,
            parts: parts.to_vec(),
            bytes,
            source: source.clone(),
            records,
            sent: delivery.sent,
        });
        drop(queue);
        self.shared.changed.notify_all();
    }

    /// Closes the queue and waits up to 3 s for it to drain. Remaining batches count as
    /// dropped; a hanging write is abandoned.
    pub(super) fn finish(self, ledger: &Ledger) {
        let mut queue = lock(&self.shared.queue);
        queue.is_finishing = true;
        self.shared.changed.notify_all();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(queue, FINISH_RETRY + PAUSE, |queue| !queue.has_ended);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        let mut left = std::mem::take(&mut queue.given);
        left.extend(queue.batches.drain(..));
        drop(queue);
        for queued in left {
            ledger.change(&queued.source, |counts| counts.dropped += queued.records);
            self.counts.dropped(queued.records);
        }
    }
}

impl SharedQueue {
    /// Waits for the next batch, at most `time`.
    fn next(&self, time: Duration) -> Next {
        let queue = lock(&self.queue);
        let more = |queue: &mut Queue| queue.batches.is_empty() && !queue.is_finishing;
        let waited = self.changed.wait_timeout_while(queue, time, more);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        let next = queue.batches.pop_front();
        match next {
            Some(queued) => {
                queue.given.push_back(queued.without_data());
                Next::Batch(queued)
            }
            None if queue.is_finishing => Next::Closed,
            None => Next::Nothing,
        }
    }

    /// Waits before a retry. Returns false if the time for retries is over.
    fn pause(&self, end: &mut Option<Instant>) -> bool {
        let waited = self
            .changed
            .wait_timeout_while(lock(&self.queue), PAUSE, |queue| !queue.is_finishing);
        let is_finishing = waited
            .unwrap_or_else(PoisonError::into_inner)
            .0
            .is_finishing;
        if !is_finishing {
            return true;
        }
        let end = *end.get_or_insert_with(|| Instant::now() + FINISH_RETRY);
        std::thread::sleep(Duration::from_millis(50));
        Instant::now() < end
    }
}

/// The state of the writing thread.
struct QueueWriter {
    log: OutputLog,
    output: Box<dyn Output>,
    refusals: Refusals,
    end: Option<Instant>,
    counts: Arc<OutputCounts>,
}

impl QueueWriter {
    fn run(mut self, shared: &SharedQueue) {
        let mut failed = None;
        loop {
            let polls = self.output.poll_interval().into_iter();
            let wait = polls.chain(self.refusals.due_in()).min();
            match shared.next(wait.unwrap_or(IDLE)) {
                Next::Batch(queued) => {
                    if !self.retry(shared, Some(&queued)) {
                        failed = Some(queued.n);
                        break;
                    }
                }
                Next::Nothing => {
                    if !self.retry(shared, None) {
                        break;
                    }
                }
                Next::Closed => break,
            }
        }
        self.output.finish();
        while self.output.has_unsent() && self.retry(shared, None) {
            if !shared.pause(&mut self.end) {
                break;
            }
        }
        if !self.output.has_unsent() {
            // The others were sent, and nothing says that they did not arrive.
            let is_failed = |batch: &QueuedBatch| Some(batch.n) == failed;
            lock(&shared.queue).given.retain(is_failed);
        }
    }

    /// Writes a batch, or polls the output, until it succeeds. Returns false if the time for
    /// retries is over.
    fn retry(&mut self, shared: &SharedQueue, queued: Option<&QueuedBatch>) -> bool {
        loop {
            match self.write(shared, queued) {
                Ok(true) => self.log.works(),
                Ok(false) => {}
                Err(error) => {
                    self.log.failed(&error);
                    if !shared.pause(&mut self.end) {
                        return false;
                    }
                    continue;
                }
            }
            if let Some(queued) = queued {
                self.counts.accepted(queued.bytes, queued.sent.elapsed());
                lock(&shared.queue).bytes -= queued.bytes;
            }
            return true;
        }
    }

    /// Writes a batch if there is one, and polls the output. Returns whether the destination
    /// took something.
    fn write(
        &mut self,
        shared: &SharedQueue,
        queued: Option<&QueuedBatch>,
    ) -> std::io::Result<bool> {
        let written = self.try_write(shared, queued);
        self.refusals.note(self.output.as_mut());
        written
    }

    /// Closes the files that are due before these parts are written.
    fn close_due(&mut self, parts: &[OutputPart]) -> std::io::Result<()> {
        let output = &mut self.output;
        let due = output.due(parts)?;
        for due in &due {
            due.file.sync()?;
            output.close(due)?;
        }
        if !due.is_empty() {
            output.check_files(parts)?;
        }
        drop(output.take_released());
        output.set_marked();
        for notice in output.notices() {
            warn!(output = self.log.name(), "{notice}");
        }
        Ok(())
    }

    fn try_write(
        &mut self,
        shared: &SharedQueue,
        queued: Option<&QueuedBatch>,
    ) -> std::io::Result<bool> {
        if let Some(queued) = queued {
            self.output.check_files(&queued.parts)?;
        }
        // A file may be due although no batch arrives.
        self.close_due(queued.map_or(&[], |queued| &queued.parts))?;
        let output = &mut self.output;
        if let Some(queued) = queued
            && output.write(queued.n, &queued.parts)? == Acceptance::Accepted
        {
            lock(&shared.queue)
                .given
                .retain(|batch| batch.n != queued.n);
            return Ok(true);
        }
        output.poll()?;
        let mut is_taken = queued.is_some() && !output.has_unsent();
        while let Some(accepted) = output.accepted() {
            lock(&shared.queue)
                .given
                .retain(|batch| batch.n > accepted.n);
            is_taken = true;
        }
        Ok(is_taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_end_a_retry_has_little_time() {
        let queue = SharedQueue::default();
        lock(&queue.queue).is_finishing = true;
        let mut end = None;
        assert!(queue.pause(&mut end));
        assert!(end.is_some_and(|end| end <= Instant::now() + FINISH_RETRY));
        let mut over = Instant::now().checked_sub(PAUSE);
        assert!(!queue.pause(&mut over));
    }
}
