//! Disks that fail, and file systems that lack something. Run by `cargo xtask
//! interop`, which installs strace.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use estreamer_simulate::archive::Oddities;
use estreamer_tests::{ODD, Running, Scene, wait_until};

/// The command, with the system failing calls that concern a path.
fn failing(command: &Command, inject: &str, path: Option<&str>) -> Command {
    let mut strace = Command::new("strace");
    // The traced program is the child, which is told to stop.
    strace.args(["-D", "-f", "-qq", "-o", "/dev/null"]);
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
    ends_after_three("when=2+2");
}

#[test]
#[ignore = "needs the strace program"]
fn a_disk_that_fails_every_sync_ends_the_run_after_three() {
    ends_after_three("when=1+1");
}

/// Collects to a file whose syncs fail, counted for each thread. The first failure is that of
/// a commit; a later one may be that of a start, which cuts off what is not durable.
fn ends_after_three(when: &str) {
    let scene = Scene::live(100, Oddities::default(), |builder| builder);
    // Of the file's syncs, whichever thread makes them.
    let out = scene.path("out");
    let command = scene.collect("out", "state");
    let inject = format!("fdatasync:error=EIO:{when}");
    let mut running = Running::start(&mut failing(&command, &inject, out.to_str()));
    let start = Instant::now();
    // There is always something more to commit.
    wait_until(|| {
        scene.archive().store(1);
        !running.is_running()
    });
    let ended = running.wait();
    ended.failure(1, &["Input/output error"]);
    assert!(
        start.elapsed() < Duration::from_secs(30),
        "{}",
        ended.stderr
    );
    let told = "what was written could not be made durable";
    assert!(ended.stderr.contains(told), "{}", ended.stderr);
    let begun_anew = ended.stderr.matches("cut off and collected again").count();
    assert_eq!(begun_anew, 2, "{}", ended.stderr);
    scene.run(&mut scene.collect("out", "state")).success();
    scene.check("out", "on a disk that works again");
}

#[test]
#[ignore = "needs the strace program"]
fn a_file_system_that_lacks_locks_or_directory_syncs_works_and_is_told() {
    let scene = Scene::live(0, ODD, |builder| builder);
    fs::create_dir(scene.path("log")).unwrap();
    fs::create_dir(scene.path("log/state")).unwrap();
    let (names, locks) = ("cannot be made durable", "has no locks");
    for (inject, path, told) in [
        ("flock:error=ENOLCK", None, locks),
        ("fsync:error=EINVAL", Some("log"), names),
        ("fsync:error=EINVAL", Some("log/state"), names),
        ("openat:error=EACCES", Some("log"), names),
        ("openat:error=EACCES", Some("log/state"), names),
    ] {
        let path = path.map(|path| scene.path(path));
        let path = path.as_ref().and_then(|path| path.to_str());
        scene.archive().store(500);
        let command = scene.collect("log/out", "log/state");
        let ended = scene.run(&mut failing(&command, inject, path)).success();
        scene.check("log/out", &format!("{inject}: {}", ended.stderr));
        for words in [names, locks] {
            let said = ended.stderr.contains(words);
            assert_eq!(said, told == words, "{inject}, {path:?}: {}", ended.stderr);
        }
    }
}
