//! A bookmark in memory, and the content of a recovered journal.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::entry::{Anchor, Snapshot, SourceSnapshot, VERSION, WrittenBatch};
use super::pending::PendingBatch;
use crate::delivery::dedup::delivered::Delivered;
use crate::digest::Digest;
use crate::disk::FileMark;
use crate::output::file::tally::FileTally;

/// A bookmark in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bookmark {
    /// The last committed batch.
    pub n: u64,
    /// The delivered records of each source.
    pub sources: BTreeMap<Arc<str>, Delivered>,
    /// The output files after batch `n`.
    pub files: BTreeMap<Arc<Path>, FileMark>,
    /// What counted files hold after batch `n`.
    pub tallies: BTreeMap<Arc<Path>, FileTally>,
}

/// The content of a journal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The bookmark after the last commit.
    pub bookmark: Bookmark,
    /// The names of the required outputs.
    pub outputs: Vec<String>,
    /// The batches after the last commit, in order.
    pub pending: Vec<PendingBatch>,
    /// The boot id of the run that wrote it.
    pub boot: String,
    /// The generation of its segment.
    pub generation: u64,
    /// The index of its segment.
    pub segment: usize,
    /// Whether the process shut down cleanly.
    pub is_closed: bool,
    /// The offset of the last frame if it is complete but has a wrong checksum.
    pub garbled_at: Option<usize>,
    /// The version of the format.
    pub version: u16,
}

/// The maximum size of a segment in bytes. The largest that this program writes has less
/// than half of that.
pub(super) const MAX_BYTES: u64 = 256 << 20;

/// Why a journal is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// A segment does not start with a snapshot: it is empty, truncated or overwritten.
    NoSnapshot {
        /// The index of the segment.
        segment: usize,
    },
    /// A segment has a damaged frame that an interrupted write does not explain.
    Broken {
        /// The index of the segment.
        segment: usize,
        /// The offset of the frame.
        at: usize,
    },
    /// A segment has another version.
    Version {
        /// The index of the segment.
        segment: usize,
        /// The version found.
        found: u16,
    },
    /// A segment is larger than any that this program writes.
    TooLarge {
        /// The index of the segment.
        segment: usize,
        /// Its size in bytes.
        bytes: u64,
    },
    /// The journal was written with another key.
    OtherKey,
    /// The segment with the newest bookmark is missing: the last entry of the other one
    /// refers to it.
    NewestMissing {
        /// The index of the missing segment.
        segment: usize,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSnapshot { segment } => {
                write!(f, "journal.{segment} does not start with a bookmark")
            }
            Self::Broken { segment, at } => write!(f, "journal.{segment} is damaged at byte {at}"),
            Self::Version { segment, found } => write!(
                f,
                "journal.{segment} has version {found}; this program reads up to {VERSION}"
            ),
            Self::TooLarge { segment, bytes } => write!(
                f,
                "journal.{segment} has {} MiB; this program writes at most {}",
                bytes >> 20,
                MAX_BYTES >> 20
            ),
            Self::OtherKey => {
                f.write_str("the journal was written with another key than the file key holds")
            }
            Self::NewestMissing { segment } => write!(
                f,
                "journal.{segment}, which holds the newest bookmark, is missing"
            ),
        }
    }
}

impl std::error::Error for Damage {}

impl Bookmark {
    pub(super) fn from_snapshot(snapshot: Snapshot) -> (Self, Vec<String>) {
        let source = |source: SourceSnapshot| {
            Delivered::restore(
                Some(source.point),
                source.seconds,
                source.version_1_until,
                (source.server, source.mixed_until),
            )
        };
        let files = snapshot.files.into_iter();
        let bookmark = Self {
            n: snapshot.n,
            sources: snapshot
                .sources
                .into_iter()
                .map(|(name, of)| (name.into(), source(of)))
                .collect(),
            files: files.map(|mark| (mark.path.clone(), mark)).collect(),
            tallies: BTreeMap::new(),
        };
        (bookmark, snapshot.outputs)
    }

    /// Returns the snapshot for a segment of this generation.
    pub(super) fn to_snapshot(
        &self,
        outputs: &[String],
        boot: &str,
        generation: u64,
        key: Digest,
    ) -> Snapshot {
        let source = |delivered: &Delivered| {
            Some(SourceSnapshot {
                point: delivered.point()?,
                version_1_until: delivered.version_1_until(),
                server: delivered.server(),
                mixed_until: delivered.mixed_until(),
                seconds: delivered.seconds().clone(),
            })
        };
        Snapshot {
            version: VERSION,
            generation,
            key,
            boot: boot.into(),
            n: self.n,
            outputs: outputs.into(),
            sources: self
                .sources
                .iter()
                .filter_map(|(name, of)| Some((name.to_string(), source(of)?)))
                .collect(),
            files: self.files.values().cloned().collect(),
        }
    }

    /// Applies a delivered batch.
    pub fn apply(&mut self, pending: &PendingBatch) {
        let batch = &pending.batch;
        self.n = batch.n;
        if let Some(point) = batch.point {
            let delivered = self.sources.entry(batch.source.clone()).or_default();
            match point.high.is_none() && batch.records.is_empty() {
                true => drop(delivered.anchor(point.resume_from)),
                false => delivered.add(&batch.records, point, batch.server),
            }
        }
        for range in pending.written.iter().flat_map(|written| &written.files) {
            if let Some(mark) = self.files.get_mut(&range.path) {
                (mark.end, mark.proof) = (range.end, range.proof);
            }
        }
        let tallies = pending.written.iter().flat_map(|written| &written.tallies);
        tallies.for_each(|tally| self.tally(tally));
    }

    /// Records the second from which a source without deliveries is requested.
    pub fn anchor(&mut self, Anchor { source, second }: Anchor) {
        self.sources.entry(source).or_default().anchor(second);
    }

    /// Records what a file holds.
    pub fn tally(&mut self, tally: &FileTally) {
        self.tallies.insert(tally.path.clone(), tally.clone());
    }

    /// Removes a file that an output closed.
    pub fn let_go(&mut self, path: &Path) {
        self.files.remove(path);
        self.tallies.remove(path);
    }

    /// Records a file that an output opened.
    pub fn opened(&mut self, mark: FileMark) {
        if mark.end == 0 {
            self.tallies.remove(&mark.path);
        }
        self.files.insert(mark.path.clone(), mark);
    }
}

impl Recovered {
    pub(super) fn add_written(&mut self, written: WrittenBatch) {
        let place = self
            .pending
            .binary_search_by_key(&written.n, |it| it.batch.n);
        if let Ok(place) = place {
            self.pending[place].set_written(written);
        }
    }

    pub(super) fn commit(&mut self, n: u64) {
        let delivered = self.pending.partition_point(|p| p.batch.n <= n);
        for pending in self.pending.drain(..delivered) {
            self.bookmark.apply(&pending);
        }
    }

    /// For each source without deliveries: sets the resume second to the earliest
    /// archival second of its pending batches minus the overlap, if that is earlier than
    /// the current one; but not before the second that it is asked from, which `beginning`
    /// returns.
    pub fn anchor(&mut self, overlap: u32, beginning: &dyn Fn(&str) -> u32) {
        for PendingBatch { batch, .. } in &self.pending {
            let first = batch.records.iter().map(|(second, _)| *second).min();
            if let Some(first) = first {
                // A later beginning was configured since; what had come comes again.
                let beginning = beginning(&batch.source).min(first);
                self.bookmark.anchor(Anchor {
                    source: batch.source.clone(),
                    second: first.saturating_sub(overlap).max(beginning),
                });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_file_held_is_forgotten_when_it_begins_anew() {
        let path: Arc<Path> = Path::new("/out").into();
        let mark = |end| FileMark {
            path: path.clone(),
            device: 1,
            inode: 1,
            end,
            proof: Digest::new(0),
        };
        let mut bookmark = Bookmark::default();
        bookmark.tally(&FileTally::empty(path.clone(), 1));
        bookmark.opened(mark(5));
        assert_eq!(bookmark.tallies.len(), 1);
        bookmark.opened(mark(0));
        assert_eq!((bookmark.tallies.len(), bookmark.files.len()), (0, 1));
    }
}
