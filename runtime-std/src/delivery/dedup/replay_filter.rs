//! Where a new stream overlaps the old one: removing exactly what was delivered
//! before.

use std::collections::HashMap;

use estreamer_mio::buffer::BundleStart;

use crate::digest::Digest;

/// The records that a new connection is expected to bring again.
#[derive(Debug, Clone, Default)]
pub struct ReplayFilter {
    /// How often each is expected. The second is 0 where content alone decides.
    expected: HashMap<(u32, Digest), u32>,
    /// How many in all.
    left: u64,
    /// The high-water mark at connect, until everything below it has come.
    high: Option<u32>,
    /// Another server answers, which archives for itself.
    content_alone: bool,
    repeats: Repeats,
}

impl ReplayFilter {
    /// Has room for so many records to be expected after a mark of `high`.
    pub(super) fn new(records: usize, high: Option<u32>) -> Self {
        Self {
            // A map that grows holds its old and its new memory for a moment.
            expected: HashMap::with_capacity(records),
            high,
            ..Self::default()
        }
    }

    /// Expects a record of this archival second.
    pub(super) fn expect(&mut self, second: u32, digest: Digest) {
        *self.expected.entry((second, digest)).or_default() += 1;
        self.left += 1;
    }

    /// Another server answers than the one that sent the expected records: it
    /// archives for itself, so that the archival second is not compared.
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

    /// Whether another server answers.
    pub fn compares_content_alone(&self) -> bool {
        self.content_alone
    }

    /// How many records are still expected.
    pub fn len(&self) -> usize {
        self.expected.len()
    }

    /// Whether none is expected any more.
    pub fn is_empty(&self) -> bool {
        self.expected.is_empty()
    }

    /// Whether the record was delivered before and is to be left out.
    pub fn is_duplicate(&mut self, second: u32, digest: Digest) -> bool {
        if self.expected.is_empty() {
            return false;
        }
        let second = if self.content_alone { 0 } else { second };
        let duplicate = take(&mut self.expected, (second, digest));
        self.left -= u64::from(duplicate);
        duplicate
    }

    /// Whether a bundle repeats its predecessor; see [`Repeats`].
    pub(super) fn repeats(&mut self) -> &mut Repeats {
        &mut self.repeats
    }

    /// Once the stream is so far beyond the old high-water mark that nothing of
    /// before can come any more: how many records did not come again. Then it
    /// expects nothing.
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

/// Takes one of this key out, if there is one.
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

/// Finds bundles that a server sends a second time on one connection.
///
/// The sequence number proves nothing: there are servers whose number never
/// moves. A bundle is a repeat when number, length and every record in order are
/// those of its predecessor. A server that gave one number to two bundles of
/// different content is not trusted again on this connection.
#[derive(Debug, Clone, Default)]
pub(super) struct Repeats {
    /// The last bundle, as far as it was remembered.
    last: Vec<Digest>,
    /// The current bundle.
    current: Vec<Digest>,
    /// One of the two was too large to be remembered.
    last_is_cut: bool,
    current_is_cut: bool,
    /// The current bundle may be a repeat: it was equal so far.
    candidate: bool,
    /// Two bundles of different content had one number.
    number_stands_still: bool,
}

/// Records of a bundle that are remembered, at most: 512 KiB for both bundles.
const MOST_OF_A_BUNDLE: usize = 1 << 14;

impl Repeats {
    /// A bundle begins.
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

    /// The next records of the current bundle: whether they repeat the last one.
    pub(super) fn records(&mut self, records: impl Iterator<Item = Digest>) -> bool {
        let mut equal = true;
        for digest in records {
            equal &= self.last.get(self.current.len()) == Some(&digest);
            if self.current.len() < MOST_OF_A_BUNDLE {
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
        let all: Vec<u128> = (0..MOST_OF_A_BUNDLE as u128 + 1).collect();
        let mut repeats = Repeats::default();
        repeats.begin(BundleStart::Next);
        assert!(!repeats.records(digests(&all)));
        repeats.begin(SAME);
        assert!(!repeats.records(digests(&all)));
        assert!(repeats.current.len() <= MOST_OF_A_BUNDLE);
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
