//! Why an identity cannot be read.

use std::error;
use std::fmt;

/// Why an [`Identity`](super::Identity) cannot be read from PKCS#12 or PEM.
///
/// The text says what is wrong and what to do. It contains no secret.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IdentityError {
    /// The file is not PKCS#12.
    NotPkcs12,
    /// The file is PEM instead of PKCS#12.
    PemNotPkcs12,
    /// The PKCS#12 file is BER with indefinite lengths or constructed strings, which
    /// few tools write.
    Ber,
    /// The file needs a password, and none was given.
    PasswordNeeded,
    /// The password does not open the file.
    WrongPassword {
        /// Whether the file opens with an empty password instead.
        blank_opens: bool,
    },
    /// The file is encrypted or authenticated with an algorithm that is not supported.
    UnsupportedEncryption {
        /// Name of the algorithm, or its object identifier.
        algorithm: String,
    },
    /// The file requires too many rounds of key derivation.
    TooManyRounds {
        /// The rounds it requires, at least.
        rounds: u64,
        /// The rounds allowed for one file.
        most: u64,
    },
    /// The file is damaged.
    Damaged {
        /// The part that cannot be read.
        detail: String,
    },
    /// The file has no private key.
    NoKey,
    /// The file has no certificate.
    NoCertificate,
    /// The key belongs to none of the certificates.
    KeyMismatch {
        /// The subjects of the certificates.
        subjects: Vec<String>,
    },
    /// The key has an algorithm or form that is not supported.
    UnsupportedKey,
    /// The RSA key is too small.
    RsaTooSmall {
        /// Bits of the key.
        bits: u32,
    },
    /// The private key in the PEM file is encrypted.
    EncryptedPemKey,
    /// A PEM file is damaged.
    BadPem {
        /// Which file: `certificate`, `key` or `CA`.
        part: &'static str,
        /// The part that cannot be read.
        detail: String,
    },
    /// There is no CA certificate to verify the peer with.
    NoCa,
    /// A certificate that was given as CA cannot be used as one.
    BadCa {
        /// Its subject.
        subject: String,
    },
}

impl IdentityError {
    /// Returns the file that it is about: `certificate`, `key` or `CA`.
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
                 eStreamer configuration page of the Management Center, in binary mode",
            ),
            Self::PemNotPkcs12 => f.write_str(
                "this is a PEM file, not PKCS#12; configure it as certificate, key and CA instead",
            ),
            Self::Ber => f.write_str(
                "the PKCS#12 file is encoded in BER with indefinite lengths or constructed \
                 strings; convert it with `openssl pkcs12 -in FILE -out all.pem` and `openssl \
                 pkcs12 -export -in all.pem -out NEW`",
            ),
            Self::PasswordNeeded => f.write_str(
                "the PKCS#12 file needs a password and none was given; \
                 configure the one that was chosen when the client was created",
            ),
            Self::WrongPassword { blank_opens: true } => f.write_str(
                "the password is wrong: the PKCS#12 file has an empty one; \
                 remove the configured password",
            ),
            Self::WrongPassword { blank_opens: false } => f.write_str(
                "the password does not open the PKCS#12 file; check it for a space or line end too \
                 many, or create the client again on the Management Center",
            ),
            Self::UnsupportedEncryption { algorithm } => write!(
                f,
                "the PKCS#12 file is protected by {algorithm}, which is not supported; export it \
                 again with `openssl pkcs12 -export` and its default (AES-256)",
            ),
            Self::TooManyRounds { rounds, most } => write!(
                f,
                "the PKCS#12 file requires {rounds} rounds of key derivation, and at most {most} \
                 are allowed; export it again with `openssl pkcs12 -export` and its default \
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
                "the private key has an algorithm, size or form that is not supported; use RSA of \
                 2048 to 4096 bits, ECDSA P-256 or P-384, or Ed25519",
            ),
            Self::RsaTooSmall { bits } => write!(
                f,
                "the private key is RSA with {bits} bits and at least 2048 are needed; \
                 create the client again with a larger key",
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
                "there is no CA certificate to verify the peer with; use the PKCS#12 file from the \
                 Management Center, which contains its Internal CA, or configure that CA as \
                 well, or add it to the file (`openssl pkcs12 -export` with `-certfile`)",
            ),
            Self::BadCa { subject } => write!(
                f,
                "the certificate {subject} cannot be used as a CA; \
                 configure the Management Center's Internal CA",
            ),
        }
    }
}
