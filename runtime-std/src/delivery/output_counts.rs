//! The counts of an output, and whether it can be written.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use crate::sync::lock;

/// The counts of an output over the run.
#[derive(Debug, Default)]
pub struct OutputCounts {
    /// Whether it can be written.
    pub standing: std::sync::Arc<Standing>,
    /// The time from the hand-over of a batch to its acceptance.
    pub latency: Latency,
    bytes: AtomicU64,
    dropped: AtomicU64,
    filtered: AtomicU64,
}

impl OutputCounts {
    /// Counts an accepted batch of this size that was handed over this long ago.
    pub fn accepted(&self, bytes: u64, after: Duration) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.latency.observe(after);
    }

    /// Counts records that did not fit the queue.
    pub fn dropped(&self, records: u64) {
        self.dropped.fetch_add(records, Ordering::Relaxed);
    }

    /// Counts records that the condition of the output leaves out.
    pub fn filtered(&self, records: u64) {
        self.filtered.fetch_add(records, Ordering::Relaxed);
    }

    /// Returns the sums.
    pub fn totals(&self) -> OutputTotals {
        let load = |count: &AtomicU64| count.load(Ordering::Relaxed);
        OutputTotals {
            bytes: load(&self.bytes),
            dropped: load(&self.dropped),
            filtered: load(&self.filtered),
        }
    }
}

/// The sums of the counts of an output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutputTotals {
    /// The bytes of accepted batches.
    pub bytes: u64,
    /// Records that did not fit the queue.
    pub dropped: u64,
    /// Records that the condition of the output leaves out.
    pub filtered: u64,
}

/// Whether writes to a destination succeed.
#[derive(Debug, Default)]
pub struct Standing {
    retries: AtomicU64,
    failing: Mutex<Option<Failing>>,
}

/// A write that fails and is retried.
#[derive(Debug, Clone)]
pub struct Failing {
    /// When it failed first.
    pub since: SystemTime,
    /// Why it failed last.
    pub why: String,
}

impl Standing {
    /// Records a failed write that is retried.
    pub fn failed(&self, error: &std::io::Error) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        let mut failing = lock(&self.failing);
        let since = failing.take().map_or_else(SystemTime::now, |it| it.since);
        let why = error.to_string();
        *failing = Some(Failing { since, why });
    }

    /// Records that writes succeed again.
    pub fn works(&self) {
        *lock(&self.failing) = None;
    }

    /// Returns the failure, if the last write failed.
    pub fn failing(&self) -> Option<Failing> {
        lock(&self.failing).clone()
    }

    /// Returns the number of failed writes.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }
}

/// The upper bounds of the latency histogram in milliseconds. A last bucket has no bound.
pub const BOUNDS: [u64; 11] = [1, 5, 10, 50, 100, 500, 1_000, 5_000, 10_000, 30_000, 60_000];

/// A histogram of times.
#[derive(Debug, Default)]
pub struct Latency {
    buckets: [AtomicU64; BOUNDS.len() + 1],
    /// The sum in microseconds.
    sum: AtomicU64,
}

impl Latency {
    /// Counts a time.
    pub fn observe(&self, time: Duration) {
        let is_within = |bound: &u64| time <= Duration::from_millis(*bound);
        let index = BOUNDS.iter().position(is_within).unwrap_or(BOUNDS.len());
        if let Some(bucket) = self.buckets.get(index) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.sum.fetch_add(micros, Ordering::Relaxed);
    }

    /// Returns the number of times up to each bound in seconds and above the one before;
    /// the last bound is infinite.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = BOUNDS.iter().map(|&bound| bound as f64 / 1000.0);
        let counts = self.buckets.iter().map(|it| it.load(Ordering::Relaxed));
        bounds.chain([f64::INFINITY]).zip(counts)
    }

    /// Returns the sum of all times in seconds.
    pub fn sum(&self) -> f64 {
        self.sum.load(Ordering::Relaxed) as f64 / 1e6
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_counts_in_the_first_bucket_that_holds_it() {
        let latency = Latency::default();
        for millis in [0, 1, 2, 70_000] {
            latency.observe(Duration::from_millis(millis));
        }
        let bounds: Vec<f64> = latency.buckets().map(|(bound, _)| bound).collect();
        assert_eq!(
            (bounds[0], bounds[10], bounds[11]),
            (0.001, 60.0, f64::INFINITY)
        );
        let counts: Vec<u64> = latency.buckets().map(|(_, count)| count).collect();
        assert_eq!(counts, [2, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert!((latency.sum() - 70.003).abs() < 1e-9);
    }

    #[test]
    fn a_failure_stands_since_its_first_attempt_until_a_write_succeeds() {
        let standing = Standing::default();
        standing.failed(&std::io::Error::other("first"));
        let first = standing.failing().unwrap();
        standing.failed(&std::io::Error::other("second"));
        let second = standing.failing().unwrap();
        assert_eq!((second.since, &*second.why), (first.since, "second"));
        assert_eq!(standing.retries(), 2);
        standing.works();
        assert!(standing.failing().is_none());
    }
}
