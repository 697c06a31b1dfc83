//! A file of the disk in memory: what programs read, and what a power loss leaves.

use std::ops::Range;
use std::path::PathBuf;

/// The content of a file.
#[derive(Clone, Default)]
pub(super) struct FileContent {
    /// The number of the file; `None` if another file has it now.
    pub(super) number: Option<u64>,
    /// The name that it was created with.
    pub(super) name: PathBuf,
    /// How often it is open.
    pub(super) open: usize,
    /// Whether it is in the state directory.
    pub(super) journal: bool,
    /// What programs read.
    pub(super) now: Vec<u8>,
    /// What is on the disk.
    pub(super) durable: Vec<u8>,
    /// Where bytes of `now` were not written when a sync failed. The system does not try again,
    /// and later syncs succeed.
    pub(super) lost: Range<usize>,
    /// Where other programs appended bytes durably.
    pub(super) foreign: Vec<Range<usize>>,
}

impl FileContent {
    /// Everything is written to the disk except what was lost.
    pub(super) fn sync(&mut self) {
        self.durable.clone_from(&self.now);
        self.durable[self.lost.clone()].fill(0);
        for of in &self.foreign {
            self.durable[of.clone()].copy_from_slice(&self.now[of.clone()]);
        }
    }

    /// Another program appends bytes and makes them durable. The bytes before them stay as they
    /// are on the disk, zeros if they were never written.
    pub(super) fn append_by_another(&mut self, bytes: &[u8]) {
        let start = self.now.len();
        self.now.extend_from_slice(bytes);
        let foreign = start..self.now.len();
        self.durable.resize(self.durable.len().max(foreign.end), 0);
        self.durable[foreign.clone()].copy_from_slice(bytes);
        self.foreign.push(foreign);
    }

    /// A sync fails: what was appended or changed since the last one is lost.
    pub(super) fn lose(&mut self) {
        let mut both = self.now.iter().zip(&self.durable);
        let same = both.position(|(now, durable)| now != durable);
        let same = same.unwrap_or(self.durable.len().min(self.now.len()));
        let start = match self.lost.is_empty() {
            true => same,
            false => same.min(self.lost.start),
        };
        self.lost = start..self.now.len();
    }

    /// These bytes are written again, so that the next sync has them.
    pub(super) fn write_again(&mut self, again: Range<usize>) {
        let Range { start, end } = self.lost;
        if again.start <= start {
            self.lost.start = again.end.clamp(start, end);
        } else if again.end >= end {
            self.lost.end = again.start.clamp(start, end);
        }
    }

    /// Cuts it to this length.
    pub(super) fn truncate(&mut self, length: usize) {
        self.now.truncate(length);
        let length = self.now.len();
        for of in std::iter::once(&mut self.lost).chain(&mut self.foreign) {
            *of = of.start.min(length)..of.end.min(length);
        }
    }

    /// Returns the bytes from `start` to `end`, fewer if there are not so many.
    pub(super) fn range(&self, start: u64, end: u64) -> Vec<u8> {
        let length = self.now.len();
        let (start, end) = ((start as usize).min(length), (end as usize).min(length));
        self.now[start..end].to_vec()
    }
}
