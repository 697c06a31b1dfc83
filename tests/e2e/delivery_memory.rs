//! Memory is bounded whatever the server sends and however slow a reader is.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Instant;

use estreamer_simulate::archive::{Archive, ArchiveOptions, Oddities};
use estreamer_simulate::generator::GeneratorOptions;
use estreamer_tests::{
    Fleet, Pki, Running, Scene, Simulator, collect, lines, wait_for_lines, wait_until,
};

/// A debug build gets through a tenth of it in the same time.
const EVENTS: usize = if cfg!(debug_assertions) {
    100_000
} else {
    2_000_000
};

#[test]
fn a_bundle_far_larger_than_the_budget_passes() {
    // In a release build, 300,000 events are 290 MiB.
    let events = EVENTS.min(300_000);
    let count = events.to_string();
    let pki = Pki::new();
    let server = Simulator::start(&pki.path(), &["--count", &count, "--bundle", &count]);
    // One more than there are, so that it does not end.
    let limit = (events + 1).to_string();
    let arguments = ["--from", "oldest", "--quiet", "--stop-after", &limit];
    let (mut child, mut lines) = piped(&mut collect(&pki, &server.address, &arguments));
    read(&mut lines, events);
    let peak = peak(&mut child);
    assert!(peak < 52 << 10, "{peak} KiB resident");
}

#[test]
fn a_reader_that_stops_stops_the_server_and_gets_everything_in_the_end() {
    let scene = Scene::new(EVENTS as u64, Oddities::default(), |builder| {
        builder.unacknowledged(1000).bundle(1000)
    });
    let mut command = scene.collect("out", "state");
    let (mut child, mut lines) = piped(command.args(["--output", "-", "--quiet"]));
    read(&mut lines, 1);
    // It has stopped when the server could send nothing for a while.
    let pause = if cfg!(debug_assertions) { 1 } else { 10 };
    let mut last = (0, Instant::now());
    wait_until(|| {
        if scene.served() != last.0 {
            last = (scene.served(), Instant::now());
        }
        last.1.elapsed().as_secs() >= pause
    });
    // The budget, what the two sockets hold at most, and some for TLS and the server.
    let sockets = largest_buffer("tcp_rmem") + largest_buffer("tcp_wmem");
    let bytes = (32 << 20) + sockets + (4 << 20);
    // An event has a little more than 1000 bytes.
    assert!(last.0 < bytes / 1000, "{} events were taken", last.0);
    read(&mut lines, EVENTS - 1);
    let peak = peak(&mut child);
    assert!(peak < (32 + 12) << 10, "{peak} KiB resident");
}

/// The bytes that this buffer of a socket has at most.
fn largest_buffer(name: &str) -> u64 {
    let sizes = fs::read_to_string(format!("/proc/sys/net/ipv4/{name}")).unwrap();
    let largest = sizes.split_whitespace().last().unwrap();
    largest.parse().unwrap()
}

/// Starts a collector whose lines are read by the test.
fn piped(command: &mut Command) -> (Child, BufReader<ChildStdout>) {
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let stdout = child.stdout.take().unwrap();
    (child, BufReader::with_capacity(1 << 16, stdout))
}

/// Reads so many lines.
fn read(lines: &mut impl BufRead, count: usize) {
    let mut line = Vec::new();
    for _ in 0..count {
        line.clear();
        lines.read_until(b'\n', &mut line).unwrap();
        assert!(line.ends_with(b"\n"), "the collector has ended");
    }
}

/// The most memory it ever had, KiB; then it is killed.
fn peak(child: &mut Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
    let kib = |name: &str| -> u64 {
        let mut lines = status.lines();
        let line = lines.find_map(|line| line.strip_prefix(name)).unwrap();
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    // The pages of the program's file are not memory for events, and are more in a debug
    // build.
    kib("VmHWM:") - kib("RssFile:")
}

/// More events come within the overlap than can be remembered. A restart would bring some
/// twice, which is told; the collection goes on.
#[test]
fn more_events_within_the_overlap_than_fit_into_the_memory_do_not_end_the_collection() {
    let fleet = Fleet::new();
    let dense = GeneratorOptions {
        per_second: 40_000,
        ..GeneratorOptions::default()
    };
    // 163,840 digests fit into 20 MiB; six seconds have 240,000 events.
    let archive = Archive::new(ArchiveOptions::generated(dense, 280_000));
    let server = fleet.server(1, 0, |builder| builder.archive(archive));
    let small = "keep_fields = [\"EventType\"]\n";
    let output = Fleet::output("file:out.ndjson") + small;
    fleet.configure("memory = 20", &[Fleet::source("fmc", &server), output]);
    let running = Running::start(&mut fleet.collect());
    wait_for_lines(&fleet.path("out.ndjson"), 280_000, &running);
    let ended = running.stop().success();
    assert!(ended.stderr.contains("not remembered"), "{}", ended.stderr);
    assert_eq!(lines(&fleet.path("out.ndjson")).len(), 280_000);
}
