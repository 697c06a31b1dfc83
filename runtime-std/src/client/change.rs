//! What happens to the connections of a client, for its log.

use std::fmt;
use std::time::Duration;

use estreamer_core::fqe::RequestForm;
use estreamer_core::wire::InitialTimestamp;

use super::Error;
use crate::config::from::in_words;
use crate::trouble::Words;

/// What happened to the connection of a client; see
/// [`Builder::on_change`](super::Builder::on_change).
///
/// Displayed, it is one line for a log, without a full stop at its end.
///
/// ```
/// use std::time::Duration;
///
/// use estreamer::client::{Client, ConnectionChange, NextAttempt};
///
/// let (sender, changes) = std::sync::mpsc::channel();
/// # let directory = tempfile::tempdir()?;
/// # estreamer_simulate::pki::Pki::generate()?.write_to(directory.path())?;
/// # let file = directory.path().join("client.p12");
/// let mut client = Client::builder("127.0.0.1:9") // nothing listens there
///     .pkcs12(file, "estreamer")
///     .reconnecting()
///     .on_change(move |change| {
///         println!("{change}");
///         if let ConnectionChange::Disconnected { error, next, .. } = change {
///             sender.send((error.kind(), next.clone())).unwrap();
///         }
///     })
///     .connect()?;
/// assert!(client.receive(Some(Duration::from_millis(200)))?.is_none());
/// let (kind, next) = changes.recv()?;
/// assert!(matches!(next, NextAttempt::In(wait) if wait <= Duration::from_secs(1)));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectionChange {
    /// An attempt begins.
    #[non_exhaustive]
    Connecting {
        /// The server as it was given.
        server: String,
    },
    /// The server has accepted the connection: it has sent something, or it has not closed
    /// the connection for a second.
    #[non_exhaustive]
    Connected {
        /// The server with its address.
        server: String,
        /// The version of TLS.
        tls: &'static str,
        /// From when events are requested.
        from: InitialTimestamp,
        /// The form of the request.
        form: RequestForm,
    },
    /// An attempt failed, or the connection ended; the client makes another attempt.
    #[non_exhaustive]
    Disconnected {
        /// The cause.
        error: Error,
        /// What the client does now.
        next: NextAttempt,
    },
}

/// What a client does after the end of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum NextAttempt {
    /// It waits for this time.
    In(Duration),
    /// It tries another server at once.
    Server(String),
    /// It sends the request in another form at once, because the server did not answer.
    Form(RequestForm),
}

impl fmt::Display for ConnectionChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connecting { server } => write!(f, "connecting to {server}"),
            Self::Connected {
                server, tls, from, ..
            } => write!(
                f,
                "connected to {server} with {tls}; requested events from {} on",
                in_words(*from)
            ),
            Self::Disconnected { error, next } => write!(f, "{}. {next}", error.what()),
        }
    }
}

impl fmt::Display for NextAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::In(wait) => write!(f, "Trying again in {}", Words(*wait)),
            Self::Server(server) => write!(f, "Trying {server} now"),
            Self::Form(form) => write!(
                f,
                "It may expect another form of the request. Trying {form} now"
            ),
        }
    }
}
