//! How often each quirk of a server was seen, over all connections of a source.

use estreamer_core::quirk::{Deviations, Quirk};

/// A count for each quirk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QuirkCounts([u64; Quirk::ALL.len()]);

impl Default for QuirkCounts {
    fn default() -> Self {
        Self([0; Quirk::ALL.len()])
    }
}

impl QuirkCounts {
    /// Returns how often a quirk was seen.
    pub fn of(&self, quirk: Quirk) -> u64 {
        self.0[quirk as usize]
    }

    /// Adds what a session saw since `before`.
    pub fn add_since(&mut self, now: &Deviations, before: &Deviations) {
        for (sum, &quirk) in self.0.iter_mut().zip(Quirk::ALL) {
            *sum += u64::from(now.of(quirk).saturating_sub(before.of(quirk)));
        }
    }

    /// Adds the counts of another source.
    pub fn add(&mut self, other: &Self) {
        for (sum, count) in self.0.iter_mut().zip(other.0) {
            *sum += count;
        }
    }

    /// Returns the quirks that were seen, with their counts.
    pub fn seen(&self) -> impl Iterator<Item = (Quirk, u64)> {
        let counted = Quirk::ALL.iter().copied().zip(self.0);
        counted.filter(|&(_, count)| count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quirks_are_counted_over_sessions_and_sources() {
        let mut seen = Deviations::default();
        seen.count(Quirk::NoExtension);
        let before = seen;
        seen.count(Quirk::NoExtension);
        seen.count(Quirk::SequenceGap);
        let mut counts = QuirkCounts::default();
        counts.add_since(&seen, &before);
        counts.add_since(&seen, &before);
        let mut sum = QuirkCounts::default();
        sum.add(&counts);
        sum.add(&counts);
        let mut all: Vec<_> = sum.seen().collect();
        all.sort_unstable_by_key(|(quirk, _)| *quirk as usize);
        let mut expected = [(Quirk::NoExtension, 4), (Quirk::SequenceGap, 4)];
        expected.sort_unstable_by_key(|(quirk, _)| *quirk as usize);
        assert_eq!(all, expected);
        assert_eq!(counts.of(Quirk::NoExtension), 2);
    }
}
