//! How each end judges the other.

use std::error;
use std::fmt;
use std::net::IpAddr;

use super::facts::{AltName, CertificateFacts};
use super::problem::CertificateProblem;

/// How our client judges the server, within the handshake.
///
/// The default asks for what every Management Center shows: a chain to the CA
/// in the identity, and a subject with `title=eStreamer` and
/// `generationQualifier=server`, in any letter case.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ServerRules {
    /// Which name the certificate has to carry in addition.
    pub name: NameRule,
    /// SHA-256 the certificate has to have in addition. One that has it is accepted
    /// even if its chain cannot be followed here: for a critical extension or a
    /// signature algorithm that is not known.
    pub fingerprint: Option<[u8; 32]>,
    /// Accept a certificate its issuer signed with RSA and SHA-1.
    pub allow_sha1: bool,
    /// Verify nothing: whoever answers is believed. Contradicts a name rule or
    /// a fingerprint.
    pub insecure: bool,
}

/// Which name a server's certificate has to carry.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum NameRule {
    /// Any: a Management Center's certificate promises nothing about its address.
    #[default]
    None,
    /// This common name, ignoring ASCII case.
    CommonName(String),
    /// This host name or address among the subject alternative names.
    SubjectAltName(String),
}

/// How our server judges a client that completed the handshake.
///
/// The chain is verified by TLS. These rules come after it, because a
/// Management Center refuses a client by closing without an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRules {
    /// The client's common name, or one of its alternative names, has to be the
    /// address it comes from. On by default, as on a Management Center.
    pub address: bool,
    /// What a resolver would answer: the addresses of the host names that
    /// certificates may carry. Nothing is resolved here.
    pub hosts: Vec<(String, IpAddr)>,
    /// The subject has to carry `title=eStreamer`. Off by default: that a
    /// Management Center asks its clients for it is not known.
    pub title: bool,
}

/// Why a client is not served. It is for our own log; the client sees a close.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientRefusal {
    /// Neither common name nor alternative names are the address it comes from.
    Address {
        /// Where it comes from.
        peer: IpAddr,
        /// The names it has.
        names: Vec<String>,
    },
    /// The subject has no `title` eStreamer.
    Title {
        /// Its subject.
        subject: String,
    },
}

impl ServerRules {
    /// Judges what a chain does not tell: subject, name, fingerprint.
    pub(super) fn judge(&self, server: &CertificateFacts) -> Result<(), CertificateProblem> {
        let subject = || server.subject.clone();
        if !server.has_title("eStreamer") {
            return Err(CertificateProblem::Title { subject: subject() });
        }
        if !server.has_qualifier("server") {
            return Err(CertificateProblem::GenerationQualifier { subject: subject() });
        }
        self.name.judge(server)?;
        match self.fingerprint {
            Some(pinned) if pinned != server.sha256 => Err(CertificateProblem::Fingerprint {
                found: server.fingerprint(),
            }),
            _ => Ok(()),
        }
    }
}

impl NameRule {
    fn judge(&self, server: &CertificateFacts) -> Result<(), CertificateProblem> {
        let alternative = || server.alt_names.iter().map(ToString::to_string).collect();
        let (holds, wanted, found) = match self {
            Self::None => return Ok(()),
            Self::CommonName(wanted) => {
                let found: Vec<String> = server.common_name.iter().cloned().collect();
                let holds = found.iter().any(|name| name.eq_ignore_ascii_case(wanted));
                (holds, wanted, found)
            }
            Self::SubjectAltName(wanted) => {
                let address: Option<IpAddr> = wanted.parse().ok();
                let holds = server.alt_names.iter().any(|name| match name {
                    AltName::Dns(host) => host.eq_ignore_ascii_case(wanted),
                    AltName::Ip(ip) => address == Some(*ip),
                    AltName::Other(_) => false,
                });
                (holds, wanted, alternative())
            }
        };
        if holds {
            return Ok(());
        }
        Err(CertificateProblem::Name {
            wanted: wanted.clone(),
            found,
        })
    }
}

impl ClientRules {
    /// Judges a client after its handshake; on an error, close without a word.
    ///
    /// # Errors
    /// Which rule it broke.
    pub fn check(&self, client: &CertificateFacts, peer: IpAddr) -> Result<(), ClientRefusal> {
        if self.title && !client.has_title("eStreamer") {
            return Err(ClientRefusal::Title {
                subject: client.subject.clone(),
            });
        }
        let names = client
            .common_name
            .iter()
            .cloned()
            .chain(client.alt_names.iter().map(ToString::to_string));
        let names: Vec<String> = names.collect();
        // A socket for both families reports IPv4 peers in IPv6's clothes.
        let peer = peer.to_canonical();
        if self.address && !names.iter().any(|name| self.is_at(name, peer)) {
            return Err(ClientRefusal::Address { peer, names });
        }
        Ok(())
    }

    fn is_at(&self, name: &str, peer: IpAddr) -> bool {
        if let Ok(address) = name.parse::<IpAddr>() {
            return address.to_canonical() == peer;
        }
        self.hosts.iter().any(|(host, address)| {
            host.eq_ignore_ascii_case(name) && address.to_canonical() == peer
        })
    }
}

impl Default for ClientRules {
    fn default() -> Self {
        Self {
            address: true,
            hosts: Vec::new(),
            title: false,
        }
    }
}

impl error::Error for ClientRefusal {}

impl fmt::Display for ClientRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address { peer, names } => write!(
                f,
                "the client comes from {peer}, but its certificate is for {}; issue one for \
                 that address, and mind NAT and DNS in between",
                if names.is_empty() {
                    "no name at all".to_owned()
                } else {
                    names.join(", ")
                },
            ),
            Self::Title { subject } => write!(
                f,
                "the client's certificate has the subject {subject} without title=eStreamer; \
                 issue one for an eStreamer client",
            ),
        }
    }
}
