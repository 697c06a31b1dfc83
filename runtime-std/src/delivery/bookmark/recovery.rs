//! A bookmark in memory, and what a process that ended left of it.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use super::entry::{Anchor, Snapshot, SourceSnapshot, VERSION, WrittenBatch};
use super::pending::PendingBatch;
use crate::delivery::dedup::delivered::Delivered;
use crate::digest::Digest;
use crate::disk::FileMark;

/// A bookmark in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bookmark {
    /// The cut: everything up to this batch is delivered.
    pub n: u64,
    /// What of each source was delivered.
    pub sources: BTreeMap<Arc<str>, Delivered>,
    /// The files, as they were after batch n.
    pub files: BTreeMap<Arc<Path>, FileMark>,
}

/// What a journal holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The bookmark of the last commit.
    pub bookmark: Bookmark,
    /// The outputs that had to accept each batch, by name.
    pub outputs: Vec<String>,
    /// The batches behind the last commit, in order.
    pub pending: Vec<PendingBatch>,
    /// The boot in which it was written.
    pub boot: String,
    /// The generation of the segment it stood in.
    pub generation: u64,
    /// Which of the two segments that was.
    pub segment: usize,
    /// Whether the process that wrote it ended in order.
    pub is_closed: bool,
    /// Where its last frame begins, if that is whole but for its checksum.
    pub garbled_at: Option<usize>,
    /// The layout it was written in.
    pub version: u16,
}

/// A segment of more bytes is not read: with all that is remembered of the sources
/// and all that waits for a commit, it has less than half of that.
pub(super) const MOST_BYTES: u64 = 256 << 20;

/// Why a journal cannot be gone on from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Damage {
    /// A segment does not begin with a snapshot: it is empty, cut or overwritten.
    NoSnapshot {
        /// Which of the two.
        segment: usize,
    },
    /// A segment has a damaged frame that no interruption explains.
    Broken {
        /// Which of the two.
        segment: usize,
        /// Where the frame begins.
        at: usize,
    },
    /// A segment has a layout of another version.
    Version {
        /// Which of the two.
        segment: usize,
        /// The version found.
        found: u16,
    },
    /// A segment is larger than any that this program writes.
    TooLarge {
        /// Which of the two.
        segment: usize,
        /// Its bytes.
        bytes: u64,
    },
    /// It was written with another key.
    OtherKey,
    /// The segment with the newest bookmark is missing: the other one says that
    /// it was rotated away.
    NewestMissing {
        /// Which of the two is missing.
        segment: usize,
    },
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSnapshot { segment } => {
                write!(f, "journal.{segment} does not begin with a bookmark")
            }
            Self::Broken { segment, at } => write!(f, "journal.{segment} is damaged at byte {at}"),
            Self::Version { segment, found } => write!(
                f,
                "journal.{segment} has version {found}, and this program reads up to {VERSION}"
            ),
            Self::TooLarge { segment, bytes } => write!(
                f,
                "journal.{segment} has {} MiB, and none that this program writes has more than {}",
                bytes >> 20,
                MOST_BYTES >> 20
            ),
            Self::OtherKey => f.write_str("the journal was written with another key than this one"),
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
        };
        (bookmark, snapshot.outputs)
    }

    /// For a segment of this generation.
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

    /// The batch is delivered.
    pub fn apply(&mut self, pending: &PendingBatch) {
        let batch = &pending.batch;
        self.n = batch.n;
        if let Some(point) = batch.point {
            let delivered = self.sources.entry(batch.source.clone()).or_default();
            match point.high {
                Some(_) => delivered.add(&batch.records, point, batch.server),
                None => drop(delivered.anchor(point.resume_from)),
            }
        }
        for range in pending.written.iter().flat_map(|written| &written.files) {
            if let Some(mark) = self.files.get_mut(&range.path) {
                (mark.end, mark.proof) = (range.end, range.proof);
            }
        }
    }

    /// A source of which nothing was delivered was asked from this second.
    pub fn anchor(&mut self, Anchor { source, second }: Anchor) {
        self.sources.entry(source).or_default().anchor(second);
    }

    /// A file is open for writing.
    pub fn opened(&mut self, mark: FileMark) {
        self.files.insert(mark.path.clone(), mark);
    }
}

impl Recovered {
    pub(super) fn add_written(&mut self, written: WrittenBatch) {
        let of = |pending: &&mut PendingBatch| pending.batch.n == written.n;
        if let Some(pending) = self.pending.iter_mut().find(of) {
            pending.set_written(written);
        }
    }

    pub(super) fn commit(&mut self, n: u64) {
        let delivered = self.pending.partition_point(|p| p.batch.n <= n);
        for pending in self.pending.drain(..delivered) {
            self.bookmark.apply(&pending);
        }
    }

    /// Of a source whose first batches were not delivered the bookmark gets the
    /// earliest second of theirs, less the overlap, where that is before what was
    /// asked for by our clock.
    pub fn anchor(&mut self, overlap: u32) {
        for PendingBatch { batch, .. } in &self.pending {
            let first = batch.records.iter().map(|(second, _)| *second).min();
            if let Some(first) = first {
                self.bookmark.anchor(Anchor {
                    source: batch.source.clone(),
                    second: first.saturating_sub(overlap),
                });
            }
        }
    }
}
