//! A blocking client over [`embedded_io::Read`] and [`embedded_io::Write`], for
//! boards that bring their own TLS.
//!
//! The caller owns the stream (after its TLS handshake), the window and the clock.
//! Events are frames with their bytes. An event larger than the window is returned
//! in pieces or skipped; see [`ClientConfig::oversize`].
//!
//! Set a read timeout of a few seconds on the stream if possible. A read that times
//! out returns [`IoError::Io`]; call [`next`](Client::next) again with the new
//! time, so that it can probe a silent peer or end the session by its deadlines.
//! Without a read timeout, only the network can end the wait.
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
//! let mut config = ClientConfig::default();
//! config.ahead = 0;
//! let mut client = Client::start(&mut tls, &bytes[..length], &mut window, config, now())?;
//! let end = loop {
//!     match client.next(now()) {
//!         Ok(received) => match received.frame {
//!             Frame::Message { head, .. } if matches!(head.kind, Kind::Event { .. }) => {
//!                 assert_eq!(received.bytes, b"{}"); // store the event …
//!             }
//!             Frame::BundleEnd => client.delivered(), // … then acknowledge it
//!             _ => {}
//!         },
//!         Err(IoError::Ended(end)) => break end,
//!         Err(IoError::Io(_)) => {} // a timeout: call again with the new time
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

/// A frame with its bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub struct Received<'a> {
    /// The frame. Ignore its offsets and use `bytes`.
    pub frame: Frame,
    /// The variable part of a [`Frame::Message`], or the next bytes of it in a
    /// [`Frame::Chunk`]; otherwise empty.
    pub bytes: &'a [u8],
}

/// Why a call failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum IoError<E> {
    /// An error of the stream. After a temporary error, such as a timeout, repeat
    /// the call: nothing is lost or sent twice.
    Io(E),
    /// The stream accepts no more bytes.
    WriteZero,
    /// The session has ended, by the peer or by [`Client::close`].
    Ended(End),
    /// The window is too small.
    Config(ConfigError),
    /// The window is too small for the message to send.
    Resource(ResourceError),
    /// The request is not valid.
    Request(crate::fqe::RequestError),
}

/// A blocking connection of a client.
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
    /// Nulls to send, and how many of their bytes are sent.
    out: [u8; OUT],
    out_sent: usize,
    out_len: usize,
}

/// Room for four nulls.
const OUT: usize = 32;

impl<'w, IO: Read + Write> Client<'w, IO> {
    /// Sends `request`, a complete message, on a stream whose TLS handshake is
    /// complete.
    ///
    /// # Errors
    /// [`IoError::Config`] for a window below
    /// [`MIN_WINDOW`](crate::decode::MIN_WINDOW) bytes. After [`IoError::Io`] and
    /// [`IoError::WriteZero`] the stream cannot be used any more.
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

    /// Builds `request` in the window and sends it, with those of
    /// [`ClientConfig::quirks`] that concern a request. If
    /// [`ClientConfig::expected`] is `None`, the request decides. Otherwise as
    /// [`start`](Self::start).
    ///
    /// # Errors
    /// As [`start`](Self::start), or [`IoError::Request`] if the request is not valid
    /// or larger than the window.
    #[cfg(feature = "json")]
    pub fn start_with(
        io: IO,
        request: &crate::fqe::Request<'_>,
        window: &'w mut [u8],
        config: ClientConfig,
        now: Instant,
    ) -> Result<Self, IoError<IO::Error>> {
        let mut client = Self::new(io, window, config, now)?;
        if config.expected.is_none() {
            client.session.expect(request.expected());
        }
        let message = request
            .emit(config.quirks, client.window)
            .map_err(IoError::Request)?;
        send(&mut client.io, message, &mut 0)?;
        Ok(client)
    }

    fn new(
        io: IO,
        window: &'w mut [u8],
        config: ClientConfig,
        now: Instant,
    ) -> Result<Self, IoError<IO::Error>> {
        Ok(Self {
            io,
            session: ClientSession::new(window.len(), config, now).map_err(IoError::Config)?,
            window,
            unread: (0, 0),
            out: [0; OUT],
            out_sent: 0,
            out_len: 0,
        })
    }

    /// Waits for the next frame. Sends pending nulls before it waits. The time that
    /// the caller spends between two calls does not count as silence of the peer.
    ///
    /// # Errors
    /// [`IoError::Io`] and [`IoError::WriteZero`], after which the call can be
    /// repeated; [`IoError::Ended`], and the same from every later call.
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

    /// Marks all units returned so far as delivered. The next call of
    /// [`next`](Self::next) acknowledges them.
    pub fn delivered(&mut self) {
        self.session.delivered(self.session.received());
    }

    /// Ends the session and sends an error message with the reason (FQE, Terminating
    /// Connections). A reason that does not fit into the window is truncated. Sends
    /// nothing if the session has ended already. Does not close the stream.
    ///
    /// # Errors
    /// [`IoError::Io`] and [`IoError::WriteZero`]. The session ends nevertheless.
    pub fn close(&mut self, reason: &str) -> Result<(), IoError<IO::Error>> {
        let length = self
            .session
            .close(reason, self.window)
            .map_err(IoError::Resource)?;
        // First, because a part of a null may have been sent.
        self.flush_out()?;
        match self.window.get(..length) {
            Some([]) | None => Ok(()),
            Some(message) => send(&mut self.io, message, &mut 0),
        }
    }

    /// The session, to read its state.
    pub const fn session(&self) -> &ClientSession {
        &self.session
    }

    /// The stream, for example to set its timeouts.
    pub const fn io_mut(&mut self) -> &mut IO {
        &mut self.io
    }

    /// Returns the stream.
    pub fn into_io(self) -> IO {
        self.io
    }

    /// Sends the output of the session.
    fn transmit(&mut self, now: Instant) -> Result<(), IoError<IO::Error>> {
        loop {
            self.flush_out()?;
            self.out_sent = 0;
            self.out_len = self.session.poll_transmit(&mut self.out, now);
            if self.out_len == 0 {
                return Ok(());
            }
        }
    }

    fn flush_out(&mut self) -> Result<(), IoError<IO::Error>> {
        let out = self.out.get(..self.out_len).unwrap_or_default();
        send(&mut self.io, out, &mut self.out_sent)
    }

    /// Reads more bytes after the unread ones.
    fn fill(&mut self) -> Result<(), IoError<IO::Error>> {
        let (start, end) = self.unread;
        self.window.copy_within(start..end, 0);
        self.unread = (0, end - start);
        // There is room: the session never needs more input than the window holds.
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

/// Writes `bytes` from offset `sent` on, and advances `sent`.
fn send<W: Write>(io: &mut W, bytes: &[u8], sent: &mut usize) -> Result<(), IoError<W::Error>> {
    if bytes.is_empty() {
        return Ok(());
    }
    while let Some(rest @ [_, ..]) = bytes.get(*sent..) {
        match io.write(rest) {
            Ok(0) => return Err(IoError::WriteZero),
            Ok(count) => *sent += count,
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
            Self::WriteZero => f.write_str("the stream accepts no more bytes"),
            Self::Ended(end) => end.fmt(f),
            Self::Config(error) => error.fmt(f),
            Self::Resource(error) => error.fmt(f),
            Self::Request(error) => error.fmt(f),
        }
    }
}

impl<E: fmt::Debug + fmt::Display> core::error::Error for IoError<E> {}
