//! Nothing lost, nothing twice, with the system failing at a chosen call. Run by
//! `cargo xtask interop`, which installs strace.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use estreamer_tests::archive::{archived, manifest};
use estreamer_tests::{Ended, Fleet, ODD, Running, Scene, at_each, estreamer, program, wait_until};

#[test]
#[ignore = "needs the strace program"]
fn killed_at_every_write_rename_and_sync() {
    let scene = scene();
    let mut points = Vec::new();
    for (call, count) in calls(&scene) {
        assert!(count > 0, "no {call} in a run");
        points.extend((1..=count).map(|when| format!("{call}:signal=KILL:when={when}")));
    }
    // How often a thread writes depends on how events gather, so the last points
    // may lie behind the end of a run.
    let reached = AtomicUsize::new(0);
    at_each(&points, |index, point| {
        let scene = scene.beside();
        let (out, state) = (format!("out{index}"), format!("state{index}"));
        let ended = traced(&scene, &out, &state, point, &[]);
        let killed = ended.status.code() != Some(0);
        reached.fetch_add(usize::from(killed), Ordering::Relaxed);
        scene.run(&mut scene.collect(&out, &state)).success();
        scene.check(&out, point);
    });
    let reached = reached.into_inner();
    assert!(reached > 20, "only {reached} of {} points", points.len());
}

#[test]
#[ignore = "needs the strace program"]
fn a_full_disk_that_frees_up_only_delays() {
    let scene = scene();
    // The file, the journal, and a journal that is being made.
    let points: Vec<String> = ["out", "state/journal.1", "state/journal.new"]
        .iter()
        .flat_map(|file| (1..6).map(move |when| format!("{file} {when}")))
        .collect();
    at_each(&points, |index, point| {
        let scene = scene.beside();
        let (file, when) = point.split_once(' ').unwrap();
        let (out, state) = (format!("{index}/out"), format!("{index}/state"));
        std::fs::create_dir_all(scene.path(&state)).unwrap();
        let inject = format!("write:error=ENOSPC:when={when}..{when}");
        let first = traced(
            &scene,
            &out,
            &state,
            &inject,
            &[
                "-P",
                scene.path(&format!("{index}/{file}")).to_str().unwrap(),
            ],
        );
        let failed = first.stderr.contains("No space left");
        // A segment is made with one write.
        assert!(failed || file.ends_with("new"), "{point} was never reached");
        if first.status.code() != Some(0) {
            first.failure(1, &["No space left"]);
            scene.run(&mut scene.collect(&out, &state)).success();
        }
        scene.check(&out, point);
    });
}

#[test]
#[ignore = "needs the strace program"]
fn a_sync_that_fails_voids_what_came_since_the_last_commit() {
    let scene = scene();
    let count = calls(&scene)["fdatasync"];
    let points: Vec<String> = (1..=count)
        .map(|when| format!("fdatasync:error=EIO:when={when}"))
        .collect();
    let reached = AtomicUsize::new(0);
    at_each(&points, |index, point| {
        let scene = scene.beside();
        let (out, state) = (format!("out{index}"), format!("state{index}"));
        let first = traced(&scene, &out, &state, point, &[]);
        let failed = first.stderr.contains("Input/output error");
        reached.fetch_add(usize::from(failed), Ordering::Relaxed);
        // What was voided is counted when it has come again, and not before.
        let lines = std::fs::read_to_string(scene.path(&out)).unwrap_or_default();
        let counted = format!("INFO {} events, ", lines.lines().count());
        let is_whole = first.status.success() && first.stderr.contains(" events, ");
        assert!(
            !is_whole || first.stderr.contains(&counted),
            "{point}: not {counted}{}",
            first.stderr
        );
        // It begins anew by itself, unless that fails again and again.
        if first.status.code() != Some(0) {
            assert_eq!(first.status.code(), Some(1), "{point}: {}", first.stderr);
            scene.run(&mut scene.collect(&out, &state)).success();
        }
        scene.check(&out, point);
    });
    assert!(reached.into_inner() >= 2, "of {}", points.len());
}

#[test]
#[ignore = "needs the strace program"]
fn a_sync_that_hangs_does_not_keep_a_stop_waiting() {
    let scene = scene();
    let out = scene.path("out");
    let hangs = "fdatasync:delay_enter=20000000:when=1";
    let more = ["-P", out.to_str().unwrap()];
    let stop = ["--stop-after", "2000", "--shutdown", "1"];
    let mut command = strace(hangs, &more);
    command.args(scene.arguments("out", "state")).args(stop);
    Ended::of(&mut command).failure(1, &["does not answer", "check the disk"]);
    scene.run(&mut scene.collect("out", "state")).success();
    scene.check("out", "after a sync that hung");
}

/// It was recorded as closed, and did not get its name: what another program appends then belongs
/// to the file that goes on.
#[test]
#[ignore = "needs the strace program"]
fn a_file_that_changes_before_it_gets_its_recorded_name_is_not_missing() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 500, |builder| builder);
    let url = "file:log/{source}.ndjson";
    let keys = "rotate = { size = \"64KiB\" }\n";
    let tables = [
        Fleet::source("fmc", &server),
        format!("{}{keys}", Fleet::output(url)),
    ];
    let config = fleet.configure("", &tables);
    std::fs::create_dir_all(fleet.path("log")).unwrap();
    let mut command = strace("renameat2:signal=KILL:when=1", &[]);
    command.args(["collect", "--config"]).arg(config);
    let killed = Ended::of(&mut command);
    assert_ne!(killed.status.code(), Some(0), "{}", killed.stderr);
    let open = fleet.path("log/fmc.ndjson");
    assert_eq!(manifest(&open).len(), 1, "recorded");
    let mut file = OpenOptions::new().append(true).open(&open).unwrap();
    file.write_all(b"{\"of\":\"another program\"}\n").unwrap();
    drop(file);
    let running = Running::start(&mut fleet.collect());
    wait_until(|| archived(&open).is_ok_and(|lines| lines.len() > 500));
    running.stop().success();
    let mut verify = estreamer(&["verify"]);
    verify.arg(fleet.path("log"));
    let proven = Ended::of(verify.arg("--state").arg(fleet.path("state")));
    let said = String::from_utf8_lossy(&proven.stdout).into_owned();
    assert!(!said.contains("missing"), "{said}{}", proven.stderr);
}

#[test]
#[ignore = "needs the strace program"]
fn the_bookmark_is_durable_before_the_first_event_is_written() {
    let scene = scene();
    let log = order(&scene);
    let first = |what: &[&str]| place(&log, what);
    let written = first(&["write(", "/journal.new"]);
    let synced = first(&["fdatasync(", "/journal.new"]);
    let renamed = first(&["rename(", "/journal.0"]);
    let named = first(&["fsync(", "/state>"]);
    // The second one grows.
    let batch = first(&["write(", "/journal.1"]);
    let event = first(&["write(", "/out>"]);
    let order = [written, synced, renamed, named, batch, event];
    assert!(order.is_sorted(), "{order:?} in {log}");
}

#[test]
#[ignore = "needs the strace program"]
fn a_start_makes_durable_what_a_killed_process_wrote() {
    let scene = scene();
    kill_before_a_sync(&scene, "out", "state");

    let log = order(&scene);
    let first = |what: &[&str]| place(&log, what);
    let again = first(&["pwrite64(", "/out>"]);
    let durable = first(&["fdatasync(", "/out>"]);
    let recorded = first(&["rename(", "/journal.new"]);
    assert!([again, durable, recorded].is_sorted(), "{log}");
    scene.check("out", "after the kill");
}

#[test]
#[ignore = "needs the strace program"]
fn the_key_that_a_killed_first_start_left_is_durable_before_it_is_used() {
    let scene = scene();
    let key = scene.path("state/key.new");
    let point = "rename:signal=KILL:when=1";
    traced(
        &scene,
        "out",
        "state",
        point,
        &["-P", key.to_str().unwrap()],
    );
    assert!(key.exists() && !scene.path("state/key").exists());

    let log = order(&scene);
    let again = place(&log, &["pwrite64(", "/key.new>"]);
    let durable = place(&log, &["fdatasync(", "/key.new>"]);
    let used = place(&log, &["rename(", "/key.new"]);
    assert!([again, durable, used].is_sorted(), "{log}");
    scene.check("out", "after the kill");
}

#[test]
#[ignore = "needs the strace program"]
fn killed_at_each_call_of_a_start_after_a_kill() {
    let scene = scene();
    let calls = ["pwrite64", "fdatasync", "fsync", "rename", "write"];
    let points =
        calls.map(|call| (1..4).map(move |when| format!("{call}:signal=KILL:when={when}")));
    let points: Vec<String> = points.into_iter().flatten().collect();
    at_each(&points, |index, point| {
        let scene = scene.beside();
        let (out, state) = (format!("out{index}"), format!("state{index}"));
        kill_before_a_sync(&scene, &out, &state);
        traced(&scene, &out, &state, point, &[]);
        scene.run(&mut scene.collect(&out, &state)).success();
        scene.check(&out, point);
    });
}

#[test]
#[ignore = "needs the strace program, and to mount a file read-only"]
fn a_start_needs_not_write_to_a_file_that_was_renamed_away() {
    let scene = scene();
    let [out, renamed] = ["out", "out.1"].map(|name| scene.path(name));
    kill_before_a_sync(&scene, "out", "state");
    std::fs::rename(&out, &renamed).unwrap();
    let script = "mount --bind \"$0\" \"$0\" && mount -o remount,bind,ro \"$0\" && exec \"$@\"";
    let mut command = Command::new("unshare");
    command
        .args(["--mount", "--map-root-user", "sh", "-c", script])
        .arg(&renamed)
        .arg(program())
        .args(scene.arguments("out", "state"));
    scene.run(&mut command).success();
    let lines = [renamed, out].map(|path| std::fs::read_to_string(path).unwrap());
    let lines = lines.iter().flat_map(|text| text.lines());
    let lines: Vec<Vec<u8>> = lines.map(|line| line.as_bytes().to_vec()).collect();
    assert_eq!(scene.compare(&lines), (0, 0));
}

/// Kills the program when it has written events and is about to make them durable.
fn kill_before_a_sync(scene: &Scene, out: &str, state: &str) {
    let path = scene.path(out);
    let point = "fdatasync:signal=KILL:when=1";
    let killed = traced(scene, out, state, point, &["-P", path.to_str().unwrap()]);
    assert_ne!(killed.status.code(), Some(0), "{}", killed.stderr);
    let written = std::fs::metadata(&path).unwrap().len();
    assert!(written > 0, "killed before it wrote");
}

/// Runs the program to its end, and returns its calls for files in their order.
fn order(scene: &Scene) -> String {
    let log = scene.path("order");
    let mut command = Command::new("strace");
    command
        // The traced program is the child, which is told to stop.
        .args(["-D", "-f", "-y", "-e"])
        .arg("trace=write,pwrite64,rename,fdatasync,fsync")
        .arg("-o")
        .arg(&log)
        .arg(program())
        .args(scene.arguments("out", "state"));
    scene.run(&mut command).success();
    std::fs::read_to_string(log).unwrap()
}

/// Returns the number of the first line that has all of these.
fn place(log: &str, what: &[&str]) -> usize {
    let has = |line: &str| what.iter().all(|w| line.contains(w));
    let found = log.lines().position(has);
    found.unwrap_or_else(|| panic!("no {what:?} in {log}"))
}

fn scene() -> Scene {
    Scene::new(2000, ODD, |builder| builder)
}

/// How often a run makes each of the calls, at most in one thread.
fn calls(scene: &Scene) -> BTreeMap<&'static str, usize> {
    let log = scene.path("calls");
    let mut command = Command::new("strace");
    command
        .args(["-f", "-e", "trace=write,rename,fdatasync", "-o"])
        .arg(&log)
        .arg(program())
        .args(scene.arguments("counted", "counted.state"))
        .args(["--stop-after", "2000"]);
    Ended::of(&mut command).success();
    let log = std::fs::read_to_string(log).unwrap();
    let of = |call: &str| {
        let mut threads: BTreeMap<&str, usize> = BTreeMap::new();
        for line in log.lines() {
            if let Some((thread, rest)) = line.split_once(' ')
                && rest.trim_start().starts_with(&format!("{call}("))
            {
                *threads.entry(thread).or_default() += 1;
            }
        }
        threads.into_values().max().unwrap_or(0)
    };
    ["write", "rename", "fdatasync"]
        .map(|call| (call, of(call)))
        .into()
}

fn traced(scene: &Scene, out: &str, state: &str, inject: &str, more: &[&str]) -> Ended {
    let mut command = strace(inject, more);
    command.args(scene.arguments(out, state));
    scene.run(&mut command)
}

/// The program under strace, which changes a call.
fn strace(inject: &str, more: &[&str]) -> Command {
    let mut command = Command::new("strace");
    command
        // The traced program is the child, which is told to stop.
        .args([
            "-D",
            "-f",
            "-qq",
            "-e",
            "trace=write,pwrite64,rename,renameat2,fdatasync,fsync",
            "-e",
        ])
        .arg(format!("inject={inject}"))
        .args(["-o", "/dev/null"])
        .args(more)
        .arg(program());
    command
}
