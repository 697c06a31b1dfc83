//! Why a connection ended, and what to do.

use std::io;

use estreamer_core::session::End;
use estreamer_mio::client::ClientEnd;
use estreamer_mio::tls::{IdentityError, TlsError};

use crate::failure::{Failure, Remedy};

/// The end of a connection to `server`.
pub(crate) fn explain(server: &str, end: &ClientEnd) -> Failure {
    match end {
        ClientEnd::Connect(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Failure::failed(
                format!("{server} refuses the connection: nothing listens on that port"),
                "Check address and port (8302 on a Management Center), and that eStreamer is on there",
            )
        }
        ClientEnd::Connect(error) => Failure::failed(
            format!("cannot connect to {server}: {error}"),
            "Check address, routing, and the firewalls between",
        ),
        ClientEnd::ConnectTimeout(after) => Failure::failed(
            format!("{server} does not answer within {after:?}"),
            "Check the address, and the firewalls between: one of them drops the packets",
        ),
        ClientEnd::HandshakeTimeout(after) => Failure::failed(
            format!(
                "{server} accepted the TCP connection but did not complete the TLS handshake \
                 within {after:?}"
            ),
            "Check that the port is eStreamer's, and the firewalls between",
        ),
        ClientEnd::Tls(error) => Failure::failed(format!("TLS with {server} failed: {error}"), ""),
        ClientEnd::Socket(error) => Failure::failed(
            format!("the connection to {server} failed: {error}"),
            "Check the network between, and the server's own log",
        ),
        ClientEnd::Session(End::BeforeFirstByte, _) => Failure::failed(
            format!("{server} closed the connection after the TLS handshake without a word"),
            "A Management Center refuses clients this way: check that this client is registered \
             there under the address it sees this machine by",
        ),
        ClientEnd::Session(End::PeerError { code }, text) => Failure::failed(
            format!(
                "{server} ended the session with {}",
                error_message(*code, text)
            ),
            "Check the request, and the eStreamer page of the server",
        ),
        ClientEnd::Session(End::InvalidHeader(error), _) => Failure::failed(
            format!("what {server} sends is not eStreamer: {error}"),
            "Check that address and port are an eStreamer service's; otherwise collect again",
        ),
        ClientEnd::Session(end @ (End::Idle | End::MidMessage), _) => Failure::failed(
            format!("{server} ended the session: {end}"),
            "The server shut down or the network broke; collect again from where this ended",
        ),
        ClientEnd::Session(end, _) => Failure::failed(
            format!("the session with {server} ended: {end}"),
            "Check the network between; collect again from where this ended",
        ),
        end => Failure::failed(format!("the connection to {server} ended: {end}"), ""),
    }
}

/// A server's error message: its code, and its text where there is one.
pub(crate) fn error_message(code: i32, text: &str) -> String {
    match text.is_empty() {
        true => format!("error {code}"),
        false => format!("error {code}: {text}"),
    }
}

/// The end of the last connection to `server`, after every form of the request was
/// tried and none was answered.
pub(crate) fn unanswered(server: &str, end: &ClientEnd) -> Failure {
    match end {
        ClientEnd::Session(End::PeerError { code }, text) => Failure::failed(
            format!(
                "{server} ended the session with {}; no form of the request was answered \
                 otherwise",
                error_message(*code, text)
            ),
            "Check the request, and the eStreamer page of the server",
        ),
        _ => Failure::failed(
            format!(
                "{server} closed the connection after the TLS handshake without a word, whatever \
                 form the request had"
            ),
            "There are two possible causes. A Management Center refuses clients this way: check \
             that this client is registered there under the address it sees this machine by. Or \
             the server does not understand the request: check that it knows fully-qualified \
             events (version 7.0 or newer)",
        ),
    }
}

/// What to do where the files that were read do not suffice for a connection.
pub fn identity_remedy(error: &TlsError) -> Remedy {
    match error {
        TlsError::Identity(IdentityError::NoCa) => Remedy::NameCa,
        _ => Remedy::None,
    }
}
