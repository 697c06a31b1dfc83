//! Reads the status of a collector from another process.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::socket::StatusSocket;
use crate::failure::Failure;
use crate::telemetry::Status;

/// Where a collector serves its status.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The address of its listener.
    Address(SocketAddr),
    /// The socket in its state directory.
    Socket(PathBuf),
}

impl Place {
    /// Returns the socket of the collector with this state directory.
    pub fn of_state(directory: &Path) -> Self {
        Self::Socket(StatusSocket::path(directory))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "http://{address}"),
            Self::Socket(path) => path.display().fmt(f),
        }
    }
}

/// The time limit for each step.
const LIMIT: Duration = Duration::from_secs(5);
/// The maximum length of an answer in bytes.
const MAX_BYTES: u64 = 64 << 20;

/// Returns the status of the collector at this place.
///
/// # Errors
/// No collector answers there. The failure has a remedy unless there is none to ask.
pub fn fetch(place: &Place) -> Result<Status, Failure> {
    let failed = |what: &dyn fmt::Display, remedy: &'static str| {
        Failure::failed(format!("no status from {place}: {what}"), remedy)
    };
    let answer = exchange(place).map_err(|error| match (error.kind(), place) {
        (io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut, _) => failed(
            &format_args!("no answer within {} s", LIMIT.as_secs()),
            "Look whether its process is stopped, or the machine overloaded",
        ),
        // The system knows no error for it.
        (io::ErrorKind::InvalidInput, Place::Socket(_)) => failed(
            &"the path is too long for a socket",
            "Let the collector listen at an address, or choose a shorter path for its state",
        ),
        (_, Place::Socket(path)) if is_no_socket(path) => failed(
            &"it is not a socket",
            "Move it away, and restart the collector",
        ),
        _ => failed(&error, ""),
    })?;
    let other = "Ask the collector, not another program";
    let body = body(&answer).map_err(|what| failed(&what, other))?;
    let read = serde_json::from_slice(body);
    read.map_err(|error| failed(&format_args!("it is not a status: {error}"), other))
}

/// Returns whether something other than a socket is there.
fn is_no_socket(path: &Path) -> bool {
    let metadata = std::fs::metadata(path);
    metadata.is_ok_and(|metadata| !metadata.file_type().is_socket())
}

fn exchange(place: &Place) -> io::Result<Vec<u8>> {
    match place {
        Place::Address(address) => {
            let socket = TcpStream::connect_timeout(address, LIMIT)?;
            socket.set_read_timeout(Some(LIMIT))?;
            socket.set_write_timeout(Some(LIMIT))?;
            request(socket)
        }
        Place::Socket(path) => {
            let socket = UnixStream::connect(path)?;
            socket.set_read_timeout(Some(LIMIT))?;
            socket.set_write_timeout(Some(LIMIT))?;
            request(socket)
        }
    }
}

fn request(mut socket: impl Read + Write) -> io::Result<Vec<u8>> {
    socket.write_all(b"GET /status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    socket.take(MAX_BYTES).read_to_end(&mut answer)?;
    Ok(answer)
}

/// Returns the body of an answer with status 200.
fn body(answer: &[u8]) -> Result<&[u8], String> {
    let mut headers = [httparse::EMPTY_HEADER; 32];
    let mut parsed = httparse::Response::new(&mut headers);
    match parsed.parse(answer) {
        Ok(httparse::Status::Complete(length)) if parsed.code == Some(200) => Ok(&answer[length..]),
        Ok(httparse::Status::Complete(_)) => Err(format!(
            "it answers {} {}",
            parsed.code.unwrap_or_default(),
            parsed.reason.unwrap_or_default()
        )),
        Ok(httparse::Status::Partial) => Err("its answer is incomplete".into()),
        Err(_) => Err("it does not speak HTTP".into()),
    }
}
