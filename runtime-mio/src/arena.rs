//! The memory events are received into: a fixed budget, in arenas of one size.

use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use estreamer_core::decode::Limits;

use crate::event_loop::Handle;
use crate::record::Received;

/// Where arenas come from. Clones share the budget.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    /// Bytes of an arena.
    size: usize,
    /// Bytes of all arenas together, at most.
    budget: usize,
    state: Mutex<State>,
    wake: Handle,
}

#[derive(Default)]
struct State {
    used: usize,
    /// What is noted of the records in arenas, roughly.
    notes: usize,
    /// One arena for a record larger than the others may be out at a time: two
    /// half-read records would wait for each other's room.
    large: bool,
    /// Somebody was refused and waits to be woken.
    waiting: bool,
    spare: Vec<(Box<[u8]>, Vec<Received>)>,
}

/// A piece of the budget, given back when it is dropped.
pub struct Arena {
    bytes: Box<[u8]>,
    /// The records in it.
    pub(crate) records: Vec<Received>,
    pool: Arc<Inner>,
    large: bool,
    /// Bytes beside its own that count as long as it is out.
    notes: usize,
}

/// What is noted of a record until it is where it belongs: here, and by those
/// who write it.
const NOTES: usize = 100;

impl Arena {
    /// Nothing more is added: what is noted of its records counts as used, too.
    pub(crate) fn seal(&mut self) {
        self.notes = self.records.len() * NOTES;
        self.pool.state().notes += self.notes;
    }
}

impl Pool {
    /// A pool of arenas of `size` bytes. When one is given back to a pool that
    /// had none left, the loop of `wake` is woken.
    pub fn new(size: usize, budget: usize, wake: Handle) -> Self {
        Self(Arc::new(Inner {
            size,
            budget,
            state: Mutex::default(),
            wake,
        }))
    }

    /// Bytes of an arena.
    pub fn size(&self) -> usize {
        self.0.size
    }

    /// Bytes a pool must have for sessions with these limits: two arenas, and the
    /// largest message, be it a record or not.
    pub fn least(&self, limits: Limits) -> usize {
        let largest = limits.record.max(limits.request).max(limits.message);
        (2 * self.0.size).saturating_add(largest as usize)
    }

    /// Bytes there are.
    pub fn budget(&self) -> usize {
        self.0.budget
    }

    /// An arena; `None` when the budget is used up.
    pub fn arena(&self) -> Option<Arena> {
        let mut state = self.0.state();
        if state.used + state.notes + self.0.size > self.0.budget {
            state.waiting = true;
            return None;
        }
        state.used += self.0.size;
        let spare = state.spare.pop();
        drop(state);
        let (bytes, records) = spare.unwrap_or_else(|| {
            (
                vec![0; self.0.size].into(),
                Vec::with_capacity(self.0.size / 512),
            )
        });
        Some(Arena {
            bytes,
            records,
            pool: self.0.clone(),
            large: false,
            notes: 0,
        })
    }

    /// An arena for one record of so many bytes; `None` until there is room for
    /// it, and while another such arena is out.
    pub fn large(&self, bytes: usize) -> Option<Arena> {
        let mut state = self.0.state();
        if state.large || state.used + state.notes + bytes > self.0.budget {
            state.waiting = true;
            return None;
        }
        state.used += bytes;
        state.large = true;
        // Spare arenas are memory, too.
        state.spare.clear();
        drop(state);
        Some(Arena {
            bytes: vec![0; bytes].into(),
            records: Vec::with_capacity(1),
            pool: self.0.clone(),
            large: true,
            notes: 0,
        })
    }

    /// Bytes in use.
    pub fn used(&self) -> usize {
        self.0.state().used
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut records = std::mem::take(&mut self.records);
        records.clear();
        let mut state = self.pool.state();
        state.used -= bytes.len();
        state.notes -= self.notes;
        if self.large {
            state.large = false;
        } else {
            state.spare.push((bytes, records));
        }
        if std::mem::take(&mut state.waiting) {
            drop(state);
            self.pool.wake.wake();
        }
    }
}

impl Deref for Arena {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl DerefMut for Arena {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arena({} bytes)", self.bytes.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_loop::EventLoop;

    fn pool() -> Pool {
        Pool::new(100, 250, EventLoop::new().unwrap().handle())
    }

    #[test]
    fn two_arenas_and_the_largest_message_are_the_least() {
        let mut limits = Limits::DEFAULT;
        limits.record = 10;
        limits.request = 20;
        limits.message = 50;
        let pool = pool();
        assert_eq!(pool.least(limits), pool.budget());
        let _two = (pool.arena().unwrap(), pool.arena().unwrap());
        assert!(pool.large(51).is_none());
        assert!(pool.large(50).is_some());
    }

    #[test]
    fn the_budget_is_never_exceeded_and_comes_back() {
        let pool = pool();
        let (first, second) = (pool.arena().unwrap(), pool.arena().unwrap());
        assert!(pool.arena().is_none());
        assert!(pool.large(60).is_none());
        drop(first);
        assert_eq!(pool.large(150).unwrap().len(), 150);
        drop(second);
        assert_eq!(pool.used(), 0);
    }

    #[test]
    fn one_large_arena_is_out_at_a_time() {
        let pool = pool();
        let large = pool.large(100).unwrap();
        assert!(pool.large(10).is_none());
        assert!(pool.arena().is_some());
        drop(large);
        assert!(pool.large(10).is_some());
    }
}
