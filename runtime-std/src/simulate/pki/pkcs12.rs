//! The client's identity as one PKCS#12 file.

use super::{Identity, PkiError};
use p12_keystore::{
    Certificate, EncryptionAlgorithm, KeyStore, KeyStoreEntry, MacAlgorithm, PrivateKey,
    PrivateKeyChain,
};

/// How the archive is encrypted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Cipher {
    /// PBES2 with AES-256 and HMAC-SHA-256.
    Modern,
    /// RC2 with 40 bits and a SHA-1 MAC.
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
    let writer = store.writer(password);
    let writer = match cipher {
        Cipher::Modern => writer,
        Cipher::Legacy => writer
            .encryption_algorithm(EncryptionAlgorithm::PbeWithShaAnd40BitRc4Cbc)
            .encryption_iterations(2048)
            .mac_algorithm(MacAlgorithm::HmacSha1)
            .mac_iterations(2048),
    };
    writer.write().map_err(failed)
}
