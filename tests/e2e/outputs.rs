//! Outputs that are required, and outputs that are not.

use std::io::{BufRead, BufReader, Read};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::thread::JoinHandle;

use estreamer_tests::{
    ClosedPort, Fleet, Running, counted, lines, stored, wait_for_lines, wait_until,
};

/// A receiver of lines, until its peer closes or it has so many.
fn receive(listener: &TcpListener, most: usize) -> Vec<Vec<u8>> {
    let (stream, _) = listener.accept().unwrap();
    take(stream, most)
}

fn take(stream: TcpStream, most: usize) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    let mut reader = BufReader::new(stream);
    while found.len() < most {
        let mut line = Vec::new();
        match reader.read_until(b'\n', &mut line) {
            // Half a line is none.
            Ok(_) if line.pop() == Some(b'\n') => found.push(line),
            _ => break,
        }
    }
    found
}

/// What a receiver found; one that nobody ever connects to fails the test instead
/// of keeping it for ever.
fn joined<T>(receiver: JoinHandle<T>) -> T {
    wait_until(|| receiver.is_finished());
    receiver.join().unwrap()
}

pub(crate) fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

#[test]
fn every_event_is_a_line_at_the_receiver_and_a_restart_adds_none() {
    let (listener, address) = listen();
    let fleet = Fleet::new();
    let server = fleet.server(1, 5000, |builder| builder.unacknowledged(16));
    fleet.configure_one(&server, &[&format!("tcp://{address}")]);
    let receiver = std::thread::spawn(move || (receive(&listener, usize::MAX), listener));
    let mut command = fleet.collect();
    let ended = Running::start(command.args(["--stop-after", "5000"]))
        .wait()
        .success();
    let (mut found, listener) = joined(receiver);
    found.sort();
    assert!(found == stored([&server]), "{}", ended.stderr);
    // The receiver has said by its close that it has all of it.
    let ended = Running::until_served(&mut fleet.collect(), &[&server]).success();
    assert!(ended.stderr.contains("0 events"), "{}", ended.stderr);
    drop(listener);
}

#[test]
fn a_receiver_that_leaves_and_comes_back_has_every_event() {
    let (listener, address) = listen();
    let fleet = Fleet::new();
    let server = fleet.server(1, 3000, |builder| builder.unacknowledged(16));
    fleet.configure_one(&server, &[&format!("tcp://{address}")]);
    // It leaves twice in the middle, with bytes it has not read.
    let receiver: JoinHandle<Vec<Vec<u8>>> = std::thread::spawn(move || {
        let mut found = receive(&listener, 700);
        found.extend(receive(&listener, 900));
        found.extend(receive(&listener, usize::MAX));
        found
    });
    let mut command = fleet.collect();
    let ended = Running::start(command.args(["--stop-after", "3000"]))
        .wait()
        .success();
    let mut found = joined(receiver);
    assert!(ended.stderr.contains("output tcp://"), "{}", ended.stderr);
    assert!(
        ended.stderr.contains(": works again after "),
        "{}",
        ended.stderr
    );
    found.sort();
    found.dedup();
    let mut expected = stored([&server]);
    expected.dedup();
    assert!(found == expected, "at least once");
}

#[test]
fn a_required_output_that_is_not_there_holds_everything_back() {
    let closed = ClosedPort::new();
    let address = closed.address;
    let fleet = Fleet::new();
    let server = fleet.server(1, 300, |builder| builder);
    fleet.configure_one(&server, &["file:out.ndjson", &format!("tcp://{address}")]);
    let running = Running::start(&mut fleet.collect());
    running.wait_for(": cannot write: ");
    // The file has some, but the bookmark waits: after a kill that comes again,
    // and the file has it once all the same.
    wait_until(|| std::fs::metadata(fleet.path("out.ndjson")).is_ok_and(|file| file.len() > 0));
    running.kill();
    let listener = TcpListener::bind(address).unwrap();
    let receiver = std::thread::spawn(move || receive(&listener, usize::MAX));
    let ended = Running::until_served(&mut fleet.collect(), &[&server]).success();
    let mut found = joined(receiver);
    found.sort();
    assert!(found == stored([&server]), "{}", ended.stderr);
    let mut file = lines(&fleet.path("out.ndjson"));
    file.sort();
    assert!(file == stored([&server]), "exactly once");
}

#[test]
fn what_came_since_now_and_could_not_be_delivered_comes_again() {
    let closed = ClosedPort::new();
    let address = closed.address;
    let fleet = Fleet::new();
    let server = fleet.server(1, 0, |builder| builder);
    let source = Fleet::source("fmc", &server).replace("\"oldest\"", "\"now\"");
    fleet.configure("", &[source, Fleet::output(&format!("tcp://{address}"))]);
    let running = Running::start(&mut fleet.collect());
    assert!(server.wait(|served| served.iter().any(|one| !one.requests.is_empty())));
    server.archive().store(250);
    // They are acknowledged ahead, so that the server has no reason to keep them.
    running.wait_for(": cannot write: ");
    assert!(server.wait(|served| served[0].nulls >= 3));
    running.kill();
    let listener = TcpListener::bind(address).unwrap();
    let receiver = std::thread::spawn(move || receive(&listener, usize::MAX));
    let ended = Running::until_served(&mut fleet.collect(), &[&server]).success();
    let mut found = joined(receiver);
    found.sort();
    assert!(found == stored([&server]), "{}", ended.stderr);
}

#[test]
fn one_that_is_not_required_drops_and_counts_and_holds_nothing_back() {
    // A receiver that never reads; its kernel takes some.
    let (deaf, address) = listen();
    let fleet = Fleet::new();
    let server = fleet.server(1, 30_000, |builder| builder.unacknowledged(16));
    let lossy = Fleet::output(&format!("tcp://{address}")) + "required = false\nqueue = 1\n";
    let tables = [
        Fleet::source("fmc", &server),
        Fleet::output("file:out.ndjson"),
        lossy,
    ];
    fleet.configure("", &tables);
    let running = Running::start(&mut fleet.collect());
    let (held, _) = deaf.accept().unwrap();
    wait_for_lines(&fleet.path("out.ndjson"), 30_000, &running);
    running.wait_for("dropped by a best-effort output");
    running.wait_for("cannot write: the receiver is connected and does not read");
    running.signal("TERM");
    // What its kernel took is all there is, and what is dropped is counted.
    let taking = std::thread::spawn(move || take(held, usize::MAX).len());
    let ended = running.wait().success();
    let taken = joined(taking);
    let dropped = counted(&ended.stderr, "dropped by outputs");
    assert!(dropped > 0 && taken > 0);
    assert_eq!(taken as u64 + dropped, 30_000, "{}", ended.stderr);
    let mut file = lines(&fleet.path("out.ndjson"));
    file.sort();
    assert!(file == stored([&server]));
}

#[test]
fn an_output_takes_the_sources_and_events_it_names() {
    let fleet = Fleet::new();
    let (a, b) = (
        fleet.server(1, 100, |builder| builder),
        fleet.server(2, 100, |builder| builder),
    );
    let tables = [
        Fleet::source("a", &a),
        Fleet::source("b", &b),
        Fleet::output("file:all.ndjson"),
        Fleet::output("file:files-of-a.ndjson") + "sources = [\"a\"]\nevents = [\"file\"]\n",
    ];
    fleet.configure("", &tables);
    let running = Running::start(&mut fleet.collect());
    wait_for_lines(&fleet.path("all.ndjson"), 200, &running);
    wait_for_lines(&fleet.path("files-of-a.ndjson"), 10, &running);
    running.stop().success();
    let all = stored([&a]);
    for line in lines(&fleet.path("files-of-a.ndjson")) {
        assert!(all.contains(&line), "of a");
        assert!(String::from_utf8_lossy(&line).contains("FileEvent"));
    }
}

#[test]
fn a_receiver_that_says_something_is_not_listened_to() {
    use std::io::Write;
    let (listener, address) = listen();
    let fleet = Fleet::new();
    let server = fleet.server(1, 100, |builder| builder);
    fleet.configure_one(&server, &[&format!("tcp://{address}")]);
    let running = Running::start(&mut fleet.collect());
    let (mut stream, _) = listener.accept().unwrap();
    stream.write_all(b"hello\n").unwrap();
    let mut first = [0];
    stream.read_exact(&mut first).unwrap();
    let found = take(stream.try_clone().unwrap(), 100);
    assert_eq!(found.len(), 100);
    wait_until(|| server.connections()[0].nulls > 0);
    drop(stream);
    running.stop().success();
}

#[test]
fn one_that_is_stuck_and_not_required_does_not_keep_a_stop_waiting() {
    let fleet = Fleet::new();
    let server = fleet.server(1, 2000, |builder| builder.unacknowledged(16));
    let tables = [
        Fleet::source("fmc", &server),
        Fleet::output("file:out.ndjson"),
        Fleet::output("-") + "required = false\n",
    ];
    fleet.configure("", &tables);
    // A pipe that nobody reads.
    let mut command = fleet.collect();
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let file = fleet.path("out.ndjson");
    wait_until(|| file.exists() && lines(&file).len() == 2000);
    let id = child.id().to_string();
    Command::new("kill")
        .args(["-s", "TERM", &id])
        .status()
        .unwrap();
    let mut status = None;
    wait_until(|| {
        status = child.try_wait().unwrap();
        status.is_some()
    });
    assert!(status.unwrap().success());
}
