//! Why a client's connection ended.

use std::fmt;
use std::io;

use estreamer_core::session::End;

use crate::tls::TlsError;
use crate::transport::Broken;

/// Why a client's connection ended.
#[derive(Debug)]
pub enum ClientEnd {
    /// TCP could not be established.
    Connect(io::Error),
    /// TCP was not established in time: nobody answers.
    ConnectTimeout,
    /// TLS was not established in time, although TCP was.
    HandshakeTimeout,
    /// TLS failed.
    Tls(TlsError),
    /// The connection broke.
    Socket(io::Error),
    /// The session ended, with the text of the peer's error message.
    Session(End, String),
}

impl fmt::Display for ClientEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(error) => write!(f, "cannot connect: {error}"),
            Self::ConnectTimeout => f.write_str("no answer within the time allowed"),
            Self::HandshakeTimeout => f.write_str("no TLS handshake within the time allowed"),
            Self::Tls(error) => error.fmt(f),
            Self::Socket(error) => write!(f, "the connection broke: {error}"),
            Self::Session(end, text) if text.is_empty() => end.fmt(f),
            Self::Session(end, text) => write!(f, "{end}: {text}"),
        }
    }
}

impl From<Broken> for ClientEnd {
    fn from(broken: Broken) -> Self {
        match broken {
            Broken::Connect(error) => Self::Connect(error),
            Broken::Tls(error) => Self::Tls(error),
            Broken::Socket(error) => Self::Socket(error),
        }
    }
}
