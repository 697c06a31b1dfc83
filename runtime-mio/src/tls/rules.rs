//! The rules by which each end verifies the other.

use std::error;
use std::fmt;
use std::net::IpAddr;

use super::facts::{AltName, CertificateFacts};
use super::problem::CertificateProblem;

/// How a client verifies the server, within the handshake.
///
/// The default requires what every Management Center has: a chain to the CA in
/// the identity, and a subject with `title=eStreamer` and
/// `generationQualifier=server`, in any letter case.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ServerRules {
    /// A name that the certificate must have in addition.
    pub name: NameRule,
    /// The SHA-256 that the certificate must have in addition. Such a certificate is
    /// accepted even if its chain cannot be verified because of a critical extension
    /// or a signature algorithm that is not supported.
    pub fingerprint: Option<[u8; 32]>,
    /// Whether a certificate that is signed with RSA and SHA-1 is accepted.
    pub allow_sha1: bool,
    /// Whether every certificate is accepted. Contradicts a name rule or a
    /// fingerprint.
    pub insecure: bool,
}

/// A name that a server's certificate must have.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum NameRule {
    /// Any name: a Management Center's certificate need not name its address.
    #[default]
    None,
    /// This common name, ignoring ASCII case.
    CommonName(String),
    /// This host name or address among the subject alternative names.
    SubjectAltName(String),
}

/// How a server verifies a client after the handshake.
///
/// TLS verifies the chain. These rules come afterwards, because a Management Center
/// refuses a client by closing without an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientRules {
    /// Whether the client's common name, or one of its alternative names, must be the
    /// address it connects from. On by default, as on a Management Center.
    pub address: bool,
    /// Host names and their addresses, for certificates that name a host. Nothing is
    /// resolved here.
    pub hosts: Vec<(String, IpAddr)>,
    /// Whether the subject must have `title=eStreamer`. Off by default: it is not
    /// known whether a Management Center requires it of clients.
    pub title: bool,
}

/// Why a client is not served. This is for the server's log; the client sees a close.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ClientRefusal {
    /// Neither the common name nor an alternative name is the client's address.
    Address {
        /// The client's address.
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
    /// Verifies what the chain does not cover: subject, name, fingerprint.
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
    /// Verifies a client after its handshake. On an error, close without a message.
    ///
    /// # Errors
    /// The rule that the client does not satisfy.
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
        // Dual-stack sockets report IPv4-mapped addresses.
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
                "the client connects from {peer}, but its certificate is for {}; issue one for \
                 that address, and consider NAT and DNS in between",
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_at_its_own_addresses_alone() {
        let [here, there]: [IpAddr; 2] = ["192.0.2.1", "192.0.2.2"].map(|ip| ip.parse().unwrap());
        let rules = ClientRules {
            hosts: vec![("one.example".into(), here), ("two.example".into(), there)],
            ..ClientRules::default()
        };
        assert!(rules.is_at("One.Example", here));
        assert!(!rules.is_at("one.example", there), "of another name");
        assert!(!rules.is_at("three.example", here), "of no name");
        assert!(rules.is_at("192.0.2.1", here));
        assert!(rules.is_at("::ffff:192.0.2.1", here));
        assert!(!rules.is_at("192.0.2.1", there));
    }
}
