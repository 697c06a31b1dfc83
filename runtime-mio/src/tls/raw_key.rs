//! Verifies the signature of a handshake with the key of a certificate that the TLS
//! library refuses, for example because of a critical extension.

use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls13_signature_with_raw_key};
use rustls::{CertificateError, DigitallySignedStruct, Error};

use super::pkcs12::der::Reader;

/// Verifies a TLS 1.3 signature.
pub(super) fn verify_tls13(
    message: &[u8],
    spki: &[u8],
    dss: &DigitallySignedStruct,
    supported: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    verify_tls13_signature_with_raw_key(message, &spki.into(), dss, supported)
}

/// Verifies a TLS 1.2 signature, for which the library has no function.
pub(super) fn verify_tls12(
    message: &[u8],
    spki: &[u8],
    dss: &DigitallySignedStruct,
    supported: &WebPkiSupportedAlgorithms,
) -> Result<HandshakeSignatureValid, Error> {
    let bad = |error: CertificateError| Error::InvalidCertificate(error);
    let (algorithm, key) = parts(spki).ok_or(bad(CertificateError::BadEncoding))?;
    let scheme = supported.mapping.iter().find(|row| row.0 == dss.scheme);
    let valid = scheme.into_iter().flat_map(|row| row.1).any(|candidate| {
        candidate.public_key_alg_id().as_ref() == algorithm
            && candidate
                .verify_signature(key, message, dss.signature())
                .is_ok()
    });
    match valid {
        true => Ok(HandshakeSignatureValid::assertion()),
        false => Err(bad(CertificateError::BadSignature)),
    }
}

/// `SubjectPublicKeyInfo { algorithm, BIT STRING key }`
fn parts(spki: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut info = Reader::new(spki, "public key").sequence().ok()?;
    let algorithm = info.any().ok()?.content;
    // Keys are whole bytes, so there are no unused bits.
    let key = info.any().ok()?.content.strip_prefix(&[0])?;
    Some((algorithm, key))
}
