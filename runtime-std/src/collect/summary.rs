//! The summary of a run.

use std::fmt;
use std::time::Duration;

use estreamer_core::quirk::Quirk;
use estreamer_core::session::Instant;
use tracing::info;

use crate::count::Count;
use crate::delivery::counts::Counts;
use crate::delivery::ledger::Ledger;
use crate::telemetry::words::size;

/// The counts of a source or of a run over a period.
#[derive(Debug, Clone, Copy, Default)]
pub struct Summary {
    /// The counts.
    pub counts: Counts,
    /// The period.
    pub elapsed: Duration,
}

impl Summary {
    /// Creates the counts of a run from `began` to this time.
    pub(super) fn new(counts: Counts, began: Option<Instant>, now: Instant) -> Self {
        let elapsed = began.map_or(0, |began| now.0.saturating_sub(began.0));
        Self {
            counts,
            elapsed: Duration::from_millis(elapsed),
        }
    }

    /// Returns the events per second.
    pub(super) fn rate(&self) -> f64 {
        let seconds = self.elapsed.as_secs_f64();
        if seconds > 0.0 {
            self.counts.accepted.events() as f64 / seconds
        } else {
            0.0
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = &self.counts;
        write!(
            f,
            "{}, {}, {:.2} s, {:.0} events/s on average, {}, {}",
            Count(counts.accepted.events(), "event"),
            size(counts.bytes),
            self.elapsed.as_secs_f64(),
            self.rate(),
            Count(counts.bundles, "bundle"),
            Count(counts.nulls, "null")
        )?;
        for (count, what) in [
            (counts.duplicates, "delivered before and left out"),
            (counts.missing, "delivered before that did not come again"),
            (counts.malformed, "malformed, in error envelopes"),
            (
                counts.oversize,
                "oversize, in error envelopes without their data",
            ),
            (counts.dropped, "dropped by outputs that are not required"),
            (counts.refused, "refused by receivers"),
            (counts.truncated, "truncated for receivers"),
            (counts.unfit, "not fit for a format, in error envelopes"),
            (counts.ahead, "stored more than an hour ahead of our clock"),
            (
                counts.quirks.of(Quirk::RecordCoversExtension),
                "with a record length that counts archival timestamp and reserved word",
            ),
            (
                counts.quirks.of(Quirk::RecordCoversHeader),
                "with a record length that counts the record header",
            ),
            (
                counts.quirks.of(Quirk::NoExtension),
                "without archival time",
            ),
            (counts.quirks.of(Quirk::DataNotJson), "not JSON"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        if counts.adjusted > 0 {
            write!(
                f,
                ", {} changed to fit a format",
                Count(counts.adjusted, "value")
            )?;
        }
        let gaps = counts.quirks.of(Quirk::SequenceGap);
        if gaps > 0 {
            write!(f, ", {} in the bundle sequence", Count(gaps, "gap"))?;
        }
        if counts.disorder > 0 {
            write!(f, ", up to {} s out of order", counts.disorder)?;
        }
        Ok(())
    }
}

/// Tells the current counts: those of each source if there are several, what outputs left
/// out, and the totals.
pub(super) fn report(ledger: &Ledger, began: Option<Instant>, now: Instant) {
    let counts = ledger.counts();
    if counts.len() > 1 {
        for (source, counts) in counts {
            info!(source = &*source, "{}", Summary::new(counts, began, now));
        }
    }
    for (output, filtered) in ledger.filtered() {
        let events = Count(filtered, "event");
        info!(output = &*output, "{events} filtered: where is not met.");
    }
    info!("{}", Summary::new(ledger.total(), began, now));
}

#[cfg(test)]
mod tests {
    use estreamer_core::wire::RecordType;

    use super::*;
    use crate::delivery::volumes::Volumes;

    #[test]
    fn what_was_left_out_is_told_and_nothing_else() {
        let mut accepted = Volumes::default();
        for _ in 0..3 {
            accepted.count(RecordType::CONNECTION, 1);
        }
        let mut summary = Summary {
            counts: Counts {
                accepted,
                bytes: 2048,
                bundles: 1,
                nulls: 1,
                ..Counts::default()
            },
            elapsed: Duration::ZERO,
        };
        assert_eq!(
            summary.to_string(),
            "3 events, 2.0 KiB, 0.00 s, 0 events/s on average, 1 bundle, 1 null"
        );
        summary.counts.malformed = 2;
        assert!(
            summary
                .to_string()
                .ends_with("2 malformed, in error envelopes")
        );
    }
}
