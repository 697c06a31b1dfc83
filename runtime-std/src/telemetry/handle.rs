//! The status of a run, for the program that started it.

use std::fmt;
use std::sync::{Arc, OnceLock};

use super::Status;
use super::monitor::Monitor;

/// Returns the status of a run, from any thread. Give a clone to the run.
#[derive(Clone, Default)]
pub struct StatusHandle(Arc<OnceLock<Arc<Monitor>>>);

impl StatusHandle {
    /// Returns the status; `None` before the run has started.
    pub fn status(&self) -> Option<Status> {
        Some(self.0.get()?.status())
    }

    /// Connects the handle to a run; a handle shows one run only, the first.
    pub(crate) fn show(&self, monitor: &Arc<Monitor>) {
        // A second run keeps the handle at the first.
        let _ = self.0.set(monitor.clone());
    }
}

impl fmt::Debug for StatusHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StatusHandle").finish_non_exhaustive()
    }
}
