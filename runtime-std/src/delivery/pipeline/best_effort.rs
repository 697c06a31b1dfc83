//! An output that is not required: it never holds anything back. What it lags
//! behind is bounded, and beyond that it drops and counts.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::batch_formatter::BatchFormatter;
use super::delivery::Delivery;
use crate::delivery::ledger::Ledger;
use crate::failure::Failure;
use crate::output::{Acceptance, Output, OutputPart};
use crate::sync::lock;
use crate::thread;

/// The end of it that batches are offered to.
pub(super) struct BestEffort {
    formatter: BatchFormatter,
    /// Bytes that may wait.
    limit: u64,
    shared: Arc<SharedQueue>,
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
    is_finishing: bool,
    /// The thread that writes has ended.
    has_ended: bool,
}

/// A batch, and how many records are lost with it.
struct QueuedBatch {
    n: u64,
    parts: Vec<OutputPart>,
    bytes: u64,
    source: Arc<str>,
    records: u64,
}

/// Before something is tried again.
const PAUSE: Duration = Duration::from_secs(1);
/// At the end, the rest is tried for so long.
const AT_THE_END: Duration = Duration::from_secs(2);

impl BestEffort {
    /// Starts the thread that writes to `output`, which may lag `limit` bytes.
    ///
    /// # Errors
    /// The system allows no further thread.
    pub(super) fn start(
        name: &str,
        formatter: BatchFormatter,
        output: Box<dyn Output>,
        limit: u64,
    ) -> Result<Self, Failure> {
        let shared = Arc::<SharedQueue>::default();
        let of_thread = shared.clone();
        let shown = name.to_owned();
        thread::spawn("best effort", move || {
            QueueWriter {
                name: shown,
                output,
                is_told: false,
                end: None,
            }
            .run(&of_thread);
            lock(&of_thread.queue).has_ended = true;
            of_thread.changed.notify_all();
        })?;
        Ok(Self {
            formatter,
            limit,
            shared,
        })
    }

    /// Takes a batch, or drops and counts it.
    pub(super) fn offer(&mut self, delivery: &Delivery, ledger: &Ledger) {
        let records = self.formatter.format(delivery);
        let parts = self.formatter.parts();
        let bytes: u64 = parts.iter().map(OutputPart::length).sum();
        let source = &delivery.source.name;
        let mut queue = lock(&self.shared.queue);
        if queue.bytes + bytes > self.limit {
            drop(queue);
            ledger.change(source, |counts| counts.dropped += records);
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
        });
        drop(queue);
        self.shared.changed.notify_all();
    }

    /// No more batches will come. Waits up to 3 s for the rest to be written;
    /// what is left then counts as dropped, and a write that is stuck is left
    /// behind.
    pub(super) fn finish(self, ledger: &Ledger) {
        let mut queue = lock(&self.shared.queue);
        queue.is_finishing = true;
        self.shared.changed.notify_all();
        let waited = self
            .shared
            .changed
            .wait_timeout_while(queue, AT_THE_END + PAUSE, |queue| !queue.has_ended);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        let left: Vec<QueuedBatch> = queue.batches.drain(..).collect();
        drop(queue);
        for waiting in left {
            ledger.change(&waiting.source, |counts| counts.dropped += waiting.records);
        }
    }
}

impl SharedQueue {
    /// The next batch; `None` when nothing comes any more.
    fn next(&self) -> Option<QueuedBatch> {
        let queue = lock(&self.queue);
        let more = |queue: &mut Queue| queue.batches.is_empty() && !queue.is_finishing;
        let waited = self.changed.wait_while(queue, more);
        let mut queue = waited.unwrap_or_else(PoisonError::into_inner);
        queue.batches.pop_front()
    }

    /// Waits before something is tried again; false when it is too late for that.
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
        let end = *end.get_or_insert_with(|| Instant::now() + AT_THE_END);
        std::thread::sleep(Duration::from_millis(50));
        Instant::now() < end
    }
}

/// The thread that writes.
struct QueueWriter {
    name: String,
    output: Box<dyn Output>,
    is_told: bool,
    end: Option<Instant>,
}

impl QueueWriter {
    fn run(mut self, shared: &SharedQueue) {
        while let Some(waiting) = shared.next() {
            while let Err(error) = self.write(&waiting) {
                if !std::mem::replace(&mut self.is_told, true) {
                    say!(
                        "estreamer: cannot write to {}: {error}. It is not required: it is tried \
                         again, and what does not fit its queue is dropped and counted.",
                        self.name
                    );
                }
                if !shared.pause(&mut self.end) {
                    lock(&shared.queue).batches.push_front(waiting);
                    return;
                }
            }
            if std::mem::take(&mut self.is_told) {
                say!("estreamer: {} can be written again", self.name);
            }
            lock(&shared.queue).bytes -= waiting.bytes;
        }
        self.output.finish();
    }

    /// Writes a batch, and does not track what becomes of it later.
    fn write(&mut self, waiting: &QueuedBatch) -> std::io::Result<()> {
        let output = &mut self.output;
        output.check_files(&waiting.parts)?;
        drop(output.take_released());
        output.set_marked();
        for notice in output.notices() {
            say!("estreamer: {notice}");
        }
        if output.write(waiting.n, &waiting.parts)? == Acceptance::Taken {
            output.poll()?;
            while output.accepted().is_some() {}
        }
        Ok(())
    }
}
