//! The blocking client.

use super::driver::Driver;
use super::{IoError, Received};
use crate::session::{ClientConfig, ClientSession, Instant};
use embedded_io::{Error, ErrorKind, Read, Write};

/// A blocking connection of a client.
///
/// - Getters: [`session`](Self::session), [`io_mut`](Self::io_mut).
/// - Input: [`next`](Self::next).
/// - Commands: [`delivered`](Self::delivered), [`close`](Self::close),
///   [`into_io`](Self::into_io).
#[derive(Debug)]
pub struct Client<'w, IO> {
    io: IO,
    driver: Driver<'w>,
}

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
        let driver = Driver::new(window, config, now).map_err(IoError::Config)?;
        let mut client = Self { io, driver };
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
        let driver = Driver::new(window, config, now).map_err(IoError::Config)?;
        let mut client = Self { io, driver };
        let message = client.driver.request(request, &config);
        send(&mut client.io, message.map_err(IoError::Request)?, &mut 0)?;
        Ok(client)
    }

    /// Waits for the next frame. Sends pending nulls before it waits. The time that
    /// the caller spends between two calls does not count as silence of the peer.
    ///
    /// # Errors
    /// [`IoError::Io`] and [`IoError::WriteZero`], after which the call can be
    /// repeated; [`IoError::Ended`], and the same from every later call.
    pub fn next(&mut self, now: Instant) -> Result<Received<'_>, IoError<IO::Error>> {
        self.driver.begin(now);
        let found = loop {
            match self.driver.step(now).map_err(IoError::Ended)? {
                Some(found) => break found,
                None => {
                    self.transmit(now)?;
                    self.fill()?;
                }
            }
        };
        Ok(self.driver.received(found))
    }

    /// Marks all units returned so far as delivered. The next call of
    /// [`next`](Self::next) acknowledges them.
    pub fn delivered(&mut self) {
        self.driver.delivered();
    }

    /// Ends the session and sends an error message with the reason (FQE, Terminating
    /// Connections). A reason that does not fit into the window is truncated. Sends
    /// nothing if the session has ended already. Does not close the stream.
    ///
    /// # Errors
    /// [`IoError::Io`] and [`IoError::WriteZero`]. The session ends nevertheless.
    pub fn close(&mut self, reason: &str) -> Result<(), IoError<IO::Error>> {
        let length = self.driver.close(reason).map_err(IoError::Resource)?;
        // First, because a part of a null may have been sent.
        self.flush_out()?;
        send(&mut self.io, self.driver.farewell(length), &mut 0)
    }

    /// The session, to read its state.
    pub const fn session(&self) -> &ClientSession {
        self.driver.session()
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
            if !self.driver.refill(now) {
                return Ok(());
            }
        }
    }

    fn flush_out(&mut self) -> Result<(), IoError<IO::Error>> {
        let (out, sent) = self.driver.output();
        send(&mut self.io, out, sent)
    }

    /// Reads more bytes after the unread ones.
    fn fill(&mut self) -> Result<(), IoError<IO::Error>> {
        let room = self.driver.room();
        let count = loop {
            match self.io.read(room) {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result.map_err(IoError::Io)?,
            }
        };
        self.driver.filled(count).map_err(IoError::Ended)
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
