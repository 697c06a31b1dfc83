//! A journal of any bytes.

use std::collections::BTreeMap;
use std::path::PathBuf;

use estreamer_core::fuzzing::Choices;

use crate::delivery::bookmark::entry::{
    Batch, Entry, Snapshot, Source, VERSION, Written, entries, frame,
};
use crate::delivery::bookmark::recovery::{Recovered, Unreadable};
use crate::digest::Digest;
use crate::disk::FileMark;

/// Reads a segment of any bytes; then one whose frames are whole but hold
/// anything; then one of entries, cut and flipped.
///
/// The first byte tells how much of the rest is for the frames; the next two,
/// where to cut and flip.
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
    assert_eq!(entries(&segment).collect::<Vec<_>>(), written);
    read(&segment);
    torn(&written, &frames, usize::from(cut), usize::from(flip));
}

/// It is read as far as it goes, and what was read makes the same journal again.
fn read(segment: &[u8]) {
    let found: Vec<Entry> = entries(segment).collect();
    assert!(
        found.len() <= segment.len() / 8,
        "a frame is at least its head"
    );
    let again: Vec<u8> = found.iter().flat_map(frame).collect();
    assert_eq!(entries(&again).collect::<Vec<_>>(), found);
    let snapshot = match found.first() {
        Some(Entry::Snapshot(snapshot)) if snapshot.version == VERSION => snapshot,
        _ => {
            let expected = match segment.is_empty() {
                true => Ok(None),
                false => Err(Unreadable),
            };
            assert_eq!(Recovered::read([Some(segment), None]), expected);
            return;
        }
    };
    let recovered = Recovered::read([None, Some(segment)]);
    let mut recovered = recovered.expect("there is a snapshot").expect("a segment");
    assert_eq!(recovered.generation, snapshot.generation);
    let committed = found.iter().filter_map(|entry| match entry {
        Entry::Commit(n) => Some(*n),
        _ => None,
    });
    let most = committed.fold(snapshot.n, u64::max);
    assert!(
        recovered.bookmark.n <= most,
        "never ahead of the last commit"
    );
    recovered.adopt(&[], |_| None);
}

/// A segment cut short, or with a bit changed, is read up to there.
fn torn(written: &[Entry], frames: &[Vec<u8>], cut: usize, flip: usize) {
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
    let found: Vec<Entry> = entries(&segment[..cut]).collect();
    assert_eq!(found, written[..whole(cut)], "cut at {cut}");
    let at = flip * segment.len() / 256;
    let mut flipped = segment;
    flipped[at] ^= 1 << (flip % 8);
    let found: Vec<Entry> = entries(&flipped).collect();
    assert_eq!(found, written[..whole(at)], "flipped at {at}");
}

/// Entries as a collector writes them, but in any order.
fn made(choices: &mut Choices<'_>) -> Vec<Entry> {
    let mut entries = vec![Entry::Snapshot(Snapshot {
        version: VERSION,
        generation: u64::from(choices.word()),
        boot: "1".into(),
        n: u64::from(choices.below(4)),
        sources: BTreeMap::from([(
            "a".into(),
            Source {
                high: 12,
                resume_from: 7,
                seconds: BTreeMap::from([(9, vec![Digest::new(1), Digest::new(u128::MAX)])]),
            },
        )]),
        outputs: BTreeMap::from([("out".into(), vec![mark(0)])]),
    })];
    while !choices.is_empty() && entries.len() < 20 {
        let n = u64::from(choices.below(16));
        entries.push(match choices.below(3) {
            0 => Entry::Batch(Batch {
                n,
                source: ["a", "b"][usize::from(choices.below(2))].into(),
                marks: (n > 2).then_some((choices.word().into(), choices.word().into())),
                records: (0..choices.below(5))
                    .map(|_| (choices.word().into(), Digest::new(choices.word().into())))
                    .collect(),
            }),
            1 => Entry::Written(Written {
                n,
                output: "out".into(),
                files: (0..choices.below(3))
                    .map(|_| mark(choices.word().into()))
                    .collect(),
            }),
            _ => Entry::Commit(n),
        });
    }
    entries
}

fn mark(end: u64) -> FileMark {
    FileMark {
        path: PathBuf::from(format!("/out/{}", end % 3)).into(),
        device: 1,
        inode: end % 5,
        end,
    }
}

/// A whole frame, whatever is in it.
fn framed(payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u32).to_le_bytes();
    let crc = crc32fast::hash(payload).to_le_bytes();
    [&length, &crc, payload].concat()
}
