//! Clients for boards that bring their own TLS: [`Client`] is blocking, over
//! [`embedded_io::Read`] and [`embedded_io::Write`]. With the feature
//! `embedded-io-async`, `AsyncClient` does the same with `async` functions, over the
//! traits of that crate.
//!
//! The caller owns the stream (after its TLS handshake), the window and the clock.
//! Events are frames with their bytes. An event larger than the window is returned
//! in pieces or skipped; see [`ClientConfig::oversize`].
//!
//! Set a read timeout of a few seconds on a blocking stream if possible. A read that times
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

#[cfg(feature = "embedded-io-async")]
mod async_client;
mod client;
mod driver;

#[cfg(feature = "embedded-io-async")]
pub use async_client::AsyncClient;
pub use client::Client;

use crate::decode::Frame;
use crate::session::End;
use crate::{ConfigError, ResourceError};
use core::fmt;

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
