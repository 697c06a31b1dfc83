//! The interface of rustls that works on buffers of the caller.

use std::io::{self, Read, Write};

use rustls::CommonState;
use rustls::client::UnbufferedClientConnection;

use super::step::{TlsStep, ToSend, step};
use super::{Engine, progress, read_socket, release};
use crate::buffer::ByteBuffer;
use crate::tls::error::TlsError;
use crate::tls::peer::Peer;

/// A client's connection with its buffers. Records are decrypted in place, and
/// their plaintext is copied once, into the room of the reader.
pub(in crate::tls) struct Unbuffered {
    connection: UnbufferedClientConnection,
    is_closed: bool,
    has_failed: bool,
    /// Records as they came from the socket.
    incoming: ByteBuffer,
    /// Bytes at the front of those that rustls has seen and not finished.
    partial: usize,
    /// Plaintext that did not fit the room its record was decrypted for.
    plaintext: ByteBuffer,
    /// Records for the socket.
    outgoing: ByteBuffer,
}

/// Bytes kept for sending, at most, except for the last record.
const MAX_OUTGOING: usize = 64 << 10;

impl Unbuffered {
    pub(in crate::tls) fn new(connection: UnbufferedClientConnection) -> Self {
        let mut engine = Self {
            connection,
            is_closed: false,
            has_failed: false,
            incoming: ByteBuffer::new(0),
            partial: 0,
            plaintext: ByteBuffer::new(0),
            outgoing: ByteBuffer::new(0),
        };
        // Queues the first message. There is nothing to decrypt, so it cannot fail.
        let _ = engine.decrypt(&mut []);
        engine
    }

    /// Sends something, without looking at bytes received meanwhile.
    fn send(&mut self, to_send: ToSend<'_>) {
        // An error while sending comes again with the next bytes received.
        while let (Ok(TlsStep::Again | TlsStep::Received | TlsStep::Closed), _) =
            self.step(self.partial, to_send, &mut [])
        {}
    }

    /// Takes one step on the first `bytes` received. Returns the bytes written to
    /// the room.
    fn step(
        &mut self,
        bytes: usize,
        to_send: ToSend<'_>,
        room: &mut [u8],
    ) -> (Result<TlsStep, TlsError>, usize) {
        // An error may clear the state.
        let before = progress(&self.connection, Peer::Server);
        let incoming = &mut self.incoming.unread_mut()[..bytes];
        let mut full = 0;
        let received = |data: &[u8]| {
            let count = data.len().min(room.len() - full);
            room[full..full + count].copy_from_slice(&data[..count]);
            full += count;
            self.plaintext.put(&data[count..]);
        };
        let (connection, outgoing) = (&mut self.connection, &mut self.outgoing);
        let (done, step) = step(connection, incoming, outgoing, to_send, received);
        self.incoming.consume(done);
        // Bytes after a decrypted record are not seen yet.
        self.partial = match step {
            Ok(TlsStep::Again | TlsStep::Rest) => bytes.saturating_sub(done),
            _ => 0,
        };
        if step == Ok(TlsStep::Closed) {
            self.is_closed = true;
            // Bytes after close_notify are ignored.
            self.incoming.consume(usize::MAX);
        }
        let step = step.map_err(|error| {
            let progress = progress(&self.connection, Peer::Server).or(before);
            self.fail();
            TlsError::from_rustls(error, progress)
        });
        (step, full)
    }

    /// Queues the alert that tells the peer about an error.
    fn fail(&mut self) {
        self.has_failed = true;
        // Without the records at fault, so that only alerts are sent.
        while self.connection.wants_write() {
            let (connection, outgoing) = (&mut self.connection, &mut self.outgoing);
            let (_, step) = step(connection, &mut [], outgoing, ToSend::Nothing, |_| {});
            if step != Ok(TlsStep::Again) {
                break;
            }
        }
    }
}

impl Engine for Unbuffered {
    fn state(&self) -> &CommonState {
        &self.connection
    }

    fn is_closed(&self) -> bool {
        self.is_closed
    }

    fn has_plaintext(&self) -> bool {
        !self.plaintext.unread().is_empty()
    }

    fn wants_write(&self) -> bool {
        !self.outgoing.unread().is_empty()
    }

    fn read_tls(&mut self, socket: &mut dyn Read) -> io::Result<usize> {
        read_socket(&mut self.incoming, socket)
    }

    fn decrypt(&mut self, room: &mut [u8]) -> (usize, Result<(), TlsError>) {
        let mut full = self.plaintext.give(room);
        while !self.has_failed
            && !self.is_closed
            && !self.has_plaintext()
            && (full < room.len() || room.is_empty())
        {
            let all = self.incoming.unread().len();
            let (step, count) = self.step(all, ToSend::Nothing, &mut room[full..]);
            full += count;
            match step {
                Err(error) => return (full, Err(error)),
                Ok(TlsStep::Rest) => break,
                Ok(TlsStep::Again | TlsStep::Received | TlsStep::Closed) => {}
            }
        }
        (full, Ok(()))
    }

    fn release(&mut self) {
        release(&mut self.incoming);
        if !self.has_plaintext() {
            self.plaintext = ByteBuffer::new(0);
        }
    }

    fn write(&mut self, plaintext: &[u8]) -> usize {
        let room = MAX_OUTGOING.saturating_sub(self.outgoing.unread().len());
        let taken = plaintext.len().min(room);
        self.send(ToSend::Data(&plaintext[..taken]));
        taken
    }

    fn write_tls(&mut self, socket: &mut dyn Write) -> io::Result<usize> {
        let count = socket.write(self.outgoing.unread())?;
        self.outgoing.consume(count);
        Ok(count)
    }

    fn send_close_notify(&mut self) {
        self.send(ToSend::CloseNotify);
    }
}
