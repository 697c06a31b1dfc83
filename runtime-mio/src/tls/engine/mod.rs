//! What a session needs of the TLS library.
//!
//! There are two implementations, both on rustls:
//!
//! - [`Unbuffered`] serves clients. It decrypts in place and saves two copies of
//!   every byte: a collector takes 7 290 instructions per event of about 1 KiB,
//!   instead of 8 280. rustls 0.24 will not have the interface that it needs.
//! - [`Buffered`] serves servers, where speed matters less, and can serve clients: it
//!   replaces the other one with rustls 0.24.

mod buffered;
mod step;
mod unbuffered;

pub(super) use buffered::Buffered;
pub(super) use unbuffered::Unbuffered;

use std::cell::Cell;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;

use rustls::{CommonState, ProtocolVersion};

use super::error::{HandshakeProgress, TlsError};
use super::peer::Peer;
use crate::buffer::ByteBuffer;

/// One end of a TLS connection in a TLS library.
///
/// A session uses the library through this trait only.
pub(super) trait Engine: Send {
    /// Returns what rustls says about the connection.
    fn state(&self) -> &CommonState;

    /// Whether the handshake is not complete.
    fn is_handshaking(&self) -> bool {
        self.state().is_handshaking()
    }

    /// Whether the peer has sent close_notify.
    fn is_closed(&self) -> bool;

    /// Whether there is plaintext to read.
    fn has_plaintext(&self) -> bool;

    /// Whether there are bytes for the socket.
    fn wants_write(&self) -> bool;

    /// Takes bytes from the socket, with one call to its `read`.
    fn read_tls(&mut self, socket: &mut dyn Read) -> io::Result<usize>;

    /// Decrypts into `room` until it is full or nothing is left to decrypt; with an
    /// empty room, until there is plaintext. Returns the bytes written to the room,
    /// and an error that ends the connection. After an error it is not called again.
    fn decrypt(&mut self, room: &mut [u8]) -> (usize, Result<(), TlsError>);

    /// Frees the buffers, except for unread bytes. Most connections wait most of the time.
    fn release(&mut self);

    /// Encrypts plaintext and returns how much of it was taken.
    fn write(&mut self, plaintext: &[u8]) -> usize;

    /// Passes encrypted bytes to the socket, with one call to its `write`.
    fn write_tls(&mut self, socket: &mut dyn Write) -> io::Result<usize>;

    /// Queues close_notify.
    fn send_close_notify(&mut self);
}

/// Returns how far the handshake with `peer` has come.
pub(super) fn progress(state: &CommonState, peer: Peer) -> HandshakeProgress {
    let is_handshaking = state.is_handshaking();
    // TLS 1.2 sends our certificate in answer to the peer's, TLS 1.3 in the last
    // message of ours.
    let is_answered = state.peer_certificates().is_some();
    let version = state.protocol_version();
    let is_tls12 = version == Some(ProtocolVersion::TLSv1_2);
    HandshakeProgress {
        peer,
        hello_seen: version.is_some(),
        certificate_sent: !is_handshaking || (is_tls12 && is_answered),
    }
}

/// The largest TLS record in bytes, with header and encryption.
pub(crate) const MAX_RECORD: usize = 5 + (16 << 10) + 2048;
/// The size of the buffer for received records. The largest handshake message that rustls
/// accepts, of 64 KiB, has to fit.
const INCOMING: usize = 4 * MAX_RECORD;

thread_local! {
    /// The buffer of the connection that reads next on this thread. Only one reads
    /// at a time, and most connections wait.
    static SPARE: Cell<Option<ByteBuffer>> = const { Cell::new(None) };
}

/// Reads from the socket into `incoming`.
fn read_socket(incoming: &mut ByteBuffer, socket: &mut dyn Read) -> io::Result<usize> {
    if incoming.size() < INCOMING {
        let mut spare = SPARE.take().unwrap_or_else(|| ByteBuffer::new(INCOMING));
        spare.put(incoming.unread());
        *incoming = spare;
    }
    let room = incoming.room();
    if room.is_empty() {
        return Err(io::Error::new(
            ErrorKind::InvalidInput,
            "the received bytes have to be decrypted and read before more can be taken",
        ));
    }
    let read = socket.read(room)?;
    incoming.filled(read);
    Ok(read)
}

/// Frees the memory of `incoming`, except for unread bytes.
fn release(incoming: &mut ByteBuffer) {
    if incoming.size() == INCOMING {
        let waiting = ByteBuffer::holding(incoming.unread());
        let mut spare = mem::replace(incoming, waiting);
        spare.consume(usize::MAX);
        SPARE.set(Some(spare));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_wait_are_all_that_a_connection_keeps() {
        let mut incoming = ByteBuffer::new(0);
        read_socket(&mut incoming, &mut &b"a part of"[..]).unwrap();
        assert_eq!(incoming.size(), INCOMING);
        release(&mut incoming);
        assert_eq!((incoming.size(), incoming.unread()), (9, &b"a part of"[..]));
        read_socket(&mut incoming, &mut &b" a record"[..]).unwrap();
        assert_eq!(incoming.unread(), b"a part of a record");
        incoming.consume(usize::MAX);
        release(&mut incoming);
        assert_eq!(incoming.size(), 0);
    }
}
