//! What a run amounted to.

use std::fmt;
use std::time::{Duration, Instant};

use estreamer_core::quirk::Quirk;
use estreamer_core::session::ClientSession;

/// Counted over the connections of a run.
#[derive(Debug, Clone, Copy, Default)]
pub struct Summary {
    /// Events received, and whatever came in place of one; in the end, those of
    /// them that were delivered.
    pub events: u64,
    /// Those that were delivered before and left out.
    pub duplicates: u64,
    /// Events delivered before that did not come again.
    pub missing: u64,
    /// Records that contradict their own lengths.
    pub malformed: u64,
    /// Records over the limit.
    pub oversize: u64,
    /// Bytes received, framing included.
    pub bytes: u64,
    /// Whole bundles.
    pub bundles: u64,
    /// Null messages sent.
    pub nulls: u64,
    /// Bundles whose sequence number does not follow.
    pub gaps: u32,
    /// Connections tried.
    pub connections: u32,
    /// Whether the connection ever stood.
    pub connected: bool,
    started: Option<Instant>,
    elapsed: Duration,
}

impl Summary {
    pub(super) fn start(&mut self) {
        self.connected = true;
        self.started = Some(Instant::now());
    }

    pub(super) fn finish(&mut self, session: Option<&ClientSession>) {
        self.elapsed = self.elapsed();
        self.started = None;
        if let Some(session) = session {
            let statistics = session.statistics();
            self.bytes += statistics.bytes;
            self.bundles += statistics.bundles;
            self.nulls += session.acknowledged();
            self.gaps += statistics.deviations.of(Quirk::SequenceGap);
        }
    }

    fn elapsed(&self) -> Duration {
        let since = self.started.map(|start| start.elapsed());
        self.elapsed + since.unwrap_or_default()
    }

    /// Events per second since the connection stood.
    pub(super) fn rate(&self) -> f64 {
        let seconds = self.elapsed().as_secs_f64();
        if seconds > 0.0 {
            self.events as f64 / seconds
        } else {
            0.0
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} events, {}, {:.2} s, {:.0} events/s, {} bundles, {} nulls",
            self.events,
            Size(self.bytes),
            self.elapsed().as_secs_f64(),
            self.rate(),
            self.bundles,
            self.nulls
        )?;
        for (count, what) in [
            (self.duplicates, "delivered before and left out"),
            (self.missing, "delivered before that did not come again"),
            (self.malformed, "malformed, in error envelopes"),
            (
                self.oversize,
                "oversize, in error envelopes without their data",
            ),
            (u64::from(self.gaps), "gaps in the bundle sequence"),
        ] {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
        }
        Ok(())
    }
}

/// Bytes in the unit a person reads best.
struct Size(u64);

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0 as f64;
        match self.0 {
            0..1024 => write!(f, "{} B", self.0),
            1024..1_048_576 => write!(f, "{:.1} KiB", bytes / 1024.0),
            1_048_576..1_073_741_824 => write!(f, "{:.1} MiB", bytes / 1_048_576.0),
            _ => write!(f, "{:.1} GiB", bytes / 1_073_741_824.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_is_told_and_nothing_else() {
        let mut summary = Summary {
            events: 3,
            bytes: 2048,
            bundles: 1,
            nulls: 1,
            ..Summary::default()
        };
        assert_eq!(
            summary.to_string(),
            "3 events, 2.0 KiB, 0.00 s, 0 events/s, 1 bundles, 1 nulls"
        );
        summary.malformed = 2;
        assert!(
            summary
                .to_string()
                .ends_with("2 malformed, in error envelopes")
        );
    }
}
