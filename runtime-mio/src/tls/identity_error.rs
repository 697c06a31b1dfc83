//! Why an identity could not be made.

use std::error;
use std::fmt;

/// Why a PKCS#12 or PEM file does not make an [`Identity`](super::Identity).
///
/// The text says what is wrong and what to do; it holds no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityError {
    /// The bytes are no PKCS#12 file.
    NotPkcs12,
    /// The bytes are PEM where PKCS#12 was expected.
    PemNotPkcs12,
    /// A PKCS#12 file in BER, with indefinite lengths or strings in pieces, which
    /// only few tools write.
    Ber,
    /// The file is protected and no password was given.
    PasswordNeeded,
    /// The password does not open the file.
    WrongPassword {
        /// Whether the file opens with the empty password instead.
        blank_opens: bool,
    },
    /// The file is encrypted or authenticated in a way that cannot be read.
    UnsupportedEncryption {
        /// Name of the algorithm, or its object identifier.
        algorithm: String,
    },
    /// The file asks for more rounds of key derivation than it gets.
    TooManyRounds {
        /// Rounds it takes at least.
        rounds: u64,
        /// Rounds that one file gets.
        most: u64,
    },
    /// The file has the right form but broken contents.
    Damaged {
        /// What the reader stumbled over.
        detail: String,
    },
    /// No private key in the file.
    NoKey,
    /// No certificate in the file.
    NoCertificate,
    /// The key belongs to none of the certificates.
    KeyMismatch {
        /// Subjects of the certificates tried.
        subjects: Vec<String>,
    },
    /// The key is of a kind or form that cannot sign.
    UnsupportedKey,
    /// An RSA key too small to be used.
    RsaTooSmall {
        /// Bits of the key.
        bits: u32,
    },
    /// The private key in a PEM file is itself encrypted.
    EncryptedPemKey,
    /// A PEM file is broken.
    BadPem {
        /// Which file: `certificate`, `key` or `CA`.
        part: &'static str,
        /// What the reader stumbled over.
        detail: String,
    },
    /// There is no CA certificate to judge the peer by.
    NoCa,
    /// A certificate given as CA cannot serve as one.
    BadCa {
        /// Its subject.
        subject: String,
    },
}

impl IdentityError {
    /// Which of several files it is about: `certificate`, `key` or `CA`.
    pub fn part(&self) -> &'static str {
        match self {
            Self::BadPem { part, .. } => part,
            Self::NoKey
            | Self::KeyMismatch { .. }
            | Self::UnsupportedKey
            | Self::RsaTooSmall { .. }
            | Self::EncryptedPemKey => "key",
            Self::NoCa | Self::BadCa { .. } => "CA",
            _ => "certificate",
        }
    }
}

impl error::Error for IdentityError {}

impl fmt::Display for IdentityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotPkcs12 => f.write_str(
                "this is not a PKCS#12 file; download the client's certificate again from the \
                 Management Center (Integration > Other Integrations > eStreamer) in binary mode",
            ),
            Self::PemNotPkcs12 => f.write_str(
                "this is a PEM file, not PKCS#12; configure it as certificate, key and CA instead",
            ),
            Self::Ber => f.write_str(
                "the PKCS#12 file is encoded in BER with indefinite lengths or strings in \
                 pieces; write it anew with `openssl pkcs12 -in FILE -out all.pem` and `openssl \
                 pkcs12 -export -in all.pem -out NEW`",
            ),
            Self::PasswordNeeded => f.write_str(
                "the PKCS#12 file is protected by a password and none was given; \
                 configure the one chosen when the client was created",
            ),
            Self::WrongPassword { blank_opens: true } => f.write_str(
                "the password does not fit: the PKCS#12 file has an empty one; \
                 remove the configured password",
            ),
            Self::WrongPassword { blank_opens: false } => f.write_str(
                "the password does not open the PKCS#12 file; check it for a stray space or line \
                 end, or create the client anew on the Management Center",
            ),
            Self::UnsupportedEncryption { algorithm } => write!(
                f,
                "the PKCS#12 file is protected by {algorithm}, which cannot be read here; write \
                 it anew with `openssl pkcs12 -export` and its default (AES-256)",
            ),
            Self::TooManyRounds { rounds, most } => write!(
                f,
                "the PKCS#12 file takes {rounds} rounds of key derivation to open, and at most \
                 {most} are done; write it anew with `openssl pkcs12 -export` and its default \
                 (2048 for each part)",
            ),
            Self::Damaged { detail } => write!(
                f,
                "the PKCS#12 file is damaged ({detail}); download it again from the Management Center",
            ),
            Self::NoKey => f.write_str(
                "there is no private key in the file; export it together with its key, or \
                 download the client's PKCS#12 from the Management Center",
            ),
            Self::NoCertificate => f.write_str(
                "there is no certificate in the file; use the client's PKCS#12 from the \
                 Management Center, or a PEM file with a CERTIFICATE section",
            ),
            Self::KeyMismatch { subjects } => write!(
                f,
                "the private key belongs to none of the certificates ({}); \
                 use the key and the certificate of the same client",
                subjects.join("; "),
            ),
            Self::UnsupportedKey => f.write_str(
                "the private key is of a kind, size or form that cannot be used; use RSA of 2048 \
                 to 4096 bits, ECDSA P-256 or P-384, or Ed25519",
            ),
            Self::RsaTooSmall { bits } => write!(
                f,
                "the private key is RSA with {bits} bits and at least 2048 are needed; \
                 create the client anew with a larger key",
            ),
            Self::EncryptedPemKey => f.write_str(
                "the PEM key is encrypted; use the PKCS#12 file with its password, or decrypt \
                 the key with `openssl pkey -in FILE -out FILE.plain`",
            ),
            Self::BadPem { part, detail } => write!(
                f,
                "the {part} PEM cannot be read ({detail}); check that the file is complete",
            ),
            Self::NoCa => f.write_str(
                "there is no CA certificate to check the peer against; use the PKCS#12 from the \
                 Management Center, which holds its Internal CA, or give that CA beside it, or \
                 write it into the file (`openssl pkcs12 -export` with `-certfile`)",
            ),
            Self::BadCa { subject } => write!(
                f,
                "the certificate {subject} cannot be used as a CA; \
                 configure the Management Center's Internal CA",
            ),
        }
    }
}
