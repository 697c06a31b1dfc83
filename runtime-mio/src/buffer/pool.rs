//! The memory that records are received into: a fixed budget, in arenas of one size.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use estreamer_core::decode::Limits;

use super::record::RecordPlace;
use crate::event_loop::Handle;

/// A budget of memory for received records. Clones share the budget.
///
/// A client that finds the budget used up stops reading its socket until batches
/// are dropped.
#[derive(Clone)]
pub struct Pool(Arc<Inner>);

struct Inner {
    /// Bytes of an arena.
    arena_size: usize,
    /// Bytes of all arenas together, at most.
    budget: usize,
    state: Mutex<PoolState>,
    wake: Handle,
}

#[derive(Default)]
struct PoolState {
    used: usize,
    /// Bytes of bookkeeping for the records in arenas that are handed over.
    bookkeeping: usize,
    /// Whether an arena for a large record is in use. Only one is allowed: two
    /// half-read records could wait for each other's memory.
    has_large: bool,
    /// Whether an arena was refused, so that a loop has to be woken.
    was_refused: bool,
    /// The queue for arenas, and the number of who comes next.
    queue: BTreeSet<u64>,
    next: u64,
    /// Bytes that are kept for a large record, which waits for them.
    claimed: usize,
    spare: Vec<(Box<[u8]>, Vec<RecordPlace>)>,
}

/// A piece of the budget, given back when it is dropped.
pub(super) struct Arena {
    bytes: Box<[u8]>,
    /// The records in it.
    pub(super) records: Vec<RecordPlace>,
    pool: Arc<Inner>,
    is_large: bool,
    /// Bytes of bookkeeping that count as used together with this arena.
    bookkeeping: usize,
}

/// A position in the queue for arenas. Dropping it leaves the queue.
pub(super) struct Waiting {
    number: u64,
    pool: Arc<Inner>,
}

/// Memory is kept for a large record until this is dropped.
pub(super) struct Claim(Arc<Inner>);

/// Approximate bookkeeping bytes per record until it is delivered, here and in
/// whatever writes it.
const BOOKKEEPING_PER_RECORD: usize = 100;

impl Pool {
    /// Creates a pool of `budget` bytes in arenas of `arena_size` bytes. After an
    /// arena was refused, the next one that is given back wakes the loop of `wake`.
    pub fn new(arena_size: usize, budget: usize, wake: Handle) -> Self {
        Self(Arc::new(Inner {
            arena_size,
            budget,
            state: Mutex::default(),
            wake,
        }))
    }

    /// Returns the bytes of an arena.
    pub fn arena_size(&self) -> usize {
        self.0.arena_size
    }

    /// Returns the bytes of all arenas together, at most.
    pub fn budget(&self) -> usize {
        self.0.budget
    }

    /// Returns the bytes in use.
    pub fn used(&self) -> usize {
        self.0.state().used
    }

    /// Returns the smallest budget that works for sessions with these limits: two
    /// arenas, and the largest message.
    pub fn min_budget(&self, limits: Limits) -> usize {
        let largest = limits.record.max(limits.request).max(limits.message);
        (2 * self.0.arena_size).saturating_add(largest as usize)
    }

    /// Takes an arena. If none is free, or earlier waiters are entitled to those that are,
    /// returns the caller's position in the queue; pass it to the next call.
    pub(super) fn arena(&self, waiting: Option<Waiting>) -> Result<Arena, Waiting> {
        let mut state = self.0.state();
        let used = state.used + state.bookkeeping + state.claimed;
        let free = self.0.budget.saturating_sub(used) / self.0.arena_size;
        let earlier = match &waiting {
            Some(waiting) => state.queue.range(..waiting.number).take(free).count(),
            None => state.queue.len(),
        };
        if free <= earlier {
            state.was_refused = true;
            return Err(waiting.unwrap_or_else(|| {
                let number = state.next;
                state.next += 1;
                state.queue.insert(number);
                let pool = self.0.clone();
                Waiting { number, pool }
            }));
        }
        if let Some(waiting) = &waiting {
            state.queue.remove(&waiting.number);
        }
        state.used += self.0.arena_size;
        let spare = state.spare.pop();
        drop(state);
        let (bytes, records) = spare.unwrap_or_else(|| {
            (
                vec![0; self.0.arena_size].into(),
                Vec::with_capacity(self.0.arena_size / 512),
            )
        });
        Ok(Arena {
            bytes,
            records,
            pool: self.0.clone(),
            is_large: false,
            bookkeeping: 0,
        })
    }

    /// Takes an arena for one record of so many bytes; `None` while the budget
    /// has no room for it, or another such arena is in use. With the claim, no other arena
    /// takes the room.
    pub(super) fn large(&self, bytes: usize, claim: &mut Option<Claim>) -> Option<Arena> {
        let mut state = self.0.state();
        let claimed = match claim {
            // Its own.
            Some(_) => 0,
            None => state.claimed,
        };
        let used = state.used + state.bookkeeping + claimed;
        if state.has_large || used + bytes > self.0.budget {
            state.was_refused = true;
            if !state.has_large && state.claimed == 0 {
                state.claimed = bytes;
                *claim = Some(Claim(self.0.clone()));
            }
            return None;
        }
        state.used += bytes;
        state.has_large = true;
        // Spare arenas use memory as well.
        state.spare.clear();
        drop(state);
        *claim = None;
        Some(Arena {
            bytes: vec![0; bytes].into(),
            records: Vec::with_capacity(1),
            pool: self.0.clone(),
            is_large: true,
            bookkeeping: 0,
        })
    }
}

impl Inner {
    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Arena {
    /// Counts the bookkeeping of its records as used. No record is added after this.
    pub(super) fn seal(&mut self) {
        self.bookkeeping = self.records.len() * BOOKKEEPING_PER_RECORD;
        self.pool.state().bookkeeping += self.bookkeeping;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut state = self.pool.state();
        // The others move up.
        if state.queue.remove(&self.number) && !state.queue.is_empty() {
            drop(state);
            self.pool.wake.wake();
        }
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.state().claimed = 0;
        self.0.wake.wake();
    }
}

impl Drop for Arena {
    fn drop(&mut self) {
        let bytes = std::mem::take(&mut self.bytes);
        let mut records = std::mem::take(&mut self.records);
        records.clear();
        let mut state = self.pool.state();
        state.used -= bytes.len();
        state.bookkeeping -= self.bookkeeping;
        if self.is_large {
            state.has_large = false;
        } else {
            state.spare.push((bytes, records));
        }
        if std::mem::take(&mut state.was_refused) {
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

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Waiting({})", self.number)
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Arena({} bytes)", self.bytes.len())
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("arena_size", &self.0.arena_size)
            .field("budget", &self.0.budget)
            .field("used", &self.used())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event_loop::EventLoop;

    fn pool() -> Pool {
        Pool::new(100, 250, EventLoop::<()>::new().unwrap().handle())
    }

    #[test]
    fn the_smallest_budget_is_two_arenas_and_the_largest_message() {
        let mut limits = Limits::DEFAULT;
        limits.record = 10;
        limits.request = 20;
        limits.message = 50;
        let pool = pool();
        assert_eq!(pool.min_budget(limits), pool.budget());
        let _two = (pool.arena(None).unwrap(), pool.arena(None).unwrap());
        assert!(pool.large(51, &mut None).is_none());
        assert!(pool.large(50, &mut None).is_some());
    }

    #[test]
    fn the_budget_is_never_exceeded_and_is_given_back() {
        let pool = pool();
        let (first, second) = (pool.arena(None).unwrap(), pool.arena(None).unwrap());
        assert!(pool.arena(None).is_err());
        assert!(pool.large(60, &mut None).is_none());
        drop(first);
        assert_eq!(pool.large(150, &mut None).unwrap().len(), 150);
        drop(second);
        assert_eq!(pool.used(), 0);
    }

    #[test]
    fn a_large_record_does_not_take_the_room_that_another_one_waits_for() {
        let pool = pool();
        let first = pool.arena(None).unwrap();
        let (mut a, mut b) = (None, None);
        assert!(pool.large(160, &mut a).is_none());
        assert!(pool.large(155, &mut b).is_none());
        drop(first);
        assert!(pool.large(155, &mut b).is_none(), "it is for the other one");
        assert_eq!(pool.large(160, &mut a).unwrap().len(), 160);
        assert!(a.is_none());
        assert!(pool.large(155, &mut b).is_some());
    }

    #[test]
    fn who_waits_longest_gets_the_next_arena() {
        let pool = pool();
        let (first, second) = (pool.arena(None).unwrap(), pool.arena(None).unwrap());
        let [a, b, c] = [(); 3].map(|()| pool.arena(None).unwrap_err());
        drop(first);
        let b = pool.arena(Some(b)).unwrap_err();
        assert!(pool.arena(None).is_err(), "who comes last does not pass");
        drop(second);
        let b = pool.arena(Some(b)).unwrap();
        let a = pool.arena(Some(a)).unwrap();
        drop((a, b));
        // Who gave up is not waited for.
        drop(c);
        let _two = (pool.arena(None).unwrap(), pool.arena(None).unwrap());
    }

    #[test]
    fn a_large_record_that_waits_is_not_passed_by_others() {
        let pool = pool();
        let (first, second) = (pool.arena(None).unwrap(), pool.arena(None).unwrap());
        let mut claim = None;
        assert!(pool.large(150, &mut claim).is_none());
        drop(first);
        let waiting = pool.arena(None).unwrap_err();
        drop(second);
        assert_eq!(pool.large(150, &mut claim).unwrap().len(), 150);
        assert!(claim.is_none());
        assert!(pool.arena(Some(waiting)).is_ok());
    }

    #[test]
    fn one_large_arena_is_in_use_at_a_time() {
        let pool = pool();
        let large = pool.large(100, &mut None).unwrap();
        assert!(pool.large(10, &mut None).is_none());
        assert!(pool.arena(None).is_ok());
        drop(large);
        assert!(pool.large(10, &mut None).is_some());
    }
}
