//! Counts events that a receiver refused, events that were truncated, and what a format
//! cannot hold, and reports them at most once a minute.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tracing::warn;

use super::batch_formatter::Formatted;
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
    /// Events since the last report that the format cannot hold.
    unfit: u64,
    unfit_reported: Option<Instant>,
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
            unfit: 0,
            unfit_reported: None,
        }
    }

    /// Counts what the format could not hold in a batch.
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
        self.unfit += unfit;
        if self.unfit == 0
            || self
                .unfit_reported
                .is_some_and(|at| at.elapsed() < INTERVAL)
        {
            return;
        }
        self.unfit_reported = Some(Instant::now());
        warn!(
            output = &*self.output,
            "the format cannot hold {}: in error envelopes, which have the reason",
            Count(self.unfit, "event")
        );
        self.unfit = 0;
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
