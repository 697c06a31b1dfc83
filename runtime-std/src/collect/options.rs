//! The options of a run that are not part of a configuration.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use estreamer_mio::event_loop::Handle;

use crate::config::Config;
use crate::failure::{Failure, Wording};
use crate::telemetry::StatusHandle;

/// Reads the configuration again.
pub type Reload = Box<dyn FnMut() -> Result<Config, Failure>>;

/// Receives the handle of the event loop before the first connection.
pub type Watch = Box<dyn FnOnce(Handle) -> Result<(), Failure>>;

/// The state of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// The disk is full; the run starts when there is space.
    WaitingForSpace,
    /// The outputs are open and events are collected.
    Collecting {
        /// The number of sources.
        sources: usize,
        /// The number of sources with an established connection.
        connected: usize,
        /// New events received.
        received: u64,
        /// Events that every required output has accepted.
        accepted: u64,
        /// The archival second of the newest of them.
        newest: Option<u32>,
    },
}

/// Called with the state of the run when it is ready, and then at each
/// [`Run::heartbeat_interval`] while the event loop runs.
pub type Heartbeat = Box<dyn FnMut(Health)>;

/// Requests to a running collection, from any thread or signal handler: set a flag, then
/// wake the event loop.
#[derive(Debug, Clone, Default)]
pub struct PendingSignals {
    /// Read the configuration again, and reopen files.
    pub reload: Arc<AtomicBool>,
    /// Tell the counts.
    pub report: Arc<AtomicBool>,
}

impl Run {
    /// Reports the state of the run.
    pub(super) fn beat(&mut self, health: Health) {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat(health);
        }
    }
}

impl PendingSignals {
    /// Returns whether a reload was requested since the last call.
    pub(super) fn reload(&self) -> bool {
        self.reload.swap(false, Ordering::AcqRel)
    }

    /// Returns whether a report was requested since the last call.
    pub(super) fn report(&self) -> bool {
        self.report.swap(false, Ordering::AcqRel)
    }
}

/// The part of a bookmark that a start discards.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reset {
    /// Nothing.
    #[default]
    Nothing,
    /// The whole bookmark.
    All,
    /// The entries of this source.
    Source(String),
}

/// The options of a run that are not part of a configuration.
#[derive(Default)]
#[non_exhaustive]
pub struct Run {
    /// Stop after this number of delivered events.
    pub limit: Option<u64>,
    /// Stop after this time without an event.
    pub idle: Option<Duration>,
    /// Record received bytes in this file, and sent bytes in a second one.
    pub capture: Option<PathBuf>,
    /// The part of the bookmark to discard.
    pub reset: Reset,
    /// Reads the configuration again on request.
    pub reload: Option<Reload>,
    /// Requests before and during the run.
    pub signals: PendingSignals,
    /// Receives the handle that stops and wakes the run.
    pub watch: Option<Watch>,
    /// Receives the state of the run.
    pub heartbeat: Option<Heartbeat>,
    /// Shows the status of the run.
    pub status: StatusHandle,
    /// The configuration file, for the status.
    pub configuration: Option<PathBuf>,
    /// The time between two calls of the heartbeat; `None` is a second.
    pub heartbeat_interval: Option<Duration>,
    /// The wording of remedies.
    pub wording: Wording,
}
