//! What can be wrong with a peer's certificate.

use std::fmt;

use super::peer::Peer;
use super::text;

/// What is wrong with a peer's certificate.
///
/// The text continues a sentence that begins with “the server's certificate”. The
/// text of a [`CertificateRefusal`](super::CertificateRefusal) is a whole sentence
/// for either peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// The peer sent no certificate.
    Missing,
    /// It cannot be read as an X.509 certificate.
    Unreadable,
    /// None of our CAs signed it.
    NotSignedByCa {
        /// Its issuer.
        issuer: String,
        /// Subjects of our CAs.
        authorities: Vec<String>,
        /// Whether one of our CAs has the issuer's name, but another key.
        same_name: bool,
    },
    /// The subject has no `title` eStreamer.
    Title {
        /// Its subject.
        subject: String,
    },
    /// The subject has no `generationQualifier` server.
    GenerationQualifier {
        /// Its subject.
        subject: String,
    },
    /// It does not have the name that the rule requires.
    Name {
        /// The required name.
        wanted: String,
        /// The names it has.
        found: Vec<String>,
    },
    /// Its fingerprint is not the pinned one.
    Fingerprint {
        /// SHA-256 of the certificate, in hexadecimal.
        found: String,
    },
    /// It, or a certificate of its chain, has expired.
    Expired {
        /// Its end in UNIX seconds.
        not_after: i64,
    },
    /// It is not valid yet.
    NotYetValid {
        /// Its start in UNIX seconds.
        not_before: i64,
    },
    /// It is not a version 3 certificate.
    Version {
        /// Its version.
        version: u32,
    },
    /// Its own RSA key is too small.
    RsaTooSmall {
        /// Bits of the key.
        bits: u32,
    },
    /// The CA's RSA key is too small to verify with.
    CaRsaTooSmall {
        /// Bits of the key.
        bits: u32,
    },
    /// It is signed with SHA-1, which has to be allowed.
    Sha1,
    /// It is signed with an algorithm that is not supported.
    SignatureAlgorithm {
        /// Name or OID of the algorithm.
        algorithm: String,
    },
    /// Its key has an algorithm that is not supported.
    KeyAlgorithm {
        /// The algorithm of the key.
        algorithm: String,
    },
    /// It, or a certificate of its chain, has a critical extension that is not
    /// supported.
    CriticalExtension {
        /// Name or OID of the extension.
        extension: String,
    },
    /// The handshake was signed with another key.
    HandshakeSignature,
    /// Its extended key usage does not allow this end of TLS.
    Purpose,
    /// It is a CA certificate.
    IsCa,
    /// Anything else.
    Other {
        /// The message of the verifier.
        detail: String,
    },
}

impl CertificateProblem {
    /// What is wrong with a certificate of `peer`. It continues a sentence that begins
    /// with “the server's certificate”.
    pub fn fact(&self, peer: Peer) -> String {
        match self {
            Self::Missing => "was not sent".to_owned(),
            Self::Unreadable => "is not readable X.509".to_owned(),
            Self::NotSignedByCa {
                same_name: true,
                issuer,
                ..
            } if peer == Peer::Server => {
                format!("is signed by a different CA of the same name ({issuer})")
            }
            Self::NotSignedByCa {
                issuer,
                authorities,
                ..
            } => format!(
                "is signed by {issuer}, not by our CA ({})",
                authorities.join("; ")
            ),
            Self::Title { subject } => format!(
                "has the subject {subject} without title=eStreamer: this is another service"
            ),
            Self::GenerationQualifier { subject } => format!(
                "has the subject {subject} without generationQualifier=server: the server uses a \
                 client's certificate"
            ),
            Self::Name { wanted, found } => {
                format!("does not have the name {wanted}, only {}", list(found))
            }
            Self::Fingerprint { found } => {
                format!("has the SHA-256 fingerprint {found}, not the pinned one")
            }
            Self::Expired { not_after } => format!("expired at {}", text::utc(*not_after)),
            Self::NotYetValid { not_before } => {
                format!("is not valid before {}", text::utc(*not_before))
            }
            Self::Version { version } => {
                format!("is X.509 version {version}, and only version 3 is accepted")
            }
            Self::RsaTooSmall { bits } => {
                format!("has an RSA key of {bits} bits, and at least 2048 are needed")
            }
            Self::CaRsaTooSmall { bits } => format!(
                "is signed by a CA with an RSA key of {bits} bits, and at least 2048 are needed"
            ),
            Self::Sha1 => "is signed with SHA-1".to_owned(),
            Self::SignatureAlgorithm { algorithm } => {
                format!("is signed with {algorithm}, which is not supported")
            }
            Self::KeyAlgorithm { algorithm } => {
                format!("has a key for {algorithm}, which is not supported")
            }
            Self::CriticalExtension { extension } => format!(
                "has the critical extension {extension}, or a certificate of its chain has it, \
                 and this extension is not supported"
            ),
            Self::HandshakeSignature => {
                "does not match the key that signed the handshake".to_owned()
            }
            Self::Purpose => "does not allow this use in its extendedKeyUsage".to_owned(),
            Self::IsCa => "is a CA certificate".to_owned(),
            Self::Other { detail } => format!("was refused ({detail})"),
        }
    }

    /// What to do about it; empty if nothing is known.
    pub fn remedy(&self, peer: Peer) -> &'static str {
        let ours = peer == Peer::Client;
        match self {
            Self::Missing => "configure one at the other end",
            Self::Unreadable => "replace it",
            Self::NotSignedByCa { .. } if ours => "issue a certificate for this client here",
            Self::NotSignedByCa {
                same_name: true, ..
            } => {
                "the Internal CA was probably regenerated: download a new PKCS#12 file from the \
                 Management Center"
            }
            Self::NotSignedByCa { .. } => {
                "check that this PKCS#12 file comes from the Management Center that this client \
                 connects to, and that nothing in between intercepts TLS"
            }
            Self::Title { .. } | Self::GenerationQualifier { .. } => {
                "check address and port (8302)"
            }
            Self::Name { .. } => {
                "correct the name rule, or leave it out: a Management Center's certificate need \
                 not name its address"
            }
            Self::Fingerprint { .. } => {
                "if it was renewed, pin this one after comparing it on the Management Center"
            }
            Self::Expired { .. } if ours => "renew it, and check this machine's clock",
            Self::Expired { .. } => {
                "compare this machine's clock with that time; if the clock is right, renew the \
                 server's certificate on the Management Center"
            }
            Self::NotYetValid { .. } => "check the clocks of both machines",
            Self::Version { .. } => "have it issued again with extensions such as basicConstraints",
            Self::RsaTooSmall { .. } => "have it issued again with a larger key",
            Self::CaRsaTooSmall { .. } => "regenerate the Internal CA",
            Self::Sha1 if ours => "issue it again with SHA-256",
            Self::Sha1 => "have it issued again with SHA-256, or allow SHA-1 for this server",
            // Clients are not accepted by their fingerprint.
            Self::SignatureAlgorithm { .. } if ours => {
                "issue it again with RSA or ECDSA and SHA-256"
            }
            Self::SignatureAlgorithm { .. } => {
                "accept this certificate by its fingerprint, or have it issued again with RSA or \
                 ECDSA and SHA-256"
            }
            Self::KeyAlgorithm { .. } => {
                "have it issued again with a key for RSA or for ECDSA on P-256 or P-384"
            }
            Self::CriticalExtension { .. } if ours => "issue it again without that extension",
            Self::CriticalExtension { .. } => {
                "accept this certificate by its fingerprint, or have it issued again without that \
                 extension"
            }
            Self::HandshakeSignature => {
                "check that certificate and key at the other end belong together"
            }
            Self::Purpose => {
                "have it issued again without that extension, or with serverAuth and clientAuth"
            }
            Self::IsCa => "configure a certificate that the CA issued for the peer",
            Self::Other { .. } => "",
        }
    }

    /// Whether the chain cannot be verified here, although the certificate may be the
    /// right one.
    pub(super) fn is_beyond_us(&self) -> bool {
        matches!(
            self,
            Self::CriticalExtension { .. } | Self::SignatureAlgorithm { .. }
        )
    }
}

impl fmt::Display for CertificateProblem {
    /// Writes fact and remedy for a server's certificate.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&text::joined(
            &self.fact(Peer::Server),
            self.remedy(Peer::Server),
        ))
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_to_be_done_depends_on_whose_certificate_it_is() {
        let unsigned = |same_name| CertificateProblem::NotSignedByCa {
            issuer: "CN=a".to_owned(),
            authorities: vec!["CN=b".to_owned(), "CN=c".to_owned()],
            same_name,
        };
        let algorithm = || "md5".to_owned();
        let signature = CertificateProblem::SignatureAlgorithm {
            algorithm: algorithm(),
        };
        let extension = CertificateProblem::CriticalExtension {
            extension: algorithm(),
        };
        let expired = CertificateProblem::Expired { not_after: 0 };
        for (problem, of_server, of_client) in [
            (unsigned(true), "regenerated", "issue a certificate"),
            (unsigned(false), "nothing in between", "issue a certificate"),
            (expired, "Management Center", "this machine's clock"),
            (CertificateProblem::Sha1, "allow SHA-1", "issue it again"),
            (signature.clone(), "fingerprint", "issue it again"),
            (extension.clone(), "fingerprint", "issue it again"),
        ] {
            let server = problem.remedy(Peer::Server);
            assert!(server.contains(of_server), "{problem:?}: {server}");
            let client = problem.remedy(Peer::Client);
            assert!(client.contains(of_client), "{problem:?}: {client}");
            assert_ne!(server, client);
        }
        let fact = "is signed by CN=a, not by our CA (CN=b; CN=c)";
        for (same_name, peer) in [(false, Peer::Server), (true, Peer::Client)] {
            assert_eq!(unsigned(same_name).fact(peer), fact);
        }
        let fact = unsigned(true).fact(Peer::Server);
        assert_eq!(fact, "is signed by a different CA of the same name (CN=a)");
        assert!(signature.is_beyond_us() && extension.is_beyond_us());
        assert!(!CertificateProblem::Sha1.is_beyond_us());
    }

    #[test]
    fn the_names_that_a_certificate_has_are_listed() {
        let name = |found: &[&str]| CertificateProblem::Name {
            wanted: "a".to_owned(),
            found: found.iter().map(|&name| name.to_owned()).collect(),
        };
        let fact = |found: &[&str]| name(found).fact(Peer::Server);
        assert_eq!(fact(&[]), "does not have the name a, only none");
        assert_eq!(fact(&["b", "c"]), "does not have the name a, only b, c");
    }
}
