//! PEM files: certificates, and one private key as PKCS#8, PKCS#1 or SEC1.

use pem_rfc7468::LineEnding;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use super::identity_error::IdentityError;
use super::key::WipedKey;

/// All certificates in `pem`, in order. `part` names the file in errors.
pub(super) fn certificates(
    pem: &[u8],
    part: &'static str,
) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| broken(part, &error))
}

/// The first private key in `pem`.
pub(super) fn private_key(pem: &[u8]) -> Result<WipedKey, IdentityError> {
    // PKCS#8 has a section name of its own for it, the old form a header line.
    if contains(pem, b"BEGIN ENCRYPTED PRIVATE KEY") || contains(pem, b"Proc-Type: 4,ENCRYPTED") {
        return Err(IdentityError::EncryptedPemKey);
    }
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(key) => Ok(WipedKey(key)),
        Err(pem::Error::NoItemsFound) => Err(IdentityError::NoKey),
        Err(error) => Err(broken("key", &error)),
    }
}

/// One section.
pub(super) fn write(label: &str, der: &[u8]) -> String {
    // It fails on a label that is not ASCII; ours are constants.
    pem_rfc7468::encode_string(label, LineEnding::LF, der).unwrap_or_default()
}

/// Whether `bytes` look like PEM at all.
pub(super) fn looks_like(bytes: &[u8]) -> bool {
    contains(bytes, b"-----BEGIN ")
}

/// Says where a file is broken without repeating its contents, which may be a key.
fn broken(part: &'static str, error: &pem::Error) -> IdentityError {
    let detail = match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no END line",
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line is malformed",
        pem::Error::Base64Decode(_) => "a section is not base64",
        _ => "it is not PEM",
    };
    IdentityError::BadPem {
        part,
        detail: detail.to_owned(),
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    bytes.windows(text.len()).any(|window| window == text)
}
