//! What the simulator records about each connection, for tests.

use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use estreamer_core::session::Statistics;
use estreamer_core::wire::{EventStreamRequest, InitialTimestamp, RequestFlags};

/// The record of one connection.
#[derive(Debug, Clone)]
pub struct Served {
    /// The address of the client.
    pub peer: SocketAddr,
    /// The requests in order; the guide allows one.
    pub requests: Vec<SeenRequest>,
    /// Events sent.
    pub events: u64,
    /// Bundles sent.
    pub bundles: u64,
    /// Null messages received.
    pub nulls: u64,
    /// Whether every stored event that was requested is sent.
    pub sent_all: bool,
    /// The statistics of the messages of the client.
    pub statistics: Statistics,
    /// Whether a fault that was asked for closed the connection.
    pub is_cut: bool,
    /// How the connection ended; `None` while it is open.
    pub end: Option<String>,
}

impl Served {
    /// Returns whether every stored event that was requested is sent and acknowledged.
    pub fn is_done(&self) -> bool {
        self.sent_all && self.nulls >= self.bundles
    }
}

/// A received request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenRequest {
    /// The initial timestamp.
    pub from: InitialTimestamp,
    /// The flags.
    pub flags: RequestFlags,
    /// The JSON block without the optional NUL.
    pub json: String,
}

/// The connections in the order of acceptance. Clones share the register.
#[derive(Debug, Clone, Default)]
pub(super) struct Register(Arc<RegisterState>);

#[derive(Debug, Default)]
struct RegisterState {
    connections: Mutex<Vec<Served>>,
    changed: Condvar,
}

/// The entry of one connection in a register.
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
            is_cut: false,
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

    /// Waits until the condition holds; returns false after `patience`.
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
