//! Disks that fail, and file systems that lack something. Run by `cargo xtask
//! interop`, which installs strace.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use estreamer::simulate::archive::Oddities;
use estreamer_tests::{Ended, ODD, Running, Scene, wait_until};

/// The command, with the system failing calls that concern a path. Which, is in
/// the scene's file `trace`.
fn failing(scene: &Scene, command: &Command, inject: &str, path: Option<&str>) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-f", "-qq", "-o"]).arg(scene.path("trace"));
    strace.arg("-e").arg(format!("inject={inject}"));
    if let Some(path) = path {
        strace.args(["-P", path]);
    }
    strace.arg(command.get_program()).args(command.get_args());
    strace
}

#[test]
#[ignore = "needs the strace program"]
fn a_disk_that_fails_every_second_sync_ends_the_run_after_three() {
    let scene = Scene::live(100, Oddities::default(), |builder| builder);
    // Of the file's syncs, whichever thread makes them.
    let out = scene.path("out");
    let command = scene.collect_on("out", "state");
    let inject = "fdatasync:error=EIO:when=2+2";
    let mut running = Running::start(&mut failing(&scene, &command, inject, out.to_str()));
    let start = Instant::now();
    // There is always something more to commit.
    wait_until(|| {
        scene.archive().store(1);
        !running.is_running()
    });
    let ended = running.wait();
    ended.failure(1, &["could not be made durable", "Input/output error"]);
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "{}",
        ended.stderr
    );
    let begun_anew = ended.stderr.matches("cut off and comes again").count();
    assert_eq!(begun_anew, 2, "{}", ended.stderr);
    Ended::of(&mut scene.collect("out", "state")).success();
    scene.check("out", "on a disk that works again");
}

#[test]
#[ignore = "needs the strace program"]
fn a_file_system_without_locks_or_directory_syncs_or_readable_directories_works() {
    let scene = Scene::live(0, ODD, |builder| builder);
    fs::create_dir(scene.path("log")).unwrap();
    fs::create_dir(scene.path("log/state")).unwrap();
    for (inject, path) in [
        ("flock:error=ENOLCK", None),
        ("fsync:error=EINVAL", Some("log")),
        ("fsync:error=EINVAL", Some("log/state")),
        ("openat:error=EACCES", Some("log")),
        ("openat:error=EACCES", Some("log/state")),
    ] {
        let path = path.map(|path| scene.path(path));
        let path = path.as_ref().and_then(|path| path.to_str());
        scene.archive().store(500);
        let command = scene.collect("log/out", "log/state");
        let ended = Ended::of(&mut failing(&scene, &command, inject, path)).success();
        scene.check("log/out", &format!("{inject}: {}", ended.stderr));
        let trace = fs::read_to_string(scene.path("trace")).unwrap();
        assert!(trace.contains("(INJECTED)"), "{inject} was never reached");
    }
}
