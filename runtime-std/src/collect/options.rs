//! What concerns a run rather than a configuration.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use estreamer_mio::event_loop::Handle;

use crate::config::Config;
use crate::failure::{Failure, Wording};

/// Reads the configuration again.
pub type Reload = Box<dyn FnMut() -> Result<Config, Failure>>;

/// Told the handle of the event loop before the first connection.
pub type Watch = Box<dyn FnOnce(Handle) -> Result<(), Failure>>;

/// How a run is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Health {
    /// The disk is full; the run begins when there is space.
    WaitingForSpace,
    /// The outputs are open, and events are collected.
    Collecting {
        /// How many sources there are.
        sources: usize,
        /// How many of them have a connection that stands.
        connected: usize,
        /// Events that every required output has accepted.
        accepted: u64,
    },
}

/// Told how the run is doing: when it is ready, and then about once a second as
/// long as the event loop turns.
pub type Heartbeat = Box<dyn FnMut(Health)>;

/// What a running collection is asked to do, from any thread or signal handler:
/// set a flag, then wake the event loop.
#[derive(Debug, Clone, Default)]
pub struct PendingSignals {
    /// Read the configuration again, and open files anew.
    pub reload: Arc<AtomicBool>,
    /// Say what was counted so far.
    pub report: Arc<AtomicBool>,
}

impl Run {
    /// Tells how the run is doing.
    pub(super) fn beat(&mut self, health: Health) {
        if let Some(heartbeat) = &mut self.heartbeat {
            heartbeat(health);
        }
    }
}

impl PendingSignals {
    /// Whether a reload was asked for since the last call.
    pub(super) fn reload(&self) -> bool {
        self.reload.swap(false, Ordering::AcqRel)
    }

    /// Whether a report was asked for since the last call.
    pub(super) fn report(&self) -> bool {
        self.report.swap(false, Ordering::AcqRel)
    }
}

/// What of a bookmark is discarded at a start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reset {
    /// Nothing.
    #[default]
    Nothing,
    /// All of it.
    All,
    /// What is known of this source.
    Source(String),
}

/// What concerns a run rather than a configuration.
#[derive(Default)]
#[non_exhaustive]
pub struct Run {
    /// Stop after so many events were delivered.
    pub limit: Option<u64>,
    /// Stop when no event came for so long.
    pub idle: Option<Duration>,
    /// Record what is received in this file, and what is sent beside it.
    pub capture: Option<PathBuf>,
    /// No progress line and no summary.
    pub quiet: bool,
    /// What of the bookmark to discard.
    pub reset: Reset,
    /// Try a source again although it never worked.
    pub patient: bool,
    /// How to read the configuration again when that is asked for.
    pub reload: Option<Reload>,
    /// What was asked for before the run, and is while it lasts.
    pub signals: PendingSignals,
    /// Told the handle that stops and wakes the run.
    pub watch: Option<Watch>,
    /// Told how the run is doing.
    pub heartbeat: Option<Heartbeat>,
    /// How remedies are worded.
    pub wording: Wording,
}
