//! Who has accepted what, and what that allows.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use estreamer_mio::event_loop::Handle;

use super::pipeline::Failure;

/// What the threads of a pipeline share.
pub(super) struct Votes {
    state: Mutex<State>,
    changed: Condvar,
    wake: Handle,
}

pub(super) struct State {
    /// For each output the last batch it accepted.
    accepted: Vec<u64>,
    /// Batches on their way: number, link, units received with it.
    under_way: VecDeque<(u64, u64, u64)>,
    /// For each link the units that are where they belong.
    credit: HashMap<u64, u64>,
    /// For each link the batches that are there.
    batches: HashMap<u64, u64>,
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

impl Votes {
    pub(super) fn new(outputs: usize, n: u64, wake: Handle) -> Self {
        Self {
            state: Mutex::new(State {
                accepted: vec![n; outputs],
                under_way: VecDeque::new(),
                credit: HashMap::new(),
                batches: HashMap::new(),
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
    pub(super) fn sent(&self, n: u64, link: u64, units: u64) {
        self.state().under_way.push_back((n, link, units));
    }

    /// An output accepted a batch, and wrote so many bytes for it.
    pub(super) fn accept(&self, output: usize, n: u64, bytes: u64) {
        let mut state = self.state();
        if let Some(accepted) = state.accepted.get_mut(output) {
            *accepted = n;
        }
        state.volume += bytes;
        let cut = state.cut();
        let mut any = false;
        while let Some(&(n, link, units)) = state.under_way.front() {
            if n > cut {
                break;
            }
            state.under_way.pop_front();
            state.credit.insert(link, units);
            *state.batches.entry(link).or_default() += 1;
            any = true;
        }
        drop(state);
        self.changed.notify_all();
        if any {
            self.wake.wake();
        }
    }

    /// The last batch that every output has accepted.
    pub(super) fn cut(&self) -> u64 {
        self.state().cut()
    }

    /// Units of a link that are where they belong.
    pub(super) fn credit(&self, link: u64) -> u64 {
        self.state().credit.get(&link).copied().unwrap_or(0)
    }

    /// As many records came as were wanted.
    pub(super) fn enough(&self) {
        self.state().enough = true;
        self.wake.wake();
    }

    pub(super) fn is_enough(&self) -> bool {
        self.state().enough
    }

    /// Batches of a link that are where they belong.
    pub(super) fn accepted(&self, link: u64) -> u64 {
        self.state().batches.get(&link).copied().unwrap_or(0)
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

    /// Waits until every output has written all it will.
    pub(super) fn wait_for_writers(&self) {
        let state = self.state();
        drop(
            self.changed
                .wait_while(state, |state| state.writers > 0)
                .unwrap_or_else(PoisonError::into_inner),
        );
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
    fn cut(&self) -> u64 {
        self.accepted.iter().copied().min().unwrap_or(0)
    }
}
