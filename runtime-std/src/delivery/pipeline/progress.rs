//! Who has accepted what, and what that allows.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use estreamer_mio::event_loop::Handle;

use super::Failure;

/// What the threads of a pipeline share.
pub(super) struct Votes {
    state: Mutex<State>,
    changed: Condvar,
    wake: Handle,
}

pub(super) struct State {
    /// For each required output the last batch it has taken over: that is where
    /// acknowledgements come from.
    taken: Vec<u64>,
    /// And the last it accepted: that is where the bookmark comes from.
    accepted: Vec<u64>,
    /// The last batch that was sent: where nobody votes, that is the cut.
    sent: u64,
    /// Batches on their way: number, link, units received with it.
    under_way: VecDeque<(u64, Arc<Credit>, u64)>,
    /// Bytes accepted since the last commit.
    pub(super) volume: u64,
    /// No more batches will come.
    pub(super) finishing: bool,
    /// As many records came as were wanted.
    enough: bool,
    /// Outputs that still write.
    writers: usize,
    failure: Option<Failure>,
}

/// So many bytes accepted make a commit due.
const VOLUME: u64 = 64 << 20;

/// What of a connection is where it belongs.
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

impl Votes {
    /// `outputs` vote; before them everything up to batch `n` was accepted.
    pub(super) fn new(outputs: usize, n: u64, wake: Handle) -> Self {
        Self {
            state: Mutex::new(State {
                taken: vec![n; outputs],
                accepted: vec![n; outputs],
                sent: n,
                under_way: VecDeque::new(),
                volume: 0,
                finishing: false,
                enough: false,
                writers: outputs,
                failure: None,
            }),
            changed: Condvar::new(),
            wake,
        }
    }

    /// A batch of a link goes to the outputs.
    pub(super) fn sent(&self, n: u64, credit: Arc<Credit>, units: u64) {
        let mut state = self.state();
        state.sent = n;
        state.under_way.push_back((n, credit, units));
        if state.accepted.is_empty() {
            self.settle(state);
        }
    }

    /// An output has taken everything up to a batch over, and does not know yet
    /// what becomes of it.
    pub(super) fn take(&self, output: usize, n: u64) {
        let mut state = self.state();
        if let Some(taken) = state.taken.get_mut(output) {
            *taken = n.max(*taken);
        }
        self.settle(state);
    }

    /// The outputs that have not taken every batch that was sent to them.
    pub(super) fn behind(&self) -> Vec<usize> {
        let state = self.state();
        let taken = state.taken.iter().enumerate();
        let behind = taken.filter(|(_, taken)| **taken < state.sent);
        behind.map(|(output, _)| output).collect()
    }

    /// An output accepted everything up to a batch, and wrote so many bytes for it.
    pub(super) fn accept(&self, output: usize, n: u64, bytes: u64) {
        let mut state = self.state();
        if let Some(accepted) = state.accepted.get_mut(output) {
            *accepted = n;
        }
        if let Some(taken) = state.taken.get_mut(output) {
            *taken = n.max(*taken);
        }
        state.volume += bytes;
        self.settle(state);
    }

    /// Gives credit for what every output has taken over.
    fn settle(&self, mut state: MutexGuard<'_, State>) {
        let taken = state.taken.iter().copied().min().unwrap_or(state.sent);
        let due = state.is_due();
        let mut any = false;
        while let Some((n, credit, units)) = state.under_way.front() {
            if *n > taken {
                break;
            }
            credit.units.store(*units, Ordering::Release);
            credit.batches.fetch_add(1, Ordering::AcqRel);
            state.under_way.pop_front();
            any = true;
        }
        drop(state);
        // Whoever commits waits for a second or for much, not for each batch.
        if due {
            self.changed.notify_all();
        }
        if any {
            self.wake.wake();
        }
    }

    /// Wakes the loop.
    pub(super) fn wake(&self) {
        self.wake.wake();
    }

    /// The last batch that every output has accepted.
    pub(super) fn cut(&self) -> u64 {
        self.state().cut()
    }

    /// As many records came as were wanted.
    pub(super) fn enough(&self) {
        self.state().enough = true;
        self.wake.wake();
    }

    pub(super) fn is_enough(&self) -> bool {
        self.state().enough
    }

    /// Something went wrong for good: the first of it stays, but that something
    /// is not durable has consequences of its own.
    pub(super) fn fail(&self, failure: Failure) {
        let mut state = self.state();
        match failure {
            Failure::NotDurable(_) => state.failure = Some(failure),
            other => drop(state.failure.get_or_insert(other)),
        }
        drop(state);
        self.changed.notify_all();
        self.wake.wake();
    }

    pub(super) fn has_failed(&self) -> bool {
        self.state().failure.is_some()
    }

    /// Whether a sync failed.
    pub(super) fn is_void(&self) -> bool {
        matches!(self.state().failure, Some(Failure::NotDurable(_)))
    }

    /// Whether nobody waits for the outputs any more.
    pub(super) fn is_late(&self) -> bool {
        matches!(self.state().failure, Some(Failure::Late(_)))
    }

    pub(super) fn take_failure(&self) -> Option<Failure> {
        self.state().failure.take()
    }

    /// No more batches will come.
    pub(super) fn finish(&self) {
        self.state().finishing = true;
        self.changed.notify_all();
    }

    /// An output has written all it will.
    pub(super) fn writer_ended(&self) {
        self.state().writers -= 1;
        self.changed.notify_all();
    }

    /// Waits until every output has written all it will; false if that does not
    /// come to pass by `deadline`, or nobody waits for it any more.
    pub(super) fn wait_for_writers(&self, deadline: Option<Instant>) -> bool {
        let mut state = self.state();
        while state.writers > 0 {
            if matches!(state.failure, Some(Failure::Late(_))) {
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

    /// Waits until `ready`, but no longer than this.
    pub(super) fn wait(
        &self,
        time: Duration,
        mut ready: impl FnMut(&State) -> bool,
    ) -> MutexGuard<'_, State> {
        let state = self.state();
        self.changed
            .wait_timeout_while(state, time, |state| !ready(state))
            .unwrap_or_else(PoisonError::into_inner)
            .0
    }

    /// Whether to stop trying: nobody will wait for it.
    pub(super) fn is_over(&self) -> bool {
        let state = self.state();
        state.finishing || state.failure.is_some()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Whether a commit is due, whatever the time.
    pub(super) fn is_due(&self) -> bool {
        self.finishing || self.volume >= VOLUME
    }

    fn cut(&self) -> u64 {
        self.accepted.iter().copied().min().unwrap_or(self.sent)
    }
}
