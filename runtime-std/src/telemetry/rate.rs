//! Rates over the last seconds.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::status::Rate;
use crate::delivery::counts::Counts;

/// The period of a rate.
const PERIOD: Duration = Duration::from_secs(10);

/// The counts of a source at several times, the first at most [`PERIOD`] ago.
#[derive(Debug, Default)]
pub(super) struct Samples(VecDeque<Sample>);

#[derive(Debug, Clone, Copy)]
struct Sample {
    at: Instant,
    received: u64,
    accepted: u64,
    bytes: u64,
}

impl Sample {
    fn of(at: Instant, counts: &Counts) -> Self {
        Self {
            at,
            received: counts.received.events(),
            accepted: counts.accepted.events(),
            bytes: counts.bytes,
        }
    }
}

impl Samples {
    /// Records the counts at `now`; call it about once a second.
    pub(super) fn record(&mut self, now: Instant, counts: &Counts) {
        while let Some(second) = self.0.get(1)
            && now.saturating_duration_since(second.at) >= PERIOD
        {
            self.0.pop_front();
        }
        self.0.push_back(Sample::of(now, counts));
    }

    /// Returns the rates until `now`.
    pub(super) fn rate(&self, now: Instant, counts: &Counts) -> Rate {
        let Some(first) = self.0.front() else {
            return Rate::default();
        };
        let over = now.saturating_duration_since(first.at).as_secs_f64();
        if over <= 0.0 {
            return Rate::default();
        }
        let last = Sample::of(now, counts);
        let per_second = |last: u64, first: u64| last.saturating_sub(first) as f64 / over;
        Rate {
            over,
            received: per_second(last.received, first.received),
            accepted: per_second(last.accepted, first.accepted),
            stream_bytes: per_second(last.bytes, first.bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_covers_the_last_ten_seconds_only() {
        let start = Instant::now();
        let mut samples = Samples::default();
        let counts = |bytes| Counts {
            bytes,
            ..Counts::default()
        };
        assert_eq!(samples.rate(start, &counts(5)), Rate::default());
        for second in 0..60_u64 {
            // 1000 bytes a second for half a minute, then none.
            let at = start + Duration::from_secs(second);
            samples.record(at, &counts(1000 * second.min(30)));
        }
        let at = |second| start + Duration::from_secs(second);
        assert!(samples.0.len() <= 12, "{}", samples.0.len());
        let rate = samples.rate(at(59), &counts(30_000));
        assert!((9.0..=11.0).contains(&rate.over), "{rate:?}");
        assert_eq!(rate.stream_bytes, 0.0);
        let rate = samples.rate(at(60), &counts(41_000));
        assert!((rate.stream_bytes - 1000.0).abs() < 101.0, "{rate:?}");
    }
}
