//! When files are due, by the clock.

use super::super::notice::FileNotice;
use super::super::settings::{ArchiveRules, FileSettings};
use super::*;
use crate::digest::DigestKey;
use crate::fuzzing::disk::ModelDisk;
use crate::output::Output;
use crate::output::event_queue::tests::part;

const HOUR: u32 = 3600;

fn output(disk: &ModelDisk, rotate: Option<Rotation>, period: Option<u32>) -> FileOutput {
    let settings = FileSettings {
        is_lazy: true,
        archive: ArchiveRules {
            rotate,
            ..ArchiveRules::default()
        },
        period,
        ..FileSettings::default()
    };
    FileOutput::new(Arc::new(disk.clone()), DigestKey::new([3; 32]), settings)
}

/// Writes an event of the eleventh hour.
fn write(output: &mut FileOutput) {
    let mut part = part(&["event"]);
    (part.path, part.period) = (Path::new("/out/events").into(), 10);
    output.check_files(std::slice::from_ref(&part)).unwrap();
    output.set_marked();
    output.write(1, &[part]).unwrap();
}

fn is_due(output: &mut FileOutput) -> bool {
    !output.due(&[]).unwrap().is_empty()
}

fn next(output: &FileOutput) -> Option<u64> {
    output.poll_interval().map(|next| next.as_secs())
}

#[test]
fn the_file_of_an_hour_is_due_a_minute_after_its_end_and_after_a_late_event() {
    let disk = ModelDisk::default();
    let mut output = output(&disk, None, Some(HOUR));
    let end = 11 * u64::from(HOUR);
    disk.set_now(end - 600);
    assert_eq!(next(&output), None);
    write(&mut output);
    for (now, due) in [(end - 600, 660), (end + 59, 1)] {
        disk.set_now(now);
        assert_eq!((next(&output), is_due(&mut output)), (Some(due), false));
    }
    disk.set_now(end + 60);
    assert!(is_due(&mut output));
    disk.set_now(end + 100);
    write(&mut output);
    disk.set_now(end + 159);
    assert_eq!((next(&output), is_due(&mut output)), (Some(1), false));
    disk.set_now(end + 160);
    assert!(is_due(&mut output));
}

#[test]
fn a_file_is_due_at_full_multiples_of_a_time_and_when_the_clock_was_set_back() {
    let disk = ModelDisk::default();
    let rule = Rotation {
        size: None,
        every: Some(u64::from(HOUR)),
    };
    let mut output = output(&disk, Some(rule), None);
    disk.set_now(5000);
    write(&mut output);
    assert_eq!((next(&output), is_due(&mut output)), (Some(2200), false));
    disk.set_now(7199);
    assert!(!is_due(&mut output));
    disk.set_now(3599);
    assert!(is_due(&mut output));
    disk.set_now(7200);
    assert!(is_due(&mut output));
}

#[test]
fn a_file_that_changed_after_it_was_recorded_as_closed_is_closed_anew() {
    let disk = ModelDisk::default();
    let rule = Rotation {
        size: None,
        every: Some(u64::from(HOUR)),
    };
    let mut output = output(&disk, Some(rule), None);
    output.settings.archive.manifest = true;
    disk.set_now(5000);
    write(&mut output);
    disk.set_now(7200);
    let due = output.due(&[]).unwrap();
    disk.fail_rename();
    output.close(&due[0]).unwrap_err();
    let open = Path::new("/out/events");
    disk.appended_by_another(open, b"a line of another program\n");
    let due = output.due(&[]).unwrap();
    output.close(&due[0]).unwrap();
    let mut nothing = |_: &Path, _| {};
    let mut verifier = crate::verify::Verifier::of(&disk, &mut nothing);
    let report = verifier.series(&["/out/events".into()]).unwrap();
    assert_eq!((report.files, &*report.differences), (1, &[][..]));
}

#[test]
fn a_file_that_was_reopened_is_closed_in_time_although_no_event_comes() {
    let disk = ModelDisk::default();
    let rotate = Rotation {
        size: None,
        every: None,
    };
    let mut output = output(&disk, Some(rotate), Some(HOUR));
    let end = 11 * u64::from(HOUR);
    disk.set_now(end - 600);
    write(&mut output);
    output.reopen().unwrap();
    disk.set_now(end + 30);
    output.reopen().unwrap();
    assert_eq!(next(&output), Some(1), "it looks for what was left");
    assert!(!is_due(&mut output));
    assert_eq!(next(&output), Some(30));
    disk.set_now(end + 60);
    assert!(is_due(&mut output));
    assert_eq!(output.notices(), []);
}

#[test]
fn a_file_that_was_renamed_before_it_was_reopened_is_told() {
    for event_comes in [true, false] {
        let disk = ModelDisk::default();
        let rotate = Rotation {
            size: Some(1 << 20),
            every: None,
        };
        let mut output = output(&disk, Some(rotate), None);
        write(&mut output);
        let path = Path::new("/out/events");
        disk.renamed_by_another(path, Path::new("/out/events.1"));
        output.reopen().unwrap();
        match event_comes {
            true => write(&mut output),
            false => assert!(!is_due(&mut output)),
        }
        assert_eq!(output.notices(), [FileNotice::TakenAway(path.into())]);
    }
}
