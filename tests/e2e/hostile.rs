//! Servers that hold a valid certificate and mean harm: memory stays bounded,
//! what that costs is told, and a stop takes no time.

use std::fs::File;
use std::io::Write;
use std::process::Command;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use estreamer_tests::{
    Ended, Hostile, Pki, Running, Stream, collect, counted, program, wait_until,
};

/// Bytes a server sends before the collector is stopped.
const ENOUGH: u64 = if cfg!(debug_assertions) {
    24 << 20
} else {
    160 << 20
};

/// The most that may ever be resident at the default setting, KiB.
const RESIDENT: u64 = 128 << 10;
/// A stop takes no longer, by far less than the 30 s it is allowed.
const STOP: Duration = Duration::from_secs(10);

/// Our clock, UNIX seconds.
fn now() -> u32 {
    let age = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    age.as_secs() as u32
}

/// An event of this archival second, no two alike.
fn event(buffer: &mut Vec<u8>, nested: bool, second: u32, number: u64) {
    let start = buffer.len();
    // Inside a bundle the version is 0.
    buffer.extend_from_slice(&[0, u8::from(!nested), 0, 4]);
    buffer.extend_from_slice(&[0; 4]);
    buffer.extend_from_slice(&71u32.to_be_bytes());
    buffer.extend_from_slice(&[0; 4]);
    buffer.extend_from_slice(&second.to_be_bytes());
    buffer.extend_from_slice(&[0; 4]);
    let data = buffer.len();
    write!(buffer, "{{\"n\":{number}}}").unwrap();
    let end = buffer.len();
    let mut length = |at: usize, from: usize| {
        buffer[at..at + 4].copy_from_slice(&((end - from) as u32).to_be_bytes());
    };
    length(start + 4, start + 8);
    length(start + 12, data);
}

fn bundle(buffer: &mut Vec<u8>, sequence: u32, length: u32) {
    buffer.extend_from_slice(&[0, 1, 0x0f, 0xa2]);
    for word in [length, 1, sequence] {
        buffer.extend_from_slice(&word.to_be_bytes());
    }
}

/// One bundle that does not end, of events of these archival seconds. No two
/// connections have an event in common.
fn endless(second: impl Fn(u64) -> u32 + Copy + Send + 'static) -> impl Fn(usize) -> Stream + Send {
    move |connection| {
        let mut number = (connection as u64) << 40;
        let mut begun = false;
        Box::new(move |piece| {
            if !std::mem::replace(&mut begun, true) {
                bundle(piece, 1, u32::MAX);
            }
            for _ in 0..1000 {
                event(piece, true, second(number & ((1 << 40) - 1)), number);
                number += 1;
            }
        })
    }
}

struct Scene {
    pki: Pki,
}

impl Scene {
    fn new() -> Self {
        Self { pki: Pki::new() }
    }

    fn path(&self, name: &str) -> String {
        self.pki.scratch(name).to_string_lossy().into_owned()
    }

    /// Collects from this server with a bookmark.
    fn collect(&self, server: &Hostile) -> Command {
        let (state, out) = (self.path("state"), format!("file:{}", self.path("out")));
        let mut command = collect(&self.pki, &server.address(), &["--from", "oldest"]);
        command.args(["--name", "fmc", "--state", &state, "--output", &out]);
        command
    }

    /// Collects until the server has sent much, and stops; checks memory and time,
    /// and returns what was said.
    fn survive(&self, name: &str, server: &Hostile) -> String {
        let running = Running::start(&mut self.collect(server));
        let before = server.sent();
        wait_until(|| server.sent() - before >= ENOUGH);
        stop(name, running).success().stderr
    }
}

/// Stops a collector; checks memory and time.
fn stop(name: &str, mut running: Running) -> Ended {
    running.signal("TERM");
    let asked = Instant::now();
    let mut most = 0;
    let mut took = Duration::ZERO;
    wait_until(|| {
        most = running.peak().unwrap_or(most);
        took = asked.elapsed();
        !running.is_running()
    });
    println!("{name}: {} MiB, stopped within {took:?}", most >> 10);
    let ended = running.wait();
    assert!(most <= RESIDENT, "{name}: {most} KiB resident");
    assert!(took <= STOP, "{name}: a stop took {took:?}");
    ended
}

/// What is told where the memory for what was delivered does not suffice.
const NOT_REMEMBERED: &str = "events not remembered";

#[test]
fn a_bundle_that_does_not_end_takes_no_memory() {
    let (scene, start) = (Scene::new(), now() - 100_000);
    let stream = endless(move |number| start + (number / 1000) as u32);
    let server = Hostile::start(&scene.pki, false, stream);
    scene.survive("endless", &server);
}

#[test]
fn events_of_one_second_are_remembered_as_far_as_there_is_memory() {
    let (scene, second) = (Scene::new(), now());
    let server = Hostile::start(&scene.pki, false, endless(move |_| second));
    let said = scene.survive("one second", &server);
    assert!(said.contains(NOT_REMEMBERED), "{said}");
    // All that is remembered is expected again, and none of it comes.
    let said = scene.survive("one second, again", &server);
    assert!(said.contains(NOT_REMEMBERED), "{said}");
}

#[test]
fn events_ahead_of_our_clock_are_not_kept() {
    let (scene, second) = (Scene::new(), now() + 7200);
    let server = Hostile::start(&scene.pki, false, endless(move |_| second));
    let said = scene.survive("ahead", &server);
    assert!(said.contains("more than an hour ahead"), "{said}");
    assert!(said.contains(NOT_REMEMBERED), "{said}");
}

#[test]
fn events_ahead_of_our_clock_after_one_of_today_are_kept_as_far_as_there_is_memory() {
    let (scene, today) = (Scene::new(), now());
    let second = move |number| match number {
        0 => today,
        _ => today + 7200 + (number % 100_000) as u32,
    };
    let server = Hostile::start(&scene.pki, false, endless(second));
    let said = scene.survive("today, then ahead", &server);
    assert!(said.contains(NOT_REMEMBERED), "{said}");
    let said = scene.survive("today, then ahead, again", &server);
    assert!(said.contains(NOT_REMEMBERED), "{said}");
}

#[test]
fn a_large_bundle_that_comes_again_and_again_takes_no_memory() {
    let (scene, second) = (Scene::new(), now());
    const RECORDS: u64 = if cfg!(debug_assertions) {
        200_000
    } else {
        2_000_000
    };
    let stream = move |_| -> Stream {
        let mut one = Vec::new();
        for number in 0..RECORDS {
            event(&mut one, true, second, number);
        }
        let mut at = 0;
        Box::new(move |piece| {
            if at == 0 {
                bundle(piece, 7, one.len() as u32 + 8);
            }
            let end = one.len().min(at + (64 << 10));
            piece.extend_from_slice(&one[at..end]);
            at = end % one.len();
        })
    };
    let server = Hostile::start(&scene.pki, false, stream);
    let said = scene.survive("repeated", &server);
    assert!(said.contains(NOT_REMEMBERED), "{said}");
}

#[test]
fn each_event_in_a_later_second_takes_no_memory() {
    let scene = Scene::new();
    let server = Hostile::start(&scene.pki, false, endless(|number| 1000 + number as u32));
    scene.survive("ascending", &server);
}

#[test]
fn each_event_in_an_earlier_second_is_remembered_as_far_as_there_is_memory() {
    let (scene, start) = (Scene::new(), now());
    let stream = endless(move |number| start - number as u32);
    let server = Hostile::start(&scene.pki, false, stream);
    let said = scene.survive("descending", &server);
    assert!(said.contains("clock of the server was set back"), "{said}");
    assert!(said.contains(NOT_REMEMBERED), "{said}");
    let said = scene.survive("descending, again", &server);
    assert!(said.contains(NOT_REMEMBERED), "{said}");
}

#[test]
fn seconds_that_jump_back_and_forth_take_no_memory() {
    let (scene, start) = (Scene::new(), now());
    // Far apart, near, and each another second.
    let second = move |number: u64| match number % 3 {
        0 => start,
        1 => start - 1_000_000 + (number / 3) as u32,
        _ => start - 100 - (number % 90) as u32,
    };
    let server = Hostile::start(&scene.pki, false, endless(second));
    let said = scene.survive("jumping", &server);
    assert!(said.contains("out of order"), "{said}");
}

#[test]
fn events_without_a_bundle_to_a_server_that_reads_nothing_take_no_memory() {
    let (scene, second) = (Scene::new(), now());
    let stream = move |_| -> Stream {
        let mut number = 0;
        Box::new(move |piece| {
            for _ in 0..1000 {
                event(piece, false, second, number);
                number += 1;
            }
        })
    };
    let server = Hostile::start(&scene.pki, true, stream);
    let said = scene.survive("top level", &server);
    assert!(said.contains(NOT_REMEMBERED), "{said}");
    // What cannot be sent is not kept to be sent.
    assert!(counted(&said, "nulls") < 300_000, "{said}");
}

#[test]
fn the_largest_records_take_as_much_as_is_stated() {
    let (scene, second) = (Scene::new(), now());
    let stream = move |_| -> Stream {
        let mut sequence = 0;
        Box::new(move |piece| {
            sequence += 1;
            let text = "x".repeat((16 << 20) - 1024);
            let data = format!("{{\"n\":{sequence},\"x\":\"{text}\"}}");
            bundle(piece, sequence, data.len() as u32 + 32);
            for word in [4, data.len() as u32 + 16, 71, data.len() as u32, second, 0] {
                piece.extend_from_slice(&word.to_be_bytes());
            }
            piece.extend_from_slice(data.as_bytes());
        })
    };
    let server = Hostile::start(&scene.pki, false, stream);
    let said = scene.survive("largest records", &server);
    assert!(counted(&said, "event") > 0, "{said}");
}

#[test]
#[ignore = "needs the strace program"]
fn a_disk_that_takes_seconds_to_sync_keeps_events_waiting_not_memory_growing() {
    let (scene, start) = (Scene::new(), now() - 100_000);
    let stream = endless(move |number| start + (number / 1000) as u32);
    let server = Hostile::start(&scene.pki, false, stream);
    let collect = scene.collect(&server);
    let mut command = Command::new("strace");
    command
        .args(["-D", "-f", "--seccomp-bpf", "-o", "/dev/null", "-e"])
        .arg("trace=fdatasync")
        .args(["-e", "inject=fdatasync:delay_enter=4000000"])
        .arg(program())
        .args(collect.get_args());
    let running = Running::start(&mut command);
    let began = Instant::now();
    wait_until(|| server.sent() >= ENOUGH || began.elapsed() > Duration::from_secs(30));
    let most = running.peak().unwrap();
    println!(
        "slow disk: {} MiB, {} MiB sent",
        most >> 10,
        server.sent() >> 20
    );
    assert!(most <= RESIDENT, "{most} KiB resident");
}

#[test]
fn a_journal_larger_than_any_of_ours_is_refused_unread() {
    let (scene, second) = (Scene::new(), now());
    let server = Hostile::start(&scene.pki, false, endless(move |_| second));
    let mut command = scene.collect(&server);
    Ended::of(command.args(["--stop-after", "1"])).success();
    let journal = File::options()
        .write(true)
        .open(scene.path("state/journal.0"));
    journal.unwrap().set_len(1 << 30).unwrap();
    let ended = Ended::of(&mut scene.collect(&server));
    ended.failure(1, &["journal.0 has 1024 MiB", "256", "--reset-bookmark"]);
}
