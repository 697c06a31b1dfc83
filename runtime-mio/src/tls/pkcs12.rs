//! Opens PKCS#12 files, old and new, and says why one does not open.

use p12_keystore::{Pkcs12Archive, error::Error};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::asn1_rs::{Any, FromDer, Sequence};

use super::identity_error::IdentityError;
use super::key::WipedKey;
use super::{pem, pkcs12_null};

/// Everything useful in a PKCS#12 file, in the file's order.
pub(super) struct Contents {
    pub(super) keys: Vec<WipedKey>,
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

/// Opens the file. Without a password, and with an empty one, both ways to
/// write a blank password are tried.
pub(super) fn open(bytes: &[u8], password: Option<&str>) -> Result<Contents, IdentityError> {
    let integrity = integrity(bytes)?;
    let password = password.unwrap_or_default();
    // The key derivation works on UCS-2, which has no such characters.
    if password.chars().any(|c| u32::from(c) > 0xffff) {
        return Err(IdentityError::PasswordCharacters);
    }
    match attempt(bytes, password, integrity) {
        Ok(contents) => Ok(contents),
        Err(Failure::Other(error)) => Err(error),
        Err(Failure::Password) if password.is_empty() => {
            pkcs12_null::open(bytes).ok_or(IdentityError::PasswordNeeded)
        }
        Err(Failure::Password) => Err(IdentityError::WrongPassword {
            blank_opens: open(bytes, None).is_ok(),
        }),
    }
}

/// Whether a file carries a MAC, which tells a wrong password from damage.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Integrity {
    Mac,
    None,
}

enum Failure {
    Password,
    Other(IdentityError),
}

/// Looks at the outermost structure alone: `SEQUENCE { version, authSafe, macData? }`.
fn integrity(bytes: &[u8]) -> Result<Integrity, IdentityError> {
    if pem::looks_like(bytes) {
        return Err(IdentityError::PemNotPkcs12);
    }
    if bytes.starts_with(&[0x30, 0x80]) {
        return Err(IdentityError::IndefiniteLength);
    }
    let not_pkcs12 = |_| IdentityError::NotPkcs12;
    let (_, outer) = Sequence::from_der(bytes).map_err(not_pkcs12)?;
    let (rest, version) = Any::from_der(&outer.content).map_err(not_pkcs12)?;
    let (rest, _) = Any::from_der(rest).map_err(not_pkcs12)?;
    if version.as_u32() != Ok(3) {
        return Err(IdentityError::NotPkcs12);
    }
    Ok(if rest.is_empty() {
        Integrity::None
    } else {
        Integrity::Mac
    })
}

fn attempt(bytes: &[u8], password: &str, integrity: Integrity) -> Result<Contents, Failure> {
    let archive = Pkcs12Archive::from_pkcs12(bytes, password)
        .map_err(|error| classify(&error, password, integrity))?;
    let keys = archive.keys.iter().map(|bag| {
        let key = PrivatePkcs8KeyDer::from(bag.key.as_der().to_vec());
        WipedKey(PrivateKeyDer::Pkcs8(key))
    });
    let certificates = archive
        .certs
        .iter()
        .map(|bag| CertificateDer::from(bag.cert.as_der().to_vec()));
    Ok(Contents {
        keys: keys.collect(),
        certificates: certificates.collect(),
    })
}

fn classify(error: &Error, password: &str, integrity: Integrity) -> Failure {
    let undecryptable = match error {
        Error::MacError(_) => return Failure::Password,
        Error::UnsupportedEncryptionScheme
        | Error::UnsupportedMacAlgorithm
        | Error::UnsupportedContentType => {
            return Failure::Other(IdentityError::UnsupportedEncryption);
        }
        Error::Pkcs5Error(text) if *text != pkcs5::Error::DecryptFailed.to_string() => {
            return Failure::Other(IdentityError::UnsupportedEncryption);
        }
        Error::Pkcs5Error(_) | Error::UnpadError => true,
        // Garbage that a wrong key happened to unpad.
        _ => !password.is_empty(),
    };
    // A MAC has confirmed the password by the time anything is decrypted.
    if undecryptable && integrity == Integrity::None {
        return Failure::Password;
    }
    Failure::Other(IdentityError::Damaged {
        detail: error.to_string(),
    })
}
