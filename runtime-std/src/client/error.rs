//! The errors of a client.

use std::fmt;
use std::io;

use estreamer_core::session::End;
use estreamer_mio::client::ClientEnd;

use crate::explain::explain;
use crate::failure::{Failure, Remedy};

/// An error: what happened, to what, and what to do.
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    failure: Failure,
}

/// The kind of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The identity cannot be read or used.
    Identity,
    /// The request is invalid.
    Request,
    /// The server's name is invalid or has no address.
    Address,
    /// The server cannot be reached, or the connection failed.
    Connection,
    /// TLS failed.
    Tls,
    /// The bookmark cannot be read or written.
    Bookmark,
    /// The operating system refuses a resource.
    System,
    /// [`Interrupter::interrupt`](super::Interrupter::interrupt) ended the wait.
    Interrupted,
    /// The server sends nothing until the program acknowledges the events that it has.
    Unacknowledged,
    /// The session ended.
    Ended(End),
}

impl Error {
    /// Returns the kind of the error.
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

    /// Returns the error for a session that ended before, for a reason already reported.
    pub(super) fn over() -> Self {
        let kind = ErrorKind::Ended(End::Closed);
        Self::new(kind, "the session has ended", "Connect again")
    }

    pub(super) fn unacknowledged() -> Self {
        let what = "the server sends nothing until the received events are acknowledged";
        let remedy = "Acknowledge more often, or set a higher number of bundles ahead";
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
