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
            reported: None,
        }
    }

    /// Counts the new refused and truncated events of the output.
    pub(super) fn note(&mut self, output: &mut dyn Output) {
        let Some(events) = output.take_refused() else {
            return;
        };
        for (source, [refused, truncated]) in &events.counts {
            self.unreported[0] += refused;
            self.unreported[1] += truncated;
            self.ledger.change(source, |counts| {
                counts.refused += refused;
                counts.truncated += truncated;
            });
        }
        if self.reported.is_some_and(|at| at.elapsed() < INTERVAL) {
            return;
        }
        self.reported = Some(Instant::now());
        for (count, what) in self.unreported.iter().zip(["refused", "truncated"]) {
            if *count > 0 {
                warn!(
                    output = &*self.output,
                    "{} {what}: {}",
                    Count(*count, "event"),
                    events.reason
                );
            }
        }
        self.unreported = [0; 2];
    }
}
