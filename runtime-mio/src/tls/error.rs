//! Why a TLS handshake failed, or a session ended.

use std::error;
use std::fmt;

use rustls::{AlertDescription, CertificateError, PeerIncompatible, PeerMisbehaved};

use super::facts::CertificateFacts;
use super::identity_error::IdentityError;
use super::peer::Peer;
use super::problem::CertificateProblem;
use super::text;

/// Why a TLS handshake failed, or a session ended.
///
/// The text says what happened and what to change; [`class`](TlsError::class)
/// sorts the causes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsError {
    /// The peer sent something that is not TLS.
    NotTls {
        /// The peer.
        peer: Peer,
    },
    /// The peer supports only TLS 1.1 or older.
    VersionTooOld {
        /// The peer.
        peer: Peer,
    },
    /// The ends have no cipher suite, key exchange or signature scheme in common. RSA
    /// key exchange and CBC cipher suites are not supported here.
    NothingInCommon {
        /// The peer.
        peer: Peer,
    },
    /// The peer ended the session with an alert that is not about a certificate.
    Alert {
        /// The peer.
        peer: Peer,
        /// The standard name of the alert.
        alert: String,
    },
    /// The peer closed the connection within the handshake, without an alert.
    ClosedInHandshake {
        /// The peer.
        peer: Peer,
        /// Whether our certificate was sent before.
        certificate_sent: bool,
    },
    /// The peer violated the TLS protocol, or bytes were changed in transit.
    Protocol {
        /// The peer.
        peer: Peer,
        /// The message of the TLS library.
        detail: String,
    },
    /// We refused the peer's certificate.
    CertificateRefused(Box<CertificateRefusal>),
    /// The peer refused our certificate.
    OwnCertificateRefused {
        /// The peer.
        peer: Peer,
        /// The standard name of the alert it sent.
        alert: String,
    },
    /// Our identity cannot be used.
    Identity(IdentityError),
    /// The rules contradict each other, or the TLS library refuses the configuration.
    Setup {
        /// The reason.
        detail: String,
    },
}

/// Which end refused the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TlsClass {
    /// The TLS handshake or the TLS connection failed.
    TlsRefused,
    /// We refused the peer's certificate.
    CertificateRefused,
    /// The peer refused our certificate.
    OwnCertificateRefused,
    /// The cause is in our own files or settings. Nothing was sent.
    Local,
}

/// A peer's certificate that we refused, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateRefusal {
    /// The peer.
    pub peer: Peer,
    /// What is wrong with it.
    pub problem: CertificateProblem,
    /// The certificate, if it could be read.
    pub certificate: Option<CertificateFacts>,
}

impl TlsError {
    /// Returns which end refused the other.
    pub fn class(&self) -> TlsClass {
        match self {
            Self::NotTls { .. }
            | Self::VersionTooOld { .. }
            | Self::NothingInCommon { .. }
            | Self::Alert { .. }
            | Self::ClosedInHandshake {
                certificate_sent: false,
                ..
            }
            | Self::Protocol { .. } => TlsClass::TlsRefused,
            Self::CertificateRefused(_) => TlsClass::CertificateRefused,
            Self::OwnCertificateRefused { .. }
            | Self::ClosedInHandshake {
                certificate_sent: true,
                ..
            } => TlsClass::OwnCertificateRefused,
            Self::Identity(_) | Self::Setup { .. } => TlsClass::Local,
        }
    }

    pub(super) fn setup(error: impl fmt::Display) -> Self {
        Self::Setup {
            detail: error.to_string(),
        }
    }

    pub(super) fn from_rustls(error: rustls::Error, progress: HandshakeProgress) -> Self {
        use rustls::Error as E;
        let peer = progress.peer;
        match error {
            E::InvalidCertificate(CertificateError::Other(other)) => {
                match other.0.downcast_ref::<CertificateRefusal>() {
                    Some(refusal) => Self::CertificateRefused(Box::new(refusal.clone())),
                    None => Self::refused(
                        peer,
                        CertificateProblem::Other {
                            detail: other.to_string(),
                        },
                    ),
                }
            }
            // Our verifiers return a refusal of their own. This is the signature
            // over the handshake.
            E::InvalidCertificate(CertificateError::BadSignature) => {
                Self::refused(peer, CertificateProblem::HandshakeSignature)
            }
            E::InvalidCertificate(other) => {
                let detail = other.to_string();
                Self::refused(peer, CertificateProblem::Other { detail })
            }
            E::NoCertificatesPresented => Self::refused(peer, CertificateProblem::Missing),
            E::AlertReceived(alert) => Self::from_alert(alert, progress),
            E::PeerIncompatible(what) => Self::from_incompatible(what, peer),
            E::PeerMisbehaved(
                PeerMisbehaved::SelectedUnofferedCipherSuite
                | PeerMisbehaved::SelectedUnofferedKxGroup,
            ) => Self::NothingInCommon { peer },
            E::InvalidMessage(_)
            | E::InappropriateMessage { .. }
            | E::InappropriateHandshakeMessage { .. }
            | E::PeerSentOversizedRecord
                if !progress.hello_seen =>
            {
                Self::NotTls { peer }
            }
            other => Self::Protocol {
                peer,
                detail: other.to_string(),
            },
        }
    }

    fn refused(peer: Peer, problem: CertificateProblem) -> Self {
        Self::CertificateRefused(Box::new(CertificateRefusal {
            peer,
            problem,
            certificate: None,
        }))
    }

    fn from_alert(alert: AlertDescription, progress: HandshakeProgress) -> Self {
        use AlertDescription as A;
        let peer = progress.peer;
        match alert {
            A::ProtocolVersion => Self::VersionTooOld { peer },
            A::InsufficientSecurity => Self::NothingInCommon { peer },
            A::HandshakeFailure if !progress.hello_seen => Self::NothingInCommon { peer },
            A::NoCertificate
            | A::BadCertificate
            | A::UnsupportedCertificate
            | A::CertificateRevoked
            | A::CertificateExpired
            | A::CertificateUnknown
            | A::UnknownCA
            | A::AccessDenied
            | A::CertificateRequired => Self::OwnCertificateRefused {
                peer,
                alert: alert_name(alert),
            },
            // Before TLS 1.3 this alert also means that a certificate was refused.
            A::HandshakeFailure if progress.certificate_sent => Self::OwnCertificateRefused {
                peer,
                alert: alert_name(alert),
            },
            other => Self::Alert {
                peer,
                alert: alert_name(other),
            },
        }
    }

    fn from_incompatible(what: PeerIncompatible, peer: Peer) -> Self {
        use PeerIncompatible as P;
        match what {
            P::ServerDoesNotSupportTls12Or13
            | P::ServerTlsVersionIsDisabledByOurConfig
            | P::SupportedVersionsExtensionRequired
            // The extension exists since TLS 1.2.
            | P::SignatureAlgorithmsExtensionRequired
            | P::Tls12NotOffered
            | P::Tls12NotOfferedOrEnabled => Self::VersionTooOld { peer },
            P::NoCipherSuitesInCommon
            | P::NoKxGroupsInCommon
            | P::NoSignatureSchemesInCommon
            | P::NoCertificateRequestSignatureSchemesInCommon
            | P::NoEcPointFormatsInCommon
            | P::EcPointsExtensionRequired
            | P::NamedGroupsExtensionRequired
            | P::KeyShareExtensionRequired
            | P::UncompressedEcPointsRequired => Self::NothingInCommon { peer },
            other => Self::Protocol {
                peer,
                detail: format!("{other:?}"),
            },
        }
    }
}

/// How far a handshake has come.
#[derive(Clone, Copy, Debug)]
pub(super) struct HandshakeProgress {
    pub(super) peer: Peer,
    /// Whether a message of the peer was understood.
    pub(super) hello_seen: bool,
    /// Whether our certificate is sent, or queued.
    pub(super) certificate_sent: bool,
}

impl HandshakeProgress {
    /// Returns the progress of the later of two moments of one handshake.
    pub(super) fn or(self, earlier: Self) -> Self {
        Self {
            peer: self.peer,
            hello_seen: self.hello_seen || earlier.hello_seen,
            certificate_sent: self.certificate_sent || earlier.certificate_sent,
        }
    }
}

impl From<IdentityError> for TlsError {
    fn from(error: IdentityError) -> Self {
        Self::Identity(error)
    }
}

impl error::Error for TlsError {
    fn source(&self) -> Option<&(dyn error::Error + 'static)> {
        match self {
            Self::CertificateRefused(refusal) => Some(refusal),
            Self::Identity(error) => Some(error),
            _ => None,
        }
    }
}

impl error::Error for CertificateRefusal {}

impl CertificateRefusal {
    /// What is wrong, as a sentence without a full stop.
    pub fn fact(&self) -> String {
        format!(
            "the {}'s certificate {}",
            self.peer,
            self.problem.fact(self.peer)
        )
    }

    /// What to do about it; empty if nothing is known.
    pub fn remedy(&self) -> &'static str {
        self.problem.remedy(self.peer)
    }
}

impl fmt::Display for CertificateRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::joined(&self.fact(), self.remedy()))
    }
}

impl TlsError {
    /// What happened, as a sentence without a full stop.
    pub fn fact(&self) -> String {
        match self {
            Self::NotTls { peer } => format!("the {peer} does not speak TLS"),
            Self::VersionTooOld { peer } => {
                format!("the {peer} supports only TLS 1.1 or older")
            }
            Self::NothingInCommon { peer } => format!(
                "the {peer} shares no cipher suite with us, most likely because it allows only \
                 RSA key exchange or CBC cipher suites, or has a key on another curve"
            ),
            Self::Alert { peer, alert } => {
                format!("the {peer} sent the alert {alert}")
            }
            Self::ClosedInHandshake {
                peer: Peer::Server,
                certificate_sent: true,
            } => "TLS handshake failed: the server closed the connection after it received our \
                  certificate"
                .to_owned(),
            Self::ClosedInHandshake { peer, .. } => {
                format!("TLS handshake failed: the {peer} closed the connection")
            }
            Self::Protocol { peer, detail } => format!("TLS with the {peer} failed ({detail})"),
            Self::CertificateRefused(refusal) => refusal.fact(),
            Self::OwnCertificateRefused { peer, alert } => {
                format!("the {peer} refused our certificate with the alert {alert}")
            }
            Self::Identity(error) => error.to_string(),
            Self::Setup { detail } => format!("TLS cannot be set up: {detail}"),
        }
    }

    /// What to do about it; empty if nothing is known, or if the fact says it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::NotTls { peer: Peer::Server } => {
                "check address and port (eStreamer uses 8302), and whether a proxy answers instead"
            }
            Self::NotTls { peer: Peer::Client } => {
                "it is not an eStreamer client, or it is configured without TLS"
            }
            Self::VersionTooOld { .. } => "enable TLS 1.2 there, or update it",
            Self::NothingInCommon { .. } => {
                "enable ECDHE with AES-GCM or ChaCha20 there, on curve X25519, P-256 or P-384, and \
                 give it a key for RSA or on P-256 or P-384"
            }
            Self::Alert { .. } => "see its log for the cause",
            Self::ClosedInHandshake {
                peer: Peer::Client, ..
            } => "see its log for the cause, unless it was a port scan or a health check",
            Self::ClosedInHandshake {
                certificate_sent: false,
                ..
            } => {
                "check that its eStreamer service runs and that no firewall or access list blocks \
                 it"
            }
            Self::ClosedInHandshake { .. } => {
                "check that this client exists there under the address it connects from, and that \
                 this is the latest PKCS#12 file of that client"
            }
            Self::Protocol { .. } => {
                "check for a device in between that changes or intercepts the connection"
            }
            Self::CertificateRefused(refusal) => refusal.remedy(),
            Self::OwnCertificateRefused {
                peer: Peer::Server, ..
            } => {
                "use the latest PKCS#12 file of this client from that Management Center, and check \
                 its dates"
            }
            Self::OwnCertificateRefused { .. } => {
                "give it a PKCS#12 file with the CA that issued ours, and check that our subject \
                 has title=eStreamer and generationQualifier=server"
            }
            Self::Identity(_) | Self::Setup { .. } => "",
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::joined(&self.fact(), self.remedy()))
    }
}

/// Returns the standard name of an alert: `UnknownCA` becomes `unknown_ca`.
fn alert_name(alert: AlertDescription) -> String {
    let camel = format!("{alert:?}");
    let mut name = String::new();
    let mut after_lower = false;
    for c in camel.chars() {
        if c.is_ascii_uppercase() && after_lower {
            name.push('_');
        }
        after_lower = c.is_ascii_lowercase();
        name.push(c.to_ascii_lowercase());
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_names_the_peer_and_what_to_do() {
        let error = |peer| TlsError::Protocol {
            peer,
            detail: "bad".into(),
        };
        let texts = [Peer::Server, Peer::Client].map(|peer| error(peer).to_string());
        assert!(
            texts[0].contains("TLS with the server failed (bad)"),
            "{texts:?}"
        );
        assert!(
            texts[1].contains("TLS with the client failed (bad)"),
            "{texts:?}"
        );
        assert!(error(Peer::Server).remedy().contains("a device in between"));
        let not_tls = |peer| TlsError::NotTls { peer }.remedy();
        assert!(not_tls(Peer::Server).contains("8302"));
        assert!(not_tls(Peer::Client).contains("not an eStreamer client"));
    }
}
