//! The entries of the journal and their encoding.
//!
//! A segment is a sequence of frames: a magic number, u32 length, u32 CRC-32 of length
//! and payload, and the payload in postcard. The first frame is a snapshot.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::delivery::dedup::delivered::Seconds;
use crate::delivery::dedup::high_water_mark::ResumePoint;
use crate::digest::Digest;
use crate::disk::{FileMark, FileRange};
use crate::output::file::tally::FileTally;

/// A journal entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JournalEntry {
    /// The whole bookmark. Only in the first frame of a segment.
    Snapshot(Snapshot),
    /// A batch with its number, before it goes to the outputs.
    Batch(BatchEntry),
    /// The byte ranges that an output is about to write for a batch. Of an output without
    /// files: the output has accepted the batch.
    Written(WrittenBatch),
    /// Every batch up to this one is durable.
    Commit(u64),
    /// An output opened a file; the bytes before the mark stay unchanged.
    Opened(FileMark),
    /// The second from which a source is requested, until its first delivery.
    Anchor(Anchor),
    /// The last entry of a segment; the segment of this generation follows.
    Rotated(u64),
    /// The last entry of a clean shutdown: no batch is pending.
    Closed,
    /// As `Written`, with what the files hold after the batch.
    Tallied(WrittenBatch, Vec<FileTally>),
    /// What a file holds after the last commit. After the snapshot.
    Tally(FileTally),
    /// An output closed this file and does not write to it any more.
    LetGo(Arc<Path>),
}

/// The bookmark after a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The version of the format, [`VERSION`].
    pub version: u16,
    /// Increases by one with each new segment.
    pub generation: u64,
    /// The fingerprint of the key of the digests.
    pub key: Digest,
    /// The boot id: tells a killed process from a power loss.
    pub boot: String,
    /// The last committed batch.
    pub n: u64,
    /// The names of the required outputs.
    pub outputs: Vec<String>,
    /// The sources, by name.
    pub sources: BTreeMap<String, SourceSnapshot>,
    /// The output files after the last committed batch.
    pub files: Vec<FileMark>,
}

/// A source in a snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSnapshot {
    /// The resume point.
    pub point: ResumePoint,
    /// Digests up to this archival second are those of version 1; 0 if none is.
    pub version_1_until: u32,
    /// The number of the server that sent the last delivery; 0 if unknown.
    pub server: u64,
    /// Digests up to this archival second may be of another server; 0 if none is.
    pub mixed_until: u32,
    /// The digests of delivered records, by archival second.
    pub seconds: Seconds,
}

/// A batch of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchEntry {
    /// The batch number, over all sources.
    pub n: u64,
    /// The name of the source.
    pub source: Arc<str>,
    /// The number of the server that sent it; 0 if unknown.
    pub server: u64,
    /// The resume point after it; `None` if not known yet.
    pub point: Option<ResumePoint>,
    /// Archival second and digest of each delivered record.
    pub records: Vec<(u32, Digest)>,
}

/// A batch in the files of an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenBatch {
    /// The batch number.
    pub n: u64,
    /// The name of the output.
    pub output: Arc<str>,
    /// The byte ranges with its data.
    pub files: SmallVec<[FileRange; 1]>,
    /// What the files hold after it; encoded by [`JournalEntry::Tallied`].
    #[serde(skip)]
    pub tallies: Vec<FileTally>,
}

/// The second from which a source is requested before its first delivery.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The name of the source.
    pub source: Arc<str>,
    /// UNIX seconds.
    pub second: u32,
}

/// The version of the journal format.
pub const VERSION: u16 = 2;
/// The magic number of a frame.
const MAGIC: [u8; 4] = *b"\xe5fr\x02";
const HEAD: usize = 12;

/// The end of the readable part of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The segment is complete.
    Whole,
    /// The last frame is truncated; it starts at this byte.
    Torn(usize),
    /// The last frame is complete but has a wrong checksum, or complete ones follow that may all
    /// be younger than the last sync; it starts at this byte. The cause is a power loss, after
    /// which any page may be missing, or damage.
    Garbled(usize),
    /// A damaged frame is followed by complete ones, and was durable; it starts at this byte.
    Broken(usize),
}

/// Encodes an entry as a frame.
#[cfg(any(test, feature = "fuzzing"))]
pub fn frame(entry: &JournalEntry) -> Vec<u8> {
    frame_in(Vec::new(), entry)
}

/// Encodes an entry as a frame, reusing a buffer.
pub fn frame_in(mut buffer: Vec<u8>, entry: &JournalEntry) -> Vec<u8> {
    buffer.clear();
    buffer.resize(HEAD, 0);
    // Writing to a growing vector cannot fail.
    let Ok(mut bytes) = postcard::to_extend(entry, buffer) else {
        return Vec::new();
    };
    let length = (bytes.len() - HEAD) as u32;
    bytes[..4].copy_from_slice(&MAGIC);
    bytes[4..8].copy_from_slice(&length.to_le_bytes());
    let crc = crc(&bytes[4..8], &bytes[HEAD..]);
    bytes[8..HEAD].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// Decodes a segment: its entries, and how the readable part ends.
#[cfg(any(test, feature = "fuzzing"))]
pub fn read(segment: &[u8]) -> (Vec<JournalEntry>, Ending) {
    let mut entries = Entries::of(segment);
    (entries.by_ref().collect(), entries.ending())
}

/// Decodes the entries of a segment one at a time. All entries together may need several
/// times the memory of the result.
pub struct Entries<'a> {
    segment: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    /// Starts at the beginning of a segment.
    pub fn of(segment: &'a [u8]) -> Self {
        Self {
            segment,
            rest: segment,
        }
    }

    /// Returns how the readable part ends. Call it after the last entry.
    pub fn ending(&self) -> Ending {
        let Some(behind) = self.rest.get(1..) else {
            return Ending::Whole;
        };
        let at = self.segment.len() - self.rest.len();
        match frames(behind) {
            Frames::Older => Ending::Broken(at),
            Frames::Unsynced => Ending::Garbled(at),
            Frames::None if has_length(self.rest) => Ending::Garbled(at),
            Frames::None => Ending::Torn(at),
        }
    }
}

impl Iterator for Entries<'_> {
    type Item = JournalEntry;

    fn next(&mut self) -> Option<JournalEntry> {
        let (entry, rest) = first(self.rest)?;
        self.rest = rest;
        Some(entry)
    }
}

/// Decodes the first entry; returns it with the remaining bytes.
fn first(bytes: &[u8]) -> Option<(JournalEntry, &[u8])> {
    let (head, tail) = bytes.split_first_chunk::<HEAD>()?;
    let [a, b, c, d, length @ .., p, q, r, s] = head;
    let size = u32::from_le_bytes(*length) as usize;
    if [*a, *b, *c, *d] != MAGIC {
        return None;
    }
    let (payload, tail) = tail.split_at_checked(size)?;
    if crc(length, payload) != u32::from_le_bytes([*p, *q, *r, *s]) {
        return None;
    }
    Some((postcard::from_bytes(payload).ok()?, tail))
}

/// Returns whether the first frame has its full length.
fn has_length(bytes: &[u8]) -> bool {
    bytes
        .split_first_chunk::<HEAD>()
        .is_some_and(|(head, tail)| {
            let [a, b, c, d, e, f, g, h, ..] = *head;
            [a, b, c, d] == MAGIC && u32::from_le_bytes([e, f, g, h]) as usize <= tail.len()
        })
}

/// Complete frames behind a damaged one.
enum Frames {
    None,
    /// They may all be younger than the last sync.
    Unsynced,
    /// Something before the last of them was made durable.
    Older,
}

/// Finds the complete frames in these bytes. A commit is made durable before the next one is
/// written, and so is an entry about a file or a source.
fn frames(mut bytes: &[u8]) -> Frames {
    let mut found = Frames::None;
    let (mut commits, mut others) = (0, 0);
    while let Some(at) = memchr::memmem::find(bytes, &MAGIC) {
        bytes = &bytes[at..];
        let Some((entry, rest)) = first(bytes) else {
            bytes = &bytes[1..];
            continue;
        };
        match entry {
            JournalEntry::Batch(_) | JournalEntry::Written(_) | JournalEntry::Tallied(..) => {}
            JournalEntry::Commit(_) => commits += 1,
            JournalEntry::Anchor(_)
            | JournalEntry::Opened(_)
            | JournalEntry::LetGo(_)
            | JournalEntry::Closed => others += 1,
            JournalEntry::Snapshot(_) | JournalEntry::Tally(_) | JournalEntry::Rotated(_) => {
                return Frames::Older;
            }
        }
        if commits > 1 || others > 1 {
            return Frames::Older;
        }
        found = Frames::Unsynced;
        bytes = rest;
    }
    found
}

fn crc(length: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(length);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three() -> (Vec<JournalEntry>, Vec<u8>) {
        let entries = vec![
            JournalEntry::Batch(BatchEntry {
                n: 3,
                source: "fmc".into(),
                server: 7,
                point: Some(ResumePoint::new(12, 5, 0, 0)),
                records: vec![(12, Digest::new(u128::MAX)), (11, Digest::new(5))],
            }),
            JournalEntry::Anchor(Anchor {
                source: "fmc".into(),
                second: 5,
            }),
            JournalEntry::Commit(3),
        ];
        let bytes = entries.iter().flat_map(frame).collect();
        (entries, bytes)
    }

    #[test]
    fn frames_read_back_as_they_were_written() {
        let (written, bytes) = three();
        assert_eq!(read(&bytes), (written, Ending::Whole));
    }

    #[test]
    fn a_count_that_nothing_follows_is_no_entry_and_takes_no_memory() {
        let (entries, _) = three();
        let source = SourceSnapshot {
            point: ResumePoint::anchor(9),
            version_1_until: 0,
            server: 0,
            mixed_until: 0,
            seconds: BTreeMap::from([(9, SmallVec::new())]),
        };
        let snapshot = JournalEntry::Snapshot(Snapshot {
            version: VERSION,
            generation: 1,
            key: Digest::new(1),
            boot: String::new(),
            n: 0,
            outputs: Vec::new(),
            sources: BTreeMap::from([("fmc".into(), source)]),
            files: Vec::new(),
        });
        let JournalEntry::Batch(batch) = entries[0].clone() else {
            panic!("a batch");
        };
        let records = Vec::new();
        let batch = JournalEntry::Batch(BatchEntry { records, ..batch });
        // Where the counts stand: of records, files, and digests of a second.
        for (entry, counts) in [(&batch, 1), (&snapshot, 1), (&snapshot, 2)] {
            for count in [1 << 32, 1 << 60, u64::MAX] {
                let mut payload = postcard::to_allocvec(entry).unwrap();
                payload.truncate(payload.len() - counts);
                payload.extend(postcard::to_allocvec(&count).unwrap());
                let length = (payload.len() as u32).to_le_bytes();
                let crc = crc(&length, &payload).to_le_bytes();
                let frame = [&MAGIC[..], &length, &crc, &payload].concat();
                assert_eq!(read(&frame), (Vec::new(), Ending::Garbled(0)));
            }
        }
    }

    #[test]
    fn a_segment_cut_anywhere_is_torn() {
        let (written, bytes) = three();
        let ends: Vec<usize> = written
            .iter()
            .scan(0, |end, entry| {
                *end += frame(entry).len();
                Some(*end)
            })
            .collect();
        for cut in 0..bytes.len() {
            let whole = ends.iter().filter(|&&end| end <= cut).count();
            let at = whole.checked_sub(1).map_or(0, |last| ends[last]);
            let ending = if at == cut {
                Ending::Whole
            } else {
                Ending::Torn(at)
            };
            assert_eq!(read(&bytes[..cut]), (written[..whole].to_vec(), ending));
        }
    }

    /// Of what came after the last sync, any page may be missing after a power loss.
    #[test]
    fn only_what_was_durable_counts_as_damaged_with_whole_frames_behind_it() {
        let (mut written, mut bytes) = three();
        let unsynced = frame(&written[0]).len() + frame(&written[1]).len();
        for entry in [written[0].clone(), JournalEntry::Commit(4)] {
            bytes.extend(frame(&entry));
            written.push(entry);
        }
        let ends: Vec<usize> = written
            .iter()
            .scan(0, |end, entry| {
                *end += frame(entry).len();
                Some(*end)
            })
            .collect();
        for at in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            let (read, ending) = read(&flipped);
            let start = read.len().checked_sub(1).map_or(0, |last| ends[last]);
            match at / 8 < unsynced {
                true => assert_eq!(ending, Ending::Broken(start), "bit {at}"),
                false => assert!(
                    [Ending::Torn(start), Ending::Garbled(start)].contains(&ending),
                    "bit {at}: {ending:?}"
                ),
            }
        }
    }
}
