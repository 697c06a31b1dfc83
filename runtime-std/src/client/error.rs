//! Why a client cannot go on.

use std::fmt;
use std::io;

use estreamer_core::session::End;
use estreamer_mio::client::ClientEnd;

use crate::explain::explain;
use crate::failure::{Failure, Remedy};

/// What went wrong, to what, and what to do about it.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    failure: Failure,
}

/// By whose fault it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The identity cannot be read or used.
    Identity,
    /// The request would not work.
    Request,
    /// The server's name is none, or has no address.
    Address,
    /// The server cannot be reached, or the connection broke.
    Connection,
    /// TLS failed.
    Tls,
    /// The bookmark cannot be read or written.
    Bookmark,
    /// The operating system refuses a resource.
    System,
    /// [`Interrupter::interrupt`](super::Interrupter::interrupt) ended the wait.
    Interrupted,
    /// The server sends nothing more before the program acknowledges what it
    /// has.
    Unacknowledged,
    /// The session ended.
    Ended(End),
}

impl Error {
    /// By whose fault it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub(super) fn new(kind: ErrorKind, what: impl fmt::Display, remedy: impl Into<Remedy>) -> Self {
        Self {
            kind,
            failure: Failure::failed(what, remedy),
        }
    }

    pub(super) fn system(error: io::Error) -> Self {
        Self {
            kind: ErrorKind::System,
            failure: Failure::system(error),
        }
    }

    pub(super) fn bookmark(error: impl fmt::Display) -> Self {
        let what = format!("the bookmark: {error}");
        Self::new(ErrorKind::Bookmark, what, "")
    }

    pub(super) fn ended(server: &str, end: &ClientEnd) -> Self {
        let kind = match end {
            ClientEnd::Tls(_) => ErrorKind::Tls,
            ClientEnd::Session(end, _) => ErrorKind::Ended(*end),
            _ => ErrorKind::Connection,
        };
        Self {
            kind,
            failure: explain(server, end),
        }
    }

    /// The session is over, for a reason that was told before.
    pub(super) fn over() -> Self {
        let kind = ErrorKind::Ended(End::Closed);
        Self::new(kind, "the session is over", "Connect again")
    }

    pub(super) fn unacknowledged() -> Self {
        let what = "the server sends nothing more before what came is acknowledged";
        let remedy = "Acknowledge more often, or allow more bundles ahead";
        Self::new(ErrorKind::Unacknowledged, what, remedy)
    }

    pub(super) fn interrupted() -> Self {
        let what = "the wait was interrupted";
        Self::new(ErrorKind::Interrupted, what, "")
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.failure.fmt(f)
    }
}

impl std::error::Error for Error {}
