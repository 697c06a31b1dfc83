//! Syslog over UDP: one message a datagram. Best effort: a batch counts as accepted when
//! its messages were handed to the kernel; no answer says what arrives.

use std::io::{self, ErrorKind};
use std::net::{SocketAddr, ToSocketAddrs, UdpSocket};

use super::syslog::SyslogWriter;
use super::{Acceptance, Output, OutputPart, RefusedEvents};

/// An output of datagrams.
pub(super) struct UdpOutput {
    /// `HOST:PORT`.
    address: String,
    syslog: SyslogWriter,
    /// The maximum length of a message in bytes.
    limit: usize,
    socket: Option<UdpSocket>,
    /// The batch that is being sent, and the number of its messages that were sent.
    current: (u64, usize),
    message: Vec<u8>,
    refused: RefusedEvents,
}

/// The minimum length to which a message is truncated in bytes (RFC 5424, section 6.1).
const MIN_LIMIT: usize = 480;

impl UdpOutput {
    /// Returns an output without a socket. Messages longer than `limit` are truncated.
    pub(super) fn new(address: &str, syslog: SyslogWriter, limit: usize) -> Self {
        Self {
            address: address.into(),
            syslog,
            limit: limit.max(MIN_LIMIT),
            socket: None,
            current: (0, 0),
            message: Vec::new(),
            refused: RefusedEvents::default(),
        }
    }

    fn socket(&mut self) -> io::Result<&UdpSocket> {
        if self.socket.is_none() {
            self.socket = Some(connect(&self.address)?);
        }
        self.socket
            .as_ref()
            .ok_or_else(|| ErrorKind::NotConnected.into())
    }

    /// Sends a message, shorter if the system does not take it. Returns the number of bytes
    /// of the message that were left out.
    fn send(&mut self) -> io::Result<usize> {
        let length = self.message.len();
        let mut limit = self.limit;
        loop {
            let keep = boundary(&self.message, limit);
            self.message.truncate(keep);
            let message = std::mem::take(&mut self.message);
            let sent = self.socket().and_then(|socket| socket.send(&message));
            self.message = message;
            match sent {
                Ok(_) => return Ok(length - keep),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // EMSGSIZE: the path or the kernel takes less than configured.
                Err(error) if error.raw_os_error() == Some(libc::EMSGSIZE) && keep > MIN_LIMIT => {
                    limit = (keep * 3 / 4).max(MIN_LIMIT);
                }
                Err(error) => {
                    if error.kind() == ErrorKind::ConnectionRefused {
                        // The message before this one did not arrive.
                        self.current.1 = self.current.1.saturating_sub(1);
                    }
                    self.socket = None;
                    return Err(error);
                }
            }
        }
    }
}

impl Output for UdpOutput {
    fn write(&mut self, n: u64, parts: &[OutputPart]) -> io::Result<Acceptance> {
        if self.current.0 != n {
            self.current = (n, 0);
        }
        let lines = parts.iter().flat_map(OutputPart::lines);
        for (record, line) in lines.skip(self.current.1) {
            self.message.clear();
            self.syslog.message(record, line, &mut self.message);
            let length = self.message.len();
            let cut = self.send()?;
            if cut > 0 {
                let (address, kept) = (&self.address, length - cut);
                self.refused.truncate(&record.source, || {
                    format!(
                        "a message of {length} bytes does not fit a datagram to {address} and was \
                         truncated to {kept}; use syslog+tcp, or request fewer fields"
                    )
                });
            }
            self.current.1 += 1;
        }
        Ok(Acceptance::Accepted)
    }

    fn take_refused(&mut self) -> Option<RefusedEvents> {
        self.refused.take()
    }
}

/// Returns the length of the longest start of `message` that has at most `limit` bytes and
/// does not end within a UTF-8 character.
fn boundary(message: &[u8], limit: usize) -> usize {
    if message.len() <= limit {
        return message.len();
    }
    let is_inside = |at: &usize| message[*at] & 0xc0 == 0x80;
    let starts = (limit.saturating_sub(3)..=limit).rev();
    starts
        .into_iter()
        .find(|at| !is_inside(at))
        .unwrap_or(limit)
}

fn connect(address: &str) -> io::Result<UdpSocket> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        let local: SocketAddr = match address {
            SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
            SocketAddr::V6(_) => ([0; 16], 0).into(),
        };
        let connected = UdpSocket::bind(local).and_then(|socket| {
            socket.connect(address)?;
            Ok(socket)
        });
        match connected {
            Ok(socket) => return Ok(socket),
            Err(error) => last = error,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::options::SyslogOptions;

    #[test]
    fn a_message_that_the_system_does_not_take_is_sent_shorter() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = receiver.local_addr().unwrap().to_string();
        let syslog = SyslogWriter::new(&SyslogOptions::default());
        // A datagram has at most 65,507 bytes.
        let mut output = UdpOutput::new(&address, syslog, 100_000);
        output.message = vec![b'x'; 70_000];
        let left_out = output.send().unwrap();
        let mut received = vec![0; 70_000];
        let length = receiver.recv(&mut received).unwrap();
        assert_eq!(length + left_out, 70_000);
        assert!(length > 40_000, "{length}");
    }

    #[test]
    fn a_message_is_cut_between_characters() {
        let text = "aé€".as_bytes();
        let cut: Vec<usize> = (1..=6).map(|limit| boundary(text, limit)).collect();
        assert_eq!(cut, [1, 1, 3, 3, 3, 6]);
        assert_eq!(boundary(text, 9), 6);
        assert_eq!(boundary(&[0x80; 9], 5), 5, "not UTF-8");
    }
}
