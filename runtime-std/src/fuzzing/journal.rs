//! Reads journals made of any bytes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use estreamer_core::fuzzing::Choices;

use super::collector::key;
use super::disk::ModelDisk;
use crate::delivery::bookmark::entry::{
    self, Anchor, BatchEntry, Ending, JournalEntry, Snapshot, SourceSnapshot, VERSION,
    WrittenBatch, frame,
};
use crate::delivery::bookmark::reading;
use crate::delivery::bookmark::recovery::Damage;
use crate::delivery::bookmark::settle::settle;
use crate::delivery::dedup::high_water_mark::ResumePoint;
use crate::digest::Digest;
use crate::disk::{FileMark, FileRange};

/// Reads a segment of any bytes, then one of valid frames with any content, then one of
/// entries that is truncated or has a flipped bit.
///
/// The first byte selects the number of bytes for the frames; the next two select where
/// to truncate and where to flip.
pub fn journal(data: &[u8]) {
    read(data);
    let mut choices = Choices::new(data);
    let (count, cut, flip) = (choices.size(), choices.byte(), choices.byte());
    let mut payloads = Choices::new(choices.bytes(count));
    let mut segment = Vec::new();
    while !payloads.is_empty() {
        let length = payloads.size();
        segment.extend(framed(payloads.bytes(length)));
    }
    read(&segment);
    let written = made(&mut choices);
    let frames: Vec<Vec<u8>> = written.iter().map(frame).collect();
    let segment = frames.concat();
    assert_eq!(entry::read(&segment), (written.clone(), Ending::Whole));
    read(&segment);
    torn(&written, &frames, usize::from(cut), usize::from(flip));
    let other: Vec<u8> = made(&mut choices).iter().flat_map(frame).collect();
    newest(&segment, &other);
}

/// Checks that of two segments the one with the greater generation counts, in either place.
fn newest(one: &[u8], other: &[u8]) {
    for segments in [[one, other], [other, one]] {
        let [first, second] = segments.map(|segment| match entry::read(segment).0.first() {
            Some(JournalEntry::Snapshot(snapshot)) => snapshot.generation,
            _ => 0,
        });
        let mut alone = segments.map(Some);
        alone[usize::from(first <= second) ^ 1] = None;
        let both = reading::read(segments.map(Some), &key());
        let alone = reading::read(alone, &key());
        assert_eq!(format!("{both:?}"), format!("{alone:?}"));
    }
}

/// Checks that a segment is read up to its first invalid frame, and that the entries
/// make the same journal again.
fn read(segment: &[u8]) {
    let (found, ending) = entry::read(segment);
    let again: Vec<u8> = found.iter().flat_map(frame).collect();
    assert_eq!(entry::read(&again), (found.clone(), Ending::Whole));
    let recovered = reading::read([None, Some(segment)], &key());
    let snapshot = match found.first() {
        Some(JournalEntry::Snapshot(snapshot)) => snapshot,
        _ => {
            if let Ok(Some(recovered)) = recovered {
                assert_eq!(recovered.version, 1, "without a snapshot of this version");
            }
            return;
        }
    };
    let is_rotated = found
        .iter()
        .skip(1)
        .take_while(|entry| !matches!(entry, JournalEntry::Snapshot(_)))
        .any(|entry| matches!(entry, JournalEntry::Rotated(_)));
    let expected = match ending {
        _ if snapshot.version != VERSION => Some(Damage::Version {
            segment: 1,
            found: snapshot.version,
        }),
        _ if snapshot.key != key().fingerprint() => Some(Damage::OtherKey),
        Ending::Broken(at) => Some(Damage::Broken { segment: 1, at }),
        _ if is_rotated => Some(Damage::NewestMissing { segment: 0 }),
        _ => None,
    };
    let mut recovered = match (recovered, expected) {
        (Err(damage), Some(expected)) => return assert_eq!(damage, expected),
        (Ok(Some(recovered)), None) => recovered,
        other => panic!("{other:?}"),
    };
    assert_eq!(recovered.generation, snapshot.generation);
    let committed = found.iter().filter_map(|entry| match entry {
        JournalEntry::Commit(n) => Some(*n),
        _ => None,
    });
    let most = committed.fold(snapshot.n, u64::max);
    assert!(
        recovered.bookmark.n <= most,
        "never ahead of the last commit"
    );
    let disk = ModelDisk::default();
    for same_boot in [true, false] {
        // None of its files exists.
        let settled = settle(&disk, &key(), &mut recovered, same_boot, &mut drop);
        assert!(settled.is_ok());
    }
}

/// Checks that a truncated segment ends torn, and that one with a flipped bit ends broken if a
/// frame behind it was written after that one was durable.
fn torn(written: &[JournalEntry], frames: &[Vec<u8>], cut: usize, flip: usize) {
    let segment = frames.concat();
    if segment.is_empty() {
        return;
    }
    let whole = |at: usize| {
        let ends = frames.iter().scan(0, |end, frame| {
            *end += frame.len();
            Some(*end)
        });
        ends.take_while(|&end| end <= at).count()
    };
    let cut = cut * segment.len() / 256;
    let (found, ending) = entry::read(&segment[..cut]);
    assert_eq!(found, written[..whole(cut)], "cut at {cut}");
    assert!(!matches!(ending, Ending::Broken(_)), "cut at {cut}");
    let at = flip * segment.len() / 256;
    let mut flipped = segment;
    flipped[at] ^= 1 << (flip % 8);
    let (found, ending) = entry::read(&flipped);
    assert_eq!(found, written[..whole(at)], "flipped at {at}");
    let behind = &written[whole(at) + 1..];
    let count = |of: fn(&JournalEntry) -> bool| behind.iter().filter(|entry| of(entry)).count();
    let commits = count(|entry| matches!(entry, JournalEntry::Commit(_)));
    let rotations = count(|entry| matches!(entry, JournalEntry::Rotated(_)));
    let batches = count(|entry| matches!(entry, JournalEntry::Batch(_) | JournalEntry::Written(_)));
    let others = behind.len() - batches - commits - rotations;
    let was_durable = commits > 1 || others > 1 || rotations > 0;
    assert_eq!(
        matches!(ending, Ending::Broken(_)),
        was_durable,
        "flipped at {at}"
    );
}

/// Returns entries as a collector writes them, but in any order.
fn made(choices: &mut Choices<'_>) -> Vec<JournalEntry> {
    let mut entries = vec![JournalEntry::Snapshot(Snapshot {
        version: VERSION,
        generation: u64::from(choices.word()),
        key: key().fingerprint(),
        boot: "1".into(),
        n: u64::from(choices.below(4)),
        outputs: vec!["out".into()],
        sources: BTreeMap::from([(
            "a".into(),
            SourceSnapshot {
                point: ResumePoint::new(12, 5, 0, 0),
                version_1_until: 0,
                server: 1,
                mixed_until: 0,
                seconds: BTreeMap::from([(
                    9,
                    smallvec::smallvec![Digest::new(1), Digest::new(u128::MAX)],
                )]),
            },
        )]),
        files: vec![mark(0)],
    })];
    while !choices.is_empty() && entries.len() < 20 {
        let n = u64::from(choices.below(16));
        let word = u32::from(choices.word());
        entries.push(match choices.below(8) {
            0 | 1 => JournalEntry::Batch(BatchEntry {
                n,
                source: ["a", "b"][usize::from(choices.below(2))].into(),
                server: n % 3,
                point: (n > 2).then_some(ResumePoint::new(word, 5, 0, 0)),
                records: (0..choices.below(5))
                    .map(|_| (choices.word().into(), Digest::new(choices.word().into())))
                    .collect(),
            }),
            2 | 3 => JournalEntry::Written(WrittenBatch {
                n,
                output: "out".into(),
                files: (0..choices.below(3))
                    .map(|_| range(choices.word().into()))
                    .collect(),
                tallies: Vec::new(),
            }),
            4 => JournalEntry::Opened(mark(word.into())),
            5 => JournalEntry::Anchor(Anchor {
                source: "a".into(),
                second: word,
            }),
            6 if word.is_multiple_of(8) => JournalEntry::Rotated(n),
            6 => JournalEntry::Closed,
            _ => JournalEntry::Commit(n),
        });
    }
    entries
}

fn path(number: u64) -> Arc<Path> {
    PathBuf::from(format!("/out/{}", number % 3)).into()
}

fn mark(end: u64) -> FileMark {
    FileMark {
        path: path(end),
        device: 1,
        inode: end % 5,
        end,
        proof: Digest::new(end.into()),
    }
}

fn range(end: u64) -> FileRange {
    FileRange {
        path: path(end),
        start: end / 2,
        end,
        proof: Digest::new(end.into()),
    }
}

/// Returns a valid frame with any content.
fn framed(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_le_bytes();
    let crc = crc32fast::hash(&[&length, payload].concat()).to_le_bytes();
    [b"\xe5fr\x02", &length, &crc, payload].concat()
}
