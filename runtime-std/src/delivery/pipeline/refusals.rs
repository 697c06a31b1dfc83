//! Counts events that a receiver refused, and events that were truncated, and reports them
//! at most once a minute.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::warn;

use crate::count::Count;
use crate::delivery::ledger::Ledger;
use crate::output::Output;

/// The refused and truncated events of one output.
pub(super) struct Refusals {
    output: Arc<str>,
    ledger: Arc<Ledger>,
    /// Events since the last report: refused, and truncated.
    unreported: [u64; 2],
    /// The reason for one of them.
    reason: String,
    reported: Option<Instant>,
}

/// The minimum time between two reports.
const INTERVAL: Duration = Duration::from_secs(60);

impl Refusals {
    pub(super) fn new(output: &str, ledger: &Arc<Ledger>) -> Self {
        Self {
            output: output.into(),
            ledger: ledger.clone(),
            unreported: [0; 2],
            reason: String::new(),
            reported: None,
        }
    }

    /// Counts the new refused and truncated events of the output, and reports what is due.
    pub(super) fn note(&mut self, output: &mut dyn Output) {
        if let Some(events) = output.take_refused() {
            for (source, [refused, truncated]) in &events.counts {
                self.unreported[0] += refused;
                self.unreported[1] += truncated;
                self.ledger.change(source, |counts| {
                    counts.refused += refused;
                    counts.truncated += truncated;
                });
            }
            self.reason = events.reason;
        }
        if self.due_in() == Some(Duration::ZERO) {
            self.report();
        }
    }

    /// Returns the time until [`note`](Self::note) has something to report.
    pub(super) fn due_in(&self) -> Option<Duration> {
        let is_due = self.unreported != [0; 2];
        is_due.then(|| match self.reported {
            Some(at) => INTERVAL.saturating_sub(at.elapsed()),
            None => Duration::ZERO,
        })
    }

    fn report(&mut self) {
        self.reported = Some(Instant::now());
        let unreported = std::mem::take(&mut self.unreported);
        for (count, what) in unreported.into_iter().zip(["refused", "truncated"]) {
            if count > 0 {
                let (count, reason) = (Count(count, "event"), &self.reason);
                warn!(output = &*self.output, "{count} {what}: {reason}");
            }
        }
    }
}

impl Drop for Refusals {
    /// Reports those of the last minute.
    fn drop(&mut self) {
        self.report();
    }
}
