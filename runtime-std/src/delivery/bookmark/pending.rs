//! The batches after the last commit. Their records share one buffer, so that a batch
//! needs no allocation of its own.

use std::collections::{BTreeMap, VecDeque};
use std::path::Path;
use std::sync::Arc;

use smallvec::SmallVec;

use super::entry::{BatchEntry, WrittenBatch};
use crate::digest::Digest;
use crate::disk::FileMark;

/// A batch after the last commit, with its byte ranges in outputs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingBatch {
    /// The batch.
    pub batch: BatchEntry,
    /// What each output was about to write.
    pub written: SmallVec<[WrittenBatch; 1]>,
}

impl PendingBatch {
    /// Returns a batch that no output has recorded yet.
    pub fn new(batch: BatchEntry) -> Self {
        Self {
            batch,
            written: SmallVec::new(),
        }
    }

    /// Records what an output is about to write. Replaces an earlier entry of the output,
    /// whose write failed and was undone.
    pub fn set_written(&mut self, written: WrittenBatch) {
        self.written
            .retain(|before| before.output != written.output);
        self.written.push(written);
    }
}

/// Batches in the order of their numbers.
#[derive(Default)]
pub(super) struct PendingBatches {
    /// The batches without records, each with its number of records.
    batches: VecDeque<(PendingBatch, usize)>,
    records: VecDeque<(u32, Digest)>,
    /// A buffer for reuse.
    spare: Vec<(u32, Digest)>,
}

impl PendingBatches {
    /// Returns the number of records of all batches.
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

    /// Records what an output is about to write.
    pub(super) fn written(&mut self, written: WrittenBatch) {
        let place = self
            .batches
            .binary_search_by_key(&written.n, |(pending, _)| pending.batch.n);
        if let Ok(place) = place {
            self.batches[place].0.set_written(written);
        }
    }

    /// Returns the last batch before batch `n` that writes to this file.
    pub(super) fn last_on(&self, path: &Path, n: u64) -> Option<u64> {
        let on = |pending: &PendingBatch| {
            let mut files = pending.written.iter().flat_map(|written| &written.files);
            files.any(|range| *range.path == *path)
        };
        let mut batches = self.batches.iter().rev();
        let (pending, _) = batches.find(|(pending, _)| pending.batch.n < n && on(pending))?;
        Some(pending.batch.n)
    }

    /// Returns what contradicts a commit of every batch after `durable` up to `n`: a batch
    /// that is missing, one that an output has not recorded, or bytes in a file that do not
    /// begin where those before them end. `marks` are those of batch `durable`.
    pub(super) fn contradiction(
        &self,
        durable: u64,
        n: u64,
        outputs: &[String],
        marks: &BTreeMap<Arc<Path>, FileMark>,
    ) -> Option<String> {
        let mut batches = self.batches.iter().map(|(pending, _)| pending);
        let mut ends: BTreeMap<&Path, u64> = BTreeMap::new();
        for number in durable + 1..=n {
            let Some(pending) = batches.next().filter(|of| of.batch.n == number) else {
                return Some(format!("the journal does not have batch {number}"));
            };
            let has = |output: &&String| {
                let mut written = pending.written.iter();
                written.any(|written| *written.output == **output)
            };
            if let Some(output) = outputs.iter().find(|output| !has(output)) {
                return Some(format!(
                    "the output {output} has not recorded batch {number}"
                ));
            }
            for range in pending.written.iter().flat_map(|written| &written.files) {
                let (start, end, path) = (range.start, range.end, range.path.display());
                let marked = || marks.get(&range.path).map(|mark| mark.end);
                let Some(before) = ends.insert(&range.path, end).or_else(marked) else {
                    return Some(format!("{path} has no mark before batch {number}"));
                };
                if start != before || end < start {
                    return Some(format!(
                        "batch {number} is at bytes {start} to {end} of {path}, and the bytes \
                         before it end at {before}"
                    ));
                }
            }
        }
        None
    }

    /// Removes the first batch if its number is at most `n`.
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

    /// Returns all batches with their records.
    pub(super) fn iter(&self) -> impl Iterator<Item = PendingBatch> {
        let mut records = self.records.iter();
        self.batches.iter().map(move |(pending, count)| {
            let mut pending = pending.clone();
            pending.batch.records = records.by_ref().take(*count).copied().collect();
            pending
        })
    }

    /// Returns a buffer for the records of a batch.
    pub(super) fn spare(&mut self) -> Vec<(u32, Digest)> {
        let mut spare = std::mem::take(&mut self.spare);
        spare.clear();
        spare
    }

    /// Returns a buffer for reuse.
    pub(super) fn give_back(&mut self, records: Vec<(u32, Digest)>) {
        self.spare = records;
        if self.records.is_empty() && self.records.capacity() > KEPT {
            self.records = VecDeque::new();
        }
    }
}

/// The capacity in records that is kept when no batch is pending.
const KEPT: usize = 1 << 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::FileRange;

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
        assert_eq!(pending.records(), 5);
        for n in [2, 4, 6] {
            pending.written(WrittenBatch {
                n,
                output: "out".into(),
                files: SmallVec::new(),
                tallies: Vec::new(),
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

    #[test]
    fn a_commit_that_contradicts_the_journal_is_found() {
        let path: Arc<Path> = Path::new("/out").into();
        let written = |n, ranges: &[(u64, u64)]| WrittenBatch {
            n,
            output: "out".into(),
            files: ranges
                .iter()
                .map(|&(start, end)| FileRange {
                    path: path.clone(),
                    start,
                    end,
                    proof: Digest::new(0),
                })
                .collect(),
            tallies: Vec::new(),
        };
        let mark = FileMark {
            path: path.clone(),
            device: 1,
            inode: 1,
            end: 10,
            proof: Digest::new(0),
        };
        let marks = BTreeMap::from([(path.clone(), mark)]);
        let outputs = ["out".to_owned()];
        let check = |batches: &[u64], ranges: &[(u64, u64, u64)], n| {
            let mut pending = PendingBatches::default();
            batches.iter().for_each(|n| pending.push(batch(*n, 1)));
            for &(n, start, end) in ranges {
                pending.written(written(n, &[(start, end)]));
            }
            pending.contradiction(2, n, &outputs, &marks)
        };
        let ranges = [(3, 10, 15), (4, 15, 15), (5, 15, 20)];
        assert_eq!(check(&[3, 4, 5], &ranges, 5), None);
        assert_eq!(
            check(&[3, 4, 5], &ranges[..2], 4),
            None,
            "5 is not committed"
        );
        assert_eq!(check(&[3], &ranges, 2), None, "it is durable already");
        let missing = check(&[3, 5], &ranges, 5).unwrap();
        assert_eq!(missing, "the journal does not have batch 4");
        assert!(check(&[3], &ranges, 4).is_some(), "nor the last one");
        let unrecorded = check(&[3, 4], &ranges[..1], 4).unwrap();
        assert_eq!(unrecorded, "the output out has not recorded batch 4");
        for wrong in [(3, 9, 15), (3, 11, 15), (3, 10, 9)] {
            let gap = check(&[3], &[wrong], 3).unwrap();
            assert!(gap.contains("before it end at 10"), "{wrong:?}: {gap}");
        }
        let gap = check(&[3, 4], &[(3, 10, 15), (4, 14, 20)], 4).unwrap();
        let told = "batch 4 is at bytes 14 to 20 of /out, and the bytes before it end at 15";
        assert_eq!(gap, told);
        let mut pending = PendingBatches::default();
        pending.push(batch(3, 1));
        pending.written(written(3, &[(0, 5)]));
        let unmarked = pending.contradiction(2, 3, &outputs, &BTreeMap::new());
        assert_eq!(unmarked.unwrap(), "/out has no mark before batch 3");
    }
}
