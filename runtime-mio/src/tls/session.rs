//! One TLS connection, either end of it, as bytes in and bytes out.

use std::fmt;
use std::io::{self, ErrorKind, Read, Write};

use rustls::{Connection, ProtocolVersion};

use super::error::{Peer, Progress, TlsError};
use super::facts::CertificateFacts;

/// One TLS connection, either end of it. It does no I/O of its own and never
/// blocks.
///
/// - Getters: [`wants_read`](Self::wants_read), [`wants_write`](Self::wants_write),
///   [`is_handshaking`](Self::is_handshaking), [`peer`](Self::peer),
///   [`protocol_version`](Self::protocol_version), [`cipher_suite`](Self::cipher_suite).
/// - From the socket: [`read_tls`](Self::read_tls), then [`process`](Self::process),
///   then [`read`](Self::read) until it has nothing more.
/// - To the socket: [`write`](Self::write) or
///   [`send_close_notify`](Self::send_close_notify), then [`write_tls`](Self::write_tls).
///
/// **Drain between reads.** At most 16 KiB of plaintext are held. Call
/// [`read`](Self::read) until [`ReadOutcome::WouldBlock`] before the next
/// [`read_tls`](Self::read_tls); with plaintext left, [`wants_read`](Self::wants_read)
/// is false. On an edge-triggered socket, `read_tls` is to be repeated until
/// the socket itself would block.
///
/// After [`process`](Self::process) failed, one more `write_tls` sends the
/// alert that tells the peer why.
pub struct TlsSession {
    connection: Connection,
    peer: Peer,
    certificate: Option<CertificateFacts>,
    failed: Option<TlsError>,
    eof: bool,
    /// Decrypted bytes not read yet.
    plaintext: usize,
}

/// What [`TlsSession::read`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadOutcome {
    /// This many bytes of plaintext are in the buffer.
    Data(usize),
    /// Nothing now; more may come.
    WouldBlock,
    /// The peer said goodbye (close_notify); nothing more will come.
    Closed,
    /// The connection ended without goodbye. This is ordinary: a Management
    /// Center, like many servers, just closes.
    Eof,
}

impl TlsSession {
    pub(super) fn new(mut connection: Connection, peer: Peer) -> Self {
        connection.set_buffer_limit(Some(WRITE_BUFFER));
        Self {
            connection,
            peer,
            certificate: None,
            failed: None,
            eof: false,
            plaintext: 0,
        }
    }

    /// Whether bytes from the socket are of use now: not while plaintext waits
    /// to be read, nor after the peer's goodbye.
    pub fn wants_read(&self) -> bool {
        self.failed.is_none() && !self.eof && self.connection.wants_read()
    }

    /// Whether there are bytes for the socket.
    pub fn wants_write(&self) -> bool {
        self.connection.wants_write()
    }

    /// Whether the handshake is still going on.
    ///
    /// In TLS 1.3 it ends for the client before the server has judged the
    /// client's certificate: a refusal comes as an error or a close afterwards.
    pub fn is_handshaking(&self) -> bool {
        self.connection.is_handshaking()
    }

    /// The peer's own certificate, once the handshake is done.
    pub fn peer(&self) -> Option<&CertificateFacts> {
        self.certificate.as_ref()
    }

    /// `TLS 1.2` or `TLS 1.3`, once agreed.
    pub fn protocol_version(&self) -> Option<&'static str> {
        match self.connection.protocol_version()? {
            ProtocolVersion::TLSv1_2 => Some("TLS 1.2"),
            ProtocolVersion::TLSv1_3 => Some("TLS 1.3"),
            _ => None,
        }
    }

    /// The cipher suite's standard name, once agreed.
    pub fn cipher_suite(&self) -> Option<&'static str> {
        self.connection.negotiated_cipher_suite()?.suite().as_str()
    }

    /// Takes bytes from the socket, with one call to its `read`.
    ///
    /// Zero is the end of the connection; go on with [`process`](Self::process)
    /// and [`read`](Self::read), which tell what kind of end.
    ///
    /// # Errors
    /// The socket's, `WouldBlock` among them. `InvalidInput` if too much
    /// plaintext was left unread.
    pub fn read_tls(&mut self, socket: &mut impl Read) -> io::Result<usize> {
        // Asked here so that a full buffer is never taken for the socket's error.
        if self.plaintext > PLAINTEXT_LIMIT {
            return Err(io::Error::new(
                ErrorKind::InvalidInput,
                "plaintext has to be read before more can be taken from the socket",
            ));
        }
        let count = self.connection.read_tls(socket)?;
        self.eof |= count == 0;
        Ok(count)
    }

    /// Decrypts what came and moves the handshake on.
    ///
    /// # Errors
    /// Final: the same error comes again at every further call.
    pub fn process(&mut self) -> Result<(), TlsError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        // Asked before: an error may leave the library's state behind.
        let before = self.progress();
        let result = self.connection.process_new_packets();
        let progress = self.progress().or(before);
        match result {
            Ok(state) => self.plaintext = state.plaintext_bytes_to_read(),
            Err(error) => return Err(self.fail(TlsError::from_rustls(error, progress))),
        }
        if self.connection.is_handshaking() {
            if self.eof {
                return Err(self.fail(TlsError::ClosedInHandshake {
                    peer: progress.peer,
                    certificate_sent: progress.certificate_sent,
                }));
            }
        } else if self.certificate.is_none() {
            let chain = self.connection.peer_certificates();
            self.certificate = chain
                .and_then(|chain| chain.first())
                .and_then(|der| CertificateFacts::from_der(der));
        }
        Ok(())
    }

    /// Copies plaintext into `buffer`, as much as there is and fits. An empty
    /// buffer reads nothing: `Data(0)`.
    pub fn read(&mut self, buffer: &mut [u8]) -> ReadOutcome {
        if buffer.is_empty() {
            return ReadOutcome::Data(0);
        }
        match self.connection.reader().read(buffer) {
            Ok(0) => ReadOutcome::Closed,
            Ok(count) => {
                self.plaintext = self.plaintext.saturating_sub(count);
                ReadOutcome::Data(count)
            }
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => ReadOutcome::Eof,
            Err(_) => ReadOutcome::WouldBlock,
        }
    }

    /// Takes plaintext to send and returns how much of it was taken: less than
    /// all, down to nothing, while the buffer of 64 KiB is full. Before the
    /// handshake is done it is kept.
    pub fn write(&mut self, plaintext: &[u8]) -> usize {
        if self.failed.is_some() {
            return 0;
        }
        self.connection.writer().write(plaintext).unwrap_or(0)
    }

    /// Hands bytes to the socket, with one call to its `write_vectored`.
    ///
    /// # Errors
    /// The socket's, `WouldBlock` among them.
    pub fn write_tls(&mut self, socket: &mut impl Write) -> io::Result<usize> {
        self.connection.write_tls(socket)
    }

    /// Says goodbye; `write_tls` sends it. Nothing can be written afterwards.
    pub fn send_close_notify(&mut self) {
        self.connection.send_close_notify();
    }

    fn fail(&mut self, error: TlsError) -> TlsError {
        self.failed = Some(error.clone());
        error
    }

    fn progress(&self) -> Progress {
        let handshaking = self.connection.is_handshaking();
        // TLS 1.2 sends our certificate in answer to the peer's, 1.3 with the
        // last message of ours.
        let answered = self.connection.peer_certificates().is_some();
        let tls12 = self.connection.protocol_version() == Some(ProtocolVersion::TLSv1_2);
        Progress {
            peer: self.peer,
            hello_seen: self.connection.protocol_version().is_some(),
            certificate_sent: !handshaking || (tls12 && answered),
        }
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

/// Most plaintext kept for sending, in bytes; the same again as ciphertext.
const WRITE_BUFFER: usize = 64 * 1024;
/// The TLS library takes no more from the socket while it holds more than this.
const PLAINTEXT_LIMIT: usize = 16 * 1024;
