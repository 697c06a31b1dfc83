//! The classes of diagnoses, and how they are recognised.

use std::fmt;
use std::io::ErrorKind;

use estreamer_core::session::End;
use estreamer_mio::client::ClientEnd;
use estreamer_mio::tls::TlsClass;

use super::probe::Observations;

/// The class of a diagnosis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// Events arrive.
    Healthy,
    /// The server's name has no address.
    Unresolved,
    /// There is no route to the address.
    Unreachable,
    /// The host answers, but nothing listens on the port.
    PortClosed,
    /// No answer: packets are dropped.
    Filtered,
    /// TCP was connected, but the TLS handshake failed.
    TlsRefused,
    /// This client refused the server's certificate.
    CertificateRefused,
    /// The server refused this client's certificate with a TLS alert.
    OwnCertificateRefused,
    /// The server closed the connection after the handshake without a message.
    ClosedSilently,
    /// The server answered the request with an error message.
    RequestRefused,
    /// The server accepted the request but sends no events.
    Silent,
    /// The connection ended in any other way.
    Broken,
}

impl Class {
    /// All classes, in the order of the steps.
    pub const ALL: [Self; 12] = [
        Self::Healthy,
        Self::Unresolved,
        Self::Unreachable,
        Self::PortClosed,
        Self::Filtered,
        Self::TlsRefused,
        Self::CertificateRefused,
        Self::OwnCertificateRefused,
        Self::ClosedSilently,
        Self::RequestRefused,
        Self::Silent,
        Self::Broken,
    ];

    /// The exit status. These values never change.
    pub const fn status(self) -> u8 {
        match self {
            Self::Healthy => 0,
            Self::Unresolved => 10,
            Self::Unreachable => 11,
            Self::PortClosed => 12,
            Self::Filtered => 13,
            Self::TlsRefused => 14,
            Self::CertificateRefused => 15,
            Self::OwnCertificateRefused => 16,
            Self::ClosedSilently => 17,
            Self::RequestRefused => 18,
            Self::Silent => 19,
            Self::Broken => 20,
        }
    }

    /// The name in JSON. These names never change.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Healthy => "healthy",
            Self::Unresolved => "unresolved",
            Self::Unreachable => "unreachable",
            Self::PortClosed => "port-closed",
            Self::Filtered => "filtered",
            Self::TlsRefused => "tls-refused",
            Self::CertificateRefused => "certificate-refused",
            Self::OwnCertificateRefused => "own-certificate-refused",
            Self::ClosedSilently => "closed-silently",
            Self::RequestRefused => "request-refused",
            Self::Silent => "silent",
            Self::Broken => "broken",
        }
    }

    /// Determines the class from the progress of the connection and its end.
    pub(super) fn of(seen: &Observations) -> Self {
        match &seen.end {
            Some(ClientEnd::Connect(error)) => match error.kind() {
                ErrorKind::ConnectionRefused => Self::PortClosed,
                ErrorKind::TimedOut => Self::Filtered,
                _ => Self::Unreachable,
            },
            Some(ClientEnd::ConnectTimeout(_)) => Self::Filtered,
            Some(ClientEnd::HandshakeTimeout(_)) => Self::TlsRefused,
            Some(ClientEnd::Tls(error)) => match error.class() {
                TlsClass::TlsRefused => Self::TlsRefused,
                TlsClass::CertificateRefused => Self::CertificateRefused,
                TlsClass::OwnCertificateRefused => Self::OwnCertificateRefused,
                _ => Self::Broken,
            },
            Some(ClientEnd::Session(End::BeforeFirstByte, _)) => Self::ClosedSilently,
            Some(ClientEnd::Session(End::PeerError { .. }, _)) => Self::RequestRefused,
            // This client closed the connection: events arrived, or the time was up.
            Some(ClientEnd::Session(End::Closed, _)) => match seen.events() {
                0 => Self::Silent,
                _ => Self::Healthy,
            },
            Some(_) | None => Self::Broken,
        }
    }

    /// Selects the most informative class of several addresses that do not answer.
    pub(super) const fn tells(self) -> u8 {
        match self {
            Self::Unresolved | Self::Unreachable => 0,
            Self::Filtered => 1,
            _ => 2,
        }
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Healthy => "events arrive",
            Self::Unresolved => "the server's name has no address",
            Self::Unreachable => "no route to the server",
            Self::PortClosed => "port closed: nothing listens on it",
            Self::Filtered => "filtered: no answer to TCP",
            Self::TlsRefused => "TLS handshake failed",
            Self::CertificateRefused => "this client refuses the server's certificate",
            Self::OwnCertificateRefused => "the server refuses this client's certificate",
            Self::ClosedSilently => "closed after the TLS handshake without a message",
            Self::RequestRefused => "the server answers the request with an error",
            Self::Silent => "request accepted, but no events arrive",
            Self::Broken => "the connection ended in an unexpected way",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_class_has_a_status_and_a_name_of_its_own() {
        for (index, class) in Class::ALL.iter().enumerate() {
            for other in &Class::ALL[index + 1..] {
                assert_ne!(class.status(), other.status());
                assert_ne!(class.name(), other.name());
            }
        }
    }
}
