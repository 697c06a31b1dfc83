//! Numbers equal records of an archival second, so that an output can give each record an
//! identifier that is the same when the record is delivered again.

use std::collections::{BTreeMap, HashMap};

use super::delivered::Seconds;
use crate::digest::Digest;

/// The counts of delivered records in the latest seconds.
///
/// A second that is not present is counted from the delivered records. After a restart
/// these are the records in the bookmark, which are not delivered again. So a record gets
/// the same number again, whichever of its equals were committed.
#[derive(Debug, Clone, Default)]
pub(super) struct Ordinals {
    seconds: BTreeMap<u32, HashMap<Digest, u32>>,
}

/// The number of seconds that stay counted between batches.
const MAX_SECONDS: usize = 16;

impl Ordinals {
    /// Drops the counts of early seconds, so that at most `limit` records are counted. Second 0
    /// goes last: records without an archival time are in no other place. Call it before each batch:
    /// the delivered records do not contain the current batch yet.
    pub(super) fn begin_batch(&mut self, limit: usize) {
        let records = |seconds: &BTreeMap<_, HashMap<_, _>>| -> usize {
            seconds.values().map(HashMap::len).sum()
        };
        while self.seconds.range(1..).count() > MAX_SECONDS {
            self.drop_earliest();
        }
        while records(&self.seconds) > limit {
            self.drop_earliest();
        }
    }

    /// Drops the counts of the earliest second, and those of second 0 if there is no other.
    fn drop_earliest(&mut self) {
        let first = self.seconds.range(1..).next().map(|(second, _)| *second);
        self.seconds.remove(&first.unwrap_or_default());
    }

    /// Counts a record and returns the number of its equals before it.
    pub(super) fn next(&mut self, second: u32, digest: Digest, delivered: &Seconds) -> u32 {
        let counts = self.seconds.entry(second).or_insert_with(|| {
            let mut counts = HashMap::new();
            for &digest in delivered.get(&second).into_iter().flatten() {
                *counts.entry(digest).or_default() += 1;
            }
            counts
        });
        let count = counts.entry(digest).or_default();
        let ordinal = *count;
        *count = count.saturating_add(1);
        ordinal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(ordinals: &mut Ordinals, second: u32, digests: &[u128], of: &Seconds) -> Vec<u32> {
        ordinals.begin_batch(1000);
        let digests = digests.iter().copied().map(Digest::new);
        let numbers = digests.map(|digest| ordinals.next(second, digest, of));
        numbers.collect()
    }

    #[test]
    fn equal_records_of_a_second_have_different_numbers() {
        let (mut ordinals, none) = (Ordinals::default(), Seconds::new());
        assert_eq!(number(&mut ordinals, 9, &[1, 2, 1], &none), [0, 0, 1]);
        assert_eq!(number(&mut ordinals, 9, &[1], &none), [2], "another batch");
        assert_eq!(
            number(&mut ordinals, 10, &[1], &none),
            [0],
            "another second"
        );
    }

    #[test]
    fn records_without_a_time_stay_counted_while_seconds_go_by() {
        let (mut ordinals, none) = (Ordinals::default(), Seconds::new());
        for second in 1..40 {
            assert_eq!(number(&mut ordinals, 0, &[1], &none), [second - 1]);
            number(&mut ordinals, second, &[1], &none);
        }
        assert_eq!(ordinals.seconds.len(), 1 + MAX_SECONDS + 1);
    }

    #[test]
    fn a_second_that_never_ends_takes_a_bounded_memory() {
        let (mut ordinals, none) = (Ordinals::default(), Seconds::new());
        for record in 0..10_000 {
            number(&mut ordinals, 0, &[record], &none);
            assert!(ordinals.seconds[&0].len() <= 1001);
        }
    }

    #[test]
    fn the_numbers_continue_after_a_restart_and_when_counts_were_dropped() {
        let mut delivered = Seconds::new();
        delivered.insert(9, [1, 1, 2].map(Digest::new).into_iter().collect());
        let mut ordinals = Ordinals::default();
        assert_eq!(number(&mut ordinals, 9, &[1, 2, 3], &delivered), [2, 1, 0]);
        let counted = [1, 1, 2, 1, 2, 3].map(Digest::new).into_iter().collect();
        delivered.insert(9, counted);
        for second in 10..40 {
            number(&mut ordinals, second, &[1], &delivered);
        }
        let kept: Vec<u32> = ordinals.seconds.keys().copied().collect();
        let latest: Vec<u32> = (40 - MAX_SECONDS as u32 - 1..40).collect();
        assert_eq!(kept, latest, "and that of the batch");
        assert_eq!(number(&mut ordinals, 9, &[1], &delivered), [3]);
    }

    #[test]
    fn records_without_a_time_are_the_last_to_be_forgotten() {
        let mut ordinals = Ordinals::default();
        let none = Seconds::default();
        ordinals.next(0, Digest::new(7), &none);
        for second in 1..=3 {
            ordinals.next(second, Digest::new(8), &none);
        }
        ordinals.begin_batch(1);
        assert_eq!(ordinals.next(0, Digest::new(7), &none), 1);
    }
}
