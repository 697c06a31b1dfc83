//! Reads and writes PKCS#12 files (RFC 7292), in old and new forms.
//!
//! | file | contents |
//! |---|---|
//! | `der` | reads and writes DER elements |
//! | `kdf` | key derivation, with a limit on its work per file |
//! | `crypto` | encryption and MAC by algorithm identifier |
//! | `read`, `write` | the structure of a file |
//!
//! Existing libraries support one encoding of a password where tools use four, keep
//! memory for the life of the process, or depend on pre-releases.

mod crypto;
pub(super) mod der;
mod kdf;
mod read;
mod write;

use kdf::ROUNDS;
pub(super) use read::{is_encrypted_key, is_one, open};
pub use write::Pkcs12Encryption;
pub(super) use write::write;

use super::identity_error::IdentityError;

/// Why a file cannot be opened.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pkcs12Error {
    /// The password is wrong.
    Password,
    /// The file uses an algorithm that is not supported.
    Unsupported {
        /// The name of the algorithm.
        algorithm: String,
    },
    /// The file requires too much work.
    Work {
        /// The rounds of key derivation it requires, at least.
        rounds: u64,
    },
    /// The file is BER in a form that DER does not allow.
    Ber,
    /// This part of the file is damaged.
    Damaged(&'static str),
}

impl From<Pkcs12Error> for IdentityError {
    fn from(failure: Pkcs12Error) -> Self {
        match failure {
            Pkcs12Error::Password => Self::WrongPassword { blank_opens: false },
            Pkcs12Error::Unsupported { algorithm } => Self::UnsupportedEncryption { algorithm },
            Pkcs12Error::Work { rounds } => Self::TooManyRounds {
                rounds,
                most: ROUNDS,
            },
            Pkcs12Error::Ber => Self::Ber,
            Pkcs12Error::Damaged(part) => Self::Damaged {
                detail: part.to_owned(),
            },
        }
    }
}

/// The encoded contents of object identifiers.
mod oid {
    pub(super) const DATA: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 7, 1];
    pub(super) const ENCRYPTED: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 7, 6];
    pub(super) const KEY_BAG: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 12, 10, 1, 1];
    pub(super) const SHROUDED_BAG: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 12, 10, 1, 2];
    pub(super) const CERT_BAG: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 12, 10, 1, 3];
    pub(super) const X509: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 9, 22, 1];
    pub(super) const FRIENDLY_NAME: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 9, 20];
    pub(super) const LOCAL_KEY_ID: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 9, 21];

    pub(super) const PBES2: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 5, 13];
    pub(super) const PBKDF2: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 5, 12];
    pub(super) const PBMAC1: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 5, 14];
    pub(super) const SCRYPT: &[u8] = &[43, 6, 1, 4, 1, 218, 71, 4, 11];
    pub(super) const SHA1_3DES: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 12, 1, 3];
    pub(super) const SHA1_RC2_40: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 12, 1, 6];

    pub(super) const DES_EDE3_CBC: &[u8] = &[42, 134, 72, 134, 247, 13, 3, 7];
    pub(super) const AES128_CBC: &[u8] = &[96, 134, 72, 1, 101, 3, 4, 1, 2];
    pub(super) const AES192_CBC: &[u8] = &[96, 134, 72, 1, 101, 3, 4, 1, 22];
    pub(super) const AES256_CBC: &[u8] = &[96, 134, 72, 1, 101, 3, 4, 1, 42];
}
