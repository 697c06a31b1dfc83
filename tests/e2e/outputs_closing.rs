//! Receivers that close, in one direction or both: nothing is lost, and what is
//! sent again is bounded.

use std::io::{BufRead, BufReader, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use estreamer_tests::archive::archived;
use estreamer_tests::{Fleet, Running, message, stored, wait_until};

use crate::outputs::listen;

/// The next connection; one that is never made fails the test.
fn accept(listener: &TcpListener) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let mut stream = None;
    wait_until(|| {
        stream = listener.accept().ok();
        stream.is_some()
    });
    let (stream, _) = stream.unwrap();
    stream.set_nonblocking(false).unwrap();
    stream
}

/// The lines that come over a connection, as they come.
fn lines_of(stream: TcpStream) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stream).split(b'\n') {
            let Ok(line) = line else { return };
            if sender.send(line).is_err() {
                return;
            }
        }
    });
    receiver
}

/// So many of them.
fn take(lines: &Receiver<Vec<u8>>, count: usize) -> Vec<Vec<u8>> {
    let next = || lines.recv_timeout(Duration::from_secs(60)).unwrap();
    (0..count).map(|_| next()).collect()
}

fn collect(fleet: &Fleet, server: &estreamer_simulate::Simulator, to: SocketAddr) -> Running {
    fleet.configure_one(server, &[&format!("tcp://{to}")]);
    Running::start(&mut fleet.collect())
}

#[test]
fn one_that_closes_its_half_and_reads_on_has_each_event_once() {
    let (listener, address) = listen();
    let fleet = Fleet::new();
    let server = fleet.server(1, 2000, |builder| builder.unacknowledged(16));
    let running = collect(&fleet, &server, address);
    let stream = accept(&listener);
    stream.shutdown(Shutdown::Write).unwrap();
    let lines = lines_of(stream);
    let mut found = take(&lines, 2000);
    let ended = running.stop().success();
    found.extend(lines.iter());
    found.sort();
    assert!(found == stored([&server]), "{}", ended.stderr);
    assert!(listener.accept().is_err(), "another connection");
}

#[test]
fn one_that_closes_the_other_half_later_over_unread_events_gets_them_again() {
    let (listener, address) = listen();
    let fleet = Fleet::new();
    let server = fleet.server(1, 100, |builder| builder);
    let running = collect(&fleet, &server, address);
    let mut stream = accept(&listener);
    stream.shutdown(Shutdown::Write).unwrap();
    let mut found = read(&mut stream, 100);
    // After these it is known to be done with its half.
    server.archive().store(100);
    found.extend(read(&mut stream, 100));
    // Nothing is written behind this one that could fail.
    server.archive().store(1);
    stream.peek(&mut [0]).unwrap();
    drop(stream);
    let stream = accept(&listener);
    let lines = lines_of(stream);
    found.extend(take(&lines, 1));
    let ended = running.stop().success();
    found.extend(lines.iter());
    found.sort();
    found.dedup();
    let mut expected = stored([&server]);
    expected.dedup();
    assert!(found == expected, "{}", ended.stderr);
}

/// So many lines and not a byte more.
fn read(stream: &mut TcpStream, count: usize) -> Vec<Vec<u8>> {
    let mut lines = vec![Vec::new()];
    while lines.len() <= count {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        match byte {
            [b'\n'] => lines.push(Vec::new()),
            [byte] => lines.last_mut().unwrap().push(byte),
        }
    }
    lines.pop();
    lines
}

#[test]
fn one_that_accepts_and_closes_is_tried_ever_more_seldom_and_gets_each_event_once() {
    let (listener, address) = listen();
    let fleet = Fleet::new();
    let server = fleet.server(1, 2000, |builder| builder.unacknowledged(16));
    let running = collect(&fleet, &server, address);
    drop(accept(&listener));
    let began = Instant::now();
    // 50, 100, 200, 400, 800 and 1600 ms lie between them.
    for _ in 0..6 {
        drop(accept(&listener));
    }
    let took = began.elapsed();
    assert!(took > Duration::from_millis(3000), "{took:?}");
    let stream = accept(&listener);
    let lines = lines_of(stream);
    let mut found = take(&lines, 2000);
    let ended = running.stop().success();
    found.extend(lines.iter());
    found.sort();
    assert!(found == stored([&server]), "{}", ended.stderr);
    // That it fails, and that it works.
    let of_output = |line: &&str| {
        message(line).starts_with("output tcp://") && !line.contains("the stop waits")
    };
    let told = ended.stderr.lines().filter(of_output).count();
    assert_eq!(told, 2, "{}", ended.stderr);
    wait_until(|| server.connections().len() == 1);
}

#[test]
fn a_stop_does_not_hang_while_a_file_that_is_due_waits_for_a_receiver() {
    let (listener, address) = listen();
    let fleet = Fleet::new();
    let server = fleet.server(1, 20, |builder| builder);
    let file = Fleet::output("file:out.ndjson") + "rotate = { every = \"1s\" }\n";
    let lines = Fleet::output(&format!("tcp://{address}"));
    fleet.configure("", &[Fleet::source("fmc", &server), file, lines]);
    let running = Running::start(&mut fleet.collect());
    let lines = lines_of(accept(&listener));
    let mut found = take(&lines, 20);
    // The file is due after a second. It is closed when the receiver counts as having
    // read, which takes five.
    std::thread::sleep(Duration::from_millis(1500));
    let began = Instant::now();
    let ended = running.stop().success();
    let took = began.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}: {}", ended.stderr);
    found.extend(lines.iter());
    let files = archived(&fleet.path("out.ndjson")).unwrap();
    assert!(files == found, "{}", ended.stderr);
}
