//! A journal on a disk in memory.

use smallvec::smallvec;

use super::*;
use crate::delivery::bookmark::entry::BatchEntry;
use crate::delivery::dedup::high_water_mark::ResumePoint;
use crate::digest::Digest;
use crate::disk::RealDisk;
use crate::fuzzing::disk::{Crash, ModelDisk};

const STATE: &str = "/state";

fn key() -> DigestKey {
    DigestKey::new([3; 32])
}

fn start(disk: &ModelDisk, bookmark: Bookmark, recovered: Option<&Recovered>) -> Journal {
    let disk = Arc::new(disk.clone());
    let (place, outputs) = (Path::new(STATE), vec!["out".to_owned()]);
    Journal::start(disk, place, ("boot", &key()), outputs, bookmark, recovered).unwrap()
}

fn found(disk: &ModelDisk) -> Recovered {
    read(disk, Path::new(STATE), &key()).unwrap().unwrap()
}

fn batch(n: u64) -> JournalEntry {
    JournalEntry::Batch(BatchEntry {
        n,
        source: "fmc".into(),
        server: 0,
        point: Some(ResumePoint::new(9, 9, 0, 0)),
        records: vec![(9, Digest::new(n.into()))],
    })
}

fn written(n: u64) -> WrittenBatch {
    WrittenBatch {
        n,
        output: "out".into(),
        files: smallvec![],
        tallies: Vec::new(),
    }
}

fn deliver(journal: &mut Journal, n: u64) {
    journal.append(batch(n)).unwrap();
    journal.append(JournalEntry::Written(written(n))).unwrap();
    journal.commit(n).unwrap().sync().unwrap();
    journal.committed(n);
    journal.rotate_if_full().unwrap();
}

#[test]
fn a_start_knows_whether_the_last_run_ended_in_order() {
    let disk = ModelDisk::default();
    let mut journal = start(&disk, Bookmark::default(), None);
    journal.append(batch(1)).unwrap();
    journal.close().unwrap();
    assert!(!found(&disk).is_closed, "a batch waits");
    journal.append(JournalEntry::Written(written(1))).unwrap();
    journal.commit(1).unwrap().sync().unwrap();
    journal.committed(1);
    assert!(!found(&disk).is_closed, "it may have been killed");
    journal.close().unwrap();
    assert!(found(&disk).is_closed);
}

#[test]
fn a_journal_stays_small_and_its_files_take_turns() {
    let disk = ModelDisk::default();
    let mut journal = start(&disk, Bookmark::default(), None);
    journal.set_limit(5_000);
    let before = found(&disk).generation;
    let mut largest = 0;
    for n in 1..=500 {
        deliver(&mut journal, n);
        let segments = [0, 1].map(|segment| path(Path::new(STATE), segment));
        let lengths = segments.map(|path| disk.content(&path).len());
        largest = lengths.into_iter().fold(largest, usize::max);
    }
    let found = found(&disk);
    assert!((5_000..40_000).contains(&largest), "{largest}");
    assert!(
        (2..20).contains(&(found.generation - before)),
        "a few turns"
    );
    assert_eq!(found.bookmark.n, 500);
}

#[test]
fn a_segment_that_just_fits_stays_in_use() {
    let disk = ModelDisk::default();
    let mut journal = start(&disk, Bookmark::default(), None);
    deliver(&mut journal, 1);
    let before = found(&disk).generation;
    for (limit, turns) in [(journal.segment.length, 0), (journal.segment.length - 1, 1)] {
        journal.set_limit(limit);
        journal.rotate_if_full().unwrap();
        assert_eq!(found(&disk).generation - before, turns, "{limit}");
    }
}

#[test]
fn a_large_bookmark_is_not_written_again_with_each_commit() {
    let disk = ModelDisk::default();
    // More than the usual limit of a segment.
    let files = (0..SEGMENT / 4096).map(|number| {
        let path: Arc<Path> = Path::new(&format!("/{}{number}", "x".repeat(5_000))).into();
        let mark = crate::disk::FileMark {
            path: path.clone(),
            device: 1,
            inode: number,
            end: 0,
            proof: Digest::new(0),
        };
        (path, mark)
    });
    let bookmark = Bookmark {
        files: files.collect(),
        ..Bookmark::default()
    };
    let mut journal = start(&disk, bookmark, None);
    let before = found(&disk).generation;
    deliver(&mut journal, 1);
    deliver(&mut journal, 2);
    assert_eq!(found(&disk).generation, before);
    let recovered = found(&disk);
    let mut journal = start(&disk, recovered.bookmark.clone(), Some(&recovered));
    deliver(&mut journal, 3);
    assert_eq!(found(&disk).generation, before + 1, "the start's own");
}

#[test]
fn half_an_entry_on_a_full_disk_is_cut_off_before_the_next() {
    let disk = ModelDisk::default();
    let mut journal = start(&disk, Bookmark::default(), None);
    deliver(&mut journal, 1);
    disk.set_state_full(true);
    let (entry, _) = *journal.append(batch(2)).unwrap_err();
    disk.set_state_full(false);
    journal.append(entry).unwrap();
    journal.append(JournalEntry::Written(written(2))).unwrap();
    journal.commit(2).unwrap();
    journal.committed(2);
    let found = found(&disk);
    assert_eq!((found.bookmark.n, found.garbled_at), (2, None));
}

#[test]
fn what_files_hold_goes_over_to_the_next_segment() {
    let disk = ModelDisk::default();
    let mut journal = start(&disk, Bookmark::default(), None);
    let tally = FileTally::empty(Path::new("/out").into(), 7);
    journal.append(batch(1)).unwrap();
    let tallied = JournalEntry::Tallied(written(1), vec![tally.clone()]);
    journal.append(tallied).unwrap();
    let before = found(&disk);
    let tallies = &before.pending[0].written[0].tallies;
    assert_eq!(tallies, std::slice::from_ref(&tally));
    journal.set_limit(0);
    journal.rotate_if_full().unwrap();
    let after = found(&disk);
    assert_ne!(after.segment, before.segment);
    assert_eq!(after.pending, before.pending);
    journal.commit(1).unwrap();
    journal.committed(1);
    let of_out = found(&disk).bookmark.tallies.into_values();
    assert_eq!(of_out.collect::<Vec<_>>(), [tally]);
}

#[test]
fn the_loss_of_the_new_segment_is_noticed_although_the_old_one_had_a_torn_end() {
    let disk = ModelDisk::default();
    let mut journal = start(&disk, Bookmark::default(), None);
    disk.set_state_full(true);
    assert!(journal.append(batch(1)).is_err());
    disk.set_state_full(false);
    disk.come_up(Crash::Kill);
    let recovered = found(&disk);
    start(&disk, recovered.bookmark.clone(), Some(&recovered));
    let newest = found(&disk);
    assert_eq!(newest.generation, recovered.generation + 1);
    assert_eq!(newest.segment, 1 - recovered.segment);
    disk.removed_by_another(&path(Path::new(STATE), newest.segment));
    let missing = read(&disk, Path::new(STATE), &key()).unwrap_err();
    let segment = newest.segment;
    assert!(
        matches!(missing, JournalError::Damaged(_, Damage::NewestMissing { segment: it }) if it == segment),
        "{missing:?}"
    );
}

#[test]
fn a_file_larger_than_any_journal_is_refused_unread() {
    let directory = tempfile::tempdir().unwrap();
    let file = std::fs::File::create(path(directory.path(), 1)).unwrap();
    let read = |length| {
        file.set_len(length).unwrap();
        read(&RealDisk, directory.path(), &key()).unwrap_err()
    };
    let refused = read(MAX_BYTES + 1);
    let damage = Damage::TooLarge {
        segment: 1,
        bytes: MAX_BYTES + 1,
    };
    assert!(
        matches!(refused, JournalError::Damaged(_, of) if of == damage),
        "{refused:?}"
    );
}

#[test]
fn a_segment_of_version_1_keeps_its_place() {
    let bytes = include_bytes!("../../../../../tests/data/version-1/journal.0");
    let disk = ModelDisk::default();
    disk.written_by_another(&path(Path::new(STATE), 1), bytes);
    let recovered = found(&disk);
    assert_eq!((recovered.version, recovered.segment), (1, 1));
    // The new segment goes beside it; it is overwritten only then.
    start(&disk, recovered.bookmark.clone(), Some(&recovered));
    let both = [0, 1].map(|segment| disk.content(&path(Path::new(STATE), segment)));
    assert!(both.iter().all(|content| content.as_slice() != bytes));
    assert_eq!(found(&disk).generation, recovered.generation + 2);
}
