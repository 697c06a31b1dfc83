//! What the journal holds, and its bytes.
//!
//! A segment is a row of frames: u32 length, u32 CRC-32 of the payload, payload
//! in postcard. The first frame is a snapshot. What follows a frame that cannot
//! be read does not count.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use smallvec::SmallVec;

use crate::digest::Digest;
use crate::disk::FileMark;

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Entry {
    /// Everything, as of a cut. The first frame of a segment, and only there.
    Snapshot(Snapshot),
    /// A batch has its number and goes to the outputs.
    Batch(Batch),
    /// An output is about to write a batch.
    Written(Written),
    /// Everything up to this batch is durable.
    Commit(u64),
}

/// The bookmark of a cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Snapshot {
    /// The layout of what follows.
    pub version: u16,
    /// Higher in each new segment.
    pub generation: u64,
    /// Tells a killed process from a power loss.
    pub boot: String,
    /// The cut.
    pub n: u64,
    /// By name.
    pub sources: BTreeMap<String, Source>,
    /// By name, the files of each output.
    pub outputs: BTreeMap<String, Vec<FileMark>>,
}

/// A source at a cut.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The largest archival second that arrived lately.
    pub high: u32,
    /// The second to ask from.
    pub resume_from: u32,
    /// What was delivered from there on.
    pub seconds: BTreeMap<u32, Vec<Digest>>,
}

/// A batch of one source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Batch {
    /// Its number, over all sources.
    pub n: u64,
    /// The source's name.
    pub source: Arc<str>,
    /// The source's marks after it; `None` before its first archival second.
    pub marks: Option<(u32, u32)>,
    /// Archival second and digest of each record handed on.
    pub records: Vec<(u32, Digest)>,
}

/// What an output's files are like after a batch.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Written {
    /// The batch.
    pub n: u64,
    /// The output's name.
    pub output: Arc<str>,
    /// The files it changes; their length afterwards.
    pub files: SmallVec<[FileMark; 1]>,
}

/// The layout described here.
pub const VERSION: u16 = 1;
const HEAD: usize = 8;
/// A length beyond this is no length.
const MAX_FRAME: usize = 1 << 30;

/// The frame of an entry.
pub fn frame(entry: &Entry) -> Vec<u8> {
    frame_in(Vec::new(), entry)
}

/// The same, in a buffer that is used again.
pub fn frame_in(mut buffer: Vec<u8>, entry: &Entry) -> Vec<u8> {
    buffer.clear();
    buffer.resize(HEAD, 0);
    // Writing to a growing vector cannot fail.
    let Ok(mut bytes) = postcard::to_extend(entry, buffer) else {
        return Vec::new();
    };
    let length = (bytes.len() - HEAD) as u32;
    let crc = crc32fast::hash(&bytes[HEAD..]);
    bytes[..4].copy_from_slice(&length.to_le_bytes());
    bytes[4..HEAD].copy_from_slice(&crc.to_le_bytes());
    bytes
}

/// The entries of a segment, up to the first frame that cannot be read.
pub fn entries(segment: &[u8]) -> impl Iterator<Item = Entry> {
    let mut rest = segment;
    std::iter::from_fn(move || {
        let (head, tail) = rest.split_first_chunk::<HEAD>()?;
        let [a, b, c, d, e, f, g, h] = *head;
        let length = u32::from_le_bytes([a, b, c, d]) as usize;
        let crc = u32::from_le_bytes([e, f, g, h]);
        if length > MAX_FRAME {
            return None;
        }
        let (payload, tail) = tail.split_at_checked(length)?;
        if crc32fast::hash(payload) != crc {
            return None;
        }
        rest = tail;
        postcard::from_bytes(payload).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn two() -> (Vec<Entry>, Vec<u8>) {
        let entries = vec![
            Entry::Batch(Batch {
                n: 3,
                source: "fmc".into(),
                marks: Some((12, 7)),
                records: vec![(12, Digest::new(u128::MAX)), (11, Digest::new(5))],
            }),
            Entry::Commit(3),
        ];
        let bytes = entries.iter().flat_map(frame).collect();
        (entries, bytes)
    }

    #[test]
    fn frames_read_back_as_they_were_written() {
        let (written, bytes) = two();
        assert_eq!(entries(&bytes).collect::<Vec<_>>(), written);
    }

    #[test]
    fn a_torn_or_flipped_frame_ends_the_segment_before_it() {
        let (written, bytes) = two();
        let first = frame(&written[0]).len();
        for cut in 0..bytes.len() {
            let whole = entries(&bytes[..cut]).count();
            assert_eq!(whole, usize::from(cut >= first), "cut at {cut}");
        }
        for at in 0..bytes.len() {
            let mut flipped = bytes.clone();
            flipped[at] ^= 0x10;
            let whole = entries(&flipped).count();
            assert_eq!(whole, usize::from(at >= first), "flipped at {at}");
        }
    }
}
