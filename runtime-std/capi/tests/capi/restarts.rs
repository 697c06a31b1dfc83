//! Programs in event loops collect every event exactly once while the server restarts.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use crate::common::root;
use crate::dist::{prefix, python};
use crate::install::{Link, example, library_path};
use crate::server::{PASSWORD, Server};

const EVENTS: usize = 100_000;
const RESTARTS: usize = 20;

#[test]
#[ignore = "needs what dist makes; `cargo xtask interop` runs it"]
fn a_program_with_epoll_has_every_event_once_after_twenty_restarts_of_the_server() {
    let example = example("event_loop", Link::Shared, &["estreamer"]);
    let mut command = Command::new(&example.path);
    collect(library_path(&mut command));
}

#[test]
#[ignore = "needs what dist makes; `cargo xtask interop` runs it"]
fn a_program_with_asyncio_has_every_event_once_after_twenty_restarts_of_the_server() {
    let script = prefix().join("share/estreamer/examples/collect_asyncio.py");
    assert!(Path::new(&script).exists() && script != root().join("examples/collect_asyncio.py"));
    collect(&mut python(&script));
}

/// Restarts the server after each part of the events that the program prints.
fn collect(command: &mut Command) {
    let mut server = Server::new(EVENTS as u64);
    let expected = server.lines(EVENTS);
    let state = server.path("state");
    command.args([&server.address(), &server.pkcs12(), PASSWORD]);
    command.arg(EVENTS.to_string()).arg(&state);
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = child.spawn().unwrap();
    let log = child.stderr.take().unwrap();
    let log = std::thread::spawn(move || std::io::read_to_string(log).unwrap());
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut all = Vec::with_capacity(expected.len());
    for count in 1..=EVENTS {
        if lines.read_until(b'\n', &mut all).unwrap() == 0 {
            break;
        }
        if count % (EVENTS / (RESTARTS + 1)) == 0 && count < EVENTS - RESTARTS {
            server.restart();
        }
    }
    let status = child.wait().unwrap();
    let log = log.join().unwrap();
    assert!(status.success(), "{log}");
    let made = log
        .lines()
        .filter(|line| line.contains("connected to"))
        .count();
    assert!(made > RESTARTS, "{made} connections\n{log}");
    assert!(all == expected, "other events");
}
