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
    /// Writes the text for a certificate of `peer`.
    pub(super) fn describe(&self, peer: Peer, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSignedByCa {
                issuer,
                authorities,
                ..
            } if peer == Peer::Client => write!(
                f,
                "is signed by {issuer}, not by our CA ({}); issue a certificate for this client here",
                authorities.join("; "),
            ),
            Self::Sha1 if peer == Peer::Client => {
                f.write_str("is signed with SHA-1; issue it again with SHA-256")
            }
            // Clients are not accepted by their fingerprint.
            Self::CriticalExtension { extension } if peer == Peer::Client => write!(
                f,
                "has the critical extension {extension}, or a certificate of its chain has it, \
                 and this extension is not supported; issue it again without that extension",
            ),
            Self::SignatureAlgorithm { algorithm } if peer == Peer::Client => write!(
                f,
                "is signed with {algorithm}, which is not supported; issue it again with RSA or \
                 ECDSA and SHA-256",
            ),
            _ => write!(f, "{self}"),
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
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("was not sent; configure one at the other end"),
            Self::Unreadable => f.write_str("is not readable X.509; replace it"),
            Self::NotSignedByCa {
                same_name: true,
                issuer,
                ..
            } => write!(
                f,
                "is signed by a different CA of the same name ({issuer}); the Internal CA was \
                 probably regenerated: download a new PKCS#12 file from the Management Center",
            ),
            Self::NotSignedByCa {
                issuer,
                authorities,
                ..
            } => write!(
                f,
                "is signed by {issuer}, not by our CA ({}); check that this PKCS#12 file comes \
                 from the Management Center that this client connects to, and that nothing in \
                 between intercepts TLS",
                authorities.join("; "),
            ),
            Self::Title { subject } => write!(
                f,
                "has the subject {subject} without title=eStreamer: this is another \
                 service; check address and port (8302)",
            ),
            Self::GenerationQualifier { subject } => write!(
                f,
                "has the subject {subject} without generationQualifier=server: the \
                 server uses a client's certificate; check address and port (8302)",
            ),
            Self::Name { wanted, found } => write!(
                f,
                "does not have the name {wanted}, only {}; correct the name rule, or leave it \
                 out: a Management Center's certificate need not name its address",
                list(found),
            ),
            Self::Fingerprint { found } => write!(
                f,
                "has the SHA-256 fingerprint {found}, not the pinned one; if it was renewed, \
                 pin this one after comparing it on the Management Center",
            ),
            Self::Expired { not_after } => write!(
                f,
                "expired at {}; renew it, and check this machine's clock",
                text::utc(*not_after),
            ),
            Self::NotYetValid { not_before } => write!(
                f,
                "is not valid before {}; check the clocks of both machines",
                text::utc(*not_before),
            ),
            Self::Version { version } => write!(
                f,
                "is X.509 version {version}, and only version 3 is accepted; have it issued \
                 again with extensions such as basicConstraints",
            ),
            Self::RsaTooSmall { bits } => write!(
                f,
                "has an RSA key of {bits} bits, and at least 2048 are needed; have it issued \
                 again with a larger key",
            ),
            Self::CaRsaTooSmall { bits } => write!(
                f,
                "is signed by a CA with an RSA key of {bits} bits, and at least 2048 are \
                 needed; regenerate the Internal CA",
            ),
            Self::Sha1 => f.write_str(
                "is signed with SHA-1; have it issued again with SHA-256, or allow SHA-1 for \
                 this server (allow_sha1)",
            ),
            Self::SignatureAlgorithm { algorithm } => write!(
                f,
                "is signed with {algorithm}, which is not supported; accept this certificate by \
                 its fingerprint, or have it issued again with RSA or ECDSA and SHA-256",
            ),
            Self::KeyAlgorithm { algorithm } => write!(
                f,
                "has a key for {algorithm}, which is not supported; have it issued again with a \
                 key for RSA or for ECDSA on P-256 or P-384",
            ),
            Self::CriticalExtension { extension } => write!(
                f,
                "has the critical extension {extension}, or a certificate of its chain has it, \
                 and this extension is not supported; accept this certificate by its \
                 fingerprint, or have it issued again without that extension",
            ),
            Self::HandshakeSignature => f.write_str(
                "does not match the key that signed the handshake; check that certificate and \
                 key at the other end belong together",
            ),
            Self::Purpose => f.write_str(
                "does not allow this use in its extendedKeyUsage; have it issued again without \
                 that extension, or with serverAuth and clientAuth",
            ),
            Self::IsCa => f.write_str(
                "is a CA certificate; configure a certificate that the CA issued for the peer",
            ),
            Self::Other { detail } => write!(f, "was refused ({detail})"),
        }
    }
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}
