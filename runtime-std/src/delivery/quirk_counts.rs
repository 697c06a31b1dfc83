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
