//! Nothing lost, nothing twice, with the connection cut and the disk full. Run
//! by `cargo xtask interop`, since it takes minutes.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use estreamer_simulate::archive::{ArchiveContent, ArchiveOptions, Live, Oddities};
use estreamer_simulate::chaos::{Chaos, ChaosKind};
use estreamer_simulate::replay::Replay;
use estreamer_tests::{Ended, ODD, Running, Scene, at_each, wait_for_lines, wait_until};

#[test]
#[ignore = "takes minutes"]
fn cut_at_every_byte_of_a_short_conversation() {
    // Five events in two bundles: 24 bytes of headers each, 16 for a bundle.
    let events: Vec<String> = (1..=5)
        .map(|second| format!(r#"{{"EventType":"FileEvent","EventSecond":{second}}}"#))
        .collect();
    let length: usize = events.iter().map(|event| event.len() + 24).sum::<usize>() + 2 * 16;
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("events");
    fs::write(&file, events.join("\n")).unwrap();
    let points: Vec<usize> = (1..=length).collect();
    at_each(&points, |_, &at| {
        let options = ArchiveOptions {
            content: ArchiveContent::Lines(Replay::parse(std::fs::read(&file).unwrap()).unwrap()),
            history: None,
            live: Live::Nothing,
            oddities: Oddities::default(),
        };
        let cut = Chaos::with(ChaosKind::Cut, at as u64);
        let scene = Scene::of(options, |builder| builder.bundle(3).chaos(cut));
        again_and_again(&scene);
        scene.check("out", &format!("cut at {at}"));
    });
}

#[test]
#[ignore = "takes minutes"]
fn cut_at_two_hundred_random_bytes_of_a_long_conversation() {
    let seeds: Vec<u64> = (1..=200).collect();
    at_each(&seeds, |_, &seed| {
        let scene = Scene::new(3000, ODD, |builder| {
            let builder = builder.seed(seed).chaos(ChaosKind::Cut);
            builder.chaos_connections(2)
        });
        again_and_again(&scene);
        scene.check("out", &format!("seed {seed}"));
    });
}

#[test]
#[ignore = "needs to mount a file system"]
fn a_full_file_system_that_frees_up_only_delays() {
    let scene = Scene::new(3000, ODD, |builder| builder);
    let small = scene.path("small");
    fs::create_dir(&small).unwrap();
    let small = Mounted::new(small);
    let small = &small.0;
    // Half a MiB is left: the events need three.
    fs::write(small.join("ballast"), vec![1; (7 << 20) + (1 << 19)]).unwrap();
    let running = Running::start(&mut scene.collect("small/out", "small/state"));
    let length = || fs::metadata(small.join("out")).map_or(0, |file| file.len());
    wait_until(|| running.said().contains("The write is retried"));
    assert!(length() < 1_000_000);
    fs::remove_file(small.join("ballast")).unwrap();
    wait_until(|| length() > 2_900_000);
    let ended = running.stop().success();
    assert!(
        ended.stderr.contains(": works again after "),
        "{}",
        ended.stderr
    );
    scene
        .run(&mut scene.collect("small/out", "small/state"))
        .success();
    scene.check("small/out", "after the disk was full");
}

#[test]
#[ignore = "needs to mount a file system"]
fn a_start_on_a_full_file_system_waits_for_space() {
    let scene = Scene::new(1000, ODD, |builder| builder);
    let small = scene.path("small");
    fs::create_dir(&small).unwrap();
    let small = Mounted::new(small);
    let ballast = small.0.join("ballast");
    // Until nothing more fits.
    assert!(fs::write(&ballast, vec![1; 9 << 20]).is_err());
    let running = Running::start(&mut scene.collect("small/out", "small/state"));
    running.wait_for("Waiting for space on the disk");
    assert_eq!(scene.served(), 0, "before anything was asked for");
    fs::remove_file(ballast).unwrap();
    running.wait_for("the disk has space again");
    wait_for_lines(&small.0.join("out"), 1000, &running);
    running.stop().success();
    scene.check("small/out", "after the disk was full");
}

/// A file system of 8 MiB in memory.
struct Mounted(PathBuf);

impl Mounted {
    fn new(path: PathBuf) -> Self {
        let mut mount = Command::new("mount");
        let arguments = ["-t", "tmpfs", "-o", "size=8m", "tmpfs"];
        Ended::of(mount.args(arguments).arg(&path)).success();
        Self(path)
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // What is left of a failed test goes with the machine.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

/// A connection lost before its first event ends the collector; then it is
/// started again.
fn again_and_again(scene: &Scene) {
    for _ in 0..3 {
        if scene
            .run(&mut scene.collect("out", "state"))
            .status
            .success()
        {
            return;
        }
    }
    panic!("no connection after three");
}
