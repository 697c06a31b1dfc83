//! PKCS#12 files (RFC 7292): opened in old forms and new ones, with the reason
//! where one does not open, and written.
//!
//! | file | holds |
//! |---|---|
//! | `der` | elements of DER, read with their tags checked, and written |
//! | `kdf` | what a password becomes, and how much work a file may ask for |
//! | `crypto` | encryption and MAC, as their algorithm identifiers say |
//! | `read`, `write` | the structure of a file |
//!
//! Libraries for it know one way to spell a password where tools have four, keep
//! tables of certificates' fields for the life of the process, or lean on
//! releases that are not final.

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

/// Why a file does not open.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Not with this password.
    Password,
    /// Not with what is implemented here.
    Unsupported {
        /// Name of the algorithm or form.
        algorithm: String,
    },
    /// Not within the work one file may ask for.
    Work {
        /// Rounds of key derivation it takes at least.
        rounds: u64,
    },
    /// Not as DER: it is BER in one of the forms DER leaves out.
    Ber,
    /// Not at all: this part is broken.
    Damaged(&'static str),
}

impl From<Failure> for IdentityError {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Password => Self::WrongPassword { blank_opens: false },
            Failure::Unsupported { algorithm } => Self::UnsupportedEncryption { algorithm },
            Failure::Work { rounds } => Self::TooManyRounds {
                rounds,
                most: ROUNDS,
            },
            Failure::Ber => Self::Ber,
            Failure::Damaged(part) => Self::Damaged {
                detail: part.to_owned(),
            },
        }
    }
}

/// Contents of object identifiers, some used by more than one part.
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
