//! Where a new stream overlaps the old one: removing exactly what was handed on
//! before.

use std::collections::HashMap;

use crate::digest::Digest;

/// The records a new connection is expected to bring again.
#[derive(Debug, Clone, Default)]
pub struct Seam {
    /// How often each is expected.
    expected: HashMap<Digest, u32>,
    /// How many in all.
    left: u64,
    /// The high mark at connect, until everything below it has come.
    high: Option<u32>,
    /// Records of a bundle that comes a second time on this connection.
    repeated: HashMap<Digest, u32>,
    /// The records of the bundle that comes now.
    bundle: Vec<Digest>,
}

impl Seam {
    pub(super) fn new(digests: impl Iterator<Item = Digest>, high: Option<u32>) -> Self {
        let mut seam = Self {
            high,
            ..Self::default()
        };
        for digest in digests {
            *seam.expected.entry(digest).or_default() += 1;
            seam.left += 1;
        }
        seam
    }

    /// A bundle begins. If it repeats its predecessor, all of that is expected
    /// again.
    pub fn bundle(&mut self, repeats: bool) {
        self.repeated.clear();
        let previous = self.bundle.drain(..);
        if repeats {
            for digest in previous {
                *self.repeated.entry(digest).or_default() += 1;
            }
        }
    }

    /// Whether the record was handed on before and is to be left out.
    ///
    /// The digest holds the archival second, so a record of a second that had
    /// not come at connect is never expected; one without a second never is.
    pub fn is_duplicate(&mut self, digest: Digest) -> bool {
        self.bundle.push(digest);
        if take(&mut self.repeated, digest) {
            return true;
        }
        let duplicate = take(&mut self.expected, digest);
        if duplicate {
            self.left -= 1;
        }
        duplicate
    }

    /// Once the stream is so far beyond the old high mark that nothing of before
    /// can come any more: how many records did not come again. Then it is over.
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

/// Takes one of this digest out, if there is one.
fn take(counts: &mut HashMap<Digest, u32>, digest: Digest) -> bool {
    match counts.get_mut(&digest) {
        Some(1) => {
            counts.remove(&digest);
            true
        }
        Some(count) => {
            *count -= 1;
            true
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seam(digests: &[u128], high: u32) -> Seam {
        Seam::new(
            digests.iter().map(|&digest| Digest::new(digest)),
            Some(high),
        )
    }

    #[test]
    fn each_record_is_removed_as_often_as_it_was_handed_on() {
        let mut seam = seam(&[1, 1, 2], 10);
        let again = [1, 2, 1, 1, 2].map(|digest| seam.is_duplicate(Digest::new(digest)));
        assert_eq!(again, [true, true, true, false, false]);
    }

    #[test]
    fn a_bundle_that_comes_twice_is_removed_once() {
        let mut seam = seam(&[], 10);
        seam.bundle(false);
        assert!(!seam.is_duplicate(Digest::new(1)));
        assert!(!seam.is_duplicate(Digest::new(2)));
        seam.bundle(true);
        assert!(seam.is_duplicate(Digest::new(1)));
        assert!(seam.is_duplicate(Digest::new(2)));
        assert!(!seam.is_duplicate(Digest::new(1)), "a twin within it");
        seam.bundle(false);
        assert!(!seam.is_duplicate(Digest::new(1)));
    }

    #[test]
    fn what_did_not_come_again_is_told_once_when_it_cannot_come_any_more() {
        let mut seam = seam(&[1, 2], 10);
        assert!(seam.is_duplicate(Digest::new(1)));
        assert_eq!(seam.release(15, 5), None);
        assert_eq!(seam.release(16, 5), Some(1));
        assert_eq!(seam.release(17, 5), None);
    }
}
