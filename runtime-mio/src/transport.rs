//! One TLS connection on one non-blocking socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};

use mio::net::TcpStream;
use socket2::{Domain, SockRef, Socket, Type};

use crate::tls::{ReadOutcome, TlsError, TlsSession};

/// A socket and the TLS session on it.
pub(crate) struct Transport {
    pub(crate) socket: TcpStream,
    pub(crate) tls: TlsSession,
    connected: bool,
    /// Plaintext that did not fit the TLS session's buffer yet.
    backlog: Vec<u8>,
    quick_ack: bool,
    half_closed: bool,
}

/// What [`Transport::fill`] found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// So many bytes went into the room.
    Bytes(usize),
    /// The socket has nothing more for now; it will become readable.
    Blocked,
    /// The peer closed, with or without goodbye; within the handshake that is
    /// an error instead.
    Eof,
}

/// Why a connection broke, below the protocol.
#[derive(Debug)]
pub(crate) enum Broken {
    Connect(io::Error),
    Tls(TlsError),
    Socket(io::Error),
}

impl Transport {
    /// A connection that is being made to `address`. Small messages are sent at
    /// once, and received bytes acknowledged at once: against a server that
    /// leaves Nagle's algorithm on, each bundle would wait for a delayed TCP
    /// acknowledgement otherwise. `bind` is the address of ours it is made from.
    pub(crate) fn connect(
        address: SocketAddr,
        bind: Option<IpAddr>,
        tls: TlsSession,
    ) -> io::Result<Self> {
        let socket = match bind {
            None => TcpStream::connect(address)?,
            Some(bind) => connect_from(bind, address)?,
        };
        // Fails on some systems before the connection is made; then it comes later.
        let _ = socket.set_nodelay(true);
        Ok(Self::new(socket, tls, false))
    }

    /// A connection that was accepted; `nagle` leaves Nagle's algorithm on.
    pub(crate) fn accepted(socket: TcpStream, tls: TlsSession, nagle: bool) -> io::Result<Self> {
        socket.set_nodelay(!nagle)?;
        Ok(Self::new(socket, tls, true))
    }

    fn new(socket: TcpStream, tls: TlsSession, accepted: bool) -> Self {
        Self {
            socket,
            tls,
            connected: accepted,
            backlog: Vec::new(),
            quick_ack: !accepted,
            half_closed: false,
        }
    }

    /// Whether TCP stands; finds out without blocking.
    pub(crate) fn check_connected(&mut self) -> Result<bool, Broken> {
        if self.connected {
            return Ok(true);
        }
        match self.socket.take_error().map_err(Broken::Connect)? {
            None => {}
            // It stood, and was reset before we looked; reading finds the end.
            Some(error) if is_gone(&error) => {
                self.connected = true;
                return Ok(true);
            }
            Some(error) => return Err(Broken::Connect(error)),
        }
        match self.socket.peer_addr() {
            Ok(_) => {
                let _ = self.socket.set_nodelay(true);
                self.connected = true;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(Broken::Connect(error)),
        }
    }

    /// Moves plaintext into the room until that is full or nothing is left of
    /// what came, and reads from the socket only when there was nothing.
    pub(crate) fn fill(&mut self, room: &mut [u8]) -> Result<Fill, Broken> {
        loop {
            match self.tls.read(room) {
                ReadOutcome::Data(count) => return Ok(Fill::Bytes(count)),
                ReadOutcome::Closed | ReadOutcome::Eof if !self.tls.is_handshaking() => {
                    return Ok(Fill::Eof);
                }
                // An end instead of a handshake; `process` says what it means.
                ReadOutcome::Closed | ReadOutcome::Eof | ReadOutcome::WouldBlock => {}
            }
            if let Err(error) = self.tls.process() {
                // The alert that tells the peer why.
                let _ = self.tls.write_tls(&mut Quiet(&self.socket));
                return Err(Broken::Tls(error));
            }
            if self.tls.is_handshaking() {
                self.flush()?;
            }
            match self.tls.read_tls(&mut self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.acknowledge_quickly();
                    return Ok(Fill::Blocked);
                }
                // A reset is an end like any other, in the handshake and after it.
                Err(error) if is_gone(&error) => {
                    let _ = self.tls.read_tls(&mut io::empty());
                }
                Err(error) => return Err(Broken::Socket(error)),
            }
        }
    }

    /// Queues plaintext, all of it.
    pub(crate) fn send(&mut self, plaintext: &[u8]) {
        let mut taken = 0;
        if self.backlog.is_empty() {
            taken = self.tls.write(plaintext);
        }
        self.backlog.extend_from_slice(&plaintext[taken..]);
    }

    /// Whether nothing waits for room in the TLS session's buffer.
    pub(crate) fn has_room(&self) -> bool {
        self.backlog.is_empty()
    }

    /// Sends what is queued, as far as the socket takes it.
    pub(crate) fn flush(&mut self) -> Result<(), Broken> {
        loop {
            if !self.backlog.is_empty() {
                let taken = self.tls.write(&self.backlog);
                self.backlog.drain(..taken);
            }
            if !self.tls.wants_write() {
                return Ok(());
            }
            match self.tls.write_tls(&mut Quiet(&self.socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // The peer is gone; reading tells what it had to say before.
                Err(error) if is_gone(&error) => return Ok(()),
                Err(error) => return Err(Broken::Socket(error)),
            }
        }
    }

    /// Whether everything queued is with the kernel.
    pub(crate) fn is_flushed(&self) -> bool {
        self.backlog.is_empty() && !self.tls.wants_write()
    }

    /// Closes our half, then throws away what still comes: a socket closed over
    /// unread bytes resets the connection, and what was said last goes with it.
    pub(crate) fn part(&mut self) -> Fill {
        if !std::mem::replace(&mut self.half_closed, true) {
            // The peer may be gone already; then reading tells.
            let _ = self.socket.shutdown(Shutdown::Write);
        }
        let mut scrap = [0; 16 << 10];
        match self.socket.read(&mut scrap) {
            Ok(0) => Fill::Eof,
            Ok(count) => Fill::Bytes(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => Fill::Bytes(0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Fill::Blocked,
            Err(_) => Fill::Eof,
        }
    }

    /// Linux forgets the setting, so it is renewed after every read.
    fn acknowledge_quickly(&self) {
        if self.quick_ack {
            #[cfg(target_os = "linux")]
            let _ = SockRef::from(&self.socket).set_tcp_quickack(true);
        }
    }
}

/// The socket as it is written to. A closed connection is an error and no more:
/// `writev` would raise SIGPIPE as well, which ends a program in C that we are a
/// part of.
struct Quiet<'a>(&'a TcpStream);

#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: libc::c_int = libc::MSG_NOSIGNAL;
// There std asks for it when it makes a socket.
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: libc::c_int = 0;

impl Write for Quiet<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        SockRef::from(self.0).send_with_flags(bytes, NO_SIGNAL)
    }

    fn write_vectored(&mut self, bytes: &[io::IoSlice<'_>]) -> io::Result<usize> {
        SockRef::from(self.0).send_vectored_with_flags(bytes, NO_SIGNAL)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A connection being made from one of our addresses.
fn connect_from(bind: IpAddr, address: SocketAddr) -> io::Result<TcpStream> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    socket.bind(&SocketAddr::new(bind, 0).into())?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

/// Whether the error only says that the peer has closed.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
    )
}
