//! One event a line over TCP: at least once.
//!
//! TCP tells nobody what its receiver has got. A batch counts as received when
//! so much was written after it that it cannot be in our kernel's buffer any
//! more, or when five seconds went by without an error. What does not count yet
//! is kept, and sent again over the next connection when this one breaks.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::{Acceptance, Output, OutputPart};

/// A receiver and what it has not confirmed.
pub struct TcpOutput {
    /// `HOST:PORT`.
    address: String,
    stream: Option<TcpStream>,
    /// Batches in order; those at the front are sent.
    kept: VecDeque<Kept>,
    /// Bytes sent over this connection.
    sent: u64,
    /// Bytes our kernel may hold back.
    buffer: u64,
    /// Nothing is sent any more; the receiver's end is awaited.
    closing: bool,
    /// The receiver has closed after that: it has everything.
    closed: bool,
    /// The receiver has closed its half of the connection.
    receiver_is_done: bool,
}

struct Kept {
    n: u64,
    bytes: Vec<u8>,
    /// How many of them are sent.
    done: usize,
    /// When the last of them was, and how many had been sent by then.
    at: Option<(Instant, u64)>,
}

/// Without an error for so long, what was sent is taken for received.
const SETTLED: Duration = Duration::from_secs(5);
/// To make a connection, and to get some bytes out.
const PATIENCE: Duration = Duration::from_secs(5);
/// Asked of the kernel; it may take more.
const BUFFER: usize = 256 << 10;

impl TcpOutput {
    /// An output that is not connected yet.
    pub fn new(address: &str) -> Self {
        Self {
            address: address.into(),
            stream: None,
            kept: VecDeque::new(),
            sent: 0,
            buffer: 0,
            closing: false,
            closed: false,
            receiver_is_done: false,
        }
    }

    /// Sends what is not sent yet.
    ///
    /// # Errors
    /// The system's. Everything that is not confirmed is sent again next time.
    fn flush(&mut self) -> io::Result<()> {
        let result = self.try_flush();
        // One that only waits is still there, and goes on where it stopped.
        if result.as_ref().is_err_and(|error| !is_quiet(error)) {
            self.disconnect();
        }
        result
    }

    fn try_flush(&mut self) -> io::Result<()> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            None => {
                let stream = connect(&self.address)?;
                self.buffer = SockRef::from(&stream).send_buffer_size()? as u64;
                self.stream.insert(stream)
            }
        };
        for kept in self.kept.iter_mut().filter(|kept| kept.at.is_none()) {
            while kept.done < kept.bytes.len() {
                match stream.write(&kept.bytes[kept.done..]) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Ok(count) => {
                        kept.done += count;
                        self.sent += count as u64;
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            kept.at = Some((Instant::now(), self.sent));
        }
        if self.closing {
            stream.shutdown(Shutdown::Write)?;
        }
        Ok(())
    }

    fn disconnect(&mut self) {
        self.stream = None;
        self.sent = 0;
        self.receiver_is_done = false;
        for kept in &mut self.kept {
            (kept.done, kept.at) = (0, None);
        }
    }

    /// How long until the next batch may count as received.
    fn patience(&self) -> Duration {
        let at = self.kept.front().and_then(|kept| kept.at);
        at.map_or(SETTLED, |(at, _)| SETTLED.saturating_sub(at.elapsed()))
    }
}

impl Output for TcpOutput {
    fn write(&mut self, n: u64, parts: &[OutputPart]) -> io::Result<Acceptance> {
        if self.kept.back().is_none_or(|kept| kept.n < n) {
            self.kept.push_back(Kept {
                n,
                bytes: parts.iter().flat_map(|part| &part.bytes).copied().collect(),
                done: 0,
                at: None,
            });
        }
        self.flush()?;
        Ok(Acceptance::Taken)
    }

    /// Looks whether the connection still stands; while it closes, waits a while
    /// for the receiver to close its end.
    fn poll(&mut self) -> io::Result<()> {
        if self.stream.is_none() && !self.kept.is_empty() {
            self.flush()?;
        }
        let wait = self.patience().max(Duration::from_millis(1));
        let Some(stream) = &mut self.stream else {
            return Ok(());
        };
        if self.receiver_is_done {
            // It may have closed the other half since, with bytes it had not read.
            return match stream.take_error()? {
                None => Ok(()),
                Some(error) => {
                    self.disconnect();
                    Err(error)
                }
            };
        }
        stream.set_nonblocking(!self.closing)?;
        stream.set_read_timeout(Some(wait))?;
        let read = hear(stream);
        stream.set_nonblocking(false)?;
        match read {
            // It has read everything, or it would have reset the connection.
            Ok(0) if self.closing => {
                self.closed = true;
                Ok(())
            }
            // It will say nothing more, which proves neither that it reads nor
            // that it does not: if not, sending fails.
            Ok(0) => {
                self.receiver_is_done = true;
                Ok(())
            }
            Ok(_) => Ok(()),
            Err(error) if is_quiet(&error) => Ok(()),
            Err(error) => {
                self.disconnect();
                Err(error)
            }
        }
    }

    fn accepted(&mut self) -> Option<(u64, u64)> {
        let (at, end) = self.kept.front()?.at?;
        let gone = self.sent.saturating_sub(end) >= self.buffer;
        if !gone && !self.closed && at.elapsed() < SETTLED {
            return None;
        }
        let kept = self.kept.pop_front()?;
        Some((kept.n, kept.bytes.len() as u64))
    }

    fn is_idle(&self) -> bool {
        self.kept.is_empty()
    }

    fn poll_interval(&self) -> Option<Duration> {
        (!self.kept.is_empty()).then(|| self.patience())
    }

    /// The receiver is told that nothing more comes.
    fn finish(&mut self) {
        self.closing = true;
        if let Some(stream) = &self.stream {
            // Where that fails, the next look finds out.
            let _ = stream.shutdown(Shutdown::Write);
        }
    }
}

/// Reads what a receiver says, which means nothing, so that it is not stuck with
/// it; 0 when it has closed.
fn hear(stream: &mut TcpStream) -> io::Result<usize> {
    let mut scrap = [0; 4096];
    for _ in 0..64 {
        if stream.read(&mut scrap)? == 0 {
            return Ok(0);
        }
    }
    Ok(scrap.len())
}

/// A connection to the first of its addresses that answers.
pub(crate) fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name stands for no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                // With a size of our choice the kernel does not raise it.
                SockRef::from(&stream).set_send_buffer_size(BUFFER)?;
                stream.set_write_timeout(Some(PATIENCE))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Whether the error only says that nothing came.
fn is_quiet(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
