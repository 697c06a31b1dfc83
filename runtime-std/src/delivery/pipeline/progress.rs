//! The progress of the outputs, and the decisions that follow from it.
//!
//! A batch is *received* from a server, *taken* by an output, *accepted* by the
//! destination of the output, and *durable* in the bookmark. Three decisions follow:
//!
//! - **Credit**: batches that every output has taken may be acknowledged to the server;
//!   in strict mode, batches that every output has accepted.
//! - **Cut**: batches that every output has accepted may be committed.
//! - **Life cycle**: whether batches still arrive, outputs still write, and what failed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use estreamer_mio::event_loop::Handle;

use super::acknowledgement::{self, Credit};
use super::backlog::Backlog;
use super::failure::PipelineError;
use crate::delivery::dedup::high_water_mark::ResumePoint;
use crate::delivery::ledger::Ledger;
use crate::delivery::output_counts::Standing;
use crate::delivery::volumes::Volumes;
use crate::sync::lock;

/// The shared state of the threads of a pipeline.
pub(super) struct DeliveryProgress {
    state: Mutex<ProgressState>,
    /// For each required output, whether it is in a call.
    called: Vec<AtomicBool>,
    changed: Condvar,
    wake: Handle,
    ledger: Arc<Ledger>,
    rules: Rules,
}

/// The settings of a pipeline.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// Acknowledge a batch only after every output has accepted it.
    pub(super) is_strict: bool,
    /// There is a bookmark.
    pub(super) has_bookmark: bool,
}

/// The state under the lock.
pub(super) struct ProgressState {
    /// For each required output, the last taken batch.
    taken: Vec<u64>,
    /// For each required output, the last accepted batch.
    accepted: Vec<u64>,
    /// The last batch sent to the outputs.
    sent: u64,
    /// Batches without credit: number, credit, and units of the connection after it.
    without_credit: VecDeque<(u64, Arc<Credit>, u64)>,
    /// Batches that some output has not accepted yet, and accepted batches that are not
    /// durable yet.
    not_accepted: VecDeque<BatchRecords>,
    not_durable: VecDeque<BatchRecords>,
    /// The last durable batch, and the batch that a thread waits for.
    durable: u64,
    wanted: u64,
    /// Bytes and records accepted since the last commit.
    volume: u64,
    records: u64,
    /// No more batches will arrive.
    pub(super) is_finishing: bool,
    /// The record limit is reached.
    is_enough: bool,
    /// The number of outputs that still write.
    writers: usize,
    failure: Option<PipelineError>,
}

/// The records of a batch, as they are counted.
pub(super) struct BatchRecords {
    pub(super) n: u64,
    pub(super) source: Arc<str>,
    pub(super) records: Volumes,
    /// The resume point after the batch.
    pub(super) point: Option<ResumePoint>,
    /// When it was handed to the outputs.
    pub(super) sent: Instant,
}

/// The number of accepted bytes or records that makes a commit due.
const VOLUME: u64 = 64 << 20;
pub(super) const RECORDS: u64 = 1 << 18;

impl DeliveryProgress {
    /// Returns the progress of `outputs` required outputs; every batch up to `n` is durable.
    pub(super) fn new(
        outputs: usize,
        n: u64,
        rules: Rules,
        wake: Handle,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self {
            called: (0..outputs).map(|_| AtomicBool::new(false)).collect(),
            state: Mutex::new(ProgressState {
                taken: vec![n; outputs],
                accepted: vec![n; outputs],
                sent: n,
                without_credit: VecDeque::new(),
                not_accepted: VecDeque::new(),
                not_durable: VecDeque::new(),
                durable: n,
                wanted: 0,
                volume: 0,
                records: 0,
                is_finishing: false,
                is_enough: false,
                writers: outputs,
                failure: None,
            }),
            changed: Condvar::new(),
            wake,
            ledger,
            rules,
        }
    }

    fn state(&self) -> MutexGuard<'_, ProgressState> {
        lock(&self.state)
    }

    /// Wakes the event loop.
    pub(super) fn wake(&self) {
        self.wake.wake();
    }

    // Credit and cut.

    /// Records a batch that goes to the outputs. `units` become credit of the connection.
    pub(super) fn sent(&self, batch: BatchRecords, credit: Arc<Credit>, units: u64) {
        let mut state = self.state();
        state.sent = batch.n;
        state.without_credit.push_back((batch.n, credit, units));
        state.not_accepted.push_back(batch);
        if state.accepted.is_empty() {
            self.settle(state);
        }
    }

    /// Records that an output has taken every batch up to `n`.
    pub(super) fn take(&self, output: usize, n: u64) {
        let mut state = self.state();
        if let Some(taken) = state.taken.get_mut(output) {
            *taken = n.max(*taken);
        }
        self.settle(state);
    }

    /// Records that every batch of an output up to `n` is accepted; `bytes` were written.
    pub(super) fn accept(&self, output: usize, n: u64, bytes: u64) {
        let mut state = self.state();
        if let Some(accepted) = state.accepted.get_mut(output) {
            *accepted = n.max(*accepted);
        }
        if let Some(taken) = state.taken.get_mut(output) {
            *taken = n.max(*taken);
        }
        state.volume += bytes;
        self.settle(state);
    }

    /// Gives credit, and counts batches that every output has accepted.
    fn settle(&self, mut state: MutexGuard<'_, ProgressState>) {
        let cut = state.cut();
        let mut any = false;
        let taken = state.taken.iter().copied().min().unwrap_or(state.sent);
        let creditable = acknowledgement::last_batch(self.rules.is_strict, cut, taken);
        while let Some((n, credit, units)) = state.without_credit.front() {
            if *n > creditable {
                break;
            }
            credit.grant(*units);
            state.without_credit.pop_front();
            any = true;
        }
        while let Some(batch) = pop_up_to(&mut state.not_accepted, cut) {
            state.records += batch.records.events();
            let high = batch.point.and_then(|point| point.high);
            self.ledger.accepted(&batch.source, &batch.records, high);
            if self.rules.has_bookmark {
                state.not_durable.push_back(batch);
            }
        }
        let due = state.is_due();
        drop(state);
        // Wakes the committer only when a commit is due, not for each batch.
        if due {
            self.changed.notify_all();
        }
        if any {
            self.wake.wake();
        }
    }

    /// Runs `work`, a call to an output that may hang.
    pub(super) fn calling<T>(&self, output: usize, work: impl FnOnce() -> T) -> T {
        let mark = |is_called| {
            if let Some(output) = self.called.get(output) {
                output.store(is_called, Ordering::Release);
            }
        };
        mark(true);
        let done = work();
        mark(false);
        done
    }

    /// Returns the outputs that are in a call.
    pub(super) fn called(&self) -> Vec<usize> {
        let called = self.called.iter().enumerate();
        let called = called.filter(|(_, output)| output.load(Ordering::Acquire));
        called.map(|(output, _)| output).collect()
    }

    /// Returns what each required output has not accepted.
    pub(super) fn backlogs(&self) -> Vec<Backlog> {
        let state = self.state();
        let mut backlogs = vec![Backlog::default(); state.accepted.len()];
        for batch in &state.not_accepted {
            for (backlog, accepted) in backlogs.iter_mut().zip(&state.accepted) {
                if batch.n > *accepted {
                    backlog.batches += 1;
                    backlog.bytes += batch.records.bytes();
                    backlog.age = backlog.age.max(batch.sent.elapsed());
                }
            }
        }
        backlogs
    }

    /// Returns the number of records of each source that some output has not accepted.
    pub(super) fn in_flight(&self) -> BTreeMap<Arc<str>, u64> {
        let mut records = BTreeMap::new();
        for batch in &self.state().not_accepted {
            *records.entry(batch.source.clone()).or_default() += batch.records.events();
        }
        records
    }

    /// Returns for each output the number of records that it has not accepted.
    pub(super) fn pending(&self) -> Vec<u64> {
        let state = self.state();
        let pending = |accepted: &u64| {
            let batches = state.not_accepted.iter();
            let behind = batches.filter(|batch| batch.n > *accepted);
            behind.map(|batch| batch.records.events()).sum()
        };
        state.accepted.iter().map(pending).collect()
    }

    /// Returns the last batch that every output has accepted.
    pub(super) fn cut(&self) -> u64 {
        self.state().cut()
    }

    /// Returns the last durable batch.
    pub(super) fn durable(&self) -> u64 {
        self.state().durable
    }

    /// Returns whether the journal can be written, to be updated.
    pub(super) fn journal(&self) -> &Arc<Standing> {
        self.ledger.journal()
    }

    /// Records that every batch up to `n` is durable.
    pub(super) fn committed(&self, n: u64) {
        let mut state = self.state();
        state.durable = n;
        while let Some(batch) = pop_up_to(&mut state.not_durable, n) {
            self.ledger
                .committed(&batch.source, &batch.records, batch.point);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Subtracts batches that are accepted but not durable: they are delivered again and
    /// counted then.
    pub(super) fn discard_not_durable(&self) {
        for batch in std::mem::take(&mut self.state().not_durable) {
            self.ledger
                .change(&batch.source, |counts| counts.accepted -= &batch.records);
        }
    }

    /// Waits until a commit is due, at most `time`. Returns whether no more batches will
    /// arrive.
    pub(super) fn wait_for_commit_due(&self, time: Duration) -> bool {
        let mut state = self
            .changed
            .wait_timeout_while(self.state(), time, |state| !state.is_due())
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        (state.volume, state.records) = (0, 0);
        state.is_finishing
    }

    /// Waits until every batch up to `n` is durable. Returns false if the pipeline failed.
    pub(super) fn wait_until_durable(&self, n: u64) -> bool {
        let mut state = self.state();
        state.wanted = state.wanted.max(n);
        self.changed.notify_all();
        while state.durable < n && state.failure.is_none() {
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
        state.durable >= n
    }

    /// Waits until every batch up to `n` is durable or the pipeline ends.
    pub(super) fn wait_for_commit(&self, n: u64) {
        let mut state = self.state();
        state.wanted = state.wanted.max(n);
        self.changed.notify_all();
        let waits = |state: &mut ProgressState| {
            state.durable < n && !state.is_finishing && state.failure.is_none()
        };
        drop(self.changed.wait_while(state, waits));
    }

    // Life cycle.

    /// Records that the record limit is reached.
    pub(super) fn enough(&self) {
        self.state().is_enough = true;
        self.wake.wake();
    }

    pub(super) fn is_enough(&self) -> bool {
        self.state().is_enough
    }

    /// Records a failure that ends the pipeline.
    pub(super) fn fail(&self, failure: PipelineError) {
        let mut state = self.state();
        match &state.failure {
            // Another pipeline may have taken over: nothing that happens here concerns it.
            Some(PipelineError::Late) => {}
            Some(before) if !failure.outranks(before) => {}
            _ => state.failure = Some(failure),
        }
        drop(state);
        self.changed.notify_all();
        self.wake.wake();
    }

    pub(super) fn has_failed(&self) -> bool {
        self.state().failure.is_some()
    }

    /// Returns whether a sync failed, the bookmark was removed, or a commit would contradict it.
    pub(super) fn is_void(&self) -> bool {
        let state = self.state();
        let failure = state.failure.as_ref();
        failure.is_some_and(|failure| failure.outranks(&PipelineError::ReaderLeft))
    }

    /// Returns whether the pipeline has stopped waiting for its outputs.
    pub(super) fn is_late(&self) -> bool {
        self.state().is_late()
    }

    pub(super) fn take_failure(&self) -> Option<PipelineError> {
        self.state().failure.take()
    }

    /// No more batches will arrive.
    pub(super) fn finish(&self) {
        self.state().is_finishing = true;
        self.changed.notify_all();
    }

    /// Records that an output has finished.
    pub(super) fn writer_ended(&self) {
        self.state().writers -= 1;
        self.changed.notify_all();
    }

    /// Waits until every output has finished. Returns false after `deadline`, or if the
    /// pipeline has stopped waiting.
    pub(super) fn wait_for_writers(&self, deadline: Instant) -> bool {
        let mut state = self.state();
        while state.writers > 0 {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() || state.is_late() {
                return false;
            }
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Waits until every output has finished, or one of them needs a commit before it can.
    /// Returns whether all have finished; `None` if the pipeline has stopped waiting.
    pub(super) fn wait_for_end_or_commit(&self) -> Option<bool> {
        let waits = |state: &mut ProgressState| {
            // Several outputs may wait for commits, one of them for more than is possible yet.
            let is_possible = state.wanted > state.durable && state.cut() > state.durable;
            let needs_commit = state.failure.is_none() && is_possible;
            state.writers > 0 && !needs_commit && !state.is_late()
        };
        let state = self
            .changed
            .wait_while(self.state(), waits)
            .unwrap_or_else(PoisonError::into_inner);
        match state.writers {
            0 => Some(true),
            _ if state.is_late() => None,
            _ => Some(false),
        }
    }

    /// Waits before a retry; returns early if the pipeline ends.
    pub(super) fn pause(&self, time: Duration) {
        let over = |state: &mut ProgressState| !state.is_finishing && state.failure.is_none();
        drop(self.changed.wait_timeout_while(self.state(), time, over));
    }

    /// Returns whether the pipeline ends, so that retries stop.
    pub(super) fn is_over(&self) -> bool {
        let state = self.state();
        state.is_finishing || state.failure.is_some()
    }
}

/// Removes the first batch if its number is at most `n`.
fn pop_up_to(batches: &mut VecDeque<BatchRecords>, n: u64) -> Option<BatchRecords> {
    match batches.front()?.n <= n {
        true => batches.pop_front(),
        false => None,
    }
}

impl ProgressState {
    /// Returns whether a commit is due regardless of the time.
    fn is_due(&self) -> bool {
        let is_much = self.volume >= VOLUME || self.records >= RECORDS;
        self.is_finishing || self.is_waited_for() || is_much
    }

    /// Whether an output waits for a commit that is possible.
    fn is_waited_for(&self) -> bool {
        self.wanted > self.durable && self.cut() >= self.wanted
    }

    fn is_late(&self) -> bool {
        matches!(self.failure, Some(PipelineError::Late))
    }

    fn cut(&self) -> u64 {
        self.accepted.iter().copied().min().unwrap_or(self.sent)
    }
}

/// Records a failure when its thread panics, so that other threads do not wait for it.
pub(super) struct FailOnPanic<'a>(pub(super) &'a DeliveryProgress);

impl Drop for FailOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error =
                std::io::Error::other("a thread of this program panicked; please report it");
            self.0
                .fail(PipelineError::Output("the outputs".into(), error));
        }
    }
}

#[cfg(test)]
mod tests;
