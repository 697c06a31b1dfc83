//! Private keys, which are wiped on drop.

use std::sync::Arc;

use rustls::crypto::ring::sign::any_supported_type;
use rustls::sign::SigningKey;
use rustls_pki_types::PrivateKeyDer;
use zeroize::{Zeroize, Zeroizing};

use super::facts::CertificateFacts;
use super::identity_error::IdentityError;
use super::pkcs12::der::{INTEGER, OCTET_STRING, Reader, SEQUENCE, wrap};

/// A private key in DER whose memory is wiped on drop.
pub(super) struct WipedKey(pub(super) PrivateKeyDer<'static>);

impl WipedKey {
    /// Returns the key in the form that signs. `certificates` are those that came with
    /// it: they tell why it cannot be used.
    pub(super) fn signing(
        &self,
        certificates: &[CertificateFacts],
    ) -> Result<Arc<dyn SigningKey>, IdentityError> {
        any_supported_type(&self.0).map_err(|_| {
            // The library does not say why. The key size of its certificate does.
            let small = certificates.iter().find_map(|c| {
                let bits = c.rsa_bits()?;
                (bits < MIN_RSA_BITS && !c.may_sign()).then_some(bits)
            });
            match small {
                Some(bits) => IdentityError::RsaTooSmall { bits },
                None => IdentityError::UnsupportedKey,
            }
        })
    }

    /// Returns the key as PKCS#8. `spki` is its certificate's public key, which names
    /// the algorithm. `None` if it cannot be read.
    pub(super) fn pkcs8(&self, spki: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let der = self.0.secret_der();
        if let PrivateKeyDer::Pkcs8(_) = self.0 {
            return Some(Zeroizing::new(der.to_vec()));
        }
        let algorithm = Reader::new(spki, "public key")
            .sequence()
            .ok()?
            .any()
            .ok()?;
        let version = wrap(INTEGER, &[&[0]]);
        let key = Zeroizing::new(wrap(OCTET_STRING, &[der]));
        let all = wrap(SEQUENCE, &[&version, algorithm.whole, &key]);
        Some(Zeroizing::new(all))
    }

    /// Returns the label of its PEM section.
    pub(super) fn label(&self) -> &'static str {
        match self.0 {
            PrivateKeyDer::Pkcs1(_) => "RSA PRIVATE KEY",
            PrivateKeyDer::Sec1(_) => "EC PRIVATE KEY",
            _ => "PRIVATE KEY",
        }
    }
}

impl Drop for WipedKey {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// Whether `certificate` belongs to `key`. `CertifiedKey::keys_match` compares the
/// same bytes, but only for version 3 certificates, and our own may be older.
pub(super) fn fits(key: &Arc<dyn SigningKey>, certificate: &CertificateFacts) -> bool {
    key.public_key()
        .is_some_and(|public| public.as_ref() == certificate.public_key_raw)
}

/// The bits of the smallest RSA key that the TLS library supports.
pub(super) const MIN_RSA_BITS: u32 = 2048;
