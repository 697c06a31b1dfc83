//! A blocking client over [`embedded_io::Read`] and [`embedded_io::Write`], for
//! boards that bring their own TLS.
//!
//! The caller owns everything: the stream, after its TLS handshake, the window,
//! and the clock. Events come as frames with their bytes; one larger than the
//! window comes in pieces, or is skipped, as [`ClientConfig::oversize`] says.
//!
//! Give the stream a read timeout of some seconds if you can. A read that times
//! out comes back as [`IoError::Io`] and does no harm: call
//! [`next`](Client::next) again with the new time, and it probes a silent peer
//! or declares it dead by the session's deadlines. Without one, only the network
//! can end the wait.
//!
//! ```
//! use estreamer_core::decode::{Frame, Kind};
//! use estreamer_core::io::{Client, IoError};
//! use estreamer_core::session::{ClientConfig, End, Instant};
//! # use estreamer_core::quirk::Quirks;
//! # use estreamer_core::wire::*;
//! # struct Tls { input: std::io::Cursor<Vec<u8>>, sent: Vec<u8> }
//! # impl embedded_io::ErrorType for Tls { type Error = std::convert::Infallible; }
//! # impl embedded_io::Read for Tls {
//! #     fn read(&mut self, out: &mut [u8]) -> Result<usize, Self::Error> {
//! #         Ok(std::io::Read::read(&mut self.input, out).unwrap())
//! #     }
//! # }
//! # impl embedded_io::Write for Tls {
//! #     fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
//! #         self.sent.extend_from_slice(bytes);
//! #         Ok(bytes.len())
//! #     }
//! #     fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
//! # }
//! # let mut buffer = [0; 128];
//! # let header = BundleHeader { connection_id: 1, sequence: 1 };
//! # let mut bundle = BundleWriter::new(&mut buffer, header, Quirks::NONE)?;
//! # bundle.push(&Event::new(RecordType::FILE, Some(1), b"{}"))?;
//! # let mut tls = Tls { input: std::io::Cursor::new(bundle.finish().to_vec()), sent: vec![] };
//! # let now = || Instant(0);
//! let request = Message::Request(EventStreamRequest {
//!     from: InitialTimestamp::OLDEST,
//!     flags: RequestFlags::EXTENDED_HEADER,
//!     block: br#"{"Events":{"FileEvent":{"Fields":["FileName"]}},
//!         "OutputFormat":{"Transform":"Text","TransformConfig":"JSON"}}"#,
//! });
//! let mut bytes = [0; 256];
//! let length = request.emit(&mut bytes)?;
//!
//! let mut window = [0; 1024];
//! let config = ClientConfig { ahead: 0, ..ClientConfig::default() };
//! let mut client = Client::start(&mut tls, &bytes[..length], &mut window, config, now())?;
//! let end = loop {
//!     match client.next(now()) {
//!         Ok(received) => match received.frame {
//!             Frame::Message { head, .. } if matches!(head.kind, Kind::Event { .. }) => {
//!                 assert_eq!(received.bytes, b"{}"); // keep the event …
//!             }
//!             Frame::BundleEnd => client.delivered(), // … then ask for more
//!             _ => {}
//!         },
//!         Err(IoError::Ended(end)) => break end,
//!         Err(IoError::Io(_)) => {} // a timeout: once more, with the new time
//!         Err(error) => return Err(error.into()),
//!     }
//! };
//! assert_eq!(end, End::Idle);
//! assert_eq!(&tls.sent[length..], Null::BYTES);
//! # Ok::<_, Box<dyn std::error::Error>>(())
//! ```

use crate::decode::Frame;
use crate::session::{ClientConfig, ClientSession, End, Instant};
use crate::{ConfigError, ResourceError};
use core::fmt;
use embedded_io::{Error, ErrorKind, Read, Write};

/// A frame and the bytes it speaks of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Received<'a> {
    /// What was found. Its offsets are of no use here; see `bytes`.
    pub frame: Frame,
    /// The variable part of a [`Frame::Message`], or the next bytes of it in a
    /// [`Frame::Chunk`]; otherwise empty.
    pub bytes: &'a [u8],
}

/// Why a call failed, by whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum IoError<E> {
    /// The stream's error. After one that passes, like a timeout, the call can
    /// be repeated: nothing is lost and nothing sent twice.
    Io(E),
    /// The stream takes no more bytes and does not say why.
    WriteZero,
    /// The session is over, by the peer's doing or by [`Client::close`].
    Ended(End),
    /// The window is too small.
    Config(ConfigError),
    /// The window cannot hold the message to send.
    Resource(ResourceError),
    /// The request would not work.
    #[cfg(feature = "json")]
    Request(crate::fqe::RequestError),
}

/// A client's connection that blocks.
///
/// - Getters: [`session`](Self::session), [`io_mut`](Self::io_mut).
/// - Input: [`next`](Self::next).
/// - Commands: [`delivered`](Self::delivered), [`close`](Self::close),
///   [`into_io`](Self::into_io).
#[derive(Debug)]
pub struct Client<'w, IO> {
    io: IO,
    session: ClientSession,
    window: &'w mut [u8],
    /// The unread bytes of the window: `unread.0..unread.1`.
    unread: (usize, usize),
    /// Nulls on their way, and how many of their bytes are gone.
    out: [u8; OUT],
    out_gone: usize,
    out_len: usize,
}

/// Four nulls at a time.
const OUT: usize = 32;

impl<'w, IO: Read + Write> Client<'w, IO> {
    /// Sends `request`, a whole message, on a stream whose TLS handshake is
    /// complete. The length of `window` counts, not [`ClientConfig::window`].
    ///
    /// # Errors
    /// [`IoError::Config`] for a window below
    /// [`MIN_WINDOW`](crate::decode::MIN_WINDOW) bytes; [`IoError::Io`] and
    /// [`IoError::WriteZero`], after which the stream is of no more use.
    pub fn start(
        io: IO,
        request: &[u8],
        window: &'w mut [u8],
        config: ClientConfig,
        now: Instant,
    ) -> Result<Self, IoError<IO::Error>> {
        let mut client = Self::new(io, window, config, now)?;
        send(&mut client.io, request, &mut 0)?;
        Ok(client)
    }

    /// Builds `request` in the window and sends it; shows its part of
    /// [`ClientConfig::quirks`], and sets [`ClientConfig::expected`]. Otherwise as
    /// [`start`](Self::start).
    ///
    /// # Errors
    /// As [`start`](Self::start), or [`IoError::Request`] when the request would
    /// not work or is larger than the window.
    #[cfg(feature = "json")]
    pub fn start_with(
        io: IO,
        request: &crate::fqe::Request<'_>,
        window: &'w mut [u8],
        config: ClientConfig,
        now: Instant,
    ) -> Result<Self, IoError<IO::Error>> {
        let mut client = Self::new(io, window, config, now)?;
        client.session.expect(request.expected());
        let message = request
            .emit(config.quirks, client.window)
            .map_err(IoError::Request)?;
        send(&mut client.io, message, &mut 0)?;
        Ok(client)
    }

    fn new(
        io: IO,
        window: &'w mut [u8],
        mut config: ClientConfig,
        now: Instant,
    ) -> Result<Self, IoError<IO::Error>> {
        config.window = window.len();
        Ok(Self {
            io,
            session: ClientSession::new(config, now).map_err(IoError::Config)?,
            window,
            unread: (0, 0),
            out: [0; OUT],
            out_gone: 0,
            out_len: 0,
        })
    }

    /// Waits for the next frame, and sends the nulls that are owed before it
    /// waits. Time spent between two frames by the caller is no silence of the
    /// peer's.
    ///
    /// # Errors
    /// [`IoError::Io`] and [`IoError::WriteZero`], after which the call can be
    /// repeated; [`IoError::Ended`] from then on always.
    pub fn next(&mut self, now: Instant) -> Result<Received<'_>, IoError<IO::Error>> {
        self.session.set_reading(true, now);
        let (start, frame) = loop {
            let (start, end) = self.unread;
            let unread = self.window.get(start..end).unwrap_or_default();
            let step = self.session.step(unread, now).map_err(IoError::Ended)?;
            self.unread.0 = start + step.consumed;
            if let Some(frame) = step.frame {
                break (start, frame);
            }
            if step.consumed == 0 {
                self.session.handle_timeout(now).map_err(IoError::Ended)?;
                self.transmit(now)?;
                self.fill()?;
            }
        };
        self.session.set_reading(false, now);
        let bytes = match &frame {
            Frame::Message { body, .. } | Frame::Chunk { body } => {
                body.of(self.window.get(start..).unwrap_or_default())
            }
            _ => &[],
        };
        Ok(Received { frame, bytes })
    }

    /// All units of the frames handed out so far are where they belong; the next
    /// call of [`next`](Self::next) acknowledges them.
    pub fn delivered(&mut self) {
        self.session.delivered(self.session.received());
    }

    /// Ends the session and tells the peer why (FQE, Terminating Connections),
    /// as far as the reason fits the window. Nothing is sent if it has ended
    /// already. The stream stays open: closing TLS is its owner's business.
    ///
    /// # Errors
    /// [`IoError::Io`] and [`IoError::WriteZero`]; the session has ended all the
    /// same.
    pub fn close(&mut self, reason: &str) -> Result<(), IoError<IO::Error>> {
        // The message's fixed fields and a NUL, should the quirk be on.
        let mut room = self.window.len().saturating_sub(15).min(reason.len());
        while !reason.is_char_boundary(room) {
            room -= 1;
        }
        let reason = reason.get(..room).unwrap_or_default();
        let length = self
            .session
            .close(reason, self.window)
            .map_err(IoError::Resource)?;
        // A null of which a part is gone comes first, or the peer loses step.
        self.flush_out()?;
        match self.window.get(..length) {
            Some([]) | None => Ok(()),
            Some(message) => send(&mut self.io, message, &mut 0),
        }
    }

    /// The session, for its getters.
    pub const fn session(&self) -> &ClientSession {
        &self.session
    }

    /// The stream, for instance to set its timeouts.
    pub const fn io_mut(&mut self) -> &mut IO {
        &mut self.io
    }

    /// Gives the stream back.
    pub fn into_io(self) -> IO {
        self.io
    }

    /// Sends what the session wants sent.
    fn transmit(&mut self, now: Instant) -> Result<(), IoError<IO::Error>> {
        loop {
            self.flush_out()?;
            self.out_gone = 0;
            self.out_len = self.session.poll_transmit(&mut self.out, now);
            if self.out_len == 0 {
                return Ok(());
            }
        }
    }

    fn flush_out(&mut self) -> Result<(), IoError<IO::Error>> {
        let out = self.out.get(..self.out_len).unwrap_or_default();
        send(&mut self.io, out, &mut self.out_gone)
    }

    /// Reads more bytes behind the unread ones.
    fn fill(&mut self) -> Result<(), IoError<IO::Error>> {
        let (start, end) = self.unread;
        self.window.copy_within(start..end, 0);
        self.unread = (0, end - start);
        // The session never asks for more than the window holds, so there is room.
        let room = self.window.get_mut(end - start..).unwrap_or_default();
        let count = loop {
            match self.io.read(room) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result.map_err(IoError::Io)?,
            }
        };
        if count == 0 {
            return Err(IoError::Ended(self.session.handle_eof()));
        }
        self.unread.1 += count.min(room.len());
        Ok(())
    }
}

/// Writes what is left of `bytes` behind the first `gone`, and counts there.
fn send<W: Write>(io: &mut W, bytes: &[u8], gone: &mut usize) -> Result<(), IoError<W::Error>> {
    if bytes.is_empty() {
        return Ok(());
    }
    while let Some(rest @ [_, ..]) = bytes.get(*gone..) {
        match io.write(rest) {
            Ok(0) => return Err(IoError::WriteZero),
            Ok(count) => *gone += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(IoError::Io(error)),
        }
    }
    io.flush().map_err(IoError::Io)
}

impl<E: fmt::Display> fmt::Display for IoError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => error.fmt(f),
            Self::WriteZero => f.write_str("the stream takes no more bytes"),
            Self::Ended(end) => end.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::Resource(error) => error.fmt(f),
            #[cfg(feature = "json")]
            Self::Request(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for IoError<E> {}
