//! Which closed files are removed, and which are not.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::super::settings::{ArchiveRules, FileSettings, Retention};
use super::super::tally::{FileTally, sha256};
use super::*;
use crate::disk::Disk;
use crate::fuzzing::disk::ModelDisk;

const NOW: u64 = 1_769_860_800;

/// Closed files of five bytes each, so many days old, and their rules.
fn closed(disk: &ModelDisk, keep: Retention, days: &[u64]) -> (Series, Vec<PathBuf>) {
    let base = Path::new("/out/events");
    let settings = FileSettings {
        archive: ArchiveRules {
            manifest: true,
            keep,
            ..ArchiveRules::default()
        },
        ..FileSettings::default()
    };
    let shared: Arc<dyn Disk> = Arc::new(disk.clone());
    let series = Series::load(&shared, base, &settings).unwrap();
    let close = |days: &u64| {
        disk.set_now(NOW - days * DAY);
        let tally = FileTally {
            end: 5,
            ..FileTally::empty(base.into(), 0)
        };
        let path = series.record(base, &tally, sha256()).unwrap();
        disk.written_by_another(&path, b"line\n");
        path
    };
    let paths = days.iter().map(close).collect();
    disk.set_now(NOW);
    (series, paths)
}

#[test]
fn the_oldest_are_removed_until_the_others_are_within_the_limits() {
    let files = Retention {
        files: Some(2),
        ..Retention::default()
    };
    let total = Retention {
        total: Some(10),
        ..Retention::default()
    };
    let days = Retention {
        days: Some(3),
        ..Retention::default()
    };
    let all = Retention {
        files: Some(3),
        total: Some(19),
        days: Some(9),
    };
    for (keep, left) in [
        (files, 2),
        (total, 2),
        (
            Retention {
                total: Some(20),
                ..total
            },
            4,
        ),
        (
            Retention {
                total: Some(4),
                ..total
            },
            0,
        ),
        (days, 3),
        (
            Retention {
                days: Some(2),
                ..days
            },
            2,
        ),
        (all, 3),
    ] {
        let disk = ModelDisk::default();
        let (series, paths) = closed(&disk, keep, &[4, 3, 2, 0]);
        // Whether there is anything to do is known without a look at the files.
        assert_eq!(series.is_within(&keep), left == 4, "{keep:?}");
        let mut notices = Vec::new();
        super::keep(&series, &series.entries(), &mut notices).unwrap();
        assert!(notices.is_empty(), "{notices:?}");
        assert!(series.is_within(&keep), "{keep:?}");
        let found: Vec<bool> = paths
            .iter()
            .map(|path| disk.number(path).is_some())
            .collect();
        let expected: Vec<bool> = (0..4).map(|place| place >= 4 - left).collect();
        assert_eq!(found, expected, "{keep:?}");
        assert_eq!(series.entries().len(), left);
    }
}

#[test]
fn a_file_that_another_program_changed_stays_and_no_longer_counts() {
    let disk = ModelDisk::default();
    let keep = Retention {
        files: Some(1),
        ..Retention::default()
    };
    let (series, paths) = closed(&disk, keep, &[4, 3, 2]);
    disk.appended_by_another(&paths[0], b"somebody else's\n");
    let mut notices = Vec::new();
    super::keep(&series, &series.entries(), &mut notices).unwrap();
    assert_eq!(notices, [FileNotice::NotRemoved(paths[0].clone())]);
    let found: Vec<bool> = paths
        .iter()
        .map(|path| disk.number(path).is_some())
        .collect();
    assert_eq!(found, [true, false, true]);
}
