//! Why a client's connection ended.

use std::error;
use std::fmt;
use std::io;
use std::time::Duration;

use estreamer_core::session::End;

use crate::tls::TlsError;
use crate::transport::TransportError;

/// Why a client's connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientEnd {
    /// TCP could not be connected.
    Connect(io::Error),
    /// TCP was not connected within this time: nothing answered.
    ConnectTimeout(Duration),
    /// TCP was connected, but the TLS handshake was not complete within this time.
    HandshakeTimeout(Duration),
    /// TLS failed.
    Tls(TlsError),
    /// The connection failed after it was established.
    Socket(io::Error),
    /// The session ended, with the text of the peer's error message if it sent one.
    Session(End, String),
}

impl ClientEnd {
    /// The end of a session without an error message.
    pub(super) fn session(end: End) -> Self {
        Self::Session(end, String::new())
    }
}

impl fmt::Display for ClientEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::ConnectTimeout(after) => write!(f, "no answer within {after:?}"),
            Self::HandshakeTimeout(after) => write!(
                f,
                "the server accepted the TCP connection but did not complete the TLS handshake \
                 within {after:?}",
            ),
            Self::Tls(error) => error.fmt(f),
            Self::Socket(error) => write!(f, "the connection failed: {error}"),
            Self::Session(end, text) if text.is_empty() => end.fmt(f),
            Self::Session(end, text) => write!(f, "{end}: {text}"),
        }
    }
}

impl error::Error for ClientEnd {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::Connect(error) | Self::Socket(error) => Some(error),
            Self::Tls(error) => Some(error),
            Self::Session(end, _) => Some(end),
            Self::ConnectTimeout(_) | Self::HandshakeTimeout(_) => None,
        }
    }
}

impl From<TransportError> for ClientEnd {
    fn from(error: TransportError) -> Self {
        match error {
            TransportError::Connect(error) => Self::Connect(error),
            TransportError::Tls(error) => Self::Tls(error),
            TransportError::Socket(error) => Self::Socket(error),
        }
    }
}
