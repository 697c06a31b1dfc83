//! Counts events that a receiver refused, events that were truncated, and what a format
//! cannot hold, and reports them at most once a minute.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::warn;

use super::batch_formatter::Formatted;
use crate::count::Count;
use crate::delivery::ledger::Ledger;
use crate::output::Output;

/// The refused, truncated and unfit events of one output.
pub(super) struct Refusals {
    output: Arc<str>,
    ledger: Arc<Ledger>,
    /// Events since the last report: refused, truncated, and not fit for the format.
    unreported: [u64; 3],
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
            unreported: [0; 3],
            reason: String::new(),
            reported: None,
        }
    }

    /// Counts what the format could not hold in a batch, and reports what is due.
    pub(super) fn formatted(&mut self, source: &Arc<str>, formatted: Formatted) {
        let Formatted {
            unfit, adjusted, ..
        } = formatted;
        if unfit == 0 && adjusted == 0 {
            return;
        }
        self.ledger.change(source, |counts| {
            counts.unfit += unfit;
            counts.adjusted += adjusted;
        });
        self.unreported[2] += unfit;
        if self.due_in() == Some(Duration::ZERO) {
            self.report();
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
        let is_due = self.unreported != [0; 3];
        is_due.then(|| match self.reported {
            Some(at) => INTERVAL.saturating_sub(at.elapsed()),
            None => Duration::ZERO,
        })
    }

    fn report(&mut self) {
        self.reported = Some(Instant::now());
        let [refused, truncated, unfit] = std::mem::take(&mut self.unreported);
        if unfit > 0 {
            warn!(
                output = &*self.output,
                "the format cannot hold {}: in error envelopes, which have the reason",
                Count(unfit, "event")
            );
        }
        for (count, what) in [(refused, "refused"), (truncated, "truncated")] {
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
