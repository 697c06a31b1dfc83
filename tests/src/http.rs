//! A client of the status listener, of a few lines.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use serde_json::Value;

use crate::process::{Running, wait_until};

/// An answer.
#[derive(Debug)]
pub struct Answer {
    /// The number of the status.
    pub status: u16,
    /// The head, with its last line.
    pub head: String,
    /// The body.
    pub body: String,
}

/// The address of the listener that this collector reports.
///
/// # Panics
/// When it reports none.
#[track_caller]
pub fn listening(running: &Running) -> String {
    const WORDS: &str = "the status is at http://";
    running.wait_for(WORDS);
    let mut address = None;
    // A message may come in pieces.
    wait_until(|| {
        let said = running.said();
        let rest = said.rsplit_once(WORDS).map(|(_, rest)| rest);
        address = rest.and_then(|rest| Some(rest.split_once('/')?.0.to_owned()));
        address.is_some()
    });
    address.expect("an address")
}

/// Sends these bytes and reads the answer to its end.
///
/// # Panics
/// When there is no answer.
#[track_caller]
pub fn exchange(address: &str, bytes: &[u8]) -> Answer {
    let mut socket = TcpStream::connect(address).expect("a listener");
    let limit = Some(Duration::from_secs(60));
    socket.set_read_timeout(limit).expect("a limit");
    socket.write_all(bytes).expect("it is read");
    let mut answer = Vec::new();
    socket.read_to_end(&mut answer).expect("an answer");
    let answer = String::from_utf8(answer).expect("UTF-8");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).and_then(|text| text.parse().ok());
    Answer {
        status: status.expect("a status"),
        head: head.to_owned(),
        body: body.to_owned(),
    }
}

/// Gets a path.
///
/// # Panics
/// As [`exchange`].
#[track_caller]
pub fn get(address: &str, path: &str) -> Answer {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    exchange(address, request.as_bytes())
}

/// Gets the status.
///
/// # Panics
/// When it is not JSON.
#[track_caller]
pub fn status(address: &str) -> Value {
    let answer = get(address, "/status");
    assert_eq!(answer.status, 200, "{answer:?}");
    serde_json::from_str(&answer.body).expect("JSON")
}
