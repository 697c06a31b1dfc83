//! What the simulator keeps of each connection, for tests to look at.

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use estreamer_core::session::Statistics;
use estreamer_core::wire::{EventStreamRequest, InitialTimestamp, RequestFlags};

/// What one connection saw, so far.
#[derive(Debug, Clone)]
pub struct Served {
    /// Where it came from.
    pub peer: SocketAddr,
    /// What it asked for, in turn; the guide allows one request.
    pub requests: Vec<SeenRequest>,
    /// Events sent.
    pub events: u64,
    /// Bundles sent.
    pub bundles: u64,
    /// Null messages received.
    pub nulls: u64,
    /// Whether everything that was asked for and is stored so far was sent.
    pub sent_all: bool,
    /// Everything counted of the client's messages, its deviations among it.
    pub statistics: Statistics,
    /// How it ended, once it has.
    pub end: Option<String>,
}

impl Served {
    /// Whether everything that was asked for and is stored so far was sent and
    /// acknowledged.
    pub fn is_done(&self) -> bool {
        self.sent_all && self.nulls >= self.bundles
    }
}

/// A request as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRequest {
    /// Where in the archive to start.
    pub from: InitialTimestamp,
    /// Its flags.
    pub flags: RequestFlags,
    /// Its JSON block, without the optional NUL.
    pub json: String,
}

/// All connections in the order they were accepted. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct Register(Arc<RegisterState>);

#[derive(Debug, Default)]
struct RegisterState {
    connections: Mutex<Vec<Served>>,
    changed: Condvar,
}

/// One connection's place in a register.
#[derive(Debug, Clone)]
pub(super) struct ConnectionEntry {
    register: Register,
    index: usize,
}

impl Register {
    pub(super) fn add(&self, peer: SocketAddr) -> ConnectionEntry {
        let mut connections = self.lock();
        connections.push(Served {
            peer,
            requests: Vec::new(),
            events: 0,
            bundles: 0,
            nulls: 0,
            sent_all: false,
            statistics: Statistics::default(),
            end: None,
        });
        ConnectionEntry {
            register: self.clone(),
            index: connections.len() - 1,
        }
    }

    pub(super) fn all(&self) -> Vec<Served> {
        self.lock().clone()
    }

    /// Waits until it holds; false after `patience`.
    pub(super) fn wait(&self, holds: impl Fn(&[Served]) -> bool, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        let mut connections = self.lock();
        while !holds(&connections) {
            let Some(left) = deadline.checked_duration_since(Instant::now()) else {
                return false;
            };
            let waited = self.0.changed.wait_timeout(connections, left);
            connections = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Served>> {
        let connections = self.0.connections.lock();
        connections.unwrap_or_else(PoisonError::into_inner)
    }
}

impl ConnectionEntry {
    pub(super) fn get(&self) -> Option<Served> {
        self.register.lock().get(self.index).cloned()
    }

    pub(super) fn asked(&self, request: &EventStreamRequest<'_>) {
        let seen = SeenRequest {
            from: request.from,
            flags: request.flags,
            json: String::from_utf8_lossy(request.json()).into_owned(),
        };
        self.update(|served| served.requests.push(seen));
    }

    pub(super) fn update(&self, change: impl FnOnce(&mut Served)) {
        if let Some(served) = self.register.lock().get_mut(self.index) {
            change(served);
        }
        self.register.0.changed.notify_all();
    }
}
