//! What people and disks do to the files of a collector while it runs.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use estreamer::fuzzing::collector::{ModelCollector, OutputTarget, key};
use estreamer::fuzzing::disk::{Crash, ModelDisk};
use estreamer::fuzzing::{FileOutput, FileSettings};
use estreamer::fuzzing::{Output, OutputPart};
use estreamer_core::wire::InitialTimestamp;

use crate::{archive, file};

const NOW: u64 = 1000;

/// A collector of one source, and the events that its server sends.
fn open(disk: &ModelDisk, boot: &str, outputs: &[OutputTarget]) -> ModelCollector {
    let mut collector = ModelCollector::open(disk, boot, outputs, 50).unwrap();
    let from = InitialTimestamp::OLDEST;
    collector.connect("a", from, NOW).unwrap();
    collector
}

/// A batch of these events.
fn batch(collector: &mut ModelCollector, numbers: std::ops::Range<u32>) {
    let events = numbers.map(|number| ((100 + number, format!("event-{number}")), None));
    let events: Vec<_> = events.collect();
    collector.batch("a", &events, NOW).unwrap();
}

/// How often each line is in these files.
fn lines(disk: &ModelDisk, paths: &[&str]) -> BTreeMap<String, usize> {
    let mut lines = BTreeMap::new();
    for path in paths {
        let content = String::from_utf8(disk.content(Path::new(path))).unwrap();
        for line in content.lines() {
            *lines.entry(line.to_owned()).or_default() += 1;
        }
    }
    lines
}

fn each_once(count: u32) -> BTreeMap<String, usize> {
    (0..count).map(|n| (format!("event-{n}"), 1)).collect()
}

#[test]
fn a_file_moved_away_after_a_failed_write_does_not_stop_the_output() {
    let disk = ModelDisk::default();
    let mut collector = open(&disk, "1", &[file("/out/a")]);
    batch(&mut collector, 0..2);
    collector.write(0, 0).unwrap();
    batch(&mut collector, 2..4);
    disk.set_full(true);
    collector.write(0, 0).unwrap_err();
    let moved = disk.renamed_by_another(Path::new("/out/a"), Path::new("/out/old"));
    assert!(moved);
    disk.set_full(false);
    collector.write(0, 0).unwrap();
    assert_eq!(lines(&disk, &["/out/a", "/out/old"]), each_once(4));
}

#[test]
fn a_file_cut_to_nothing_after_a_failed_write_does_not_stop_the_output() {
    let disk = ModelDisk::default();
    let mut collector = open(&disk, "1", &[file("/out/a")]);
    batch(&mut collector, 0..2);
    disk.set_full(true);
    collector.write(0, 0).unwrap_err();
    disk.written_by_another(Path::new("/out/a"), b"");
    disk.set_full(false);
    collector.write(0, 0).unwrap();
    assert_eq!(lines(&disk, &["/out/a"]), each_once(2));
}

#[test]
fn a_write_that_failed_once_doubles_nothing_after_a_kill() {
    let outputs = [file("/out/fast"), file("/out/slow")];
    for moves in [false, true] {
        let disk = ModelDisk::default();
        let mut collector = open(&disk, "1", &outputs);
        batch(&mut collector, 0..2);
        disk.set_full(true);
        collector.write(0, 0).unwrap_err();
        disk.set_full(false);
        if moves {
            disk.renamed_by_another(Path::new("/out/fast"), Path::new("/out/old"));
        }
        collector.write(0, 0).unwrap();
        batch(&mut collector, 2..4);
        collector.write(0, 0).unwrap();
        // The other output has nothing yet, so nothing is committed.
        drop(collector);
        disk.come_up(Crash::Kill);
        let mut collector = open(&disk, "1", &outputs);
        batch(&mut collector, 0..4);
        for output in 0..2 {
            collector.write(output, 0).unwrap();
        }
        assert_eq!(collector.notices(), [], "moved: {moves}");
        for path in ["/out/fast", "/out/slow"] {
            assert_eq!(
                lines(&disk, &[path]),
                each_once(4),
                "{path}, moved: {moves}"
            );
        }
    }
}

#[test]
fn the_file_of_another_output_is_not_taken_for_one_that_is_gone() {
    for same_boot in [false, true] {
        let disk = ModelDisk::default();
        let (gone, kept) = (file("/out/gone"), file("/out/kept"));
        let mut collector = open(&disk, "1", &[gone, kept]);
        batch(&mut collector, 0..2);
        for output in 0..2 {
            collector.write(output, 0).unwrap();
        }
        collector.close().unwrap();
        drop(collector);
        // The configuration does not name the first output any more.
        let mut collector = open(&disk, "1", &[kept]);
        batch(&mut collector, 0..4);
        collector.write(0, 0).unwrap();
        collector.commit().unwrap();
        drop(collector);
        disk.removed_by_another(Path::new("/out/gone"));
        disk.come_up(if same_boot { Crash::Kill } else { Crash::Power });
        let boot = if same_boot { "1" } else { "2" };
        let mut collector = open(&disk, boot, &[kept]);
        batch(&mut collector, 0..4);
        collector.write(0, 0).unwrap();
        assert_eq!(lines(&disk, &["/out/kept"]), each_once(4));
    }
}

#[test]
fn a_file_that_goes_on_after_it_was_recorded_as_closed_is_in_no_manifest() {
    for is_renamed in [false, true] {
        let disk = ModelDisk::default();
        let output = archive::archive("/out/events", archive::rotated(40));
        let path = Path::new(output.path);
        let mut collector = open(&disk, "1", &[output]);
        let mut deliver = |events| {
            batch(&mut collector, events);
            let written = collector.write(0, 0);
            written.and_then(|()| collector.commit())
        };
        deliver(0..8).unwrap();
        disk.fail_rename();
        deliver(8..9).unwrap_err();
        match is_renamed {
            true => drop(disk.renamed_by_another(path, Path::new("/elsewhere/events"))),
            false => drop(disk.appended_by_another(path, b"somebody else's\n")),
        }
        deliver(9..20).unwrap();
        deliver(20..21).unwrap();
        archive::prove(&output, &disk, &format!("renamed: {is_renamed}"));
    }
}

#[test]
fn a_file_that_only_begins_as_ours_belongs_to_others() {
    let (ours, away) = (Path::new("/out/a"), Path::new("/elsewhere/a"));
    let disk = ModelDisk::default();
    disk.written_by_another(ours, b"# a\n");
    let mut collector = open(&disk, "1", &[file("/out/a")]);
    batch(&mut collector, 0..2);
    collector.write(0, 0).unwrap();
    assert!(disk.renamed_by_another(ours, away));
    disk.written_by_another(ours, b"# a\nsomebody else's\n");
    drop(collector);
    disk.come_up(Crash::Power);
    let mut collector = open(&disk, "2", &[file("/out/a")]);
    assert_eq!(disk.content(ours), b"# a\nsomebody else's\n");
    batch(&mut collector, 0..2);
    collector.write(0, 0).unwrap();
    let lines = lines(&disk, &["/out/a"]);
    assert_eq!(lines.get("event-1"), Some(&1), "{lines:?}");
}

#[test]
fn the_file_of_an_output_that_is_gone_belongs_to_others() {
    for crash in [Crash::Kill, Crash::Power] {
        let disk = ModelDisk::default();
        let (gone, kept) = (file("/out/gone"), file("/out/kept"));
        let mut collector = open(&disk, "1", &[gone, kept]);
        batch(&mut collector, 0..2);
        for output in 0..2 {
            collector.write(output, 0).unwrap();
        }
        collector.close().unwrap();
        drop(collector);
        // The configuration does not name the first output any more.
        let mut collector = open(&disk, "1", &[kept]);
        let path = Path::new("/out/gone");
        disk.appended_by_another(path, b"somebody else's\n");
        let before = disk.content(path);
        batch(&mut collector, 0..4);
        collector.write(0, 0).unwrap();
        drop(collector);
        disk.come_up(crash);
        let boot = if crash == Crash::Kill { "1" } else { "2" };
        let mut collector = open(&disk, boot, &[kept]);
        assert_eq!(disk.content(path), before, "{crash:?}");
        assert_eq!(collector.notices(), [], "{crash:?}");
        batch(&mut collector, 0..4);
        collector.write(0, 0).unwrap();
        assert_eq!(lines(&disk, &["/out/kept"]), each_once(4));
    }
}

#[test]
fn a_file_moved_away_while_it_is_written_does_not_stop_the_output() {
    let disk = ModelDisk::default();
    let paths = vec!["/out/a".into()];
    let settings = FileSettings {
        paths,
        mode: 0o600,
        ..FileSettings::default()
    };
    let mut output = FileOutput::new(Arc::new(disk.clone()), key(), settings);
    output.prepare().unwrap();
    let mut part = OutputPart::new(Path::new("/out/a").into(), "", "a".into(), 0);
    part.bytes = b"event-0\n".to_vec();
    let parts = [part];
    output.check_files(&parts).unwrap();
    disk.set_full(true);
    disk.renamed_by_another(Path::new("/out/a"), Path::new("/out/old"));
    output.write(1, &parts).unwrap_err();
    disk.set_full(false);
    output.check_files(&parts).unwrap();
    output.write(1, &parts).unwrap();
    assert_eq!(disk.content(Path::new("/out/old")), b"");
    assert_eq!(lines(&disk, &["/out/a"]), each_once(1));
}

#[test]
fn what_every_output_has_is_not_asked_for_again_after_a_kill() {
    let disk = ModelDisk::default();
    let outputs = [file("/out/fast"), file("/out/slow")];
    let mut collector = open(&disk, "1", &outputs);
    for first in [0, 2, 4] {
        batch(&mut collector, first..first + 2);
        collector.write(0, 0).unwrap();
    }
    // The other output lies one batch behind.
    collector.write(1, 1).unwrap();
    assert_eq!(collector.bookmark().n, 0, "nothing is committed");
    drop(collector);
    disk.come_up(Crash::Kill);
    let mut collector = ModelCollector::open(&disk, "1", &outputs, 2).unwrap();
    assert_eq!(collector.bookmark().n, 2, "what both have");
    assert_eq!(
        lines(&disk, &["/out/fast"]),
        each_once(4),
        "the rest is cut off"
    );
    let from = collector.connect("a", InitialTimestamp::OLDEST, NOW);
    assert_eq!(from.unwrap(), InitialTimestamp(53), "by its newest second");
}

#[test]
fn a_source_is_asked_from_its_first_event_on_if_none_was_written_before_a_kill() {
    let disk = ModelDisk::default();
    let outputs = [file("/out/a")];
    let mut collector = ModelCollector::open(&disk, "1", &outputs, 5).unwrap();
    let now = InitialTimestamp::NOW;
    collector.connect("a", now, NOW).unwrap();
    batch(&mut collector, 0..2);
    drop(collector);
    disk.come_up(Crash::Kill);
    let mut collector = ModelCollector::open(&disk, "1", &outputs, 5).unwrap();
    let from = collector.connect("a", now, NOW + 500).unwrap();
    assert_eq!(from, InitialTimestamp(95));
}

#[test]
fn a_commit_to_a_journal_that_is_gone_fails() {
    let disk = ModelDisk::default();
    let mut collector = open(&disk, "1", &[file("/out/a")]);
    batch(&mut collector, 0..2);
    collector.write(0, 0).unwrap();
    collector.commit().unwrap();
    batch(&mut collector, 2..4);
    collector.write(0, 0).unwrap();
    for path in disk.paths(Path::new("/state")) {
        disk.removed_by_another(&path);
    }
    let error = collector.commit().unwrap_err().to_string();
    assert!(error.contains("was removed or replaced"), "{error}");
}

#[test]
fn what_happens_to_a_file_between_a_stop_and_a_start_is_told() {
    let path = Path::new("/out/a");
    let cut = |disk: &ModelDisk| disk.truncated_by_another(path, 8);
    let emptied = |disk: &ModelDisk| disk.truncated_by_another(path, 0);
    let rewritten = |disk: &ModelDisk| disk.flip(path, 3);
    let replaced = |disk: &ModelDisk| disk.written_by_another(path, &[b'x'; 200]);
    let appended = |disk: &ModelDisk| assert!(disk.appended_by_another(path, b"foreign\n"));
    // As after a rotation that a kill interrupted: it is no file of anybody.
    let begun = |disk: &ModelDisk| disk.written_by_another(path, b"");
    for (change, told) in [
        (&begun as &dyn Fn(&ModelDisk), ""),
        (&cut, "shorter"),
        (&emptied, "shorter"),
        (&rewritten, "is not the file"),
        (&replaced, "is not the file"),
        (&appended, "longer"),
    ] {
        // The machine may have been restarted, too.
        for boot in ["1", "2"] {
            let disk = ModelDisk::default();
            let mut collector = open(&disk, "1", &[file("/out/a")]);
            batch(&mut collector, 0..9);
            collector.write(0, 0).unwrap();
            collector.close().unwrap();
            drop(collector);
            change(&disk);
            let mut collector = open(&disk, boot, &[file("/out/a")]);
            let notices = collector.notices();
            let texts: Vec<String> = notices.iter().map(ToString::to_string).collect();
            let is_told = match &texts[..] {
                [] => told.is_empty(),
                [text] => !told.is_empty() && text.contains(told),
                _ => false,
            };
            assert!(is_told, "{told}, boot {boot}: {texts:?}");
        }
    }
}

#[test]
fn a_foreign_file_with_the_number_of_an_empty_one_that_is_gone_stays_as_it_is() {
    let (ours, foreign) = (Path::new("/out/a"), Path::new("/out/foreign"));
    for boot in ["1", "2"] {
        let disk = ModelDisk::default();
        let collector = open(&disk, "1", &[file("/out/a")]);
        drop(collector);
        let gone = disk.number(ours);
        disk.removed_by_another(ours);
        disk.written_by_another(foreign, b"somebody else's\n");
        assert_eq!(disk.number(foreign), gone, "the number is used again");
        let mut collector = open(&disk, boot, &[file("/out/a")]);
        assert_eq!(disk.content(foreign), b"somebody else's\n", "boot {boot}");
        batch(&mut collector, 0..2);
        collector.write(0, 0).unwrap();
        assert_eq!(lines(&disk, &["/out/a"]), each_once(2));
    }
}
