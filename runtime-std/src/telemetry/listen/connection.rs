//! One connection: a request within limits of size and time, an answer, and the end.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use super::request::{MAX_BYTES, Request};
use super::routes::Routes;

/// The time limit for a request to arrive.
const REQUEST: Duration = Duration::from_secs(5);
/// The time limit for the client to take the answer.
const ANSWER: Duration = Duration::from_secs(10);
/// How long to read on after the answer: an unread byte would make the system discard it.
const LINGER: Duration = Duration::from_millis(500);
/// The maximum number of bytes to read after the answer.
const MAX_SURPLUS: usize = 64 << 10;

/// A socket of either kind.
pub(super) trait Socket: Read + Write + Send + Sized + 'static {
    /// Limits the next read or write.
    ///
    /// # Errors
    /// Those of the system.
    fn limit(&self, time: Duration) -> io::Result<()>;

    /// Closes one direction or both.
    fn close(&self, how: Shutdown);

    /// Returns another handle of the same socket.
    ///
    /// # Errors
    /// Those of the system.
    fn another(&self) -> io::Result<Self>;
}

macro_rules! socket {
    ($socket:ty) => {
        impl Socket for $socket {
            fn limit(&self, time: Duration) -> io::Result<()> {
                self.set_read_timeout(Some(time))?;
                self.set_write_timeout(Some(time))
            }

            fn close(&self, how: Shutdown) {
                // It may be closed already.
                let _ = self.shutdown(how);
            }

            fn another(&self) -> io::Result<Self> {
                self.try_clone()
            }
        }
    };
}

socket!(TcpStream);
socket!(UnixStream);

/// Serves one request. Errors end the connection.
pub(super) fn serve(mut socket: impl Socket, routes: &Routes) {
    let _ = answer(&mut socket, routes);
    socket.close(Shutdown::Both);
}

fn answer(socket: &mut impl Socket, routes: &Routes) -> io::Result<()> {
    let deadline = Instant::now() + REQUEST;
    let mut bytes = Vec::new();
    let mut chunk = [0; 1024];
    let (answer, is_head) = loop {
        limit(socket, deadline)?;
        let length = socket.read(&mut chunk)?;
        if length == 0 {
            return Ok(());
        }
        bytes.extend_from_slice(&chunk[..length]);
        bytes.truncate(MAX_BYTES);
        match Request::parse(&bytes) {
            Ok(None) => {}
            Ok(Some(request)) => break (routes.answer(&request), request.method == "HEAD"),
            Err(refusal) => break (refusal, false),
        }
    };
    let deadline = Instant::now() + ANSWER;
    let mut left = &*answer.bytes(is_head);
    while !left.is_empty() {
        limit(socket, deadline)?;
        match socket.write(left)? {
            0 => return Ok(()),
            written => left = &left[written..],
        }
    }
    socket.close(Shutdown::Write);
    let deadline = Instant::now() + LINGER;
    let mut surplus = 0;
    while surplus < MAX_SURPLUS {
        limit(socket, deadline)?;
        match socket.read(&mut chunk)? {
            0 => break,
            length => surplus += length,
        }
    }
    Ok(())
}

/// Limits the next call to the time left.
fn limit(socket: &impl Socket, deadline: Instant) -> io::Result<()> {
    match deadline.saturating_duration_since(Instant::now()) {
        Duration::ZERO => Err(io::ErrorKind::TimedOut.into()),
        left => socket.limit(left),
    }
}
