//! From the journal's bytes back to a bookmark.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::sync::Arc;

use smallvec::SmallVec;

use super::entry::{self, Batch, Entry, Snapshot, Source, VERSION, Written};
use crate::delivery::dedup::delivered::Delivered;
use crate::delivery::dedup::high_water_mark::Marks;
use crate::disk::{FileMark, Identity};

/// A bookmark in memory.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Bookmark {
    /// The cut: everything up to this batch is delivered.
    pub n: u64,
    /// What of each source was handed on.
    pub sources: BTreeMap<Arc<str>, Delivered>,
    /// The files of each output, as they were after batch n.
    pub outputs: BTreeMap<Arc<str>, BTreeMap<Arc<Path>, FileMark>>,
}

/// A batch behind the last commit, with what the outputs said about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    /// The batch.
    pub batch: Batch,
    /// What each output was about to write.
    pub written: SmallVec<[Written; 1]>,
}

/// What a journal holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recovered {
    /// The bookmark of the last commit.
    pub bookmark: Bookmark,
    /// The batches behind it, in order.
    pub pending: Vec<Pending>,
    /// The boot in which it was written.
    pub boot: String,
    /// The generation of the segment it stood in.
    pub generation: u64,
    /// Which of the two segments that was.
    pub segment: usize,
}

/// There are segments, but none can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Unreadable;

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the bookmark cannot be read; restore it from a backup, or discard it with \
             --reset-bookmark and say with --from where to go on",
        )
    }
}

impl std::error::Error for Unreadable {}

impl Bookmark {
    fn from_snapshot(snapshot: Snapshot) -> Self {
        let source = |source: Source| {
            let Source {
                high,
                resume_from,
                seconds,
            } = source;
            Delivered::restore(Some(Marks { high, resume_from }), seconds)
        };
        let files = |files: Vec<FileMark>| {
            let by_path = files.into_iter().map(|mark| (mark.path.clone(), mark));
            by_path.collect()
        };
        Self {
            n: snapshot.n,
            sources: snapshot
                .sources
                .into_iter()
                .map(|(name, of)| (name.into(), source(of)))
                .collect(),
            outputs: snapshot
                .outputs
                .into_iter()
                .map(|(name, of)| (name.into(), files(of)))
                .collect(),
        }
    }

    pub(super) fn to_snapshot(&self, boot: &str, generation: u64) -> Snapshot {
        let source = |delivered: &Delivered| {
            let Marks { high, resume_from } = delivered.marks()?;
            Some(Source {
                high,
                resume_from,
                seconds: delivered.seconds().clone(),
            })
        };
        Snapshot {
            version: VERSION,
            generation,
            boot: boot.into(),
            n: self.n,
            sources: self
                .sources
                .iter()
                .filter_map(|(name, of)| Some((name.to_string(), source(of)?)))
                .collect(),
            outputs: self
                .outputs
                .iter()
                .map(|(name, of)| (name.to_string(), of.values().cloned().collect()))
                .collect(),
        }
    }

    /// The batch is delivered.
    pub fn apply(&mut self, pending: &Pending) {
        let batch = &pending.batch;
        self.n = batch.n;
        if let Some((high, resume_from)) = batch.marks {
            let delivered = self.sources.entry(batch.source.clone()).or_default();
            delivered.add(&batch.records, Marks { high, resume_from });
        }
        for written in &pending.written {
            let files = self.outputs.entry(written.output.clone()).or_default();
            for mark in &written.files {
                files.insert(mark.path.clone(), mark.clone());
            }
        }
    }
}

impl Recovered {
    /// Reads the two segments; `None` where there is none.
    ///
    /// # Errors
    /// [`Unreadable`] when there are segments but no bookmark in them.
    pub fn read(segments: [Option<&[u8]>; 2]) -> Result<Option<Self>, Unreadable> {
        let newest = segments
            .iter()
            .enumerate()
            .filter_map(|(index, bytes)| Self::read_segment(index, (*bytes)?))
            .max_by_key(|recovered| recovered.generation);
        match newest {
            None if segments.iter().flatten().all(|bytes| bytes.is_empty()) => Ok(None),
            None => Err(Unreadable),
            some => Ok(some),
        }
    }

    fn read_segment(segment: usize, bytes: &[u8]) -> Option<Self> {
        let mut entries = entry::entries(bytes);
        let Some(Entry::Snapshot(snapshot)) = entries.next() else {
            return None;
        };
        if snapshot.version != VERSION {
            return None;
        }
        let mut recovered = Self {
            boot: snapshot.boot.clone(),
            generation: snapshot.generation,
            segment,
            bookmark: Bookmark::from_snapshot(snapshot),
            pending: Vec::new(),
        };
        for entry in entries {
            match entry {
                Entry::Batch(batch) => recovered.pending.push(Pending {
                    batch,
                    written: SmallVec::new(),
                }),
                Entry::Written(written) => {
                    let of = |pending: &&mut Pending| pending.batch.n == written.n;
                    if let Some(pending) = recovered.pending.iter_mut().find(of) {
                        pending.written.push(written);
                    }
                }
                Entry::Commit(n) => {
                    let delivered = recovered.pending.partition_point(|p| p.batch.n <= n);
                    for pending in recovered.pending.drain(..delivered) {
                        recovered.bookmark.apply(&pending);
                    }
                }
                // A second snapshot belongs to nobody.
                Entry::Snapshot(_) => break,
            }
        }
        Some(recovered)
    }

    /// Of a source whose first batches were not delivered the bookmark gets the
    /// earliest second of theirs, less the overlap: it may have been asked for
    /// "now", which is over.
    pub fn anchor(&mut self, overlap: u32) {
        // A batch without marks holds nothing but the future.
        let marked = self.pending.iter().filter(|it| it.batch.marks.is_some());
        for Pending { batch, .. } in marked {
            let first = batch.records.iter().map(|(second, _)| *second).min();
            if let Some(first) = first
                && !self.bookmark.sources.contains_key(&batch.source)
            {
                let marks = Marks::new(first, overlap, 0);
                let anchored = Delivered::restore(Some(marks), BTreeMap::new());
                self.bookmark.sources.insert(batch.source.clone(), anchored);
            }
        }
    }

    /// Takes over the batches behind the last commit that are whole in every
    /// output's files. Only for the boot they were written in: after a power
    /// loss a file's length proves nothing.
    pub fn adopt(&mut self, outputs: &[String], identity: impl Fn(&Path) -> Option<Identity>) {
        let whole = |mark: &FileMark| {
            identity(&mark.path).is_some_and(|file| {
                (file.device, file.inode) == (mark.device, mark.inode) && file.length >= mark.end
            })
        };
        let mut adopted = 0;
        for pending in &self.pending {
            let everywhere = outputs.iter().all(|output| {
                let mut said = pending.written.iter().filter(|w| *w.output == **output);
                said.next()
                    .is_some_and(|written| written.files.iter().all(whole))
            });
            if pending.batch.n != self.bookmark.n + 1 || !everywhere {
                break;
            }
            self.bookmark.apply(pending);
            adopted += 1;
        }
        self.pending.drain(..adopted);
    }
}
