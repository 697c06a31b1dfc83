//! What can be wrong with a peer's certificate.

use std::fmt;

use super::peer::Peer;
use super::text;

/// What is wrong with a peer's certificate.
///
/// Its text continues a sentence that begins with “the server's certificate”;
/// a [`Refusal`](super::Refusal) finds the words for either peer.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CertificateProblem {
    /// The peer sent none.
    Missing,
    /// It is not an X.509 certificate that can be read.
    Unreadable,
    /// None of our CAs signed it.
    NotSignedByCa {
        /// Its issuer.
        issuer: String,
        /// Subjects of our CAs.
        authorities: Vec<String>,
        /// One of our CAs has the issuer's name, but another key.
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
    /// It does not carry the name that was asked for.
    Name {
        /// The name asked for.
        wanted: String,
        /// Names it has.
        found: Vec<String>,
    },
    /// It is not the pinned one.
    Fingerprint {
        /// SHA-256 of the certificate that came, in hexadecimal.
        found: String,
    },
    /// Its time, or that of a certificate it hangs on, is over.
    Expired {
        /// Its end in UNIX seconds.
        not_after: i64,
    },
    /// Its time has not come.
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
    /// It is signed with SHA-1, which is off unless allowed.
    Sha1,
    /// It is signed in a way that cannot be verified.
    SignatureAlgorithm {
        /// Name or OID of the algorithm.
        algorithm: String,
    },
    /// Its own key is of a kind that nothing can be verified with.
    KeyAlgorithm {
        /// The kind of key.
        algorithm: String,
    },
    /// It, or a certificate it hangs on, has a critical extension that is not
    /// known here.
    CriticalExtension {
        /// Name or OID of the extension.
        extension: String,
    },
    /// The handshake was not signed with its key.
    HandshakeSignature,
    /// Its extended key usage does not allow this end of TLS.
    Purpose,
    /// It is a CA certificate in a place for a peer's own.
    IsCa,
    /// Anything else.
    Other {
        /// What the verifier said.
        detail: String,
    },
}

impl CertificateProblem {
    /// The text for a certificate of `peer`.
    pub(super) fn describe(&self, peer: Peer, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotSignedByCa {
                issuer,
                authorities,
                ..
            } if peer == Peer::Client => write!(
                f,
                "is signed by {issuer}, not by our CA ({}); issue one for this client here",
                authorities.join("; "),
            ),
            Self::Sha1 if peer == Peer::Client => {
                f.write_str("is signed with SHA-1; issue it anew with SHA-256")
            }
            // Clients are not accepted by their fingerprint.
            Self::CriticalExtension { extension } if peer == Peer::Client => write!(
                f,
                "has the critical extension {extension}, or hangs on a certificate that has it, \
                 and it is not known here; issue it anew without that extension being critical",
            ),
            Self::SignatureAlgorithm { algorithm } if peer == Peer::Client => write!(
                f,
                "is signed with {algorithm}, which cannot be verified here; issue it anew with \
                 RSA or ECDSA and SHA-256",
            ),
            _ => write!(f, "{self}"),
        }
    }

    /// Whether it is the chain that cannot be followed here, while the certificate
    /// itself may be the right one.
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
                "is signed by another {issuer} than ours, although the names are equal: the \
                 Internal CA was made anew; download a new PKCS#12 from the Management Center",
            ),
            Self::NotSignedByCa {
                issuer,
                authorities,
                ..
            } => write!(
                f,
                "is signed by {issuer}, not by our CA ({}); check that this PKCS#12 comes from \
                 the Management Center the connection goes to, and that nothing in between \
                 intercepts TLS",
                authorities.join("; "),
            ),
            Self::Title { subject } => write!(
                f,
                "has the subject {subject} without title=eStreamer: this is another service; \
                 check address and port (8302)",
            ),
            Self::GenerationQualifier { subject } => write!(
                f,
                "has the subject {subject} without generationQualifier=server: a client's \
                 certificate is in use there; check address and port (8302)",
            ),
            Self::Name { wanted, found } => write!(
                f,
                "does not carry the name {wanted} but {}; correct the name rule, or leave it \
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
                 anew with extensions such as basicConstraints",
            ),
            Self::RsaTooSmall { bits } => write!(
                f,
                "has an RSA key of {bits} bits, and at least 2048 are needed; have it issued \
                 anew with a larger key",
            ),
            Self::CaRsaTooSmall { bits } => write!(
                f,
                "is signed by a CA with an RSA key of {bits} bits, and at least 2048 are \
                 needed; make the Internal CA anew",
            ),
            Self::Sha1 => f.write_str(
                "is signed with SHA-1; have it issued anew with SHA-256, or allow SHA-1 for \
                 this source (allow_sha1)",
            ),
            Self::SignatureAlgorithm { algorithm } => write!(
                f,
                "is signed with {algorithm}, which cannot be verified here; accept this very \
                 certificate by its fingerprint, or have it issued anew with RSA or ECDSA and \
                 SHA-256",
            ),
            Self::KeyAlgorithm { algorithm } => write!(
                f,
                "has a key for {algorithm}, which cannot be verified here; have it issued anew \
                 with a key for RSA or for ECDSA on P-256 or P-384",
            ),
            Self::CriticalExtension { extension } => write!(
                f,
                "has the critical extension {extension}, or hangs on a certificate that has it, \
                 and it is not known here; accept this very certificate by its fingerprint, or \
                 have it issued anew without that extension being critical",
            ),
            Self::HandshakeSignature => f.write_str(
                "does not fit the key the handshake was signed with; check that certificate \
                 and key at the other end belong together",
            ),
            Self::Purpose => f.write_str(
                "is not meant for this end of TLS by its extendedKeyUsage; have it issued anew \
                 without that extension or with serverAuth and clientAuth",
            ),
            Self::IsCa => {
                f.write_str("is a CA certificate itself; have the peer use one issued by the CA")
            }
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
