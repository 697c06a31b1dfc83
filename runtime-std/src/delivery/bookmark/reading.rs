//! Reads the two segments of a journal.

use super::entry::{Ending, Entries, JournalEntry, VERSION, WrittenBatch};
use super::pending::PendingBatch;
use super::recovery::{Bookmark, Damage, Recovered};
use super::version_1;
use crate::digest::{Digest, DigestKey};

/// Reads the two segments; `None` if there is none.
///
/// # Errors
/// [`Damage`]. A truncated last frame is not damage.
#[cfg(any(test, feature = "fuzzing"))]
pub fn read(segments: [Option<&[u8]>; 2], key: &DigestKey) -> Result<Option<Recovered>, Damage> {
    let mut found = Vec::new();
    for (segment, bytes) in segments.iter().enumerate() {
        if let Some(bytes) = bytes {
            found.push(SegmentRead::read(segment, bytes)?);
        }
    }
    newest(found, key)
}

/// Returns the content of the newest segment.
///
/// # Errors
/// [`Damage`].
pub(super) fn newest(
    mut found: Vec<SegmentRead>,
    key: &DigestKey,
) -> Result<Option<Recovered>, Damage> {
    found.sort_by_key(|read| read.recovered.generation);
    let Some(newest) = found.pop() else {
        return Ok(None);
    };
    let segment = newest.recovered.segment;
    if newest.key.is_some_and(|of| of != key.fingerprint()) {
        return Err(Damage::OtherKey);
    }
    if let Ending::Broken(at) = newest.ending {
        return Err(Damage::Broken { segment, at });
    }
    if newest.is_rotated {
        return Err(Damage::NewestMissing {
            segment: 1 - segment,
        });
    }
    Ok(Some(newest.recovered))
}

/// The content of one segment.
pub(super) struct SegmentRead {
    recovered: Recovered,
    key: Option<Digest>,
    ending: Ending,
    is_rotated: bool,
}

impl SegmentRead {
    pub(super) fn read(segment: usize, bytes: &[u8]) -> Result<Self, Damage> {
        let mut entries = Entries::of(bytes);
        let Some(JournalEntry::Snapshot(snapshot)) = entries.next() else {
            return match version_1::read(bytes) {
                Some(recovered) => Ok(Self {
                    recovered: Recovered {
                        segment,
                        ..recovered
                    },
                    key: None,
                    ending: Ending::Whole,
                    is_rotated: false,
                }),
                None => Err(Damage::NoSnapshot { segment }),
            };
        };
        if snapshot.version != VERSION {
            return Err(Damage::Version {
                segment,
                found: snapshot.version,
            });
        }
        let (boot, generation) = (snapshot.boot.clone(), snapshot.generation);
        let key = Some(snapshot.key);
        let (bookmark, outputs) = Bookmark::from_snapshot(snapshot);
        let mut recovered = Recovered {
            bookmark,
            outputs,
            pending: Vec::new(),
            boot,
            generation,
            segment,
            is_closed: false,
            garbled_at: None,
            version: VERSION,
        };
        let mut is_rotated = false;
        for entry in entries.by_ref() {
            match entry {
                JournalEntry::Batch(batch) => recovered.pending.push(PendingBatch::new(batch)),
                JournalEntry::Written(written) => recovered.add_written(written),
                JournalEntry::Tallied(written, tallies) => {
                    recovered.add_written(WrittenBatch { tallies, ..written });
                }
                JournalEntry::Tally(tally) => recovered.bookmark.tally(&tally),
                JournalEntry::LetGo(path) => recovered.bookmark.let_go(&path),
                JournalEntry::Commit(n) => recovered.commit(n),
                JournalEntry::Opened(mark) => recovered.bookmark.opened(mark),
                JournalEntry::Anchor(anchor) => recovered.bookmark.anchor(anchor),
                JournalEntry::Rotated(_) => is_rotated = true,
                JournalEntry::Closed => recovered.is_closed = true,
                // A second snapshot does not belong to the segment.
                JournalEntry::Snapshot(_) => break,
            }
        }
        // Entries after a second snapshot are ignored, but must be complete.
        entries.by_ref().for_each(drop);
        let ending = entries.ending();
        if let Ending::Garbled(at) = ending {
            recovered.garbled_at = Some(at);
        }
        Ok(Self {
            recovered,
            key,
            ending,
            is_rotated,
        })
    }
}
