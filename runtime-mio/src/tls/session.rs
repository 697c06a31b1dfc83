//! One end of a TLS connection, without I/O.

use std::fmt;
use std::io::{self, Read, Write};

use rustls::ProtocolVersion;

use super::engine::{Engine, progress};
use super::error::TlsError;
use super::facts::CertificateFacts;
use super::peer::Peer;

/// One end of a TLS connection. It does no I/O of its own and never blocks.
///
/// The contract: **after each [`read_tls`](Self::read_tls) call
/// [`process`](Self::process), then [`read`](Self::read) until it returns
/// [`ReadOutcome::WouldBlock`], before the next `read_tls`.**
///
/// - Getters: [`wants_read`](Self::wants_read), [`wants_write`](Self::wants_write),
///   [`is_handshaking`](Self::is_handshaking), [`peer`](Self::peer),
///   [`protocol_version`](Self::protocol_version), [`cipher_suite`](Self::cipher_suite).
/// - Inputs, from the socket: [`read_tls`](Self::read_tls), [`process`](Self::process).
/// - Commands: [`write`](Self::write), [`send_close_notify`](Self::send_close_notify).
/// - Outputs: [`read`](Self::read) for plaintext, [`write_tls`](Self::write_tls) for the
///   socket.
///
/// Received records are decrypted when `read` has room for them. On an
/// edge-triggered socket, repeat `read_tls` until the socket would block.
///
/// After `process` failed, one more `write_tls` sends the alert that tells the peer
/// why.
pub struct TlsSession {
    engine: Box<dyn Engine>,
    peer: Peer,
    certificate: Option<CertificateFacts>,
    failed: Option<TlsError>,
    /// Whether the socket has ended.
    eof: bool,
}

/// What [`TlsSession::read`] did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// It wrote so many bytes of plaintext into the buffer.
    Data(usize),
    /// There is no plaintext now.
    WouldBlock,
    /// The peer sent close_notify. There is no more plaintext.
    Closed,
    /// The connection ended without close_notify. This is ordinary: a Management
    /// Center, like many servers, sends none.
    Eof,
}

impl TlsSession {
    pub(super) fn new(engine: impl Engine + 'static, peer: Peer) -> Self {
        Self {
            engine: Box::new(engine),
            peer,
            certificate: None,
            failed: None,
            eof: false,
        }
    }

    /// Whether bytes from the socket are of use now: not while plaintext waits to be
    /// read, nor after the peer's close_notify.
    pub fn wants_read(&self) -> bool {
        let ended = self.failed.is_some() || self.eof || self.engine.is_closed();
        !ended && !self.engine.has_plaintext()
    }

    /// Whether there are bytes for the socket.
    pub fn wants_write(&self) -> bool {
        self.engine.wants_write()
    }

    /// Whether the handshake is not complete.
    ///
    /// In TLS 1.3 it is complete for the client before the server has verified the
    /// client's certificate: a refusal then comes as an error or a close.
    pub fn is_handshaking(&self) -> bool {
        self.engine.is_handshaking()
    }

    /// Returns the peer's own certificate, once the handshake is complete.
    pub fn peer(&self) -> Option<&CertificateFacts> {
        self.certificate.as_ref()
    }

    /// Returns `TLS 1.2` or `TLS 1.3`, once agreed.
    pub fn protocol_version(&self) -> Option<&'static str> {
        match self.engine.state().protocol_version()? {
            ProtocolVersion::TLSv1_2 => Some("TLS 1.2"),
            ProtocolVersion::TLSv1_3 => Some("TLS 1.3"),
            _ => None,
        }
    }

    /// Returns the standard name of the cipher suite, once agreed.
    pub fn cipher_suite(&self) -> Option<&'static str> {
        let suite = self.engine.state().negotiated_cipher_suite()?;
        suite.suite().as_str()
    }

    /// Takes bytes from the socket, with one call to its `read`.
    ///
    /// Zero is the end of the stream. [`process`](Self::process) and
    /// [`read`](Self::read) then tell what kind of end it is.
    ///
    /// # Errors
    /// The socket's, `WouldBlock` among them. `InvalidInput` if too much plaintext
    /// was left unread, or a handshake message is too large.
    pub fn read_tls(&mut self, socket: &mut impl Read) -> io::Result<usize> {
        // Bytes after close_notify are ignored.
        if self.engine.is_closed() {
            return Ok(0);
        }
        let read = self.engine.read_tls(socket);
        self.eof |= matches!(read, Ok(0));
        if read.is_err() {
            self.engine.release();
        }
        read
    }

    /// Decrypts what was received, up to the first plaintext, and moves the
    /// handshake on.
    ///
    /// # Errors
    /// Final: every further call returns the same error.
    pub fn process(&mut self) -> Result<(), TlsError> {
        self.decrypt(&mut []);
        let is_over = self.eof || self.engine.is_closed();
        if self.failed.is_none() && is_over && self.is_handshaking() {
            let progress = progress(self.engine.state(), self.peer);
            self.failed = Some(TlsError::ClosedInHandshake {
                peer: self.peer,
                certificate_sent: progress.certificate_sent,
            });
        }
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Copies plaintext into `buffer`, as much as there is and fits. An empty buffer
    /// reads nothing: `Data(0)`.
    ///
    /// Bytes that cannot be decrypted end the plaintext; [`process`](Self::process)
    /// then returns the error.
    pub fn read(&mut self, buffer: &mut [u8]) -> ReadOutcome {
        if buffer.is_empty() {
            return ReadOutcome::Data(0);
        }
        match self.decrypt(buffer) {
            0 if self.failed.is_some() => ReadOutcome::WouldBlock,
            0 if self.engine.is_closed() => ReadOutcome::Closed,
            0 if self.eof => ReadOutcome::Eof,
            0 => ReadOutcome::WouldBlock,
            count => ReadOutcome::Data(count),
        }
    }

    /// Takes plaintext to send and returns how much of it was taken: less than all
    /// of it, or nothing, while the buffer of 64 KiB is full. Nothing is taken
    /// before the handshake is complete.
    pub fn write(&mut self, plaintext: &[u8]) -> usize {
        if self.failed.is_some() || self.is_handshaking() {
            return 0;
        }
        self.engine.write(plaintext)
    }

    /// Passes bytes to the socket, with one call to its `write`.
    ///
    /// # Errors
    /// The socket's, `WouldBlock` among them.
    pub fn write_tls(&mut self, socket: &mut impl Write) -> io::Result<usize> {
        self.engine.write_tls(socket)
    }

    /// Frees the buffers, except for unread bytes.
    pub(crate) fn release(&mut self) {
        self.engine.release();
    }

    /// Queues close_notify; [`write_tls`](Self::write_tls) sends it. Nothing can be
    /// written afterwards. It does nothing before the handshake is complete.
    pub fn send_close_notify(&mut self) {
        if self.failed.is_none() && !self.is_handshaking() {
            self.engine.send_close_notify();
        }
    }

    /// Decrypts into `room` and returns how many bytes were written to it.
    fn decrypt(&mut self, room: &mut [u8]) -> usize {
        let mut count = 0;
        if self.failed.is_none() || self.engine.has_plaintext() {
            let (decrypted, result) = self.engine.decrypt(room);
            count = decrypted;
            if let Err(error) = result {
                self.failed = Some(error);
            }
        }
        if self.certificate.is_none() && !self.is_handshaking() {
            let chain = self.engine.state().peer_certificates();
            let certificate = chain.and_then(|chain| chain.first());
            self.certificate = certificate.and_then(|der| CertificateFacts::from_der(der));
        }
        count
    }
}

impl fmt::Debug for TlsSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSession")
            .field("peer", &self.peer)
            .field("version", &self.protocol_version())
            .field("handshaking", &self.is_handshaking())
            .field("failed", &self.failed)
            .finish_non_exhaustive()
    }
}
