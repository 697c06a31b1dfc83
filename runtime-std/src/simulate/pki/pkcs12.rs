//! The client's identity as one PKCS#12 file.

use super::{Identity, PkiError, pkcs12_legacy};
use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey,
    PrivateKeyChain,
};

/// How the archive is encrypted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cipher {
    /// PBES2 with AES-256 and HMAC-SHA-256.
    Modern,
    /// Certificates in RC2 with 40 bits, the key in 3DES, and a SHA-1 MAC.
    Legacy,
}

/// Key, leaf and CA in one archive. `password` may be empty.
pub(super) fn write(
    client: &Identity,
    ca_der: &[u8],
    password: &str,
    cipher: Cipher,
) -> Result<Vec<u8>, PkiError> {
    let failed = |e: p12_keystore::error::Error| PkiError::Pkcs12 {
        reason: e.to_string(),
    };
    let chain = PrivateKeyChain::new(
        [1u8].as_slice(),
        PrivateKey::from_der(client.key_der()).map_err(failed)?,
        [
            Certificate::from_der(client.cert_der()).map_err(failed)?,
            Certificate::from_der(ca_der).map_err(failed)?,
        ],
    );
    let mut store = KeyStore::new();
    store.add_entry("estreamer client", KeyStoreEntry::PrivateKeyChain(chain));
    let legacy = |algorithm| {
        store
            .writer(password)
            .encryption_algorithm(algorithm)
            .encryption_iterations(ITERATIONS)
            .mac_algorithm(MacAlgorithm::HmacSha1)
            .mac_iterations(ITERATIONS)
            .write()
            .map_err(failed)
    };
    match cipher {
        Cipher::Modern => store.writer(password).write().map_err(failed),
        Cipher::Legacy => {
            // The library's name is wrong, its object identifier is RC2's.
            let rc2 = legacy(EncryptionAlgorithm::PbeWithShaAnd40BitRc4Cbc)?;
            let triple_des = legacy(EncryptionAlgorithm::PbeWithShaAnd3KeyTripleDesCbc)?;
            pkcs12_legacy::join(&rc2, &triple_des, password, ITERATIONS).ok_or_else(|| {
                PkiError::Pkcs12 {
                    reason: "its halves do not fit together".to_owned(),
                }
            })
        }
    }
}

/// What OpenSSL does by default.
const ITERATIONS: u32 = 2048;
