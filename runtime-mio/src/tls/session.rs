//! One TLS connection, either end of it, as bytes in and bytes out.

use std::cell::Cell;
use std::fmt;
use std::io::{self, ErrorKind, Read, Write};
use std::mem;

use rustls::ProtocolVersion;

use super::error::{Progress, TlsError};
use super::facts::CertificateFacts;
use super::machine::{Machine, Say, Step};
use super::peer::Peer;
use crate::buffer::ByteBuffer;

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
/// **Drain between reads.** A few records are held as they came, and each is
/// decrypted when [`read`](Self::read) has room for it. Call `read` until
/// [`ReadOutcome::WouldBlock`] before the next [`read_tls`](Self::read_tls). On
/// an edge-triggered socket, `read_tls` is to be repeated until the socket
/// itself would block.
///
/// After [`process`](Self::process) failed, one more `write_tls` sends the
/// alert that tells the peer why.
pub struct TlsSession {
    machine: Machine,
    peer: Peer,
    certificate: Option<CertificateFacts>,
    failed: Option<TlsError>,
    /// The socket has ended.
    eof: bool,
    /// The peer has said goodbye.
    closed: bool,
    /// Records as they came from the socket.
    incoming: ByteBuffer,
    /// So many bytes at the front of those are seen, and wait for more.
    partial: usize,
    /// What did not fit the room its record was decrypted for.
    plaintext: ByteBuffer,
    /// Records for the socket.
    outgoing: ByteBuffer,
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
    pub(super) fn new(machine: Machine, peer: Peer) -> Self {
        let mut session = Self {
            machine,
            peer,
            certificate: None,
            failed: None,
            eof: false,
            closed: false,
            incoming: ByteBuffer::new(0),
            partial: 0,
            plaintext: ByteBuffer::new(0),
            outgoing: ByteBuffer::new(0),
        };
        // A client's first message.
        session.advance(&mut []);
        session
    }

    /// Whether bytes from the socket are of use now: not while plaintext waits
    /// to be read, nor after the peer's goodbye.
    pub fn wants_read(&self) -> bool {
        self.failed.is_none() && !self.eof && !self.closed && self.plaintext.unread().is_empty()
    }

    /// Whether there are bytes for the socket.
    pub fn wants_write(&self) -> bool {
        !self.outgoing.unread().is_empty()
    }

    /// Whether the handshake is still going on.
    ///
    /// In TLS 1.3 it ends for the client before the server has judged the
    /// client's certificate: a refusal comes as an error or a close afterwards.
    pub fn is_handshaking(&self) -> bool {
        self.machine.common().is_handshaking()
    }

    /// The peer's own certificate, once the handshake is done.
    pub fn peer(&self) -> Option<&CertificateFacts> {
        self.certificate.as_ref()
    }

    /// `TLS 1.2` or `TLS 1.3`, once agreed.
    pub fn protocol_version(&self) -> Option<&'static str> {
        match self.machine.common().protocol_version()? {
            ProtocolVersion::TLSv1_2 => Some("TLS 1.2"),
            ProtocolVersion::TLSv1_3 => Some("TLS 1.3"),
            _ => None,
        }
    }

    /// The cipher suite's standard name, once agreed.
    pub fn cipher_suite(&self) -> Option<&'static str> {
        let suite = self.machine.common().negotiated_cipher_suite()?;
        suite.suite().as_str()
    }

    /// Takes bytes from the socket, with one call to its `read`.
    ///
    /// Zero is the end of the connection; go on with [`process`](Self::process)
    /// and [`read`](Self::read), which tell what kind of end.
    ///
    /// # Errors
    /// The socket's, `WouldBlock` among them. `InvalidInput` if too much
    /// plaintext was left unread, `InvalidData` if a handshake message is too
    /// large.
    pub fn read_tls(&mut self, socket: &mut impl Read) -> io::Result<usize> {
        // What comes after a goodbye does not count.
        if self.closed {
            return Ok(0);
        }
        if self.incoming.is_bare() {
            self.incoming = SPARE.take().unwrap_or_else(|| ByteBuffer::new(INCOMING));
        }
        let room = self.incoming.room();
        if room.is_empty() {
            return Err(match self.plaintext.unread() {
                [] => io::Error::new(ErrorKind::InvalidData, "a TLS message is too large"),
                _ => io::Error::new(
                    ErrorKind::InvalidInput,
                    "plaintext has to be read before more can be taken from the socket",
                ),
            });
        }
        let read = socket.read(room);
        match read {
            Ok(count) => self.incoming.filled(count),
            Err(_) => self.let_go(),
        }
        self.eof |= matches!(read, Ok(0));
        read
    }

    /// Decrypts what came, up to the first plaintext, and moves the handshake on.
    ///
    /// # Errors
    /// Final: the same error comes again at every further call.
    pub fn process(&mut self) -> Result<(), TlsError> {
        self.advance(&mut []);
        if self.failed.is_none() && (self.eof || self.closed) && self.is_handshaking() {
            let progress = self.progress();
            self.failed = Some(TlsError::ClosedInHandshake {
                peer: progress.peer,
                certificate_sent: progress.certificate_sent,
            });
        }
        self.failed.clone().map_or(Ok(()), Err)
    }

    /// Copies plaintext into `buffer`, as much as there is and fits. An empty
    /// buffer reads nothing: `Data(0)`.
    ///
    /// What cannot be decrypted ends the plaintext; [`process`](Self::process)
    /// then tells why.
    pub fn read(&mut self, buffer: &mut [u8]) -> ReadOutcome {
        if buffer.is_empty() {
            return ReadOutcome::Data(0);
        }
        match self.advance(buffer) {
            0 if self.failed.is_some() => ReadOutcome::WouldBlock,
            0 if self.closed => ReadOutcome::Closed,
            0 if self.eof => ReadOutcome::Eof,
            0 => ReadOutcome::WouldBlock,
            count => ReadOutcome::Data(count),
        }
    }

    /// Takes plaintext to send and returns how much of it was taken: less than
    /// all, down to nothing, while the buffer of 64 KiB is full. Nothing is taken
    /// before the handshake is done.
    pub fn write(&mut self, plaintext: &[u8]) -> usize {
        if self.failed.is_some() || self.is_handshaking() {
            return 0;
        }
        let room = WRITE_BUFFER.saturating_sub(self.outgoing.unread().len());
        let taken = plaintext.len().min(room);
        self.say(Say::Data(&plaintext[..taken]));
        taken
    }

    /// Hands bytes to the socket, with one call to its `write`.
    ///
    /// # Errors
    /// The socket's, `WouldBlock` among them.
    pub fn write_tls(&mut self, socket: &mut impl Write) -> io::Result<usize> {
        let count = socket.write(self.outgoing.unread())?;
        self.outgoing.consume(count);
        Ok(count)
    }

    /// Says goodbye; `write_tls` sends it. Nothing can be written afterwards.
    /// Within the handshake there is no goodbye.
    pub fn send_close_notify(&mut self) {
        if self.failed.is_none() {
            self.say(Say::Goodbye);
        }
    }

    /// Goes through what came until `room` is full, or nothing is left to go
    /// through; without room, until there is plaintext. Returns how many bytes
    /// of the room are full.
    fn advance(&mut self, room: &mut [u8]) -> usize {
        let mut full = self.plaintext.give(room);
        while self.failed.is_none()
            && !self.closed
            && self.plaintext.unread().is_empty()
            && (full < room.len() || room.is_empty())
        {
            let all = self.incoming.unread().len();
            match self.step(all, Say::Nothing, &mut room[full..]) {
                (Some(Step::Rest) | None, _) => break,
                (_, count) => full += count,
            }
        }
        if self.certificate.is_none() && !self.is_handshaking() {
            let chain = self.machine.common().peer_certificates();
            self.certificate = chain
                .and_then(|chain| chain.first())
                .and_then(|der| CertificateFacts::from_der(der));
        }
        full
    }

    /// Sends something; what came in the meantime is left alone.
    fn say(&mut self, say: Say<'_>) {
        while !matches!(
            self.step(self.partial, say, &mut []),
            (Some(Step::Rest) | None, _)
        ) {}
    }

    /// One step on the first `bytes` of what came, `None` when it failed; and how
    /// many bytes of the room are full.
    fn step(&mut self, bytes: usize, say: Say<'_>, room: &mut [u8]) -> (Option<Step>, usize) {
        // Asked before: an error may leave the library's state behind.
        let before = self.progress();
        let incoming = &mut self.incoming.unread_mut()[..bytes];
        let mut full = 0;
        let (done, step) = self
            .machine
            .step(incoming, &mut self.outgoing, say, |data| {
                let count = data.len().min(room.len() - full);
                room[full..full + count].copy_from_slice(&data[..count]);
                full += count;
                self.plaintext.put(&data[count..]);
            });
        self.incoming.consume(done);
        // Behind plaintext nothing is seen yet.
        self.partial = match step {
            Ok(Step::Again | Step::Rest) => bytes.saturating_sub(done),
            _ => 0,
        };
        if step == Ok(Step::Closed) {
            self.closed = true;
            self.incoming.consume(usize::MAX);
        }
        if let Err(error) = &step {
            let progress = self.progress().or(before);
            self.fail(TlsError::from_rustls(error.clone(), progress));
        }
        (step.ok(), full)
    }

    /// Ends it for good; the alert that tells the peer why is to be sent.
    fn fail(&mut self, error: TlsError) {
        self.failed = Some(error);
        // Nothing but alerts: the records at fault are not to be seen again.
        while self.machine.common().wants_write() {
            let outgoing = &mut self.outgoing;
            let (_, step) = self.machine.step(&mut [], outgoing, Say::Nothing, |_| {});
            if step != Ok(Step::Again) {
                break;
            }
        }
    }

    /// Gives back the memory for what comes while nothing does.
    fn let_go(&mut self) {
        if self.incoming.unread().is_empty() {
            SPARE.set(Some(mem::replace(&mut self.incoming, ByteBuffer::new(0))));
        }
        if self.plaintext.unread().is_empty() {
            self.plaintext = ByteBuffer::new(0);
        }
    }

    fn progress(&self) -> Progress {
        let common = self.machine.common();
        let handshaking = common.is_handshaking();
        // TLS 1.2 sends our certificate in answer to the peer's, 1.3 with the
        // last message of ours.
        let answered = common.peer_certificates().is_some();
        let tls12 = common.protocol_version() == Some(ProtocolVersion::TLSv1_2);
        Progress {
            peer: self.peer,
            hello_seen: common.protocol_version().is_some(),
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

thread_local! {
    /// The memory of whoever reads next. Connections are many, but a thread reads
    /// from one at a time, and most of them wait.
    static SPARE: Cell<Option<ByteBuffer>> = const { Cell::new(None) };
}

/// Bytes of a TLS record at most, header and encryption included.
const RECORD: usize = 5 + (16 << 10) + 2048;
/// Bytes taken from the socket at once. The largest handshake message the TLS
/// library accepts, of 64 KiB, has to fit.
const INCOMING: usize = 4 * RECORD;
/// Most bytes kept for sending, but for the last record.
const WRITE_BUFFER: usize = 64 * 1024;
