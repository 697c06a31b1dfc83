//! One event a line over TCP: at least once.
//!
//! TCP does not report what the receiver has read. A batch counts as received when enough
//! bytes were written after it that it has left the send buffer of the kernel, or after
//! five seconds without an error. Other batches are kept and sent again over the next
//! connection if this one breaks.

use std::collections::VecDeque;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::{Acceptance, AcceptedBatch, Output, OutputPart};

/// An output to a TCP receiver.
pub struct TcpOutput {
    /// `HOST:PORT`.
    address: String,
    stream: Option<TcpStream>,
    /// Batches that do not count as received, in order; the first ones are sent.
    kept: VecDeque<Kept>,
    /// Bytes sent over this connection.
    sent: u64,
    /// The size of the send buffer of the kernel in bytes.
    buffer: u64,
    /// Nothing more is sent; waiting until the receiver closes.
    closing: bool,
    /// The receiver closed after `closing`: it has received everything.
    closed: bool,
    /// The receiver closed its half of the connection.
    receiver_is_done: bool,
}

struct Kept {
    n: u64,
    bytes: Vec<u8>,
    /// The number of bytes sent.
    done: usize,
    /// When the last byte was sent, and `sent` at that time.
    at: Option<(Instant, u64)>,
}

/// After this time without an error, sent bytes count as received.
const SETTLED: Duration = Duration::from_secs(5);
/// The timeout of connecting and of each write.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The requested size of the send buffer in bytes; the kernel may use more.
const BUFFER: usize = 256 << 10;

impl TcpOutput {
    /// Returns an output that is not connected yet.
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

    /// Sends the remaining bytes.
    ///
    /// # Errors
    /// Those of the system. Batches that do not count as received are sent again.
    fn flush(&mut self) -> io::Result<()> {
        let result = self.try_flush();
        // After a timeout the connection stays open, and the next call continues.
        if result.as_ref().is_err_and(|error| !is_timeout(error)) {
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

    /// Returns the time until the next batch counts as received.
    fn time_to_settle(&self) -> Duration {
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
        let wait = self.time_to_settle().max(Duration::from_millis(1));
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
        let read = drain(stream);
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
            Err(error) if is_timeout(&error) => Ok(()),
            Err(error) => {
                self.disconnect();
                Err(error)
            }
        }
    }

    fn accepted(&mut self) -> Option<AcceptedBatch> {
        let (at, end) = self.kept.front()?.at?;
        let gone = self.sent.saturating_sub(end) >= self.buffer;
        if !gone && !self.closed && at.elapsed() < SETTLED {
            return None;
        }
        let kept = self.kept.pop_front()?;
        Some(AcceptedBatch {
            n: kept.n,
            bytes: kept.bytes.len() as u64,
        })
    }

    fn is_idle(&self) -> bool {
        self.kept.is_empty()
    }

    fn poll_interval(&self) -> Option<Duration> {
        (!self.kept.is_empty()).then(|| self.time_to_settle())
    }

    fn finish(&mut self) {
        self.closing = true;
        if let Some(stream) = &self.stream {
            // If this fails, the next poll reports it.
            let _ = stream.shutdown(Shutdown::Write);
        }
    }
}

/// Reads and discards data from the receiver, so that it is not blocked. Returns 0 if the
/// receiver closed.
fn drain(stream: &mut TcpStream) -> io::Result<usize> {
    let mut scrap = [0; 4096];
    for _ in 0..64 {
        if stream.read(&mut scrap)? == 0 {
            return Ok(0);
        }
    }
    Ok(scrap.len())
}

/// Connects to the first address that answers.
pub(crate) fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => {
                // With an explicit size, the kernel does not grow the buffer.
                SockRef::from(&stream).set_send_buffer_size(BUFFER)?;
                stream.set_write_timeout(Some(TIMEOUT))?;
                return Ok(stream);
            }
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Returns whether the error is only a timeout or an interruption.
fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
