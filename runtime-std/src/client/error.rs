//! The errors of a client.

use std::error;
use std::fmt;
use std::io;
use std::sync::Arc;

use estreamer_core::session::End;
use estreamer_mio::client::ClientEnd;

use crate::explain::explain;
use crate::failure::{Failure, Remedy};
use crate::reconnect::{Failed, Fault};

/// An error: what happened, to what, and what to do.
///
/// Displayed, it is complete. [`source`](error::Error::source) is for programs that look
/// for the cause: for example an [`io::Error`], or the end of a session.
///
/// ```
/// use estreamer::client::{Client, ErrorKind};
///
/// let error = Client::builder("fmc.example.net")
///     .pkcs12("no-such-file.p12", "")
///     .connect()
///     .unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Identity);
/// assert_eq!(error.remedy(), "Check the path and its permissions");
/// let cause = std::error::Error::source(&error).unwrap();
/// let cause: &std::io::Error = cause.downcast_ref().unwrap();
/// assert_eq!(cause.kind(), std::io::ErrorKind::NotFound);
/// ```
#[derive(Debug)]
pub struct Error {
    kind: ErrorKind,
    failure: Failure,
    source: Option<Source>,
    is_temporary: bool,
}

type Source = Arc<dyn error::Error + Send + Sync>;

/// The kind of an error.
///
/// ```
/// use estreamer::client::{Client, ErrorKind};
///
/// let error = Client::builder("http://fmc").json("{}").connect().unwrap_err();
/// assert_eq!(error.kind(), ErrorKind::Request);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
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

    /// Returns what happened, to what, without the remedy.
    pub fn what(&self) -> &str {
        self.failure.what()
    }

    /// Returns what to do about it; empty if nothing is known.
    pub fn remedy(&self) -> String {
        self.failure.remedy().to_string()
    }

    pub(super) fn new(kind: ErrorKind, what: impl fmt::Display, remedy: impl Into<Remedy>) -> Self {
        Self {
            kind,
            failure: Failure::failed(what, remedy),
            source: None,
            is_temporary: false,
        }
    }

    /// Returns the error with its cause.
    pub(super) fn because(mut self, source: impl error::Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }

    /// Returns the error as one that a later attempt may not have.
    pub(super) fn temporary(mut self) -> Self {
        self.is_temporary = true;
        self
    }

    pub(super) fn is_temporary(&self) -> bool {
        self.is_temporary
    }

    pub(super) fn system(error: io::Error) -> Self {
        let cause = match error.raw_os_error() {
            Some(code) => io::Error::from_raw_os_error(code),
            None => error.kind().into(),
        };
        Self {
            kind: ErrorKind::System,
            failure: Failure::system(error),
            source: Some(Arc::new(cause)),
            is_temporary: true,
        }
    }

    pub(super) fn bookmark(error: impl error::Error + Send + Sync + 'static) -> Self {
        let what = format!("the bookmark: {error}");
        Self::new(ErrorKind::Bookmark, what, "").because(error)
    }

    /// Returns the error for the end of a session.
    pub(super) fn ended(server: &str, end: ClientEnd) -> Self {
        let failure = explain(server, &end);
        Self::of_end(Arc::new(end), failure)
    }

    /// Returns the error for a failed attempt.
    pub(super) fn failed(failed: Failed) -> Self {
        let mut error = Self::of_end(failed.end, failed.failure);
        match failed.fault {
            Fault::Address => error.kind = ErrorKind::Address,
            Fault::Request | Fault::Connection => {}
        }
        error
    }

    fn of_end(end: Arc<ClientEnd>, failure: Failure) -> Self {
        let kind = match &*end {
            ClientEnd::Tls(_) => ErrorKind::Tls,
            ClientEnd::Session(end, _) => ErrorKind::Ended(*end),
            _ => ErrorKind::Connection,
        };
        Self {
            kind,
            failure,
            source: Some(end),
            is_temporary: false,
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

impl error::Error for Error {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match &self.source {
            Some(source) => Some(&**source),
            None => None,
        }
    }
}
