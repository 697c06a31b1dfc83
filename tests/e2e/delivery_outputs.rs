//! What files are made, with which permissions, and what is no file.

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use estreamer_simulate::archive::Oddities;
use estreamer_tests::{Ended, Fleet, Running, Scene, lines, wait_for_lines};

fn mkfifo(path: &Path) {
    Ended::of(Command::new("mkfifo").arg(path)).success();
}

/// The same command behind a line of shell.
fn behind(line: &str, command: &Command) -> Command {
    let mut shell = Command::new("sh");
    let script = format!("{line} && exec \"$@\"");
    shell.args(["-c", &script, "sh"]).arg(command.get_program());
    shell.args(command.get_args());
    shell
}

#[test]
fn what_is_no_file_is_refused_at_once_with_a_way_on() {
    let scene = Scene::new(300, Oddities::default(), |builder| builder);
    let pipe = scene.path("pipe");
    mkfifo(&pipe);
    for url in ["file:/dev/null", "file:/dev/stdout", &scene.file("pipe")] {
        let path = url.strip_prefix("file:").unwrap();
        let ended = Ended::of(&mut scene.collect_to(url, "state", "oldest"));
        ended.failure(1, &[path, "not a regular file", "stdout:"]);
    }
    assert_eq!(scene.served(), 0, "before anything was asked for");
    assert!(fs::metadata(&pipe).unwrap().file_type().is_fifo());
    // The way on: standard output, sent there.
    let command = scene.collect_to("stdout:", "state", "oldest");
    let mut reader = Command::new("cat");
    let reader = Running::start(reader.arg(&pipe));
    let redirected = format!("exec > '{}'", pipe.display());
    scene.run(&mut behind(&redirected, &command)).success();
    let read = reader.wait().success().stdout;
    assert_eq!(read.iter().filter(|&&byte| byte == b'\n').count(), 300);
}

#[test]
fn what_is_no_file_is_refused_without_a_state_directory_too() {
    let scene = Scene::new(300, Oddities::default(), |builder| builder);
    let mut arguments = scene.arguments("out", "state");
    let state = arguments.iter().position(|it| it == "--state").unwrap();
    arguments.drain(state..state + 2);
    let output = arguments.iter().position(|it| it == "--output").unwrap();
    mkfifo(&scene.path("pipe"));
    for url in ["file:/dev/null", "file:/dev/stdout", &scene.file("pipe")] {
        arguments[output + 1] = url.into();
        let mut command = estreamer_tests::estreamer(&[]);
        let ended = Ended::of(command.args(&arguments));
        ended.failure(1, &["not a regular file", "stdout:"]);
    }
}

#[test]
fn a_pipe_in_the_place_of_a_file_delays_a_stop_no_longer_than_allowed() {
    let scene = Scene::live(100, Oddities::default(), |builder| builder);
    let (out, old) = (scene.path("out"), scene.path("old"));
    let mut command = scene.collect("out", "state");
    let running = Running::start(command.args(["--shutdown", "1"]));
    wait_for_lines(&out, 100, &running);
    fs::rename(&out, &old).unwrap();
    mkfifo(&out);
    scene.archive().store(50);
    running.wait_for("The write is retried");
    running.signal("TERM");
    let start = Instant::now();
    let ended = running.wait().success();
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{}",
        ended.stderr
    );
    fs::remove_file(&out).unwrap();
    scene.run(&mut scene.collect("out", "state")).success();
    let found = [lines(&old), lines(&out)].concat();
    assert_eq!(scene.compare(&found), (0, 0));
}

/// The permissions of a file.
#[track_caller]
fn mode(path: &Path) -> String {
    let metadata = fs::metadata(path).unwrap();
    format!("{:04o}", metadata.permissions().mode() & 0o7777)
}

#[test]
fn files_are_made_for_their_owner_and_its_group_and_secrets_for_the_owner_alone() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 50, |builder| builder);
    let tables = [
        Fleet::source("fmc", &server),
        Fleet::output("file:usual"),
        Fleet::output("file:private") + "mode = \"0600\"\n",
        Fleet::output("file:public") + "mode = \"644\"\n",
        Fleet::output("file:{event}.nd"),
    ];
    fleet.configure("", &tables);
    let mut command = fleet.collect();
    command.arg("--capture").arg(fleet.path("captured"));
    Running::until_served(&mut behind("umask 0022", &command), &[&server]).success();
    for (name, expected) in [
        ("usual", "0640"),
        ("private", "0600"),
        ("public", "0644"),
        ("ConnectionEvent.nd", "0640"),
        ("state/journal.0", "0600"),
        ("state/journal.1", "0600"),
        ("state/key", "0600"),
        ("state/lock", "0600"),
        ("captured", "0600"),
        ("captured.sent", "0600"),
    ] {
        assert_eq!(mode(&fleet.path(name)), expected, "{name}");
    }
}

#[test]
fn the_permissions_of_a_file_that_is_there_stay() {
    let scene = Scene::new(50, Oddities::default(), |builder| builder);
    let out = scene.path("out");
    fs::write(&out, "").unwrap();
    fs::set_permissions(&out, fs::Permissions::from_mode(0o604)).unwrap();
    scene.run(&mut scene.collect("out", "state")).success();
    assert_eq!(mode(&out), "0604");
}

#[test]
fn a_limit_on_the_size_of_files_only_delays() {
    let scene = Scene::new(1000, Oddities::default(), |builder| builder);
    // Some hundred KiB, whichever block the shell counts in.
    let mut command = scene.collect("out", "state");
    let mut limited = behind("ulimit -f 300", command.args(["--shutdown", "1"]));
    for _ in 0..2 {
        let running = Running::start(&mut limited);
        running.wait_for("File too large");
        let ended = running.stop().success();
        assert!(ended.stderr.contains("collected again"), "{}", ended.stderr);
    }
    let length = fs::metadata(scene.path("out")).unwrap().len();
    assert!((1..400_000).contains(&length), "{length}");
    scene.run(&mut scene.collect("out", "state")).success();
    scene.check("out", "without the limit");
}

#[test]
fn a_state_directory_that_may_grow_no_more_waits_for_space() {
    let scene = Scene::new(100, Oddities::default(), |builder| builder);
    let running = Running::start(&mut behind("ulimit -f 0", &scene.collect("out", "state")));
    running.wait_for("Waiting for space");
    running.signal("TERM");
    let start = Instant::now();
    running.wait().failure(1, &["File too large"]);
    assert!(start.elapsed() < Duration::from_secs(15));
    scene.run(&mut scene.collect("out", "state")).success();
    scene.check("out", "without the limit");
}
