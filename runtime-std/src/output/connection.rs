//! Connections to receivers: TCP, TLS over TCP, and unix sockets.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::ClientConnection;
use socket2::SockRef;

use super::tls::{self, TlsConnector};

/// Where to connect.
pub(super) enum Endpoint {
    /// `HOST:PORT`.
    Tcp(String),
    /// `HOST:PORT`, and how to verify the receiver; or why TLS cannot be used.
    Tls(String, Result<Arc<TlsConnector>, String>),
    /// The path of a unix socket.
    Unix(PathBuf),
}

/// An open connection. Nothing that the receiver sends is kept.
pub(super) struct Connection {
    socket: Socket,
    tls: Option<Box<ClientConnection>>,
    /// The size of the send buffer of the kernel in bytes.
    pub(super) buffer: u64,
}

enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// The timeout of connecting and of each write.
const TIMEOUT: Duration = Duration::from_secs(5);
/// The maximum time of a TLS handshake.
const HANDSHAKE: Duration = Duration::from_secs(10);
/// The requested size of the send buffer in bytes; the kernel may use more.
const BUFFER: usize = 256 << 10;

impl Endpoint {
    /// Connects, within a few seconds for each address.
    ///
    /// # Errors
    /// Those of the system, or why TLS refused the receiver.
    pub(super) fn connect(&self) -> io::Result<Connection> {
        let socket = match self {
            Self::Tcp(address) | Self::Tls(address, Ok(_)) => Socket::Tcp(connect(address)?),
            Self::Tls(_, Err(error)) => return Err(io::Error::other(error.clone())),
            Self::Unix(path) => Socket::Unix(UnixStream::connect(path)?),
        };
        socket.set_timeouts(TIMEOUT)?;
        let buffer = socket.with(|socket| {
            // With an explicit size, the kernel does not grow the buffer.
            socket.set_send_buffer_size(BUFFER)?;
            socket.send_buffer_size()
        })?;
        let mut connection = Connection {
            socket,
            tls: None,
            buffer: buffer as u64,
        };
        if let Self::Tls(address, Ok(connector)) = self {
            let tls = connector.connection(address)?;
            connection.handshake(tls, address)?;
        }
        Ok(connection)
    }
}

impl Connection {
    fn handshake(&mut self, mut tls: ClientConnection, address: &str) -> io::Result<()> {
        let began = Instant::now();
        let socket = &mut self.socket;
        let late = |error: io::Error| match is_timeout(&error) {
            true => io::Error::new(
                ErrorKind::TimedOut,
                "it does not answer the TLS handshake; check that this port speaks TLS",
            ),
            false => error,
        };
        loop {
            while tls.wants_write() {
                tls.write_tls(socket).map_err(late)?;
            }
            if !tls.is_handshaking() {
                self.tls = Some(Box::new(tls));
                return Ok(());
            }
            if began.elapsed() > HANDSHAKE {
                return Err(late(ErrorKind::TimedOut.into()));
            }
            if tls.read_tls(socket).map_err(late)? == 0 {
                return Err(io::Error::new(
                    ErrorKind::UnexpectedEof,
                    "it closed the connection in the TLS handshake; check that this port speaks \
                     TLS",
                ));
            }
            if let Err(error) = tls.process_new_packets() {
                // The alert tells the receiver why; it may be gone already.
                let _ = tls.write_tls(socket);
                return Err(tls::explain(&error, address));
            }
        }
    }

    /// Writes bytes and returns how many were taken. Some of them may still be in this
    /// process until [`flush`](Self::flush) succeeds.
    ///
    /// # Errors
    /// Those of the system. After a timeout the connection can still be used.
    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(tls) = &mut self.tls else {
            return self.socket.write(bytes);
        };
        if tls.wants_write() {
            self.flush()?;
        }
        match &mut self.tls {
            Some(tls) => tls.writer().write(bytes),
            None => Ok(0),
        }
    }

    /// Writes what TLS has buffered.
    ///
    /// # Errors
    /// Those of the system. After a timeout the connection can still be used.
    pub(super) fn flush(&mut self) -> io::Result<()> {
        let Some(tls) = &mut self.tls else {
            return Ok(());
        };
        while tls.wants_write() {
            let Err(error) = tls.write_tls(&mut self.socket) else {
                continue;
            };
            if is_timeout(&error) {
                return Err(error);
            }
            // The receiver may have said why it closed.
            return match self.try_drain() {
                Err(reason) if reason.kind() == ErrorKind::Other => Err(reason),
                _ => Err(error),
            };
        }
        Ok(())
    }

    /// Announces that nothing more follows.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn close(&mut self) -> io::Result<()> {
        if let Some(tls) = &mut self.tls {
            tls.send_close_notify();
        }
        self.flush()?;
        match &self.socket {
            Socket::Tcp(socket) => socket.shutdown(Shutdown::Write),
            Socket::Unix(socket) => socket.shutdown(Shutdown::Write),
        }
    }

    /// Reads and discards what the receiver sent, so that it is not blocked. Returns whether
    /// the receiver closed. `wait` is how long to wait for that; `None` does not wait.
    ///
    /// # Errors
    /// Those of the system, or a message that ends the TLS session.
    pub(super) fn drain(&mut self, wait: Option<Duration>) -> io::Result<bool> {
        let wait_at_least = Duration::from_millis(1);
        self.socket.set_nonblocking(wait.is_none())?;
        if let Some(wait) = wait {
            self.socket.set_timeouts(wait.max(wait_at_least))?;
        }
        let drained = self.try_drain();
        self.socket.set_nonblocking(false)?;
        self.socket.set_timeouts(TIMEOUT)?;
        match drained {
            Err(error) if is_timeout(&error) => Ok(false),
            other => other,
        }
    }

    fn try_drain(&mut self) -> io::Result<bool> {
        let mut scrap = [0; 4096];
        for _ in 0..64 {
            let Some(tls) = &mut self.tls else {
                match self.socket.read(&mut scrap)? {
                    0 => return Ok(true),
                    _ => continue,
                }
            };
            if tls.read_tls(&mut self.socket)? == 0 {
                return Ok(true);
            }
            let state = tls
                .process_new_packets()
                .map_err(|error| tls::explain(&error, "the receiver"))?;
            while matches!(tls.reader().read(&mut scrap), Ok(1..)) {}
            if state.peer_has_closed() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Returns and clears an error that the system has noted for the connection.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn take_error(&self) -> io::Result<Option<io::Error>> {
        self.socket.with(|socket| socket.take_error())
    }
}

impl Socket {
    fn with<T>(&self, work: impl FnOnce(&socket2::Socket) -> io::Result<T>) -> io::Result<T> {
        match self {
            Self::Tcp(socket) => work(&SockRef::from(socket)),
            Self::Unix(socket) => work(&SockRef::from(socket)),
        }
    }

    fn set_timeouts(&self, time: Duration) -> io::Result<()> {
        self.with(|socket| {
            socket.set_read_timeout(Some(time))?;
            socket.set_write_timeout(Some(time))
        })
    }

    fn set_nonblocking(&self, on: bool) -> io::Result<()> {
        self.with(|socket| socket.set_nonblocking(on))
    }
}

impl Read for Socket {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.read(bytes),
            Self::Unix(socket) => socket.read(bytes),
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(socket) => socket.write(bytes),
            Self::Unix(socket) => socket.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Connects to the first address that answers.
fn connect(address: &str) -> io::Result<TcpStream> {
    let mut last = io::Error::new(ErrorKind::NotFound, "the name has no address");
    for address in address.to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

/// Returns whether the error is only a timeout or an interruption.
pub(super) fn is_timeout(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
    )
}
