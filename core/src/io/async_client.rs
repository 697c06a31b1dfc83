//! The async client.

use super::driver::Driver;
use super::{IoError, Received};
use crate::session::{ClientConfig, ClientSession, Instant};
use embedded_io_async::{Error, ErrorKind, Read, Write};

/// An async connection of a client: [`Client`](super::Client) with `async` functions.
///
/// - Getters: [`session`](Self::session), [`io_mut`](Self::io_mut).
/// - Input: [`next`](Self::next).
/// - Commands: [`delivered`](Self::delivered), [`close`](Self::close),
///   [`into_io`](Self::into_io).
///
/// Instead of a read timeout, run [`next`](Self::next) beside a timer of a few seconds.
/// When the timer ends first, drop the future and call `next` again with the new time, so
/// that it can probe a silent peer or end the session by its deadlines. Nothing is lost or
/// sent twice if the `read` and `write` of the stream do nothing when their futures are
/// dropped before they are ready.
///
/// ```
/// use estreamer_core::decode::{Frame, Kind};
/// use estreamer_core::io::{AsyncClient, IoError};
/// use estreamer_core::session::{ClientConfig, End, Instant};
/// # use embedded_io_async::{ErrorType, Read, Write};
/// # use estreamer_core::quirk::Quirks;
/// # use estreamer_core::wire::*;
/// # struct Tls { input: std::io::Cursor<Vec<u8>>, sent: Vec<u8> }
/// # impl ErrorType for Tls { type Error = std::convert::Infallible; }
/// # impl Read for Tls {
/// #     async fn read(&mut self, out: &mut [u8]) -> Result<usize, Self::Error> {
/// #         Ok(std::io::Read::read(&mut self.input, out).unwrap())
/// #     }
/// # }
/// # impl Write for Tls {
/// #     async fn write(&mut self, bytes: &[u8]) -> Result<usize, Self::Error> {
/// #         self.sent.extend_from_slice(bytes);
/// #         Ok(bytes.len())
/// #     }
/// #     async fn flush(&mut self) -> Result<(), Self::Error> { Ok(()) }
/// # }
/// # fn block_on<T>(future: impl Future<Output = T>) -> T {
/// #     let mut future = std::pin::pin!(future);
/// #     let mut context = std::task::Context::from_waker(std::task::Waker::noop());
/// #     loop {
/// #         if let std::task::Poll::Ready(output) = future.as_mut().poll(&mut context) {
/// #             return output;
/// #         }
/// #     }
/// # }
/// # let mut buffer = [0; 128];
/// # let header = BundleHeader { connection_id: 1, sequence: 1 };
/// # let mut bundle = BundleWriter::new(&mut buffer, header, Quirks::NONE)?;
/// # bundle.push(&Event::new(RecordType::FILE, Some(1), b"{}"))?;
/// # let mut tls = Tls { input: std::io::Cursor::new(bundle.finish().to_vec()), sent: vec![] };
/// # let now = || Instant(0);
/// # let request = Null::BYTES;
/// block_on(async {
///     let mut window = [0; 1024];
///     let mut config = ClientConfig::default();
///     config.ahead = 0;
///     let client = AsyncClient::start(&mut tls, &request, &mut window, config, now());
///     let mut client = client.await?;
///     let end = loop {
///         match client.next(now()).await {
///             Ok(received) => match received.frame {
///                 Frame::Message { head, .. } if matches!(head.kind, Kind::Event { .. }) => {
///                     assert_eq!(received.bytes, b"{}"); // store the event …
///                 }
///                 Frame::BundleEnd => client.delivered(), // … then acknowledge it
///                 _ => {}
///             },
///             Err(IoError::Ended(end)) => break end,
///             Err(error) => return Err(error),
///         }
///     };
///     assert_eq!(end, End::Idle);
///     Ok(())
/// })?;
/// assert_eq!(tls.sent[request.len()..], Null::BYTES);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct AsyncClient<'w, IO> {
    io: IO,
    driver: Driver<'w>,
}

impl<'w, IO: Read + Write> AsyncClient<'w, IO> {
    /// Sends `request`, a complete message, on a stream whose TLS handshake is
    /// complete.
    ///
    /// # Errors
    /// [`IoError::Config`] for a window below
    /// [`MIN_WINDOW`](crate::decode::MIN_WINDOW) bytes. After [`IoError::Io`] and
    /// [`IoError::WriteZero`] the stream cannot be used any more.
    pub async fn start(
        io: IO,
        request: &[u8],
        window: &'w mut [u8],
        config: ClientConfig,
        now: Instant,
    ) -> Result<Self, IoError<IO::Error>> {
        let driver = Driver::new(window, config, now).map_err(IoError::Config)?;
        let mut client = Self { io, driver };
        send(&mut client.io, request, &mut 0).await?;
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
    pub async fn start_with(
        io: IO,
        request: &crate::fqe::Request<'_>,
        window: &'w mut [u8],
        config: ClientConfig,
        now: Instant,
    ) -> Result<Self, IoError<IO::Error>> {
        let driver = Driver::new(window, config, now).map_err(IoError::Config)?;
        let mut client = Self { io, driver };
        let message = client.driver.request(request, &config);
        send(&mut client.io, message.map_err(IoError::Request)?, &mut 0).await?;
        Ok(client)
    }

    /// Waits for the next frame. Sends pending nulls before it waits. The time that
    /// the caller spends between two calls does not count as silence of the peer.
    ///
    /// # Errors
    /// [`IoError::Io`] and [`IoError::WriteZero`], after which the call can be
    /// repeated; [`IoError::Ended`], and the same from every later call.
    pub async fn next(&mut self, now: Instant) -> Result<Received<'_>, IoError<IO::Error>> {
        self.driver.begin(now);
        let found = loop {
            match self.driver.step(now).map_err(IoError::Ended)? {
                Some(found) => break found,
                None => {
                    self.transmit(now).await?;
                    self.fill().await?;
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
    pub async fn close(&mut self, reason: &str) -> Result<(), IoError<IO::Error>> {
        let length = self.driver.close(reason).map_err(IoError::Resource)?;
        // First, because a part of a null may have been sent.
        self.flush_out().await?;
        send(&mut self.io, self.driver.farewell(length), &mut 0).await
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
    async fn transmit(&mut self, now: Instant) -> Result<(), IoError<IO::Error>> {
        loop {
            self.flush_out().await?;
            if !self.driver.refill(now) {
                return Ok(());
            }
        }
    }

    async fn flush_out(&mut self) -> Result<(), IoError<IO::Error>> {
        let (out, sent) = self.driver.output();
        send(&mut self.io, out, sent).await
    }

    /// Reads more bytes after the unread ones.
    async fn fill(&mut self) -> Result<(), IoError<IO::Error>> {
        let room = self.driver.room();
        let count = loop {
            match self.io.read(room).await {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => break result.map_err(IoError::Io)?,
            }
        };
        self.driver.filled(count).map_err(IoError::Ended)
    }
}

/// Writes `bytes` from offset `sent` on, and advances `sent`.
async fn send<W: Write>(
    io: &mut W,
    bytes: &[u8],
    sent: &mut usize,
) -> Result<(), IoError<W::Error>> {
    if bytes.is_empty() {
        return Ok(());
    }
    while let Some(rest @ [_, ..]) = bytes.get(*sent..) {
        match io.write(rest).await {
            Ok(0) => return Err(IoError::WriteZero),
            Ok(count) => *sent += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(IoError::Io(error)),
        }
    }
    io.flush().await.map_err(IoError::Io)
}
