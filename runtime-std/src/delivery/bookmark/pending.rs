//! The batches behind the last commit. Their records lie one behind the other in
//! one piece of memory, so that a batch costs none of its own.

use std::collections::VecDeque;

use smallvec::SmallVec;

use super::entry::{Batch, Written};
use super::recovery::Pending;
use crate::digest::Digest;

/// Batches in the order of their numbers.
#[derive(Default)]
pub(super) struct Tail {
    /// Without their records, and how many those are.
    batches: VecDeque<(Pending, usize)>,
    records: VecDeque<(u32, Digest)>,
    /// Memory that is used again.
    spare: Vec<(u32, Digest)>,
}

impl Tail {
    /// Takes a batch over.
    pub(super) fn push(&mut self, mut batch: Batch) {
        let count = batch.records.len();
        self.records.extend(batch.records.drain(..));
        self.spare = std::mem::take(&mut batch.records);
        let pending = Pending {
            batch,
            written: SmallVec::new(),
        };
        self.batches.push_back((pending, count));
    }

    /// Takes note of what an output is about to write.
    pub(super) fn written(&mut self, written: Written) {
        let place = self
            .batches
            .binary_search_by_key(&written.n, |(pending, _)| pending.batch.n);
        if let Ok(place) = place {
            self.batches[place].0.written.push(written);
        }
    }

    /// The next batch, whole, if its number is not beyond `n`.
    pub(super) fn pop(&mut self, n: u64) -> Option<Pending> {
        let (pending, _) = self.batches.front()?;
        if pending.batch.n > n {
            return None;
        }
        let (mut pending, count) = self.batches.pop_front()?;
        pending.batch.records = self.spare();
        pending.batch.records.extend(self.records.drain(..count));
        Some(pending)
    }

    /// All of them, whole.
    pub(super) fn iter(&self) -> impl Iterator<Item = Pending> {
        let mut records = self.records.iter();
        self.batches.iter().map(move |(pending, count)| {
            let mut pending = pending.clone();
            pending.batch.records = records.by_ref().take(*count).copied().collect();
            pending
        })
    }

    /// Memory for the records of a batch.
    pub(super) fn spare(&mut self) -> Vec<(u32, Digest)> {
        let mut spare = std::mem::take(&mut self.spare);
        spare.clear();
        spare
    }

    /// Gives memory back that was handed out.
    pub(super) fn give_back(&mut self, records: Vec<(u32, Digest)>) {
        self.spare = records;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(n: u64, records: u32) -> Batch {
        Batch {
            n,
            source: "fmc".into(),
            marks: None,
            records: (0..records).map(|r| (r, Digest::new(n.into()))).collect(),
        }
    }

    #[test]
    fn batches_come_out_as_they_went_in() {
        let mut tail = Tail::default();
        for (n, records) in [(3, 2), (4, 0), (5, 3)] {
            tail.push(batch(n, records));
        }
        for n in [2, 4, 6] {
            tail.written(Written {
                n,
                output: "out".into(),
                files: SmallVec::new(),
            });
        }
        let all: Vec<_> = tail.iter().map(|p| (p.batch, p.written.len())).collect();
        assert_eq!(all, [(batch(3, 2), 0), (batch(4, 0), 1), (batch(5, 3), 0)]);
        assert_eq!(tail.pop(2), None);
        assert_eq!(tail.pop(4).unwrap().batch, batch(3, 2));
        let last: Vec<_> = std::iter::from_fn(|| tail.pop(9))
            .map(|p| p.batch)
            .collect();
        assert_eq!(last, [batch(4, 0), batch(5, 3)]);
    }
}
