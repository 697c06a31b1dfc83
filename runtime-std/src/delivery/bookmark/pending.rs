//! The batches behind the last commit. Their records lie one behind the other in
//! one piece of memory, so that a batch costs none of its own.

use std::collections::VecDeque;
use std::path::Path;

use smallvec::SmallVec;

use super::entry::{BatchEntry, WrittenBatch};
use crate::digest::Digest;

/// A batch behind the last commit, with what the outputs noted of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingBatch {
    /// The batch.
    pub batch: BatchEntry,
    /// What each output was about to write.
    pub written: SmallVec<[WrittenBatch; 1]>,
}

impl PendingBatch {
    /// A batch of which no output has noted anything yet.
    pub fn new(batch: BatchEntry) -> Self {
        Self {
            batch,
            written: SmallVec::new(),
        }
    }

    /// An output is about to write the batch. Where it noted that before, the write
    /// failed and was undone: only the last note counts.
    pub fn set_written(&mut self, written: WrittenBatch) {
        self.written
            .retain(|before| before.output != written.output);
        self.written.push(written);
    }
}

/// Batches in the order of their numbers.
#[derive(Default)]
pub(super) struct PendingBatches {
    /// Without their records, and how many those are.
    batches: VecDeque<(PendingBatch, usize)>,
    records: VecDeque<(u32, Digest)>,
    /// Memory that is used again.
    spare: Vec<(u32, Digest)>,
}

impl PendingBatches {
    /// Records of all of them.
    pub(super) fn records(&self) -> usize {
        self.records.len()
    }

    /// Adds a batch.
    pub(super) fn push(&mut self, mut batch: BatchEntry) {
        let count = batch.records.len();
        self.records.extend(batch.records.drain(..));
        self.spare = std::mem::take(&mut batch.records);
        self.batches.push_back((PendingBatch::new(batch), count));
    }

    /// Adds what an output is about to write.
    pub(super) fn written(&mut self, written: WrittenBatch) {
        let place = self
            .batches
            .binary_search_by_key(&written.n, |(pending, _)| pending.batch.n);
        if let Ok(place) = place {
            self.batches[place].0.set_written(written);
        }
    }

    /// The last batch before batch `n` that was noted for this file.
    pub(super) fn last_on(&self, path: &Path, n: u64) -> Option<u64> {
        let on = |pending: &PendingBatch| {
            let mut files = pending.written.iter().flat_map(|written| &written.files);
            files.any(|range| *range.path == *path)
        };
        let mut batches = self.batches.iter().rev();
        let (pending, _) = batches.find(|(pending, _)| pending.batch.n < n && on(pending))?;
        Some(pending.batch.n)
    }

    /// The next batch, whole, if its number is not beyond `n`.
    pub(super) fn pop(&mut self, n: u64) -> Option<PendingBatch> {
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
    pub(super) fn iter(&self) -> impl Iterator<Item = PendingBatch> {
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
        if self.records.is_empty() && self.records.capacity() > KEPT {
            self.records = VecDeque::new();
        }
    }
}

/// Records whose memory is kept when none is pending.
const KEPT: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(n: u64, records: u32) -> BatchEntry {
        BatchEntry {
            n,
            source: "fmc".into(),
            server: 0,
            point: None,
            records: (0..records).map(|r| (r, Digest::new(n.into()))).collect(),
        }
    }

    #[test]
    fn batches_come_out_as_they_went_in() {
        let mut pending = PendingBatches::default();
        for (n, records) in [(3, 2), (4, 0), (5, 3)] {
            pending.push(batch(n, records));
        }
        for n in [2, 4, 6] {
            pending.written(WrittenBatch {
                n,
                output: "out".into(),
                files: SmallVec::new(),
            });
        }
        let all: Vec<_> = pending.iter().map(|p| (p.batch, p.written.len())).collect();
        assert_eq!(all, [(batch(3, 2), 0), (batch(4, 0), 1), (batch(5, 3), 0)]);
        assert_eq!(pending.pop(2), None);
        assert_eq!(pending.pop(4).unwrap().batch, batch(3, 2));
        let last: Vec<_> = std::iter::from_fn(|| pending.pop(9))
            .map(|p| p.batch)
            .collect();
        assert_eq!(last, [batch(4, 0), batch(5, 3)]);
    }
}
