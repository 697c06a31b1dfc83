//! Events over a connection: TCP, TLS or a unix socket, one event a line or as syslog
//! messages. At least once.
//!
//! None of these reports what the receiver has read. A batch counts as received when enough
//! bytes were written after it that it has left the send buffer of the kernel, or after
//! five seconds without an error. Other batches are kept and sent again over the next
//! connection if this one breaks.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::time::{Duration, Instant};

use super::connection::{Connection, Endpoint, is_timeout};
use super::syslog::SyslogWriter;
use super::{Acceptance, AcceptedBatch, Output, OutputPart};

/// An output over a connection.
pub struct StreamOutput {
    endpoint: Endpoint,
    /// Frames each event; `None` sends the lines as they are.
    syslog: Option<SyslogWriter>,
    connection: Option<Connection>,
    /// Batches that do not count as received, in order; the first ones are sent.
    kept: VecDeque<Kept>,
    /// Bytes sent over this connection.
    sent: u64,
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

impl StreamOutput {
    /// Returns an output that is not connected yet.
    pub(super) fn new(endpoint: Endpoint, syslog: Option<SyslogWriter>) -> Self {
        Self {
            endpoint,
            syslog,
            connection: None,
            kept: VecDeque::new(),
            sent: 0,
            closing: false,
            closed: false,
            receiver_is_done: false,
        }
    }

    /// Returns the bytes to send for a batch.
    fn bytes(&self, parts: &[OutputPart]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(parts.iter().map(|part| part.bytes.len()).sum());
        for part in parts {
            match &self.syslog {
                None => bytes.extend_from_slice(&part.bytes),
                Some(syslog) => {
                    for (record, line) in part.lines() {
                        syslog.append(record, line, &mut bytes);
                    }
                }
            }
        }
        bytes
    }

    /// Sends the remaining bytes.
    ///
    /// # Errors
    /// Those of the connection. Batches that do not count as received are sent again.
    fn flush(&mut self) -> io::Result<()> {
        self.try_flush().map_err(|error| {
            // After a timeout the connection stays open, and the next call continues.
            if is_timeout(&error) && self.connection.is_some() {
                let text = "the receiver is connected and does not read";
                return io::Error::new(ErrorKind::TimedOut, text);
            }
            self.disconnect();
            error
        })
    }

    fn try_flush(&mut self) -> io::Result<()> {
        let connection = match &mut self.connection {
            Some(connection) => connection,
            None => self.connection.insert(self.endpoint.connect()?),
        };
        for kept in self.kept.iter_mut().filter(|kept| kept.at.is_none()) {
            while kept.done < kept.bytes.len() {
                match connection.write(&kept.bytes[kept.done..]) {
                    Ok(0) => return Err(ErrorKind::WriteZero.into()),
                    Ok(count) => {
                        kept.done += count;
                        self.sent += count as u64;
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(error) => return Err(error),
                }
            }
            connection.flush()?;
            kept.at = Some((Instant::now(), self.sent));
        }
        if self.closing {
            connection.close()?;
        }
        Ok(())
    }

    fn disconnect(&mut self) {
        self.connection = None;
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

impl Output for StreamOutput {
    fn write(&mut self, n: u64, parts: &[OutputPart]) -> io::Result<Acceptance> {
        if self.kept.back().is_none_or(|kept| kept.n < n) {
            self.kept.push_back(Kept {
                n,
                bytes: self.bytes(parts),
                done: 0,
                at: None,
            });
        }
        self.flush()?;
        Ok(Acceptance::Taken)
    }

    /// Checks that the connection is open; while it closes, waits for the receiver to
    /// close its end.
    fn poll(&mut self) -> io::Result<()> {
        let is_sent = self.kept.back().is_none_or(|kept| kept.at.is_some());
        if !is_sent || self.connection.is_none() && !self.kept.is_empty() {
            self.flush()?;
        }
        let wait = self.closing.then(|| self.time_to_settle());
        let Some(connection) = &mut self.connection else {
            return Ok(());
        };
        if self.receiver_is_done {
            // It may have closed the other half since, with bytes it had not read.
            return match connection.take_error()? {
                None => Ok(()),
                Some(error) => {
                    self.disconnect();
                    Err(error)
                }
            };
        }
        match connection.drain(wait) {
            // It has read everything, or it would have reset the connection.
            Ok(true) if self.closing => {
                self.closed = true;
                Ok(())
            }
            // It sends nothing more, but may still read. If it does not, sending fails.
            Ok(true) => {
                self.receiver_is_done = true;
                Ok(())
            }
            Ok(false) => Ok(()),
            Err(error) => {
                self.disconnect();
                Err(error)
            }
        }
    }

    fn accepted(&mut self) -> Option<AcceptedBatch> {
        let (at, end) = self.kept.front()?.at?;
        let buffer = self.connection.as_ref().map_or(u64::MAX, |of| of.buffer);
        let gone = self.sent.saturating_sub(end) >= buffer;
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
        if let Some(connection) = &mut self.connection {
            // If this fails, the next poll reports it.
            let _ = connection.close();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;
    use crate::output::event_queue::tests::part;

    #[test]
    fn what_was_sent_is_looked_at_again_until_it_counts_as_received() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("socket");
        let _listener = UnixListener::bind(&path).unwrap();
        let mut output = StreamOutput::new(Endpoint::Unix(path), None);
        assert_eq!(output.poll_interval(), None);
        output.write(1, &[part(&["a"])]).unwrap();
        let wait = output.poll_interval().unwrap();
        assert!(wait > Duration::ZERO && wait <= SETTLED, "{wait:?}");
        assert_eq!(output.accepted(), None);
        // The time passes without an error.
        let sent = output.kept[0].at.as_mut().unwrap();
        sent.0 = sent.0.checked_sub(SETTLED).unwrap();
        assert_eq!(output.poll_interval(), Some(Duration::ZERO));
        output.poll().unwrap();
        assert_eq!(output.accepted().map(|batch| batch.n), Some(1));
        assert_eq!(output.poll_interval(), None);
    }
}
