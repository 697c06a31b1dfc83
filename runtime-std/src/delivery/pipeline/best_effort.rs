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
use crate::delivery::ledger::Ledger;
use crate::delivery::output_counts::OutputCounts;
use crate::failure::Failure;
use crate::output::{Acceptance, Output, OutputPart};
use crate::sync::lock;
use crate::thread;

/// The sending end of the queue.
pub(super) struct BestEffort {
    formatter: BatchFormatter,
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
    /// Whether a batch that is no longer in the queue is being written, and since when the
    /// first batch has waited.
    is_writing: bool,
    oldest: Option<Instant>,
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
            batches: queue.batches.len() as u64 + u64::from(queue.is_writing),
            bytes: queue.bytes,
            age: queue.oldest.map(|sent| sent.elapsed()).unwrap_or_default(),
        }
    }
}

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
    ) -> Result<Self, Failure> {
        let shared = Arc::<SharedQueue>::default();
        let of_thread = shared.clone();
        let counted = counts.clone();
        let log = OutputLog::best_effort(name, counts.standing.clone());
        thread::spawn("best effort", move || {
            QueueWriter {
                log,
                output,
                end: None,
                counts: counted,
            }
            .run(&of_thread);
            lock(&of_thread.queue).has_ended = true;
            of_thread.changed.notify_all();
        })?;
        Ok(Self {
            formatter,
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
        let records = self.formatter.format(delivery);
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
        queue.bytes += bytes;
        queue.batches.push_back(QueuedBatch {
            n: delivery.n,
            parts: parts.to_vec(),
            bytes,
            source: source.clone(),
            records,
            sent: delivery.sent,
        });
        queue.oldest.get_or_insert(delivery.sent);
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
        let left: Vec<QueuedBatch> = queue.batches.drain(..).collect();
        drop(queue);
        for queued in left {
            ledger.change(&queued.source, |counts| counts.dropped += queued.records);
            self.counts.dropped(queued.records);
        }
    }
}

impl SharedQueue {
    /// Waits for the next batch; `None` if the queue is closed and empty.
    fn next(&self) -> Option<QueuedBatch> {
        let queue = lock(&self.queue);
        let more = |queue: &mut Queue| queue.batches.is_empty() && !queue.is_finishing;
        let waited = self.changed.wait_while(queue, more);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner);
        let next = queue.batches.pop_front();
        queue.is_writing = next.is_some();
        queue.oldest = next.as_ref().map(|next| next.sent);
        next
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
    end: Option<Instant>,
    counts: Arc<OutputCounts>,
}

impl QueueWriter {
    fn run(mut self, shared: &SharedQueue) {
        while let Some(queued) = shared.next() {
            while let Err(error) = self.write(&queued) {
                self.log.failed(&error);
                if !shared.pause(&mut self.end) {
                    lock(&shared.queue).batches.push_front(queued);
                    return;
                }
            }
            self.counts.accepted(queued.bytes, queued.sent.elapsed());
            self.log.works();
            let mut queue = lock(&shared.queue);
            queue.bytes -= queued.bytes;
            queue.is_writing = false;
            queue.oldest = queue.batches.front().map(|next| next.sent);
        }
        self.output.finish();
    }

    /// Writes a batch without tracking its acceptance.
    fn write(&mut self, queued: &QueuedBatch) -> std::io::Result<()> {
        let output = &mut self.output;
        output.check_files(&queued.parts)?;
        for due in output.due(&queued.parts)? {
            due.file.sync()?;
            output.close(&due)?;
        }
        drop(output.take_released());
        output.set_marked();
        for notice in output.notices() {
            warn!(output = self.log.name(), "{notice}");
        }
        if output.write(queued.n, &queued.parts)? == Acceptance::Taken {
            output.poll()?;
            while output.accepted().is_some() {}
        }
        Ok(())
    }
}
