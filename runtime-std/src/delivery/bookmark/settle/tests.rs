//! What a start does to files that may be of others.

use smallvec::smallvec;

use super::*;
use crate::delivery::bookmark::entry::{BatchEntry, WrittenBatch};
use crate::fuzzing::disk::ModelDisk;

const OURS: &str = "/out/a";
const FOREIGN: &str = "/out/foreign";

/// A file of ours that is gone, and a foreign one with its number and this content.
fn gone(content: &[u8]) -> (ModelDisk, FileMark) {
    let disk = ModelDisk::default();
    disk.written_by_another(Path::new(OURS), b"");
    let found = disk.identity(Path::new(OURS)).unwrap().unwrap();
    let mark = FileMark {
        path: Path::new(OURS).into(),
        device: found.device,
        inode: found.inode,
        end: 0,
        proof: NO_PROOF,
    };
    disk.removed_by_another(Path::new(OURS));
    disk.written_by_another(Path::new(FOREIGN), content);
    assert_eq!(disk.number(Path::new(FOREIGN)), Some(mark.inode));
    (disk, mark)
}

/// A journal with this mark, and a batch of which this range is recorded.
fn recovered(mark: FileMark, range: FileRange) -> Recovered {
    let mut pending = PendingBatch::new(BatchEntry {
        n: 1,
        source: "fmc".into(),
        server: 0,
        point: None,
        records: vec![(9, Digest::new(1))],
    });
    pending.set_written(WrittenBatch {
        n: 1,
        output: "out".into(),
        files: smallvec![range],
        tallies: Vec::new(),
    });
    Recovered {
        bookmark: Bookmark {
            files: BTreeMap::from([(mark.path.clone(), mark)]),
            ..Bookmark::default()
        },
        outputs: vec!["out".into()],
        pending: vec![pending],
        boot: "1".into(),
        generation: 1,
        segment: 0,
        is_closed: false,
        garbled_at: None,
        version: 1,
    }
}

#[test]
fn a_foreign_file_with_the_number_of_one_of_version_1_stays_and_it_is_told() {
    let key = DigestKey::new([3; 32]);
    for (end, same_boot) in [(0, true), (0, false), (5, true), (5, false)] {
        let (disk, mark) = gone(b"somebody else's\n");
        let mark = FileMark { end, ..mark };
        let range = FileRange {
            path: mark.path.clone(),
            start: end,
            end: end + 4,
            proof: NO_PROOF,
        };
        let mut recovered = recovered(mark, range);
        // Of an event that went to another file nothing comes again.
        recovered.pending.push(PendingBatch::new(BatchEntry {
            n: 2,
            ..recovered.pending[0].batch.clone()
        }));
        let mut notices = Vec::new();
        let mut tell = |notice| notices.push(notice);
        settle(&disk, &key, &mut recovered, same_boot, &mut tell).unwrap();
        assert_eq!(disk.content(Path::new(FOREIGN)), b"somebody else's\n");
        let again = FileNotice::ComesAgain(OURS.into(), 1);
        assert!(notices.contains(&again), "{end} {same_boot}: {notices:?}");
    }
}

#[test]
fn a_line_that_another_program_appends_during_a_start_stays() {
    let (key, ours) = (DigestKey::new([3; 32]), Path::new(OURS));
    let line = b"somebody else's\n";
    let mut appended_in_between = 0;
    for at in 1.. {
        let disk = ModelDisk::default();
        disk.written_by_another(ours, b"event\nev");
        let found = disk.identity(ours).unwrap().unwrap();
        let mark = FileMark {
            path: ours.into(),
            device: found.device,
            inode: found.inode,
            end: 6,
            proof: key.of_file(b"event\n"),
        };
        // The second event was to be written, and only the beginning is there.
        let range = FileRange {
            path: ours.into(),
            start: 6,
            end: 12,
            proof: key.of_file(b"event\nevent\n"),
        };
        let mut recovered = recovered(mark, range);
        let mut notices = Vec::new();
        disk.append_by_another_at(at, ours, line);
        let mut tell = |notice| notices.push(notice);
        settle(&disk, &key, &mut recovered, false, &mut tell).unwrap();
        let left = disk.content(ours);
        let paths = disk.paths(Path::new("/out"));
        let asides = paths.iter().filter(|path| *path != ours).count();
        let told_aside = |notice: &FileNotice| matches!(notice, FileNotice::SetAside(..));
        assert_eq!(asides, notices.iter().filter(|it| told_aside(it)).count());
        if left == b"event\n" {
            // Between the last look at the length and the cut: no system call does both.
            assert_eq!(asides, 1, "at {at}");
            break;
        }
        assert!(left.ends_with(line), "at {at}: {left:?}");
        let is_told = notices.contains(&FileNotice::Unexplained(OURS.into()));
        assert_eq!(
            is_told,
            left.starts_with(b"event\nev"),
            "at {at}: {notices:?}"
        );
        appended_in_between += usize::from(is_told);
    }
    assert!(appended_in_between > 0);
}
