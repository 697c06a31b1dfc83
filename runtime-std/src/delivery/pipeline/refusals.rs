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

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::failure::Wording;
    use crate::output::{Acceptance, OutputPart, RefusedEvents};

    /// An output that refused and truncated events.
    struct Strict(RefusedEvents);

    impl Output for Strict {
        fn write(&mut self, _: u64, _: &[OutputPart]) -> io::Result<Acceptance> {
            Ok(Acceptance::Accepted)
        }

        fn take_refused(&mut self) -> Option<RefusedEvents> {
            self.0.take()
        }
    }

    #[test]
    fn each_event_is_counted_and_told_at_once_then_after_a_minute() {
        let ledger = Arc::new(Ledger::new(5, Wording::default()));
        let mut refusals = Refusals::new("out", &ledger);
        assert_eq!(refusals.due_in(), None);
        let fmc: Arc<str> = "fmc".into();
        let mut output = Strict(RefusedEvents::default());
        output.0.truncate(&fmc, || "too long".into());
        output.0.truncate(&fmc, String::new);
        output.0.counts.entry(fmc.clone()).or_default()[0] += 3;
        refusals.note(&mut output);
        let counts = ledger.of("fmc");
        assert_eq!((counts.refused, counts.truncated), (3, 2));
        assert_eq!(refusals.reason, "too long");
        assert_eq!(refusals.due_in(), None, "it is told");
        let formatted = Formatted {
            records: 9,
            unfit: 4,
            adjusted: 5,
            filtered: 0,
        };
        refusals.formatted(&fmc, formatted);
        let counts = ledger.of("fmc");
        assert_eq!((counts.unfit, counts.adjusted), (4, 5));
        assert_eq!(refusals.unreported, [0, 0, 4]);
        let due = refusals.due_in().unwrap();
        assert!(due > INTERVAL / 2 && due <= INTERVAL, "{due:?}");
        refusals.reported = Instant::now().checked_sub(INTERVAL);
        refusals.note(&mut output);
        assert_eq!((refusals.unreported, refusals.due_in()), ([0; 3], None));
    }
}
