//! Lines on a disk that fails and loses what was not synced.

use super::*;
use crate::fuzzing::disk::{Crash, ModelDisk};

const PATH: &str = "/out/events.manifest";

fn load(disk: &ModelDisk) -> Manifest {
    Manifest::load(Arc::new(disk.clone()), PATH.into(), 0o640, None).unwrap()
}

/// A line about a closed file with this number.
fn closed(sequence: u64) -> Act {
    Act::Closed(ClosedFile {
        name: format!("events-{sequence}"),
        open: "events".into(),
        sequence,
        sources: Vec::new(),
        first: None,
        last: None,
        events: Some(1),
        bytes: 5,
        sha256: String::new(),
        mixed: false,
    })
}

fn numbers(disk: &ModelDisk) -> Vec<u64> {
    load(disk).files.present.into_keys().collect()
}

#[test]
fn a_line_that_a_start_has_read_outlasts_a_power_loss() {
    let mut lines_left_by_kills = 0;
    for crash in 1.. {
        let disk = ModelDisk::default();
        load(&disk).append(closed(1), 0).unwrap();
        disk.crash_at(crash);
        let appended = load(&disk).append(closed(2), 0);
        if !disk.has_crashed() {
            break;
        }
        disk.come_up(Crash::Kill);
        let mut next = load(&disk);
        next.make_durable().unwrap();
        let known: Vec<u64> = next.files.present.into_keys().collect();
        lines_left_by_kills += usize::from(appended.is_err() && known.len() == 2);
        disk.come_up(Crash::Power);
        assert_eq!(numbers(&disk), known, "killed at {crash}");
    }
    assert!(lines_left_by_kills > 0);
}

#[test]
fn a_line_whose_sync_failed_is_written_anew_and_no_other_program_loses_its_own() {
    let disk = ModelDisk::default();
    load(&disk).append(closed(1), 0).unwrap();
    disk.appended_by_another(Path::new(PATH), b"a remark\n");
    let before = disk.content(Path::new(PATH));
    let mut manifest = load(&disk);
    disk.fail_syncs(1);
    manifest.append(closed(2), 0).unwrap_err();
    assert_eq!(disk.content(Path::new(PATH)), before);
    assert_eq!(manifest.files.sequence, 1);
    manifest.append(closed(2), 0).unwrap();
    disk.come_up(Crash::Power);
    assert!(disk.content(Path::new(PATH)).starts_with(&before));
    assert_eq!(numbers(&disk), [1, 2]);
}

#[test]
fn a_line_whose_file_has_no_durable_name_yet_is_not_written_twice() {
    let disk = ModelDisk::default();
    let mut manifest = load(&disk);
    disk.fail_name_sync();
    manifest.append(closed(1), 0).unwrap_err();
    assert_eq!(disk.content(Path::new(PATH)), b"");
    manifest.append(closed(1), 9).unwrap();
    disk.come_up(Crash::Power);
    assert_eq!(numbers(&disk), [1]);
}
