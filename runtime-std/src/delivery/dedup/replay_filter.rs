//! Drops records of a new connection that were delivered over an earlier one.

use std::collections::HashMap;

use estreamer_mio::buffer::BundleStart;

use crate::digest::Digest;

/// The records that a new connection is expected to repeat.
#[derive(Debug, Clone, Default)]
pub struct ReplayFilter {
    /// The expected number of each record. The second is 0 if only the content is
    /// compared.
    expected: HashMap<(u32, Digest), u32>,
    /// The total of `expected`.
    left: u64,
    /// The high-water mark at the time of the connection, until the stream is past it.
    high: Option<u32>,
    /// Another server answers; its archival seconds differ.
    content_alone: bool,
    repeats: Repeats,
}

impl ReplayFilter {
    /// Returns a filter with capacity for `records` and the high-water mark `high`.
    pub(super) fn new(records: usize, high: Option<u32>) -> Self {
        Self {
            // A growing map briefly needs the old and the new memory.
            expected: HashMap::with_capacity(records),
            high,
            ..Self::default()
        }
    }

    /// Adds an expected record of this archival second.
    pub(super) fn expect(&mut self, second: u32, digest: Digest) {
        *self.expected.entry((second, digest)).or_default() += 1;
        self.left += 1;
    }

    /// Ignores archival seconds from now on, because another server answers.
    pub fn compare_content_alone(&mut self) {
        if std::mem::replace(&mut self.content_alone, true) {
            return;
        }
        let mut expected = HashMap::with_capacity(self.expected.len());
        for ((_, digest), count) in self.expected.drain() {
            *expected.entry((0, digest)).or_default() += count;
        }
        self.expected = expected;
    }

    /// Returns whether archival seconds are ignored.
    pub fn compares_content_alone(&self) -> bool {
        self.content_alone
    }

    /// Returns whether the record was delivered before, and removes it from the expected
    /// records.
    pub fn is_duplicate(&mut self, second: u32, digest: Digest) -> bool {
        if self.expected.is_empty() {
            return false;
        }
        let second = if self.content_alone { 0 } else { second };
        let duplicate = take(&mut self.expected, (second, digest));
        self.left -= u64::from(duplicate);
        duplicate
    }

    /// Returns the detector of repeated bundles.
    pub(super) fn repeats(&mut self) -> &mut Repeats {
        &mut self.repeats
    }

    /// Clears the filter when the stream is `overlap` seconds past the old high-water
    /// mark, and returns the number of expected records that were not repeated.
    pub fn release(&mut self, high: u32, overlap: u32) -> Option<u64> {
        let old = self.high?;
        if high <= old.saturating_add(overlap) {
            return None;
        }
        self.high = None;
        self.expected = HashMap::new();
        Some(std::mem::take(&mut self.left))
    }
}

/// Decrements the count of a key; returns false if it is not present.
fn take(counts: &mut HashMap<(u32, Digest), u32>, key: (u32, Digest)) -> bool {
    match counts.get_mut(&key) {
        Some(1) => {
            counts.remove(&key);
            true
        }
        Some(count) => {
            *count -= 1;
            true
        }
        None => false,
    }
}

/// Detects bundles that a server sends twice on one connection.
///
/// The sequence number alone is not sufficient: some servers never change it. A bundle is
/// a repeat if number, length and all records equal those of the previous bundle. After
/// two different bundles with one number, detection is off for the connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Repeats {
    /// The digests of the previous bundle.
    last: Vec<Digest>,
    /// The digests of the current bundle.
    current: Vec<Digest>,
    /// The previous or the current bundle is too large to keep.
    last_is_cut: bool,
    current_is_cut: bool,
    /// The current bundle equals the previous one so far.
    candidate: bool,
    /// Two different bundles had one number.
    number_stands_still: bool,
}

/// The maximum number of digests to keep of a bundle: 512 KiB for both bundles.
const MAX_BUNDLE_RECORDS: usize = 1 << 14;

impl Repeats {
    /// Starts a bundle.
    pub(super) fn begin(&mut self, start: BundleStart) {
        std::mem::swap(&mut self.last, &mut self.current);
        self.current.clear();
        self.last_is_cut = std::mem::take(&mut self.current_is_cut);
        self.candidate = false;
        match start {
            BundleStart::Next => {}
            BundleStart::SameNumber { same_length } => {
                self.number_stands_still |= !same_length && !self.last_is_cut;
                self.candidate = same_length && !self.last_is_cut && !self.number_stands_still;
            }
        }
    }

    /// Adds records to the current bundle; returns whether they repeat the previous one.
    pub(super) fn records(&mut self, records: impl Iterator<Item = Digest>) -> bool {
        let mut equal = true;
        for digest in records {
            equal &= self.last.get(self.current.len()) == Some(&digest);
            if self.current.len() < MAX_BUNDLE_RECORDS {
                self.current.push(digest);
            } else {
                self.current_is_cut = true;
            }
        }
        if self.candidate && !equal {
            self.candidate = false;
            self.number_stands_still = true;
        }
        self.candidate
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SAME: BundleStart = BundleStart::SameNumber { same_length: true };

    fn filter(digests: &[u128], high: u32) -> ReplayFilter {
        let mut filter = ReplayFilter::new(digests.len(), Some(high));
        for &digest in digests {
            filter.expect(9, Digest::new(digest));
        }
        filter
    }

    fn digests(numbers: &[u128]) -> impl Iterator<Item = Digest> {
        numbers.iter().map(|&number| Digest::new(number))
    }

    #[test]
    fn each_record_is_removed_as_often_as_it_was_delivered() {
        let mut filter = filter(&[1, 1, 2], 10);
        let again = [1, 2, 1, 1, 2].map(|digest| filter.is_duplicate(9, Digest::new(digest)));
        assert_eq!(again, [true, true, true, false, false]);
    }

    #[test]
    fn the_archival_second_counts_unless_another_server_answers() {
        let mut filter = filter(&[1, 2], 10);
        assert!(!filter.is_duplicate(8, Digest::new(1)));
        filter.compare_content_alone();
        assert!(filter.is_duplicate(8, Digest::new(1)));
        assert!(filter.is_duplicate(10, Digest::new(2)));
        assert!(!filter.is_duplicate(10, Digest::new(2)));
    }

    #[test]
    fn a_bundle_that_comes_twice_is_a_repeat_once() {
        let mut repeats = Repeats::default();
        repeats.begin(BundleStart::Next);
        assert!(!repeats.records(digests(&[1, 2])));
        repeats.begin(SAME);
        assert!(repeats.records(digests(&[1])), "in two batches");
        assert!(repeats.records(digests(&[2])));
        repeats.begin(BundleStart::Next);
        assert!(!repeats.records(digests(&[1, 2])));
    }

    #[test]
    fn a_number_that_stands_still_is_not_believed() {
        let mut repeats = Repeats::default();
        repeats.begin(BundleStart::Next);
        assert!(!repeats.records(digests(&[1, 2])));
        repeats.begin(SAME);
        assert!(!repeats.records(digests(&[1, 3])), "other content");
        repeats.begin(SAME);
        assert!(!repeats.records(digests(&[1, 3])), "twins, for all we know");
        let mut repeats = Repeats::default();
        repeats.begin(BundleStart::Next);
        assert!(!repeats.records(digests(&[1])));
        repeats.begin(BundleStart::SameNumber { same_length: false });
        assert!(!repeats.records(digests(&[1, 2])));
        repeats.begin(SAME);
        assert!(!repeats.records(digests(&[1, 2])));
    }

    #[test]
    fn a_bundle_too_large_to_remember_is_never_taken_for_a_repeat() {
        let all: Vec<u128> = (0..MAX_BUNDLE_RECORDS as u128 + 1).collect();
        let mut repeats = Repeats::default();
        repeats.begin(BundleStart::Next);
        assert!(!repeats.records(digests(&all)));
        repeats.begin(SAME);
        assert!(!repeats.records(digests(&all)));
        assert!(repeats.current.len() <= MAX_BUNDLE_RECORDS);
    }

    #[test]
    fn what_did_not_come_again_is_told_once_when_it_cannot_come_any_more() {
        let mut filter = filter(&[1, 2], 10);
        assert!(filter.is_duplicate(9, Digest::new(1)));
        assert_eq!(filter.release(15, 5), None);
        assert_eq!(filter.release(16, 5), Some(1));
        assert_eq!(filter.release(17, 5), None);
    }
}
