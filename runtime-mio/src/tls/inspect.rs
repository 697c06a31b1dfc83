//! Lists the certificates of a file, even if it is no identity.

use super::facts::CertificateFacts;
use super::identity_error::IdentityError;
use super::{key, pem, pkcs12};

/// Whether `bytes` are PEM in a supported text encoding.
pub fn is_pem(bytes: &[u8]) -> bool {
    pem::looks_like(bytes)
}

/// Reads every certificate in a PKCS#12 or PEM file, in the file's order.
/// [`CertificateFacts::key_matches`] is set if the file has a usable key.
///
/// # Errors
/// If the file cannot be read. A file without certificates is an empty list.
pub fn inspect(
    bytes: &[u8],
    password: Option<&str>,
) -> Result<Vec<CertificateFacts>, IdentityError> {
    let (keys, certificates) = if pem::looks_like(bytes) {
        let keys = match pem::private_key(bytes) {
            Ok(key) => vec![key],
            Err(IdentityError::NoKey | IdentityError::EncryptedPemKey) => Vec::new(),
            Err(error) => return Err(error),
        };
        (keys, pem::certificates(bytes, "certificate")?)
    } else {
        let contents = pkcs12::open(bytes, password)?;
        (contents.keys, contents.certificates)
    };
    let mut all: Vec<CertificateFacts> = certificates
        .iter()
        .filter_map(|der| CertificateFacts::from_der(der))
        .collect();
    let keys: Vec<_> = keys
        .iter()
        .filter_map(|key| key.signing(&[]).ok())
        .collect();
    if !keys.is_empty() {
        for facts in &mut all {
            facts.key_matches = Some(keys.iter().any(|key| key::fits(key, facts)));
        }
    }
    Ok(all)
}
