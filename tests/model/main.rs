//! The rules of delivery, crashed at every point: each output holds every event
//! exactly once, whatever was lost.

mod archive;
mod outside;
mod random;
mod setting;

use std::collections::BTreeMap;
use std::path::Path;

use estreamer::config::ArchiveRules;
use estreamer::fuzzing::collector::{FIRST_LINE, ModelEvent, OutputTarget, TargetHead};
use estreamer::fuzzing::disk::{CRASHES, Crash, ModelDisk};
use setting::{Setting, run};

/// One event a second, twins included.
fn in_order(name: &str, count: u32) -> Vec<ModelEvent> {
    (0..count)
        .map(|index| (100 + index / 3, format!("{name}-{}", index - index % 2)))
        .collect()
}

/// An output to one file.
fn file(path: &'static str) -> OutputTarget {
    OutputTarget {
        path,
        tag: "",
        by_kind: false,
        archive: ArchiveRules::default(),
        head: TargetHead::Nothing,
    }
}

fn setting() -> Setting {
    Setting {
        sources: vec![("a", in_order("a", 24))],
        outputs: vec![file("/out/events")],
        batch: 4,
        lag: 0,
        commit: 2,
        operations: None,
        overlap: 5,
        now: 1000,
    }
}

#[test]
fn one_source_and_one_file() {
    everywhere(&setting());
}

#[test]
fn two_sources_that_share_a_file() {
    everywhere(&Setting {
        sources: vec![("a", in_order("a", 16)), ("b", in_order("b", 20))],
        ..setting()
    });
}

#[test]
fn one_source_and_two_files_of_which_one_lags() {
    for lag in 1..4 {
        everywhere(&Setting {
            outputs: vec![file("/out/fast"), file("/out/slow")],
            lag,
            ..setting()
        });
    }
}

#[test]
fn an_archive_out_of_order_within_the_overlap() {
    for disorder in 1..=10 {
        let mut events = in_order("a", 48);
        // Every third event was stored late.
        for (index, event) in events.iter_mut().enumerate() {
            if index % 3 == 1 {
                event.0 -= disorder.min(event.0 - 100);
            }
        }
        everywhere(&Setting {
            sources: vec![("a", events)],
            overlap: 10,
            ..setting()
        });
    }
}

#[test]
fn a_clock_that_jumps_ahead_and_back_loses_nothing_and_doubles_nothing() {
    // Ahead beyond belief for one event; later back by less than the overlap.
    let mut events = in_order("a", 24);
    events[5].0 = 999_999;
    for event in &mut events[12..] {
        event.0 -= 3;
    }
    everywhere(&Setting {
        sources: vec![("a", events)],
        ..setting()
    });
}

#[test]
fn a_first_event_from_the_future_comes_once() {
    let mut events = in_order("a", 12);
    events[0].0 = 999_999;
    everywhere(&Setting {
        sources: vec![("a", events)],
        batch: 1,
        ..setting()
    });
}

#[test]
fn a_clock_set_back_for_good_loses_nothing_from_the_moment_it_is_noticed() {
    let mut events = in_order("a", 24);
    let (before, after) = events.split_at_mut(12);
    for event in after.iter_mut() {
        event.0 -= 60;
    }
    let (before, after) = (before.to_vec(), after.to_vec());
    let setting = Setting {
        sources: vec![("a", events)],
        ..setting()
    };
    let mut noticed = 0;
    crashed_everywhere(&setting, |disk, when| {
        compare(&setting, disk, |_, written, stored| {
            let lost = |event: &&ModelEvent| written.get(&*event.1) < stored.get(&*event.1);
            assert_eq!(before.iter().filter(lost).count(), 0, "{when}");
            // A server that is asked from before the change sends none of these.
            let lost = after.iter().filter(lost).count();
            assert!(lost == 0 || lost == after.len(), "{lost} lost: {when}");
            noticed += usize::from(lost == 0);
        });
    });
    assert!(noticed > 20, "{noticed}");
}

#[test]
fn a_second_crash_while_recovering_from_the_first() {
    let setting = Setting {
        sources: vec![("a", in_order("a", 12))],
        ..setting()
    };
    for first in 1.. {
        let (disk, crashed) = after_crash(&setting, first, Crash::Kill);
        if !crashed {
            break;
        }
        drop(disk);
        for second in 1.. {
            for crash in CRASHES {
                let (disk, _) = after_crash(&setting, first, crash);
                disk.crash_at(second);
                let again = run(&setting, &disk, "2");
                if again.is_ok() {
                    check(&setting, &disk, &format!("{first} {second} {crash:?}"));
                } else {
                    disk.come_up(crash);
                    run(&setting, &disk, "3").unwrap();
                    check(&setting, &disk, &format!("{first} {second} {crash:?}"));
                }
            }
            let (disk, _) = after_crash(&setting, first, Crash::Kill);
            disk.crash_at(second);
            if run(&setting, &disk, "2").is_ok() {
                break;
            }
        }
    }
}

#[test]
fn files_by_kind() {
    let mut events = in_order("a", 24);
    for (index, (_, text)) in events.iter_mut().enumerate() {
        text.push(if index % 5 < 2 { 'x' } else { 'y' });
    }
    everywhere(&Setting {
        sources: vec![("a", events)],
        outputs: vec![OutputTarget {
            path: "/out/events",
            tag: "",
            by_kind: true,
            archive: ArchiveRules::default(),
            head: TargetHead::Nothing,
        }],
        ..setting()
    });
}

#[test]
fn a_journal_with_any_bit_flipped_is_refused_and_nothing_is_changed_or_loses_nothing() {
    let setting = Setting {
        sources: vec![("a", in_order("a", 16))],
        ..setting()
    };
    let segments = ["/state/journal.0", "/state/journal.1"].map(Path::new);
    let output = Path::new("/out/events");
    // A process that is killed half way, so that the journal has notes.
    let killed = || after_crash(&setting, 24, Crash::Kill).0;
    let (mut refused, mut read) = (0, 0);
    for segment in segments {
        for at in 0..killed().content(segment).len() {
            let disk = killed();
            disk.flip(segment, at);
            let before = disk.content(output);
            match run(&setting, &disk, "1") {
                Ok(told) => {
                    read += 1;
                    let when = format!("{segment:?} flipped at {at}");
                    match told.is_empty() {
                        true => check(&setting, &disk, &when),
                        false => check_lost(&setting, &disk, &when),
                    }
                }
                Err(error) => {
                    refused += 1;
                    assert!(error.to_string().contains("journal."), "{error}");
                    assert_eq!(disk.content(output), before, "{error}");
                }
            }
        }
    }
    assert!(read > 0 && refused > 0, "{refused} refused, {read} read");
}

#[test]
fn the_newest_segment_is_missed_when_it_is_gone_or_empty() {
    let setting = setting();
    for emptied in [false, true] {
        let (disk, _) = after_crash(&setting, 30, Crash::Kill);
        // In a new journal the second segment is the newer one.
        let newest = Path::new("/state/journal.1");
        match emptied {
            true => disk.written_by_another(newest, b""),
            false => assert!(disk.renamed_by_another(newest, Path::new("/elsewhere/journal"))),
        }
        let before = disk.content(Path::new("/out/events"));
        let error = run(&setting, &disk, "1").unwrap_err().to_string();
        assert!(error.contains("journal.1"), "{error}");
        assert_eq!(disk.content(Path::new("/out/events")), before);
    }
}

/// Crashes at every operation there is, in every way; then goes on to the end, and
/// has every event once.
fn everywhere(setting: &Setting) {
    crashed_everywhere(setting, |disk, when| check(setting, disk, when));
}

fn crashed_everywhere(setting: &Setting, mut check: impl FnMut(&ModelDisk, &str)) {
    let mut points = 0;
    for at in 1.. {
        let mut any = false;
        for crash in CRASHES {
            let (disk, crashed) = after_crash(setting, at, crash);
            any |= crashed;
            let boot = if crash == Crash::Kill { "1" } else { "2" };
            run(setting, &disk, boot).unwrap();
            check(&disk, &format!("crash at {at}, {crash:?}"));
        }
        if !any {
            break;
        }
        points = at;
    }
    assert!(points > 20, "only {points} operations were crashed at");
}

/// A disk after a crash at operation `at`; whether it came that far.
fn after_crash(setting: &Setting, at: u64, crash: Crash) -> (ModelDisk, bool) {
    let disk = ModelDisk::default();
    disk.crash_at(at);
    let result = run(setting, &disk, "1");
    let crashed = disk.has_crashed();
    assert_eq!(result.is_err(), crashed);
    disk.come_up(crash);
    (disk, crashed)
}

/// Every output holds every event at least as often as the servers stored it.
fn check_lost(setting: &Setting, disk: &ModelDisk, when: &str) {
    compare(setting, disk, |output, written, stored| {
        for (text, count) in &stored {
            let found = written.get(text).copied().unwrap_or(0);
            assert!(found >= *count, "{output}: {text} is lost: {when}");
        }
    });
}

/// Every output holds every event as often as the servers stored it, and each of its
/// files those of one source in the order in which they were stored.
fn check(setting: &Setting, disk: &ModelDisk, when: &str) {
    compare(setting, disk, |output, written, stored| {
        assert_eq!(written, stored, "{output}: {when}");
    });
    for output in &setting.outputs {
        archive::prove(output, disk, when);
        for (path, content) in contents(output, disk) {
            for (name, events) in &setting.sources {
                let texts = events.iter().map(|(_, text)| text.as_str());
                let stored = texts.filter(|text| *path == *output.path_of(text));
                let is_of_source = |line: &&str| line.split('-').next() == Some(name);
                let written = content.lines().filter(is_of_source);
                assert!(written.eq(stored), "{path}: out of order: {when}");
            }
        }
    }
}

/// The files of an output, but for those that were set aside.
fn contents(output: &OutputTarget, disk: &ModelDisk) -> Vec<(String, String)> {
    if output.archive.rotate.is_some() {
        return archive::contents(output, disk);
    }
    let mut contents = Vec::new();
    for path in disk.paths(Path::new("/out")) {
        let content = String::from_utf8(disk.content(&path)).unwrap();
        let path = path.to_str().unwrap().to_owned();
        let is_of_output = match output.by_kind {
            true => path.starts_with(output.path),
            false => path == output.path,
        };
        if is_of_output && !path.contains(".unproven-") {
            contents.push((path, without_head(output, &content)));
        }
    }
    contents
}

/// The events of a file, whose head is checked.
fn without_head(output: &OutputTarget, content: &str) -> String {
    let is_head = |line: &&str| line.starts_with('#');
    let heads: Vec<&str> = content.lines().filter(is_head).collect();
    match output.head {
        TargetHead::Nothing => assert!(heads.is_empty()),
        TargetHead::FirstLine => {
            assert!(content.is_empty() || content.starts_with(FIRST_LINE));
            assert!(heads.len() <= 1, "{content}");
        }
        TargetHead::Section => {
            assert!(content.is_empty() || content.starts_with(FIRST_LINE));
            let mut known = Vec::new();
            for line in content.lines() {
                match line.strip_prefix('#') {
                    Some("") => known.clear(),
                    Some(source) => known.push(source),
                    None => {
                        let (source, _) = line.split_once('-').unwrap();
                        assert!(known.contains(&source), "{line} in {content}");
                    }
                }
            }
        }
    }
    let events = content.split_inclusive('\n').filter(|line| !is_head(line));
    events.collect()
}

/// Compares for each output what was written with what was stored.
fn compare(
    setting: &Setting,
    disk: &ModelDisk,
    mut compare: impl FnMut(&str, BTreeMap<&str, usize>, BTreeMap<&str, usize>),
) {
    for output in &setting.outputs {
        let contents = contents(output, disk);
        let mut written: BTreeMap<&str, usize> = BTreeMap::new();
        for line in contents.iter().flat_map(|(_, content)| content.lines()) {
            *written.entry(line).or_default() += 1;
        }
        let mut stored: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, text) in setting.sources.iter().flat_map(|(_, events)| events) {
            *stored.entry(text).or_default() += 1;
        }
        compare(output.path, written, stored);
    }
}
