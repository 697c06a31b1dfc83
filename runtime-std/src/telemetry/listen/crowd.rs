//! Limits the number of connections, because each has a thread. A new one replaces the
//! oldest, so that clients that send nothing do not block others.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use crate::sync::lock;

/// The maximum number of connections that are served at a time.
const SERVED: usize = 16;
/// The maximum number of threads: those of replaced connections end soon.
const THREADS: usize = 2 * SERVED;
/// How long a new connection waits for a thread of a replaced one to end.
const WAIT: Duration = Duration::from_secs(5);

/// The open connections, the oldest first.
#[derive(Clone, Default)]
pub(super) struct Crowd(Arc<Shared>);

#[derive(Default)]
struct Shared {
    open: Mutex<Open>,
    /// Notified when a thread ends.
    ended: Condvar,
}

#[derive(Default)]
struct Open {
    /// The number of each connection, and how to close it from another thread.
    connections: VecDeque<(u64, Box<dyn FnOnce() + Send>)>,
    threads: usize,
    next: u64,
}

/// The place of a connection; it is free again when this is dropped.
pub(super) struct Admitted {
    crowd: Crowd,
    number: u64,
}

impl Crowd {
    /// Admits a connection, and closes the oldest one if there are too many. If there are
    /// too many threads, waits for one to end: a client that came last must not be
    /// refused because replaced ones still end. Returns `None` if none does.
    pub(super) fn admit(&self, close: impl FnOnce() + Send + 'static) -> Option<Admitted> {
        let mut open = lock(&self.0.open);
        if open.connections.len() >= SERVED
            && let Some((_, close)) = open.connections.pop_front()
        {
            close();
        }
        let full = |open: &mut Open| open.threads >= THREADS;
        let waited = self.0.ended.wait_timeout_while(open, WAIT, full);
        (open, _) = waited.unwrap_or_else(PoisonError::into_inner);
        if open.threads >= THREADS {
            return None;
        }
        open.threads += 1;
        open.next += 1;
        let number = open.next;
        open.connections.push_back((number, Box::new(close)));
        Some(Admitted {
            crowd: self.clone(),
            number,
        })
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        let mut open = lock(&self.crowd.0.open);
        open.threads -= 1;
        open.connections
            .retain(|(number, _)| *number != self.number);
        self.crowd.0.ended.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn a_new_connection_waits_for_the_thread_of_a_replaced_one() {
        let crowd = Crowd::default();
        let (closed, closes) = channel();
        let mut admitted = Vec::new();
        for number in 0..THREADS {
            let closed = closed.clone();
            let close = move || closed.send(number).unwrap();
            admitted.push(crowd.admit(close).unwrap());
        }
        // The first half was replaced, but its threads still run.
        assert_eq!(closes.try_iter().count(), SERVED);
        let newest = std::thread::scope(|scope| {
            let newest = scope.spawn(|| crowd.admit(|| ()));
            // It replaces one, so it is about to wait.
            assert_eq!(closes.recv(), Ok(SERVED));
            drop(admitted.remove(0));
            newest.join().unwrap()
        });
        assert!(newest.is_some());
    }
}
