//! A bookmark that cannot be believed is refused and changes nothing; one that can
//! is found again whatever changed around it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use estreamer_simulate::archive::Oddities;
use estreamer_tests::{Ended, ODD, Running, Scene, after_reboot, at_each, lines, wait_for_lines};

/// A scene whose state directory holds two bookmarks, of which the newer one
/// knows of 2000 events and the older one of 300. The server is gone.
fn two_bookmarks() -> Scene {
    let mut scene = Scene::live(300, ODD, |builder| builder);
    scene.run(&mut scene.collect("out", "state")).success();
    scene.archive().store(1700);
    scene.run(&mut scene.collect("out", "state")).success();
    scene.check("out", "undamaged");
    scene.stop();
    scene
}

/// The segment that holds the newest bookmark: the older one ends where the newer
/// one begins.
fn newest(state: &Path) -> PathBuf {
    let segments = ["journal.0", "journal.1"].map(|name| state.join(name));
    let length = |path: &PathBuf| fs::metadata(path).unwrap().len();
    segments.into_iter().max_by_key(length).unwrap()
}

/// Bytes of the last frame after a stop in order: head and one byte.
const LAST: usize = 13;

/// A copy of the state directory to be damaged.
fn copy(scene: &Scene, name: &str) -> PathBuf {
    let copy = scene.path(name);
    fs::create_dir(&copy).unwrap();
    for entry in fs::read_dir(scene.path("state")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), copy.join(entry.file_name())).unwrap();
    }
    copy
}

/// Everything a directory holds, but for the lock, which is empty.
fn content(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let entries = fs::read_dir(directory).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .filter(|path| !path.ends_with("lock"))
        .map(|path| (path.clone(), fs::read(path).unwrap()))
        .collect()
}

/// Checks that a start with this state is refused with these words and the ways
/// on, and that nothing is changed.
#[track_caller]
fn check_refused(scene: &Scene, state: &Path, words: &[&str]) {
    let (before, out) = (content(state), fs::read(scene.path("out")).unwrap());
    let name = state.file_name().unwrap().to_str().unwrap();
    let words = [
        words,
        &["Nothing was changed", "--reset-bookmark", "backup"],
    ]
    .concat();
    Ended::of(&mut scene.collect("out", name)).failure(1, &words);
    assert!(content(state) == before, "{words:?}");
    assert!(fs::read(scene.path("out")).unwrap() == out, "{words:?}");
}

#[test]
fn a_newest_segment_with_a_flipped_bit_is_refused_wherever_the_bit_is() {
    let scene = two_bookmarks();
    let segment = newest(&scene.path("state"));
    let name = segment.file_name().unwrap();
    let length = fs::metadata(&segment).unwrap().len() as usize;
    // The last frame says only that the process ended in order.
    let last = length - LAST;
    let sampled = (0..last).step_by(length / 24);
    let bytes: Vec<usize> = sampled.chain(last..length).collect();
    at_each(&bytes, |index, &at| {
        let state = copy(&scene, &format!("state{index}"));
        let mut bytes = fs::read(state.join(name)).unwrap();
        bytes[at] ^= 1 << (index % 8);
        fs::write(state.join(name), bytes).unwrap();
        if at < last {
            check_refused(&scene, &state, &[name.to_str().unwrap()]);
            return;
        }
        // Without it the segment is whole, or it is refused as well.
        let before = fs::read(scene.path("out")).unwrap();
        let name = format!("state{index}");
        Ended::of(&mut scene.collect("out", &name)).failure(1, &[]);
        assert!(fs::read(scene.path("out")).unwrap() == before, "byte {at}");
    });
}

#[test]
fn a_newest_segment_that_is_empty_cut_or_gone_is_refused() {
    let scene = two_bookmarks();
    let segment = newest(&scene.path("state"));
    let name = segment.file_name().unwrap();
    let told = name.to_str().unwrap();
    let damaged = |kind: &str, damage: fn(&Path)| {
        let state = copy(&scene, kind);
        damage(&state.join(name));
        check_refused(&scene, &state, &[told]);
    };
    damaged("empty", |path| fs::write(path, "").unwrap());
    damaged("gone", |path| fs::remove_file(path).unwrap());
    damaged("cut", |path| {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(20).unwrap();
    });
    damaged("other", |path| fs::write(path, "not a journal").unwrap());
}

#[test]
fn a_state_directory_without_any_segment_is_refused() {
    let scene = two_bookmarks();
    let state = copy(&scene, "none");
    for name in ["journal.0", "journal.1"] {
        fs::remove_file(state.join(name)).unwrap();
    }
    check_refused(&scene, &state, &["journal.0", "key"]);
}

#[test]
fn a_key_that_is_not_the_one_of_the_journal_is_refused() {
    let scene = two_bookmarks();
    let damaged = |kind: &str, words: &[&str], damage: fn(&Path)| {
        let state = copy(&scene, kind);
        damage(&state.join("key"));
        check_refused(&scene, &state, words);
    };
    damaged("flipped", &["another key"], |path| {
        let mut bytes = fs::read(path).unwrap();
        bytes[17] ^= 4;
        fs::write(path, bytes).unwrap();
    });
    damaged("short", &["key"], |path| fs::write(path, "short").unwrap());
    damaged("gone", &["key", "missing"], |path| {
        fs::remove_file(path).unwrap();
    });
}

#[test]
fn the_ways_on_from_a_damaged_bookmark_lose_nothing() {
    let scene = Scene::new(300, ODD, |builder| builder);
    scene.run(&mut scene.collect("out", "state")).success();
    fs::write(newest(&scene.path("state")), "").unwrap();
    Ended::of(&mut scene.collect("out", "state")).failure(1, &["--reset-bookmark"]);
    let mut command = scene.collect("out", "state");
    scene.run(command.arg("--reset-bookmark")).success();
    let (lost, doubled) = scene.compare(&lines(&scene.path("out")));
    assert_eq!((lost, doubled), (0, 300), "all came again, as was said");
}

#[test]
fn a_state_directory_removed_while_it_runs_ends_the_run_at_the_next_commit() {
    for again in [false, true] {
        let scene = Scene::live(300, Oddities::default(), |builder| builder);
        let running = Running::start(&mut scene.collect("out", "state"));
        wait_for_lines(&scene.path("out"), 300, &running);
        fs::remove_dir_all(scene.path("state")).unwrap();
        if again {
            // An empty one in its place is not it either.
            fs::create_dir(scene.path("state")).unwrap();
        }
        scene.archive().store(50);
        running
            .wait()
            .failure(1, &["the bookmark was removed", "state"]);
    }
}

#[test]
fn the_same_file_spelled_differently_after_a_kill_is_the_same_file() {
    let scene = Scene::new(20_000, ODD, |builder| builder.rate(20_000));
    let directory = scene.path("");
    let inside = |url: &str| {
        let mut command = scene.collect_to(url, "state", "oldest");
        command.current_dir(&directory);
        command
    };
    scene.kill(&mut inside("file:out"), "out", 500_000);
    scene.kill(&mut inside("file:./out"), "out", 1_500_000);
    scene.kill(&mut inside("file:pki/../out"), "out", 3_000_000);
    scene.run(&mut inside(&scene.file("out"))).success();
    scene.check("out", "under four names");
}

#[test]
fn a_run_without_the_file_after_a_kill_doubles_nothing() {
    let scene = Scene::live(5000, ODD, |builder| builder);
    scene.kill(&mut scene.collect("out", "state"), "out", 500_000);
    let mut other = scene.collect_to("stdout:", "state", "oldest");
    let ended = scene.run(&mut other).success();
    scene.archive().store(100);
    scene.run(&mut scene.collect("out", "state")).success();
    let printed = ended.stdout.strip_suffix(b"\n").unwrap_or_default();
    let mut found: Vec<_> = printed
        .split(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect();
    found.extend(lines(&scene.path("out")));
    assert_eq!(scene.compare(&found), (0, 0));
}

#[test]
fn files_copied_to_another_file_system_after_a_kill_are_still_ours() {
    moved_after_a_kill(|command| command);
}

#[test]
#[ignore = "needs to mount a file over the boot id"]
fn files_on_another_file_system_after_a_power_loss_are_still_ours() {
    moved_after_a_kill(after_reboot);
}

/// After a kill, output and state come back with other numbers, on another file
/// system if there is one in memory.
fn moved_after_a_kill(restart: impl Fn(Command) -> Command) {
    // Before the first commit, and later.
    for before in [0, 2000] {
        let scene = Scene::live(before, ODD, |builder| builder.rate(20_000));
        fs::create_dir(scene.path("data")).unwrap();
        let start = || scene.collect("data/out", "data/state");
        let length = || fs::metadata(scene.path("data/out")).map_or(0, |file| file.len());
        scene.run(&mut start()).success();
        scene.archive().store(5000);
        scene.kill(&mut start(), "data/out", length() + 500_000);
        let other = match Path::new("/dev/shm").is_dir() {
            true => tempfile::tempdir_in("/dev/shm"),
            false => tempfile::tempdir(),
        };
        let other = other.unwrap();
        let mut copy = Command::new("cp");
        copy.arg("-a").arg(scene.path("data/.")).arg(other.path());
        Ended::of(&mut copy).success();
        fs::rename(scene.path("data"), scene.path("before")).unwrap();
        std::os::unix::fs::symlink(other.path(), scene.path("data")).unwrap();
        let ended = scene.run(&mut restart(start())).success();
        scene.check("data/out", &ended.stderr);
        let names = fs::read_dir(other.path()).unwrap();
        assert_eq!(names.count(), 2, "nothing was set aside");
    }
}
