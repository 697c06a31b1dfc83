//! Nothing lost, nothing twice.

use std::fs;
use std::io::Write;

use estreamer_simulate::Served;
use estreamer_simulate::archive::Oddities;
use estreamer_simulate::chaos::ChaosKind;
use estreamer_tests::{Ended, ODD, Running, Scene, lines, wait_for_lines, wait_until};

#[test]
fn a_second_run_adds_nothing_and_says_what_it_left_out() {
    let scene = Scene::new(3000, ODD, |builder| builder);
    for run in 1..=3 {
        let ended = scene.run(&mut scene.collect("out", "state")).success();
        scene.check("out", &format!("run {run}"));
        assert!(!ended.stderr.contains("file system"), "{}", ended.stderr);
        let again = ended.stderr.contains("delivered before and left out");
        assert_eq!(again, run > 1, "{}", ended.stderr);
        assert!(
            !ended.stderr.contains("did not come again"),
            "{}",
            ended.stderr
        );
    }
}

#[test]
fn a_collector_killed_again_and_again_loses_nothing_and_doubles_nothing() {
    // Slow enough to be killed eight times before it has everything.
    let scene = Scene::new(20_000, ODD, |builder| builder.rate(10_000));
    let mut before = 0;
    for _ in 0..8 {
        scene.kill(&mut scene.collect("out", "state"), "out", before + 500_000);
        before = fs::metadata(scene.path("out")).unwrap().len();
    }
    scene.run(&mut scene.collect("out", "state")).success();
    scene.check("out", "after the kills");
}

#[test]
fn a_strict_collector_acknowledges_each_bundle_after_delivery() {
    let scene = Scene::new(2000, ODD, |builder| builder);
    let mut command = scene.collect("out", "state");
    let ended = scene.run(command.args(["--ack-ahead", "0"])).success();
    assert!(
        ended.stderr.contains("20 bundles, 20 nulls"),
        "{}",
        ended.stderr
    );
    scene.check("out", "strictly");
}

#[test]
fn a_connection_cut_at_random_bytes_is_made_again_and_nothing_is_lost() {
    for seed in 1..=8 {
        let scene = Scene::new(3000, ODD, |builder| {
            builder
                .seed(seed)
                .chaos(ChaosKind::Cut)
                .chaos_connections(3)
        });
        scene.run(&mut scene.collect("out", "state")).success();
        scene.check("out", &format!("seed {seed}"));
    }
}

#[test]
fn a_bundle_that_comes_twice_is_delivered_once() {
    let scene = Scene::new(1000, Oddities::default(), |builder| {
        builder.chaos(ChaosKind::DuplicateBundle)
    });
    // One null more than there are bundles.
    let is_done = |served: &Served| served.is_done() && served.nulls > served.bundles;
    let ended = Running::until(&mut scene.collect("out", "state"), || {
        scene.simulator().connections().last().is_some_and(is_done)
    })
    .success();
    scene.check("out", "with a bundle twice");
    assert!(
        ended.stderr.contains("100 delivered before"),
        "{}",
        ended.stderr
    );
}

#[test]
fn each_source_and_event_type_can_have_a_file_of_its_own() {
    let scene = Scene::new(500, ODD, |builder| builder);
    let out = "{source}.{event}";
    for _ in 0..2 {
        scene.run(&mut scene.collect(out, "state")).success();
    }
    let total: usize = [
        "ConnectionEvent",
        "IntrusionEvent",
        "IntrusionPacket",
        "FileEvent",
    ]
    .iter()
    .map(|event| {
        let lines = lines(&scene.path(&format!("fmc.{event}")));
        let kind = format!("{{\"EventType\":\"{event}\"");
        assert!(lines.iter().all(|line| line.starts_with(kind.as_bytes())));
        lines.len()
    })
    .sum();
    assert_eq!(total, 500);
}

#[test]
fn two_collectors_cannot_share_a_state_directory() {
    let scene = Scene::new(10, ODD, |builder| builder);
    let first = Running::start(&mut scene.collect("out", "state"));
    wait_until(|| scene.path("out").exists());
    Ended::of(&mut scene.collect("other", "state")).failure(1, &["in use", "--state"]);
    Ended::of(&mut scene.collect("out", "other")).failure(1, &["out", "in use"]);
    wait_for_lines(&scene.path("out"), 10, &first);
    first.stop().success();
    scene.check("out", "after the others were refused");
}

#[test]
fn a_file_that_another_collector_writes_is_not_cut() {
    let scene = Scene::new(500, ODD, |builder| builder);
    scene.run(&mut scene.collect("out", "first")).success();
    let second = Running::start(&mut scene.collect("out", "second"));
    let length = || fs::metadata(scene.path("out")).unwrap().len();
    let before = length();
    wait_until(|| length() == 2 * before);
    // By its bookmark it would cut what the second has written.
    Ended::of(&mut scene.collect("out", "first")).failure(1, &["out", "in use"]);
    assert_eq!(length(), 2 * before);
    second.stop().success();
}

#[test]
fn a_slow_reader_is_not_a_silent_server() {
    let scene = Scene::new(20_000, Oddities::default(), |builder| builder);
    let mut command = scene.collect("out", "state");
    command.args(["--output", "-", "--stop-when-idle", "0.2"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    // Nothing is read until all that fits the pipe has waited for longer than that.
    let served = || scene.served();
    wait_until(|| served() > 0);
    let mut last = (0, std::time::Instant::now());
    wait_until(|| {
        if served() != last.0 {
            last = (served(), std::time::Instant::now());
        }
        last.1.elapsed().as_millis() > 500
    });
    let output = child.stdout.take().unwrap();
    let count = std::io::BufRead::lines(std::io::BufReader::new(output)).count();
    assert_eq!(count, 20_000);
    assert!(child.wait().unwrap().success());
    scene.check("out", "with a slow reader");
}

#[test]
fn a_file_that_was_there_before_is_kept_and_appended_to() {
    let scene = Scene::new(100, ODD, |builder| builder);
    fs::write(scene.path("out"), "mine\n").unwrap();
    for _ in 0..2 {
        scene.run(&mut scene.collect("out", "state")).success();
        let lines = lines(&scene.path("out"));
        assert_eq!(lines[0], b"mine");
        assert_eq!(lines.len(), 101);
    }
}

#[test]
fn what_something_else_appended_after_a_stop_stays_and_is_told() {
    let scene = Scene::new(300, ODD, |builder| builder);
    scene.run(&mut scene.collect("out", "state")).success();
    let mut file = fs::OpenOptions::new()
        .append(true)
        .open(scene.path("out"))
        .unwrap();
    file.write_all(b"theirs\n").unwrap();
    drop(file);
    let ended = scene.run(&mut scene.collect("out", "state")).success();
    assert!(
        ended.stderr.contains("longer than after the last write"),
        "{}",
        ended.stderr
    );
    let lines = lines(&scene.path("out"));
    assert_eq!(lines.len(), 301);
    assert_eq!(lines[300], b"theirs");
}

#[test]
fn a_rotated_file_stays_and_a_new_one_goes_on() {
    let scene = Scene::new(300, ODD, |builder| builder);
    scene.run(&mut scene.collect("out", "state")).success();
    fs::rename(scene.path("out"), scene.path("out.1")).unwrap();
    scene.run(&mut scene.collect("out", "state")).success();
    scene.check("out.1", "the rotated file");
    assert_eq!(
        lines(&scene.path("out")).len(),
        0,
        "all was delivered before"
    );
}

#[test]
fn a_file_cut_or_replaced_by_something_else_is_told_and_never_cut_further() {
    let scene = Scene::new(300, ODD, |builder| builder);
    scene.run(&mut scene.collect("out", "state")).success();
    let file = fs::OpenOptions::new()
        .write(true)
        .open(scene.path("out"))
        .unwrap();
    file.set_len(1000).unwrap();
    let ended = scene.run(&mut scene.collect("out", "state")).success();
    assert!(
        ended.stderr.contains("shorter than after the last write"),
        "{}",
        ended.stderr
    );
    assert_eq!(fs::metadata(scene.path("out")).unwrap().len(), 1000);

    fs::remove_file(scene.path("out")).unwrap();
    fs::write(scene.path("other"), "theirs\n").unwrap();
    fs::rename(scene.path("other"), scene.path("out")).unwrap();
    let ended = scene.run(&mut scene.collect("out", "state")).success();
    assert!(
        ended.stderr.contains("is not the file that was written"),
        "{}",
        ended.stderr
    );
    assert_eq!(fs::read(scene.path("out")).unwrap(), b"theirs\n");
}

#[test]
fn an_unreadable_bookmark_is_refused_and_can_be_discarded() {
    let scene = Scene::new(100, ODD, |builder| builder);
    scene.run(&mut scene.collect("out", "state")).success();
    for segment in ["state/journal.0", "state/journal.1"] {
        if scene.path(segment).exists() {
            fs::write(scene.path(segment), "not a journal").unwrap();
        }
    }
    let before = fs::read(scene.path("out")).unwrap();
    let mut command = scene.collect("out", "state");
    Ended::of(&mut command).failure(1, &["does not start with a bookmark", "--reset-bookmark"]);
    assert_eq!(fs::read(scene.path("out")).unwrap(), before);
    scene.run(command.arg("--reset-bookmark")).success();
    assert_eq!(
        lines(&scene.path("out")).len(),
        200,
        "from oldest, as asked"
    );
}

#[test]
fn a_stream_costs_an_allocation_for_ten_events_at_most() {
    let allocations = |events: u64| -> u64 {
        let scene = Scene::new(events, Oddities::default(), |builder| {
            builder.bundle(100).unacknowledged(16)
        });
        let mut command = scene.collect("out", "state");
        command
            .args(["--stop-after", &events.to_string()])
            .env("ESTREAMER_TEST_ALLOCATIONS", "1");
        Ended::of(&mut command).success().allocations()
    };
    // What a start costs is in both. What is left is one for each TLS record, in
    // the TLS library, and a batch's own.
    let (few, many) = (allocations(40_000), allocations(140_000));
    let per_event = many.saturating_sub(few) as f64 / 100_000.0;
    assert!(per_event <= 0.1, "{per_event} allocations per event");
}

#[test]
fn a_source_that_is_not_named_keeps_its_bookmark_until_it_is_discarded_by_name() {
    let scene = Scene::new(100, ODD, |builder| builder);
    scene.run(&mut scene.collect("out", "state")).success();
    let named = |name: &str| {
        let mut arguments = scene.arguments("out", "state");
        let at = arguments.iter().position(|argument| argument == "fmc");
        arguments[at.unwrap()] = name.into();
        let mut command = estreamer_tests::estreamer(&[]);
        command.args(arguments).args(["--stop-after", "100"]);
        command
    };
    let other = Ended::of(&mut named("other")).success();
    assert!(
        other.stderr.contains("--reset-bookmark=fmc"),
        "{}",
        other.stderr
    );
    let again = scene.run(&mut scene.collect("out", "state")).success();
    assert!(again.stderr.contains("0 events"), "{}", again.stderr);
    Ended::of(named("other").arg("--reset-bookmark=fnc")).failure(1, &["\"fnc\"", "\"fmc\""]);
    Ended::of(named("fmc").arg("--reset-bookmark=fmc")).success();
    assert_eq!(lines(&scene.path("out")).len(), 300);
}
