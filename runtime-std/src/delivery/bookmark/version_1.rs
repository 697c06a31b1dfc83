//! The journal format of version 1. It is read once, at the first start after an upgrade,
//! and rewritten in the current format.
//!
//! Its marks have device and inode but no proof, and its paths may be relative. A file is
//! ours if it still has its name, and device and inode match; it is truncated only within
//! recorded ranges. One that was renamed is not found, which is told: another file may have
//! its inode.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::entry::{BatchEntry, WrittenBatch};
use super::pending::PendingBatch;
use super::recovery::{Bookmark, Recovered};
use crate::delivery::dedup::delivered::{Delivered, Seconds};
use crate::delivery::dedup::high_water_mark::ResumePoint;
use crate::digest::Digest;
use crate::disk::{FileMark, FileRange};

/// An entry of version 1. Its frame: u32 length, u32 CRC-32 of the payload, payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum EntryV1 {
    /// The first frame of a segment.
    Snapshot {
        /// 1.
        version: u16,
        /// Higher in each new segment.
        generation: u64,
        /// The boot id.
        boot: String,
        /// The last committed batch.
        n: u64,
        /// The sources, by name.
        sources: BTreeMap<String, SourceV1>,
        /// The files of each output, by name.
        outputs: BTreeMap<String, Vec<FileMarkV1>>,
    },
    /// A batch.
    Batch {
        /// Its number.
        n: u64,
        /// The name of the source.
        source: Arc<str>,
        /// The resume point.
        marks: Option<ResumePointV1>,
        /// Archival second and digest.
        records: Vec<(u32, Digest)>,
    },
    /// The files of an output after a batch.
    Written {
        /// The batch.
        n: u64,
        /// The name of the output.
        output: Arc<str>,
        /// The changed files.
        files: Vec<FileMarkV1>,
    },
    /// Every batch up to this one is durable.
    Commit(u64),
}

/// The resume point of version 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumePointV1 {
    /// The high-water mark.
    pub high: u32,
    /// The second to request from.
    pub resume_from: u32,
}

/// A source of version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceV1 {
    /// The high-water mark.
    pub high: u32,
    /// The second to request from.
    pub resume_from: u32,
    /// The digests of delivered records, by archival second.
    pub seconds: Seconds,
}

/// A file of version 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileMarkV1 {
    /// The path as typed.
    pub path: Arc<Path>,
    /// The device.
    pub device: u64,
    /// The inode.
    pub inode: u64,
    /// The length in bytes.
    pub end: u64,
}

/// Reads a segment of version 1; `None` if it has another format.
pub fn read(segment: &[u8]) -> Option<Recovered> {
    let mut entries = entries(segment);
    let Some(EntryV1::Snapshot {
        version: 1,
        generation,
        boot,
        n,
        sources,
        outputs,
    }) = entries.next()
    else {
        return None;
    };
    let names = outputs.keys().cloned().collect();
    let mut marks: BTreeMap<Arc<Path>, FileMark> = BTreeMap::new();
    for mark in outputs.into_values().flatten() {
        marks.insert(mark.path.clone(), file_mark(&mark));
    }
    let mut recovered = Recovered {
        bookmark: Bookmark {
            n,
            sources: sources
                .into_iter()
                .map(|(name, of)| (name.into(), of.into()))
                .collect(),
            files: marks,
            tallies: BTreeMap::new(),
        },
        outputs: names,
        pending: Vec::new(),
        boot,
        generation,
        segment: 0,
        is_closed: false,
        garbled_at: None,
        version: 1,
    };
    // The end of the last batch in each file: the next one starts there.
    let mut ends: BTreeMap<Arc<Path>, u64> = recovered
        .bookmark
        .files
        .iter()
        .map(|(path, mark)| (path.clone(), mark.end))
        .collect();
    for entry in entries {
        match entry {
            EntryV1::Snapshot { .. } => break,
            EntryV1::Batch {
                n,
                source,
                marks,
                records,
            } => recovered.pending.push(PendingBatch::new(BatchEntry {
                n,
                source,
                server: 0,
                point: marks.map(point),
                records,
            })),
            EntryV1::Written { n, output, files } => {
                let files = files.into_iter().map(|mark| {
                    let start = ends.insert(mark.path.clone(), mark.end);
                    // The start of the first range of an unknown file is not known.
                    let start = start.unwrap_or(mark.end);
                    recovered
                        .bookmark
                        .files
                        .entry(mark.path.clone())
                        .or_insert_with(|| FileMark {
                            end: start,
                            ..file_mark(&mark)
                        });
                    FileRange {
                        path: mark.path,
                        start,
                        end: mark.end,
                        proof: NO_PROOF,
                    }
                });
                let files = files.collect();
                recovered.add_written(WrittenBatch {
                    n,
                    output,
                    files,
                    tallies: Vec::new(),
                });
            }
            EntryV1::Commit(n) => recovered.commit(n),
        }
    }
    Some(recovered)
}

/// Replaces the digest, which version 1 does not have.
pub(super) const NO_PROOF: Digest = Digest::new(0);

fn file_mark(mark: &FileMarkV1) -> FileMark {
    FileMark {
        path: mark.path.clone(),
        device: mark.device,
        inode: mark.inode,
        end: mark.end,
        proof: NO_PROOF,
    }
}

fn point(ResumePointV1 { high, resume_from }: ResumePointV1) -> ResumePoint {
    ResumePoint {
        high: Some(high),
        resume_from,
        remember_from: resume_from,
    }
}

impl From<SourceV1> for Delivered {
    fn from(source: SourceV1) -> Self {
        if source.seconds.is_empty() {
            // No delivery yet.
            return Self::anchored(source.resume_from);
        }
        let point = point(ResumePointV1 {
            high: source.high,
            resume_from: source.resume_from,
        });
        Self::restore(Some(point), source.seconds, 0, (0, 0))
    }
}

/// Decodes the entries up to the first unreadable frame.
fn entries(segment: &[u8]) -> impl Iterator<Item = EntryV1> {
    let mut rest = segment;
    std::iter::from_fn(move || {
        let (head, tail) = rest.split_first_chunk::<8>()?;
        let [a, b, c, d, e, f, g, h] = *head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let (payload, tail) = tail.split_at_checked(length)?;
        if crc32fast::hash(payload) != u32::from_le_bytes([e, f, g, h]) {
            return None;
        }
        rest = tail;
        postcard::from_bytes(payload).ok()
    })
}
