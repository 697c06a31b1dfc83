//! One TLS connection on one non-blocking socket.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Shutdown, SocketAddr};

use mio::net::TcpStream;
use socket2::{Domain, SockRef, Socket, Type};

use crate::buffer::ByteBuffer;
use crate::tls::{MAX_RECORD, ReadOutcome, TlsError, TlsSession};

/// A socket and the TLS session on it.
pub(crate) struct Transport {
    pub(crate) socket: TcpStream,
    pub(crate) tls: TlsSession,
    connected: bool,
    /// Plaintext that the TLS session had no room for.
    backlog: Vec<u8>,
    quick_ack: bool,
    half_closed: bool,
}

/// What [`Transport::fill`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fill {
    /// Wrote so many bytes into the room.
    Bytes(usize),
    /// The socket has no more bytes now. It is reported as readable later.
    Blocked,
    /// The peer closed, with or without close_notify. Within the handshake this is
    /// an error instead.
    Eof,
}

/// Why a connection failed, below the protocol.
#[derive(Debug)]
pub(crate) enum TransportError {
    Connect(io::Error),
    Tls(TlsError),
    Socket(io::Error),
}

impl Transport {
    /// Starts a connection to `address`, from the local address `bind` if given.
    ///
    /// Small messages are sent at once, and received bytes acknowledged at once:
    /// from a server that uses Nagle's algorithm, each bundle would otherwise wait
    /// for a delayed TCP acknowledgement.
    pub(crate) fn connect(
        address: SocketAddr,
        bind: Option<IpAddr>,
        tls: TlsSession,
    ) -> io::Result<Self> {
        let socket = match bind {
            None => TcpStream::connect(address)?,
            Some(bind) => connect_from(bind, address)?,
        };
        // Some systems refuse this before the connection is made. It is repeated then.
        let _ = socket.set_nodelay(true);
        Ok(Self::new(socket, tls, false))
    }

    /// Takes a connection that was accepted; `nagle` leaves Nagle's algorithm on.
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

    /// Whether TCP is connected.
    pub(crate) fn check_connected(&mut self) -> Result<bool, TransportError> {
        if self.connected {
            return Ok(true);
        }
        match self.socket.take_error().map_err(TransportError::Connect)? {
            None => {}
            // It was connected and then reset. Reading finds the end.
            Some(error) if is_gone(&error) => {
                self.connected = true;
                return Ok(true);
            }
            Some(error) => return Err(TransportError::Connect(error)),
        }
        match self.socket.peer_addr() {
            Ok(_) => {
                let _ = self.socket.set_nodelay(true);
                self.connected = true;
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::NotConnected => Ok(false),
            Err(error) => Err(TransportError::Connect(error)),
        }
    }

    /// Moves received plaintext into the room. Reads from the socket only when
    /// there is no plaintext left.
    pub(crate) fn fill(&mut self, room: &mut [u8]) -> Result<Fill, TransportError> {
        loop {
            match self.tls.read(room) {
                ReadOutcome::Data(count) => return Ok(Fill::Bytes(count)),
                ReadOutcome::Closed | ReadOutcome::Eof if !self.tls.is_handshaking() => {
                    return Ok(Fill::Eof);
                }
                // The peer closed within the handshake: `process` returns the error.
                ReadOutcome::Closed | ReadOutcome::Eof | ReadOutcome::WouldBlock => {}
            }
            if let Err(error) = self.tls.process() {
                // Send the alert that tells the peer why.
                let _ = self.tls.write_tls(&mut NoSigpipe(&self.socket));
                return Err(TransportError::Tls(error));
            }
            if self.tls.is_handshaking() {
                self.flush()?;
            }
            // Little more than the room holds; the rest would be kept here.
            let bytes = room.len().max(MAX_RECORD) as u64;
            match self.tls.read_tls(&mut (&self.socket).take(bytes)) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    self.acknowledge_quickly();
                    return Ok(Fill::Blocked);
                }
                // A reset is treated as the end of the stream.
                Err(error) if is_gone(&error) => {
                    let _ = self.tls.read_tls(&mut io::empty());
                }
                Err(error) => return Err(TransportError::Socket(error)),
            }
        }
    }

    /// As [`fill`](Self::fill), into the room of a buffer.
    pub(crate) fn fill_buffer(&mut self, buffer: &mut ByteBuffer) -> Result<Fill, TransportError> {
        let fill = self.fill(buffer.room())?;
        if let Fill::Bytes(count) = fill {
            buffer.filled(count);
        }
        Ok(fill)
    }

    /// Queues plaintext.
    pub(crate) fn send(&mut self, plaintext: &[u8]) {
        let mut taken = 0;
        if self.backlog.is_empty() {
            taken = self.tls.write(plaintext);
        }
        self.backlog.extend_from_slice(&plaintext[taken..]);
    }

    /// Whether the TLS session has room for more plaintext.
    pub(crate) fn has_room(&self) -> bool {
        self.backlog.is_empty()
    }

    /// Sends what is queued, as much as the socket takes.
    pub(crate) fn flush(&mut self) -> Result<(), TransportError> {
        loop {
            if !self.backlog.is_empty() {
                let taken = self.tls.write(&self.backlog);
                self.backlog.drain(..taken);
            }
            if !self.tls.wants_write() {
                return Ok(());
            }
            match self.tls.write_tls(&mut NoSigpipe(&self.socket)) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                // The peer has closed. Reading returns what it sent before.
                Err(error) if is_gone(&error) => return Ok(()),
                Err(error) => return Err(TransportError::Socket(error)),
            }
        }
    }

    /// Whether the kernel has taken everything that was queued.
    pub(crate) fn is_flushed(&self) -> bool {
        self.backlog.is_empty() && !self.tls.wants_write()
    }

    /// Shuts down the sending direction, then reads and discards. A socket that is
    /// closed with unread bytes resets the connection, and the peer may then lose
    /// the last message.
    pub(crate) fn shutdown_and_drain(&mut self) -> Fill {
        if !std::mem::replace(&mut self.half_closed, true) {
            // If the peer has closed, reading finds the end.
            let _ = self.socket.shutdown(Shutdown::Write);
        }
        let mut discarded = [0; 16 << 10];
        match self.socket.read(&mut discarded) {
            Ok(0) => Fill::Eof,
            Ok(count) => Fill::Bytes(count),
            Err(error) if error.kind() == ErrorKind::Interrupted => Fill::Bytes(0),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Fill::Blocked,
            Err(_) => Fill::Eof,
        }
    }

    /// Linux resets this option, so it is set again after every read.
    fn acknowledge_quickly(&self) {
        if self.quick_ack {
            #[cfg(target_os = "linux")]
            let _ = SockRef::from(&self.socket).set_tcp_quickack(true);
        }
    }
}

/// Writes to a socket without raising SIGPIPE, which would end a C program that
/// uses this library. A closed connection is an error instead.
struct NoSigpipe<'a>(&'a TcpStream);

#[cfg(not(target_vendor = "apple"))]
const NO_SIGNAL: libc::c_int = libc::MSG_NOSIGNAL;
// There std sets the option when it creates a socket.
#[cfg(target_vendor = "apple")]
const NO_SIGNAL: libc::c_int = 0;

impl Write for NoSigpipe<'_> {
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

/// Starts a connection from a given local address.
fn connect_from(bind: IpAddr, address: SocketAddr) -> io::Result<TcpStream> {
    if bind.is_ipv4() != address.is_ipv4() {
        let kind = |ipv4| if ipv4 { "IPv4" } else { "IPv6" };
        let (ours, theirs) = (kind(bind.is_ipv4()), kind(address.is_ipv4()));
        let what = format!("the local address {bind} is {ours}, and the server's is {theirs}");
        return Err(io::Error::new(ErrorKind::AddrNotAvailable, what));
    }
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, None)?;
    socket.set_nonblocking(true)?;
    let bound = socket.bind(&SocketAddr::new(bind, 0).into());
    bound.map_err(|error| match error.kind() {
        ErrorKind::AddrNotAvailable => {
            let what = format!("this machine does not have the local address {bind}");
            io::Error::new(ErrorKind::AddrNotAvailable, what)
        }
        _ => error,
    })?;
    match socket.connect(&address.into()) {
        Err(error) if error.raw_os_error() != Some(libc::EINPROGRESS) => Err(error),
        _ => Ok(TcpStream::from_std(socket.into())),
    }
}

/// Whether the error means that the peer has closed.
pub(crate) fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
    )
}
