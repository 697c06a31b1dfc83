//! Encryption and MAC by algorithm identifier.

use aes::{Aes128, Aes192, Aes256};
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{
    BlockCipherDecrypt, BlockCipherEncrypt, BlockModeDecrypt, BlockModeEncrypt, KeyInit, KeyIvInit,
};
use des::TdesEde3;
use rc2::Rc2;
use zeroize::Zeroizing;

use super::super::facts;
use super::der::{INTEGER, Reader, SEQUENCE};
use super::kdf::{Budget, Hash, Key, Password, Purpose, SHA1, scrypt};
use super::{Pkcs12Error, oid};

/// Verifies `MacData { DigestInfo { algorithm, digest }, salt, iterations = 1 }` over
/// `safe` with this password.
pub(super) fn verify(
    mut mac: Reader<'_>,
    safe: &[u8],
    password: &Password,
    budget: &mut Budget,
) -> Result<(), Pkcs12Error> {
    let mut info = mac.sequence()?;
    let mut algorithm = info.sequence()?;
    let expected = info.octets()?;
    let kind = algorithm.oid()?;
    let (hash, key) = if kind == oid::PBMAC1 {
        pbmac1(algorithm.sequence()?, password, budget)?
    } else {
        let hash = Hash::by_oid(kind).ok_or_else(|| unsupported(kind))?;
        let salt = mac.octets()?;
        let rounds = match mac.is_empty() {
            true => 1,
            false => mac.number()?,
        };
        let key = hash.pkcs12(password, salt, rounds, Purpose::Mac, hash.length, budget)?;
        (hash, key)
    };
    match hash.verify(&key, safe, expected) {
        true => Ok(()),
        false => Err(Pkcs12Error::Password),
    }
}

/// `PBMAC1-params { keyDerivationFunc, messageAuthScheme }` (RFC 9579).
fn pbmac1(
    mut parameters: Reader<'_>,
    password: &Password,
    budget: &mut Budget,
) -> Result<(&'static Hash, Key), Pkcs12Error> {
    let derivation = parameters.sequence()?;
    let kind = parameters.sequence()?.oid()?;
    let hash = Hash::by_hmac_oid(kind).ok_or_else(|| unsupported(kind))?;
    // The specification requires the length of the key; without it, the hash's counts.
    let key = derive(derivation, None, hash.length, password, budget)?;
    Ok((hash, key))
}

/// A cipher with the key and the IV derived from a password.
pub(super) struct Encryption {
    cipher: &'static Cipher,
    key: Key,
    iv: Key,
}

impl Encryption {
    /// Reads `AlgorithmIdentifier { algorithm, parameters }`.
    pub(super) fn new(
        mut algorithm: Reader<'_>,
        password: &Password,
        budget: &mut Budget,
    ) -> Result<Self, Pkcs12Error> {
        let kind = algorithm.oid()?;
        let cipher = match kind {
            oid::PBES2 => return Self::pbes2(algorithm.sequence()?, password, budget),
            oid::SHA1_3DES => &TRIPLE_DES,
            oid::SHA1_RC2_40 => &RC2_40,
            _ => return Err(unsupported(kind)),
        };
        let mut parameters = algorithm.sequence()?;
        let (salt, rounds) = (parameters.octets()?, parameters.number()?);
        let mut derive =
            |purpose, length| SHA1.pkcs12(password, salt, rounds, purpose, length, budget);
        Ok(Self {
            cipher,
            key: derive(Purpose::Key, cipher.key)?,
            iv: derive(Purpose::Iv, cipher.iv)?,
        })
    }

    /// `PBES2-params { keyDerivationFunc, encryptionScheme { algorithm, iv } }`
    fn pbes2(
        mut parameters: Reader<'_>,
        password: &Password,
        budget: &mut Budget,
    ) -> Result<Self, Pkcs12Error> {
        let derivation = parameters.sequence()?;
        let mut scheme = parameters.sequence()?;
        let kind = scheme.oid()?;
        let cipher = match kind {
            oid::AES128_CBC => &AES128,
            oid::AES192_CBC => &AES192,
            oid::AES256_CBC => &AES256,
            oid::DES_EDE3_CBC => &TRIPLE_DES,
            _ => return Err(unsupported(kind)),
        };
        let iv = scheme.octets()?;
        if iv.len() != cipher.iv {
            return Err(scheme.damaged());
        }
        Ok(Self {
            cipher,
            key: derive(derivation, Some(cipher.key), cipher.key, password, budget)?,
            iv: Zeroizing::new(iv.to_vec()),
        })
    }

    /// Decrypts. It fails if the data is damaged or the password is wrong.
    pub(super) fn decrypt(&self, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Pkcs12Error> {
        let mut plain = Zeroizing::new(data.to_vec());
        let length = (self.cipher.decrypt)(&self.key, &self.iv, &mut plain)
            .ok_or(Pkcs12Error::Damaged("encryption"))?;
        plain.truncate(length);
        Ok(plain)
    }

    /// Encrypts. `None` if key or IV do not fit the cipher, which
    /// [`Encryption::new`] excludes.
    pub(super) fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        (self.cipher.encrypt)(&self.key, &self.iv, plain)
    }
}

/// Derives a key by PBKDF2 or scrypt. A length in the parameters has to be `wanted`, if
/// that is known. Without a length it is `usual`.
fn derive(
    mut derivation: Reader<'_>,
    wanted: Option<usize>,
    usual: usize,
    password: &Password,
    budget: &mut Budget,
) -> Result<Key, Pkcs12Error> {
    let kind = derivation.oid()?;
    let is_scrypt = match kind {
        oid::SCRYPT => true,
        oid::PBKDF2 => false,
        _ => return Err(unsupported(kind)),
    };
    let mut parameters = derivation.sequence()?;
    let salt = parameters.octets()?;
    let mut costs = [parameters.number()?, 0, 0];
    if is_scrypt {
        for cost in &mut costs[1..] {
            *cost = parameters.number()?;
        }
    }
    let length = match parameters.optional(INTEGER)? {
        None => usual,
        Some(length) => {
            let length = Reader::new(length.whole, "key length").number()?;
            let length = usize::try_from(length).unwrap_or(usize::MAX);
            let fits = wanted.map_or(1..=LONGEST_KEY, |wanted| wanted..=wanted);
            match fits.contains(&length) {
                true => length,
                false => return Err(Pkcs12Error::Damaged("key length")),
            }
        }
    };
    if is_scrypt {
        return scrypt(password, salt, costs, length, budget);
    }
    let hash = match parameters.optional(SEQUENCE)? {
        None => SHA1,
        Some(prf) => {
            let kind = Reader::new(prf.content, "key derivation").oid()?;
            Hash::by_hmac_oid(kind).ok_or_else(|| unsupported(kind))?
        }
    };
    hash.pbkdf2(password, salt, costs[0], length, budget)
}

fn unsupported(kind: &[u8]) -> Pkcs12Error {
    Pkcs12Error::Unsupported {
        algorithm: facts::registered(kind),
    }
}

/// A block cipher in CBC mode with PKCS#7 padding; the lengths are in bytes.
struct Cipher {
    key: usize,
    iv: usize,
    decrypt: Decrypt,
    encrypt: Encrypt,
}

/// Decrypts in place with key and IV, and returns how much of the data is plaintext.
type Decrypt = fn(&[u8], &[u8], &mut [u8]) -> Option<usize>;
type Encrypt = fn(&[u8], &[u8], &[u8]) -> Option<Vec<u8>>;

impl Cipher {
    const fn of<C>(key: usize, iv: usize) -> Self
    where
        C: BlockCipherDecrypt + BlockCipherEncrypt + KeyInit,
    {
        Self {
            key,
            iv,
            decrypt: decrypt::<C>,
            encrypt: encrypt::<C>,
        }
    }
}

fn decrypt<C: BlockCipherDecrypt + KeyInit>(
    key: &[u8],
    iv: &[u8],
    data: &mut [u8],
) -> Option<usize> {
    let cipher = cbc::Decryptor::<C>::new_from_slices(key, iv).ok()?;
    Some(cipher.decrypt_padded::<Pkcs7>(data).ok()?.len())
}

fn encrypt<C: BlockCipherEncrypt + KeyInit>(
    key: &[u8],
    iv: &[u8],
    plain: &[u8],
) -> Option<Vec<u8>> {
    let cipher = cbc::Encryptor::<C>::new_from_slices(key, iv).ok()?;
    Some(cipher.encrypt_padded_vec::<Pkcs7>(plain))
}

static AES128: Cipher = Cipher::of::<Aes128>(16, 16);
static AES192: Cipher = Cipher::of::<Aes192>(24, 16);
static AES256: Cipher = Cipher::of::<Aes256>(32, 16);
static TRIPLE_DES: Cipher = Cipher::of::<TdesEde3>(24, 8);
static RC2_40: Cipher = Cipher::of::<Rc2>(5, 8);

/// Bytes of the longest key of a MAC: one block of the largest hash.
const LONGEST_KEY: usize = 128;
