//! How far the outputs are, and what that allows.
//!
//! A batch is *received* from a server, *taken* by an output, *accepted* by
//! whatever that writes to, and *durable* in the bookmark. Three things follow:
//!
//! - **Credit**: what every output has taken may be acknowledged to the server;
//!   strictly, what every output has accepted.
//! - **Cut**: what every output has accepted may become the bookmark.
//! - **Life cycle**: whether batches still come, outputs still write, and what
//!   failed.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use estreamer_mio::event_loop::Handle;

use super::failure::PipelineError;
use crate::delivery::ledger::Ledger;
use crate::sync::lock;

/// What the threads of a pipeline tell each other.
pub(super) struct DeliveryProgress {
    state: Mutex<ProgressState>,
    /// For each required output whether something is handed to it.
    called: Vec<AtomicBool>,
    changed: Condvar,
    wake: Handle,
    ledger: Arc<Ledger>,
    rules: Rules,
}

/// What does not change.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rules {
    /// A batch is acknowledged only when every output has accepted it.
    pub(super) is_strict: bool,
    /// There is a bookmark.
    pub(super) has_bookmark: bool,
}

pub(super) struct ProgressState {
    /// For each required output the last batch it has taken.
    taken: Vec<u64>,
    /// And the last that was accepted.
    accepted: Vec<u64>,
    /// The last batch that was sent to the outputs.
    sent: u64,
    /// Batches that have no credit yet.
    without_credit: VecDeque<(u64, Arc<Credit>, u64)>,
    /// Batches that are not accepted everywhere yet, and those that are and are
    /// not durable.
    not_accepted: VecDeque<BatchRecords>,
    not_durable: VecDeque<BatchRecords>,
    /// The last batch that is durable, and the one that is waited for.
    durable: u64,
    wanted: u64,
    /// Bytes and records accepted since the last commit.
    volume: u64,
    records: u64,
    /// No more batches will come.
    pub(super) is_finishing: bool,
    /// As many records came as were wanted.
    is_enough: bool,
    /// Outputs that still write.
    writers: usize,
    failure: Option<PipelineError>,
}

/// Records of a batch, to be counted as it goes on.
pub(super) struct BatchRecords {
    pub(super) n: u64,
    pub(super) source: Arc<str>,
    pub(super) records: u64,
}

/// So many bytes or records accepted make a commit due.
const VOLUME: u64 = 64 << 20;
pub(super) const RECORDS: u64 = 1 << 18;

/// What of a connection has been taken or accepted by every output.
#[derive(Debug, Default)]
pub(super) struct Credit {
    units: AtomicU64,
    batches: AtomicU64,
}

impl Credit {
    pub(super) fn units(&self) -> u64 {
        self.units.load(Ordering::Acquire)
    }

    pub(super) fn batches(&self) -> u64 {
        self.batches.load(Ordering::Acquire)
    }
}

impl DeliveryProgress {
    /// Of so many outputs; everything up to batch `n` is durable.
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

    /// Wakes the loop.
    pub(super) fn wake(&self) {
        self.wake.wake();
    }

    // Credit and cut.

    /// A batch of a link goes to the outputs; its units become credit.
    pub(super) fn sent(&self, batch: BatchRecords, credit: Arc<Credit>, units: u64) {
        let mut state = self.state();
        state.sent = batch.n;
        state.without_credit.push_back((batch.n, credit, units));
        state.not_accepted.push_back(batch);
        if state.accepted.is_empty() {
            self.settle(state);
        }
    }

    /// An output has taken everything up to a batch, and does not know yet what
    /// becomes of it.
    pub(super) fn take(&self, output: usize, n: u64) {
        let mut state = self.state();
        if let Some(taken) = state.taken.get_mut(output) {
            *taken = n.max(*taken);
        }
        self.settle(state);
    }

    /// Everything up to a batch was accepted from an output, which wrote so many
    /// bytes for it.
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

    /// Gives credit, and counts what is accepted everywhere.
    fn settle(&self, mut state: MutexGuard<'_, ProgressState>) {
        let cut = state.cut();
        let mut any = false;
        let creditable = match self.rules.is_strict {
            true => cut,
            false => state.taken.iter().copied().min().unwrap_or(state.sent),
        };
        while let Some((n, credit, units)) = state.without_credit.front() {
            if *n > creditable {
                break;
            }
            credit.units.store(*units, Ordering::Release);
            credit.batches.fetch_add(1, Ordering::AcqRel);
            state.without_credit.pop_front();
            any = true;
        }
        while let Some(batch) = pop_up_to(&mut state.not_accepted, cut) {
            state.records += batch.records;
            if batch.records > 0 {
                self.ledger
                    .change(&batch.source, |counts| counts.accepted += batch.records);
            }
            if self.rules.has_bookmark {
                state.not_durable.push_back(batch);
            }
        }
        let due = state.is_due();
        drop(state);
        // The committer is woken for a volume, not for each batch.
        if due {
            self.changed.notify_all();
        }
        if any {
            self.wake.wake();
        }
    }

    /// Runs `work`, which hands something to an output and may not return.
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

    /// The outputs that something is handed to right now.
    pub(super) fn called(&self) -> Vec<usize> {
        let called = self.called.iter().enumerate();
        let called = called.filter(|(_, output)| output.load(Ordering::Acquire));
        called.map(|(output, _)| output).collect()
    }

    /// The last batch that every output has accepted.
    pub(super) fn cut(&self) -> u64 {
        self.state().cut()
    }

    /// The last batch that is durable.
    pub(super) fn durable(&self) -> u64 {
        self.state().durable
    }

    /// Everything up to batch `n` is durable.
    pub(super) fn committed(&self, n: u64) {
        let mut state = self.state();
        state.durable = n;
        while let Some(batch) = pop_up_to(&mut state.not_durable, n) {
            self.ledger
                .change(&batch.source, |counts| counts.durable += batch.records);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// What is accepted and not durable comes again, and is counted when it does.
    pub(super) fn discard_not_durable(&self) {
        for batch in std::mem::take(&mut self.state().not_durable) {
            self.ledger
                .change(&batch.source, |counts| counts.accepted -= batch.records);
        }
    }

    /// Waits until a commit is due: after this time, or earlier for a reason.
    /// Whether no more batches will come.
    pub(super) fn wait_for_commit_due(&self, time: Duration) -> bool {
        let mut state = self
            .changed
            .wait_timeout_while(self.state(), time, |state| !state.is_due())
            .unwrap_or_else(PoisonError::into_inner)
            .0;
        (state.volume, state.records) = (0, 0);
        state.is_finishing
    }

    /// Waits until everything up to batch `n` is durable; false if that does not
    /// happen any more.
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

    /// Waits until everything up to batch `n` is durable, or no more will come.
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

    /// As many records came as were wanted.
    pub(super) fn enough(&self) {
        self.state().is_enough = true;
        self.wake.wake();
    }

    pub(super) fn is_enough(&self) -> bool {
        self.state().is_enough
    }

    /// Something went wrong for good.
    pub(super) fn fail(&self, failure: PipelineError) {
        let mut state = self.state();
        match &state.failure {
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

    /// Whether a sync failed, or the bookmark is gone.
    pub(super) fn is_void(&self) -> bool {
        let state = self.state();
        let failure = state.failure.as_ref();
        failure.is_some_and(|failure| failure.outranks(&PipelineError::ReaderLeft))
    }

    /// Whether the pipeline has stopped waiting for its outputs.
    pub(super) fn is_late(&self) -> bool {
        matches!(self.state().failure, Some(PipelineError::Late(_)))
    }

    pub(super) fn take_failure(&self) -> Option<PipelineError> {
        self.state().failure.take()
    }

    /// No more batches will come.
    pub(super) fn finish(&self) {
        self.state().is_finishing = true;
        self.changed.notify_all();
    }

    /// An output has written all it will.
    pub(super) fn writer_ended(&self) {
        self.state().writers -= 1;
        self.changed.notify_all();
    }

    /// Waits until every output has written all it will; false if that does not
    /// happen by `deadline`, or the pipeline has stopped waiting.
    pub(super) fn wait_for_writers(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.state();
        while state.writers > 0 {
            if matches!(state.failure, Some(PipelineError::Late(_))) {
                return false;
            }
            let left = deadline.map(|end| end.saturating_duration_since(Instant::now()));
            state = match left {
                None => self
                    .changed
                    .wait(state)
                    .unwrap_or_else(PoisonError::into_inner),
                Some(Duration::ZERO) => return false,
                Some(left) => {
                    let waited = self.changed.wait_timeout(state, left);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }

    /// Waits before something is tried again, but no longer once the end has come.
    pub(super) fn pause(&self, time: Duration) {
        let over = |state: &mut ProgressState| !state.is_finishing && state.failure.is_none();
        drop(self.changed.wait_timeout_while(self.state(), time, over));
    }

    /// Whether to stop retrying: the pipeline ends.
    pub(super) fn is_over(&self) -> bool {
        let state = self.state();
        state.is_finishing || state.failure.is_some()
    }
}

/// The batch at the front, if its number is not beyond `n`.
fn pop_up_to(batches: &mut VecDeque<BatchRecords>, n: u64) -> Option<BatchRecords> {
    match batches.front()?.n <= n {
        true => batches.pop_front(),
        false => None,
    }
}

impl ProgressState {
    /// Whether a commit is due, whatever the time.
    fn is_due(&self) -> bool {
        let waited_for = self.wanted > self.durable && self.cut() >= self.wanted;
        self.is_finishing || waited_for || self.volume >= VOLUME || self.records >= RECORDS
    }

    fn cut(&self) -> u64 {
        self.accepted.iter().copied().min().unwrap_or(self.sent)
    }
}

/// A thread that panics must not leave the others waiting for it.
pub(super) struct FailOnPanic<'a>(pub(super) &'a DeliveryProgress);

impl Drop for FailOnPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let error = std::io::Error::other("a thread of this program failed; please report it");
            self.0
                .fail(PipelineError::Output("the outputs".into(), error));
        }
    }
}
