//! What the journal holds, and its bytes.
//!
//! A segment is a row of frames: a magic number, u32 length and u32 CRC-32 of
//! length and payload, payload in postcard. The first frame is a snapshot.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::delivery::dedup::delivered::Seconds;
use crate::delivery::dedup::high_water_mark::ResumePoint;
use crate::digest::Digest;
use crate::disk::{FileMark, FileRange};

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum JournalEntry {
    /// Everything, as of a cut. The first frame of a segment, and only there.
    Snapshot(Snapshot),
    /// A batch has its number and goes to the outputs.
    Batch(BatchEntry),
    /// What an output's files are with a batch: noted before its bytes go out.
    /// Of an output without files: it has accepted the batch.
    Written(WrittenBatch),
    /// Everything up to this batch is durable.
    Commit(u64),
    /// A file is open for writing; what is in it up to the mark is not changed.
    Opened(FileMark),
    /// Where a source was asked from, as long as nothing of it was delivered.
    Anchor(Anchor),
    /// The last entry of a segment: the segment of this generation follows it.
    Rotated(u64),
    /// The last entry of a process that ended in order: nothing is under way.
    Closed,
}

/// The bookmark of a cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The layout of what follows.
    pub version: u16,
    /// Higher in each new segment.
    pub generation: u64,
    /// The fingerprint of the key the digests were made with.
    pub key: Digest,
    /// Tells a killed process from a power loss.
    pub boot: String,
    /// The cut.
    pub n: u64,
    /// The outputs that have to accept a batch, by name.
    pub outputs: Vec<String>,
    /// By name.
    pub sources: BTreeMap<String, SourceSnapshot>,
    /// What the files were at the cut.
    pub files: Vec<FileMark>,
}

/// A source at a cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceSnapshot {
    /// Where to go on from.
    pub point: ResumePoint,
    /// Digests up to this second are those of version 1.
    pub version_1_until: u32,
    /// The server that sent what was delivered last; 0 where it is not known.
    pub server: u64,
    /// Digests up to this second may be of another server.
    pub mixed_until: u32,
    /// What was delivered, by archival second.
    pub seconds: Seconds,
}

/// A batch of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchEntry {
    /// Its number, over all sources.
    pub n: u64,
    /// The source's name.
    pub source: Arc<str>,
    /// The server it came from; 0 where it is not known.
    pub server: u64,
    /// Where to go on from after it; `None` before that is known.
    pub point: Option<ResumePoint>,
    /// Archival second and digest of each record delivered.
    pub records: Vec<(u32, Digest)>,
}

/// A batch in an output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WrittenBatch {
    /// The batch.
    pub n: u64,
    /// The output's name.
    pub output: Arc<str>,
    /// Where its bytes are.
    pub files: SmallVec<[FileRange; 1]>,
}

/// Where a source was asked from first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anchor {
    /// The source's name.
    pub source: Arc<str>,
    /// UNIX seconds.
    pub second: u32,
}

/// The layout described here.
pub const VERSION: u16 = 2;
/// What every frame begins with.
const MAGIC: [u8; 4] = *b"\xe5fr\x02";
const HEAD: usize = 12;
/// A larger length is damage.
const MAX_FRAME: usize = 1 << 30;

/// How the readable part of a segment ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// With its last byte.
    Whole,
    /// With a frame that was not written to its end; it begins at this byte.
    Torn(usize),
    /// With a frame that has its whole length and another checksum; it begins at
    /// this byte. A power loss leaves that, and damage.
    Garbled(usize),
    /// With a damaged frame that has whole ones behind it; it begins at this
    /// byte.
    Broken(usize),
}

/// The frame of an entry.
pub fn frame(entry: &JournalEntry) -> Vec<u8> {
    frame_in(Vec::new(), entry)
}

/// The same, in a buffer that is used again.
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

/// Reads a segment: its entries, and how what can be read ends.
pub fn read(segment: &[u8]) -> (Vec<JournalEntry>, Ending) {
    let mut entries = Entries::of(segment);
    (entries.by_ref().collect(), entries.ending())
}

/// The entries of a segment, one at a time: all of them together may take several
/// times the memory of what they come to.
pub struct Entries<'a> {
    segment: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Entries<'a> {
    /// Those of this segment.
    pub fn of(segment: &'a [u8]) -> Self {
        Self {
            segment,
            rest: segment,
        }
    }

    /// How what can be read ends, once there are no more entries.
    pub fn ending(&self) -> Ending {
        let Some(behind) = self.rest.get(1..) else {
            return Ending::Whole;
        };
        let at = self.segment.len() - self.rest.len();
        match has_frame(behind) {
            true => Ending::Broken(at),
            false if has_length(self.rest) => Ending::Garbled(at),
            false => Ending::Torn(at),
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

/// The entry at the front of these bytes, and what follows it.
fn first(bytes: &[u8]) -> Option<(JournalEntry, &[u8])> {
    let (head, tail) = bytes.split_first_chunk::<HEAD>()?;
    let [a, b, c, d, length @ .., p, q, r, s] = head;
    let size = u32::from_le_bytes(*length) as usize;
    if [*a, *b, *c, *d] != MAGIC || size > MAX_FRAME {
        return None;
    }
    let (payload, tail) = tail.split_at_checked(size)?;
    if crc(length, payload) != u32::from_le_bytes([*p, *q, *r, *s]) {
        return None;
    }
    Some((postcard::from_bytes(payload).ok()?, tail))
}

/// Whether the frame at the front of these bytes is there in its whole length.
fn has_length(bytes: &[u8]) -> bool {
    bytes
        .split_first_chunk::<HEAD>()
        .is_some_and(|(head, tail)| {
            let [a, b, c, d, e, f, g, h, ..] = *head;
            [a, b, c, d] == MAGIC && u32::from_le_bytes([e, f, g, h]) as usize <= tail.len()
        })
}

/// Whether a whole frame stands anywhere in these bytes.
fn has_frame(mut bytes: &[u8]) -> bool {
    while let Some(at) = memchr::memmem::find(bytes, &MAGIC) {
        bytes = &bytes[at..];
        if first(bytes).is_some() {
            return true;
        }
        bytes = &bytes[1..];
    }
    false
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

    #[test]
    fn a_flipped_bit_with_whole_frames_behind_it_is_no_torn_end() {
        let (written, bytes) = three();
        let last = bytes.len() - frame(&written[2]).len();
        for at in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[at / 8] ^= 1 << (at % 8);
            let (_, ending) = read(&flipped);
            match at / 8 < last {
                true => assert!(matches!(ending, Ending::Broken(_)), "bit {at}: {ending:?}"),
                false => assert!(
                    [Ending::Torn(last), Ending::Garbled(last)].contains(&ending),
                    "bit {at}: {ending:?}"
                ),
            }
        }
    }
}
