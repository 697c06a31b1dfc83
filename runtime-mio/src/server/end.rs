//! Why a served connection ended.

use std::error;
use std::fmt;

use estreamer_core::session::End;

use crate::transport::TransportError;

/// Why a served connection ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServerEnd {
    /// The TLS handshake failed, or the connection did.
    Broken(String),
    /// The client was refused: the connection was closed without an error message.
    Refused(String),
    /// The session ended, with the text of the client's error message if it sent one.
    Session(End, String),
}

impl fmt::Display for ServerEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Broken(reason) => f.write_str(reason),
            Self::Refused(reason) => write!(f, "refused: {reason}"),
            Self::Session(end, text) if text.is_empty() => end.fmt(f),
            Self::Session(end, text) => write!(f, "{end}: {text}"),
        }
    }
}

impl error::Error for ServerEnd {}

impl From<TransportError> for ServerEnd {
    fn from(error: TransportError) -> Self {
        Self::Broken(match error {
            TransportError::Connect(error) | TransportError::Socket(error) => error.to_string(),
            TransportError::Tls(error) => error.to_string(),
        })
    }
}
