//! Limits the number of connections, because each has a thread. A new one replaces the
//! oldest, so that clients that send nothing do not block others.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use crate::sync::lock;

/// The maximum number of connections that are served at a time.
const SERVED: usize = 16;
/// The maximum number of threads: those of replaced connections end soon.
const THREADS: usize = 2 * SERVED;

/// The open connections, the oldest first.
#[derive(Clone, Default)]
pub(super) struct Crowd(Arc<Mutex<Open>>);

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
    /// Admits a connection, and closes the oldest one if there are too many. Returns
    /// `None` if there are too many threads.
    pub(super) fn admit(&self, close: impl FnOnce() + Send + 'static) -> Option<Admitted> {
        let mut open = lock(&self.0);
        if open.connections.len() >= SERVED
            && let Some((_, close)) = open.connections.pop_front()
        {
            close();
        }
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
        let mut open = lock(&self.crowd.0);
        open.threads -= 1;
        open.connections
            .retain(|(number, _)| *number != self.number);
    }
}
