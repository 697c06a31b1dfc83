//! The progress line on a terminal.

use std::io::Write;

use estreamer_core::session::Instant;

use super::Summary;
use crate::count::Count;

/// A line that is redrawn at most five times a second, and erased at the end.
pub(super) struct ProgressLine {
    due: Instant,
}

impl ProgressLine {
    pub(super) fn new() -> Self {
        Self {
            due: Instant::default(),
        }
    }

    pub(super) fn show(&mut self, summary: &Summary, now: Instant) {
        if now < self.due {
            return;
        }
        self.due = now.after(200);
        // An error of the terminal does not stop the collection.
        let _ = write!(
            std::io::stderr(),
            "\r\x1b[K{}, {:.0} events/s",
            Count(summary.counts.accepted.events(), "event"),
            summary.rate()
        );
    }

    /// The earliest time of the next update.
    pub(super) fn due(&self) -> Instant {
        self.due
    }

    pub(super) fn clear(&mut self) {
        let _ = write!(std::io::stderr(), "\r\x1b[K");
    }
}
