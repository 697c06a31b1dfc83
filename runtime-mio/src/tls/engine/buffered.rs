//! The interface of rustls that keeps buffers of its own.

use std::io::{self, BufRead, Read, Write};

use rustls::{CommonState, Connection};

use super::{Engine, progress, read_socket, release};
use crate::buffer::ByteBuffer;
use crate::tls::error::TlsError;
use crate::tls::peer::Peer;

/// A rustls connection, and the bytes from the socket that it has not taken yet.
///
/// rustls reads 4 to 18 KiB at once. Reading the socket into a larger buffer first
/// takes fewer system calls.
pub(in crate::tls) struct Buffered {
    connection: Connection,
    peer: Peer,
    incoming: ByteBuffer,
    /// Bytes of plaintext in the connection.
    plaintext: usize,
    is_closed: bool,
    has_failed: bool,
}

impl Buffered {
    pub(in crate::tls) fn new(connection: Connection, peer: Peer) -> Self {
        Self {
            connection,
            peer,
            incoming: ByteBuffer::new(0),
            plaintext: 0,
            is_closed: false,
            has_failed: false,
        }
    }

    /// Lets rustls take received bytes and decrypt them.
    fn process(&mut self) -> Result<(), TlsError> {
        // An error may clear the state.
        let before = progress(&self.connection, self.peer);
        let mut received = self.incoming.unread();
        let taken = self.connection.read_tls(&mut received).map_err(|error| {
            // The buffer for a handshake message is full.
            TlsError::Protocol {
                peer: self.peer,
                detail: error.to_string(),
            }
        })?;
        self.incoming.consume(taken);
        match self.connection.process_new_packets() {
            Ok(state) => {
                self.plaintext = state.plaintext_bytes_to_read();
                self.is_closed = state.peer_has_closed();
                if self.is_closed {
                    // Bytes after close_notify are ignored.
                    self.incoming.consume(usize::MAX);
                }
                Ok(())
            }
            Err(error) => {
                self.incoming.consume(usize::MAX);
                // Records before the one at fault can still be read.
                self.has_failed = true;
                self.plaintext = self.first_chunk();
                let progress = progress(&self.connection, self.peer).or(before);
                Err(TlsError::from_rustls(error, progress))
            }
        }
    }

    /// Returns the bytes of plaintext from one record.
    fn first_chunk(&mut self) -> usize {
        self.connection.reader().fill_buf().map_or(0, <[u8]>::len)
    }
}

impl Engine for Buffered {
    fn state(&self) -> &CommonState {
        &self.connection
    }

    fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn has_plaintext(&self) -> bool {
        self.plaintext > 0
    }

    fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    fn read_tls(&mut self, socket: &mut dyn Read) -> io::Result<usize> {
        read_socket(&mut self.incoming, socket)
    }

    fn decrypt(&mut self, room: &mut [u8]) -> (usize, Result<(), TlsError>) {
        let (mut full, mut result) = (0, Ok(()));
        loop {
            if self.plaintext > 0 {
                // There is plaintext, so this reads some of it.
                let count = self.connection.reader().read(&mut room[full..]);
                let count = count.unwrap_or(0);
                self.plaintext -= count;
                full += count;
                if self.has_failed {
                    self.plaintext = self.first_chunk();
                }
            }
            // rustls takes no more while it holds 16 KiB of plaintext.
            if self.plaintext > 0 || self.incoming.unread().is_empty() {
                return (full, result);
            }
            if full == room.len() && !room.is_empty() {
                return (full, result);
            }
            result = self.process();
        }
    }

    fn release(&mut self) {
        release(&mut self.incoming);
    }

    fn write(&mut self, plaintext: &[u8]) -> usize {
        // It fails only after an error that was returned before.
        self.connection.writer().write(plaintext).unwrap_or(0)
    }

    fn write_tls(&mut self, socket: &mut dyn Write) -> io::Result<usize> {
        self.connection.write_tls(socket)
    }

    fn send_close_notify(&mut self) {
        self.connection.send_close_notify();
    }
}
