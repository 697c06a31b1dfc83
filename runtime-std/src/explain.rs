//! Words why a connection ended, with a remedy.

use std::io;

use estreamer_core::session::End;
use estreamer_mio::client::ClientEnd;
use estreamer_mio::tls::{CertificateProblem, IdentityError, TlsError};

use crate::failure::{Failure, Remedy};

/// Returns the failure for the end of a connection to `server`.
pub(crate) fn explain(server: &str, end: &ClientEnd) -> Failure {
    match end {
        ClientEnd::Connect(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Failure::failed(
                format!("{server} refuses the connection: nothing listens on that port"),
                "Check address and port (8302 on a Management Center), and that eStreamer is enabled there",
            )
        }
        ClientEnd::Connect(error) => Failure::failed(
            format!("cannot connect to {server}: {error}"),
            connect_remedy(error),
        ),
        ClientEnd::ConnectTimeout(after) => Failure::failed(
            format!("{server} does not answer within {after:?}"),
            "Check the address, and the firewalls on the path: one of them may drop the packets",
        ),
        ClientEnd::HandshakeTimeout(after) => Failure::failed(
            format!(
                "{server} accepted the TCP connection but did not complete the TLS handshake \
                 within {after:?}"
            ),
            "Check that the port is that of eStreamer, and check the firewalls on the path",
        ),
        ClientEnd::Tls(error) => Failure::failed(
            format!("TLS with {server} failed: {}", error.fact()),
            tls_remedy(error),
        ),
        ClientEnd::Socket(error) => Failure::failed(
            format!("the connection to {server} failed: {error}"),
            "Check the network, and the server's log",
        ),
        ClientEnd::Session(End::BeforeFirstByte, _) => Failure::failed(
            format!(
                "{server} closed the connection after the TLS handshake without sending a byte"
            ),
            "A Management Center refuses unknown clients this way: check that this client is \
             registered there under the address from which it connects",
        ),
        ClientEnd::Session(End::PeerError { code }, text) => Failure::failed(
            format!(
                "{server} ended the session with {}",
                error_message(*code, text)
            ),
            "Check the request, and the eStreamer page of the server",
        ),
        ClientEnd::Session(End::InvalidHeader(error), _) => Failure::failed(
            format!("{server} does not send eStreamer messages: {error}"),
            "Check that address and port are those of an eStreamer service",
        ),
        ClientEnd::Session(end @ (End::Idle | End::MidMessage), _) => Failure::failed(
            format!("{server} ended the session: {end}"),
            Remedy::CollectAgain,
        ),
        ClientEnd::Session(end, _) => Failure::failed(
            format!("the session with {server} ended: {end}"),
            Remedy::CollectAgain,
        ),
        end => Failure::failed(format!("the connection to {server} ended: {end}"), ""),
    }
}

/// Returns the remedy for a TCP connection that the system refused.
pub(crate) fn connect_remedy(error: &io::Error) -> Remedy {
    let otherwise = match error.kind() {
        io::ErrorKind::AddrNotAvailable => Remedy::CorrectBind,
        io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable => {
            "Check the routing of this machine, and that the server is running".into()
        }
        io::ErrorKind::PermissionDenied => "Check the firewall of this machine".into(),
        _ => "Check the address, the routing and the firewalls on the path".into(),
    };
    Remedy::of_system(error, otherwise)
}

/// Returns the remedy for a TLS connection that failed.
pub(crate) fn tls_remedy(error: &TlsError) -> Remedy {
    use CertificateProblem as Problem;
    let refusal = match error {
        TlsError::CertificateRefused(refusal) => refusal,
        TlsError::Identity(IdentityError::NoCa) => return Remedy::NameCa,
        other => return sentence(other.remedy()),
    };
    match (&refusal.problem, &refusal.certificate) {
        (Problem::Sha1, _) => Remedy::AllowSha1,
        (Problem::Fingerprint { found }, _) => Remedy::PinFingerprint(found.clone()),
        (Problem::Name { .. }, _) => Remedy::CorrectName,
        (
            Problem::SignatureAlgorithm { .. } | Problem::CriticalExtension { .. },
            Some(certificate),
        ) => Remedy::AcceptFingerprint(certificate.fingerprint()),
        _ => sentence(refusal.remedy()),
    }
}

/// Makes a sentence of the words behind a semicolon.
fn sentence(text: &'static str) -> Remedy {
    let mut rest = text.chars();
    match rest.next() {
        None => Remedy::None,
        Some(first) => format!("{}{}", first.to_uppercase(), rest.as_str()).into(),
    }
}

/// Formats a server's error message: its code, and its text if there is one.
pub(crate) fn error_message(code: i32, text: &str) -> String {
    match text.is_empty() {
        true => format!("error {code}"),
        false => format!("error {code}: {text}"),
    }
}

/// Returns the failure for the last connection to `server`, after every form of the
/// request was tried without an answer.
pub(crate) fn unanswered(server: &str, end: &ClientEnd) -> Failure {
    match end {
        ClientEnd::Session(End::PeerError { code }, text) => Failure::failed(
            format!(
                "{server} ended the session with {}; no form of the request \
                 had another answer",
                error_message(*code, text)
            ),
            "Check the request, and the eStreamer page of the server",
        ),
        _ => Failure::failed(
            format!(
                "{server} closed the connection after the TLS handshake without sending a \
                 byte, with every form of the request"
            ),
            "There are two possible causes. A Management Center refuses unknown clients this way: \
             check that this client is registered there under the address from which it connects. \
             Or the server does not understand the request: check that it supports \
             fully-qualified events (version 7.0 or newer)",
        ),
    }
}

/// Returns the remedy for identity files that are not sufficient for a connection.
pub fn identity_remedy(error: &TlsError) -> Remedy {
    match error {
        TlsError::Identity(IdentityError::NoCa) => Remedy::NameCa,
        _ => Remedy::None,
    }
}
