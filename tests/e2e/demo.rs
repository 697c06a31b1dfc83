//! The demonstration.

use std::collections::BTreeSet;
use std::io::Read;
use std::process::Stdio;

use estreamer_tests::{Ended, Running, estreamer, json_lines, warnings};

#[test]
fn it_prints_as_many_events_of_all_four_types_as_asked_for_and_leaves_nothing_behind() {
    let here = tempfile::tempdir().unwrap();
    let temporary = tempfile::tempdir().unwrap();
    let demo = Ended::of(
        estreamer(&["demo", "--events", "5000"])
            .current_dir(here.path())
            .env("HOME", here.path())
            .env("TMPDIR", temporary.path()),
    )
    .success();
    let events = json_lines(&demo.stdout);
    assert_eq!(events.len(), 5000);
    let kinds: BTreeSet<&str> = events
        .iter()
        .map(|event| event["EventType"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds.into_iter().collect::<Vec<_>>(),
        [
            "ConnectionEvent",
            "FileEvent",
            "IntrusionEvent",
            "IntrusionPacket"
        ]
    );
    for directory in [here, temporary] {
        assert_eq!(directory.path().read_dir().unwrap().count(), 0);
    }
}

#[test]
fn its_summary_is_one_line_with_as_many_nulls_as_bundles() {
    let demo = Ended::of(&mut estreamer(&["demo"])).success();
    let summary = demo.stderr.lines().last().unwrap_or_default();
    for part in [
        "1000 events",
        "iB, ",
        " s,",
        "events/s",
        "10 bundles",
        "10 nulls",
    ] {
        assert!(summary.contains(part), "no {part:?} in {}", demo.stderr);
    }
}

#[test]
fn a_reader_that_leaves_ends_it_quietly() {
    let mut command = estreamer(&["demo", "--events", "20000"]);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdout = child.stdout.take().unwrap();
    let mut some = [0; 100];
    stdout.read_exact(&mut some).unwrap();
    drop(stdout);
    let output = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(warnings(&said), [""; 0]);
    assert!(output.status.success(), "{}", output.status);
}

#[test]
fn an_interrupt_ends_it_with_a_summary() {
    let mut command = estreamer(&["demo", "--events", "1000000000"]);
    let (demo, _) = Running::start_to_first_line(&mut command);
    let ended = demo.stop().success();
    assert!(ended.stderr.contains(" events, "), "{}", ended.stderr);
}
