//! Receivers that close, in one direction or both: nothing is lost, and what is
//! sent again is bounded.

use std::io::{BufRead, BufReader, Read};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use estreamer_tests::{Fleet, Running, stored, wait_until};

fn listen() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
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

fn collect(fleet: &Fleet, server: &estreamer::simulate::Simulator, to: SocketAddr) -> Running {
    let output = Fleet::output(&format!("tcp://{to}"));
    fleet.configure("", &[Fleet::source("fmc", server), output]);
    Running::start(&mut fleet.collect())
}

#[test]
fn one_that_closes_its_half_and_reads_on_has_each_event_once() {
    let (listener, address) = listen();
    let fleet = Fleet::new();
    let server = fleet.server(1, 2000, |builder| builder.unacknowledged(16));
    let running = collect(&fleet, &server, address);
    let (stream, _) = listener.accept().unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let lines = lines_of(stream);
    let mut found = take(&lines, 2000);
    running.signal("TERM");
    let ended = running.wait().success();
    found.extend(lines.iter());
    found.sort();
    assert!(found == stored([&server]), "{}", ended.stderr);
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "another connection");
}

#[test]
fn one_that_closes_the_other_half_later_over_unread_events_gets_them_again() {
    let (listener, address) = listen();
    let fleet = Fleet::new();
    let server = fleet.server(1, 100, |builder| builder);
    let running = collect(&fleet, &server, address);
    let (mut stream, _) = listener.accept().unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let (mut some, mut newlines) = ([0; 4096], 0);
    while newlines < 100 {
        let count = stream.read(&mut some).unwrap();
        assert!(count > 0, "closed");
        newlines += some[..count].iter().filter(|&&byte| byte == b'\n').count();
    }
    // These are written to a receiver that is known to be done with its half.
    server.archive().store(100);
    stream.peek(&mut some).unwrap();
    drop(stream);
    let (stream, _) = listener.accept().unwrap();
    let mut found = take(&lines_of(stream), 200);
    running.signal("TERM");
    let ended = running.wait().success();
    found.sort();
    assert!(found == stored([&server]), "{}", ended.stderr);
}

#[test]
fn one_that_accepts_and_closes_is_tried_ever_more_seldom_and_gets_each_event_once() {
    let (listener, address) = listen();
    let fleet = Fleet::new();
    let server = fleet.server(1, 2000, |builder| builder.unacknowledged(16));
    let running = collect(&fleet, &server, address);
    drop(listener.accept().unwrap());
    let began = Instant::now();
    // 50, 100, 200, 400, 800 and 1600 ms lie between them.
    for _ in 0..6 {
        drop(listener.accept().unwrap());
    }
    let took = began.elapsed();
    assert!(took > Duration::from_millis(3000), "{took:?}");
    let (stream, _) = listener.accept().unwrap();
    let lines = lines_of(stream);
    let mut found = take(&lines, 2000);
    running.signal("TERM");
    let ended = running.wait().success();
    found.extend(lines.iter());
    found.sort();
    assert!(found == stored([&server]), "{}", ended.stderr);
    // That it fails, that it works, and the summary.
    assert!(ended.stderr.lines().count() <= 4, "{}", ended.stderr);
    wait_until(|| server.connections().len() == 1);
}
