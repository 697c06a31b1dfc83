//! Files of other programs are never cut, whatever name or number they have.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use estreamer_simulate::archive::Oddities;
use estreamer_tests::{
    Ended, Fleet, Running, Scene, lines, message, stored, wait_for_lines, wait_until,
};

/// Runs a collector until a file has so many lines, and stops it in order.
#[track_caller]
fn collect(command: &mut Command, file: &Path, count: usize) -> Ended {
    let running = Running::start(command);
    wait_for_lines(file, count, &running);
    running.stop().success()
}

/// The program `gzip`, on a file.
fn compress(path: &Path) {
    Ended::of(Command::new("gzip").arg(path)).success();
}

#[test]
fn a_file_that_got_the_number_of_ours_is_not_touched() {
    let scene = Scene::live(1000, Oddities::default(), |builder| builder);
    fs::create_dir(scene.path("log")).unwrap();
    let (ours, theirs) = (scene.path("log/events.ndjson"), scene.path("log/theirs"));
    collect(
        &mut scene.collect("log/events.ndjson", "state"),
        &ours,
        1000,
    );
    // Our bytes go on in a file of another number, and ours is another program's.
    let number = fs::metadata(&ours).unwrap().ino();
    fs::rename(&ours, &theirs).unwrap();
    fs::copy(&theirs, scene.path("log/events.ndjson.1")).unwrap();
    compress(&scene.path("log/events.ndjson.1"));
    let text = "written by another program\n".repeat(100_000);
    fs::write(&theirs, &text).unwrap();
    assert_eq!(fs::metadata(&theirs).unwrap().ino(), number);
    scene.archive().store(50);
    collect(&mut scene.collect("log/events.ndjson", "state"), &ours, 50);
    assert!(fs::read_to_string(&theirs).unwrap() == text);
}

#[test]
fn a_longer_file_under_the_name_of_ours_is_appended_to_and_told() {
    let scene = Scene::live(1000, Oddities::default(), |builder| builder);
    let out = scene.path("out");
    collect(&mut scene.collect("out", "state"), &out, 1000);
    let number = fs::metadata(&out).unwrap().ino();
    compress(&out);
    let text = "written by another program\n".repeat(100_000);
    fs::write(&out, &text).unwrap();
    // Whether it has got the number of ours or not.
    let same = fs::metadata(&out).unwrap().ino() == number;
    scene.archive().store(50);
    let ended = collect(&mut scene.collect("out", "state"), &out, 100_050);
    let told = ended.stderr.contains("is not the file that was written");
    assert!(told, "the same number: {same}; {}", ended.stderr);
    let found = fs::read(&out).unwrap();
    assert!(found.starts_with(text.as_bytes()));
    let appended = lines(&out).split_off(100_000);
    let all = scene.archive().events();
    let expected: Vec<_> = all[1000..].iter().map(|event| event.data.clone()).collect();
    assert!(appended == expected);
}

#[test]
fn a_file_under_the_name_of_ours_and_in_its_place_is_appended_to_and_told() {
    let scene = Scene::live(1000, Oddities::default(), |builder| builder);
    let out = scene.path("out");
    collect(&mut scene.collect("out", "state"), &out, 1000);
    // The same number, since it is the same file with other bytes.
    let text = "written by another program\n".repeat(100_000);
    fs::write(&out, &text).unwrap();
    scene.archive().store(50);
    let ended = collect(&mut scene.collect("out", "state"), &out, 100_050);
    let told = ended.stderr.contains("is not the file that was written");
    assert!(told, "{}", ended.stderr);
    assert!(fs::read(&out).unwrap().starts_with(text.as_bytes()));
}

#[test]
fn the_file_that_was_there_before_its_source_came_is_appended_to() {
    let fleet = Fleet::new();
    let servers = [1, 2].map(|seed| fleet.server(seed, 200, |builder| builder));
    let output = Fleet::output("file:{source}.ndjson");
    fleet.configure("", &[Fleet::source("a", &servers[0]), output.clone()]);
    collect(&mut fleet.collect(), &fleet.path("a.ndjson"), 200);
    let before = "from elsewhere\n".repeat(3000);
    fs::write(fleet.path("b.ndjson"), &before).unwrap();
    let both = [
        Fleet::source("a", &servers[0]),
        Fleet::source("b", &servers[1]),
        output,
    ];
    fleet.configure("", &both);
    collect(&mut fleet.collect(), &fleet.path("b.ndjson"), 3200);
    check_appended(&fleet.path("b.ndjson"), &before, &stored([&servers[1]]));
    assert_eq!(lines(&fleet.path("a.ndjson")).len(), 200);
}

#[test]
fn the_file_at_another_url_of_an_output_of_the_same_name_is_appended_to() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 200, |builder| builder);
    let configure = |url: &str| {
        let output = Fleet::output(url) + "name = \"main\"\n";
        fleet.configure("", &[Fleet::source("fmc", &server), output]);
    };
    configure("file:first");
    collect(&mut fleet.collect(), &fleet.path("first"), 200);
    let before = "from elsewhere\n".repeat(100_000);
    fs::write(fleet.path("second"), &before).unwrap();
    configure("file:second");
    server.archive().store(50);
    collect(&mut fleet.collect(), &fleet.path("second"), 100_050);
    assert_eq!(lines(&fleet.path("first")).len(), 200);
    let text = fs::read_to_string(fleet.path("second")).unwrap();
    assert!(text.starts_with(&before));
}

#[test]
fn the_file_of_a_source_added_by_a_reload_survives_a_kill() {
    source_added_then(|command| command);
}

#[test]
#[ignore = "needs to mount a file over the boot id"]
fn the_file_of_a_source_added_by_a_reload_survives_a_power_loss() {
    source_added_then(estreamer_tests::after_reboot);
}

/// A source is added by SIGHUP whose file is there already; then the collector
/// is killed, and started as `restart` says.
fn source_added_then(restart: impl FnOnce(Command) -> Command) {
    let fleet = Fleet::new();
    let servers = [1, 2].map(|seed| fleet.server(seed, 200, |builder| builder));
    let output = Fleet::output("file:{source}.ndjson");
    fleet.configure("", &[Fleet::source("a", &servers[0]), output.clone()]);
    let before = "from elsewhere\n".repeat(100_000);
    let running = Running::start(&mut fleet.collect());
    wait_for_lines(&fleet.path("a.ndjson"), 200, &running);
    fs::write(fleet.path("b.ndjson"), &before).unwrap();
    let both = [
        Fleet::source("a", &servers[0]),
        Fleet::source("b", &servers[1]),
        output,
    ];
    fleet.configure("", &both);
    running.signal("HUP");
    wait_for_lines(&fleet.path("b.ndjson"), 100_200, &running);
    running.kill();
    servers[1].archive().store(50);
    let mut command = restart(fleet.collect());
    collect(&mut command, &fleet.path("b.ndjson"), 100_250);
    check_appended(&fleet.path("b.ndjson"), &before, &stored([&servers[1]]));
    let mut found = lines(&fleet.path("a.ndjson"));
    found.sort();
    assert!(found == stored([&servers[0]]));
}

/// Checks that a file holds what was there before, and then each event once.
#[track_caller]
fn check_appended(path: &Path, before: &str, events: &[Vec<u8>]) {
    assert!(fs::read(path).unwrap().starts_with(before.as_bytes()));
    let mut found = lines(path).split_off(before.lines().count());
    found.sort();
    assert!(found == events);
}

#[test]
fn a_file_moved_within_its_directory_before_a_kill_is_found_and_nothing_doubles() {
    let scene = Scene::new(20_000, Oddities::default(), |builder| builder.rate(20_000));
    stopped_while_it_writes(&scene, || {
        fs::rename(scene.path("out"), scene.path("out.1")).unwrap();
    });
    scene.run(&mut scene.collect("out", "state")).success();
    let found = [lines(&scene.path("out.1")), lines(&scene.path("out"))].concat();
    assert_eq!(scene.compare(&found), (0, 0));
}

#[test]
fn a_file_moved_to_another_directory_before_a_kill_costs_what_is_told() {
    let scene = Scene::new(20_000, Oddities::default(), |builder| builder.rate(20_000));
    fs::create_dir(scene.path("old")).unwrap();
    stopped_while_it_writes(&scene, || {
        fs::rename(scene.path("out"), scene.path("old/out")).unwrap();
    });
    let ended = scene.run(&mut scene.collect("out", "state")).success();
    let found = [lines(&scene.path("old/out")), lines(&scene.path("out"))].concat();
    check_told(&scene, &found, &ended.stderr);
}

#[test]
fn a_file_renamed_and_compressed_before_a_kill_costs_what_is_told() {
    let scene = Scene::new(20_000, Oddities::default(), |builder| builder.rate(20_000));
    stopped_while_it_writes(&scene, || {
        fs::rename(scene.path("out"), scene.path("out.1")).unwrap();
        compress(&scene.path("out.1"));
    });
    let ended = scene.run(&mut scene.collect("out", "state")).success();
    Ended::of(Command::new("gunzip").arg(scene.path("out.1.gz"))).success();
    let found = [lines(&scene.path("out.1")), lines(&scene.path("out"))].concat();
    check_told(&scene, &found, &ended.stderr);
}

#[test]
fn two_renames_before_a_kill_double_nothing() {
    let scene = Scene::new(40_000, Oddities::default(), |builder| builder.rate(20_000));
    let rename = |from: &str, to: &str| fs::rename(scene.path(from), scene.path(to)).unwrap();
    let has_bytes = |name: &str| fs::metadata(scene.path(name)).is_ok_and(|it| it.len() > 100_000);
    let mut running = Running::start(&mut scene.collect("out", "state"));
    for old in ["out.1", "out.2"] {
        wait_until(|| !running.is_running() || has_bytes("out"));
        assert!(running.is_running(), "{}", running.said());
        rename("out", old);
    }
    wait_until(|| !running.is_running() || has_bytes("out"));
    running.kill();
    rename("out", "out.3");
    let before = ["out.1", "out.2", "out.3"].map(|name| lines(&scene.path(name)));
    assert!(scene.compare(&before.concat()).0 > 0, "it was at work");
    scene.run(&mut scene.collect("out", "state")).success();
    let files = ["out.1", "out.2", "out.3", "out"];
    let found: Vec<_> = files
        .iter()
        .flat_map(|name| lines(&scene.path(name)))
        .collect();
    assert_eq!(scene.compare(&found), (0, 0));
}

/// A collector is stopped before it notices what is done, and killed.
fn stopped_while_it_writes(scene: &Scene, act: impl FnOnce()) {
    let running = scene.halt(&mut scene.collect("out", "state"), "out", 500_000, "STOP");
    act();
    running.kill();
}

/// Checks that nothing is lost, and that as many events are there twice as was
/// told.
#[track_caller]
fn check_told(scene: &Scene, found: &[Vec<u8>], said: &str) {
    let (lost, doubled) = scene.compare(found);
    assert_eq!(lost, 0, "{said}");
    let told = said
        .lines()
        .find(|line| line.contains("is not found any more. They come again"))
        .unwrap_or_else(|| panic!("{doubled} doubled: {said}"));
    let count = message(told).split(' ').next().unwrap();
    assert_eq!(count, doubled.to_string(), "{said}");
}
