//! The cryptography of PKCS#12: what a password becomes, and what it opens.

use cbc::Decryptor;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
use des::TdesEde3;
use pkcs5::{EncryptionScheme, pbes2::Kdf};
use rc2::Rc2;
use ring::{digest, hmac};
use x509_parser::asn1_rs::{Any, ToDer};
use zeroize::Zeroizing;

use super::pkcs12::{all, elements};

/// Why a file does not open.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// Not with this password.
    Password,
    /// Not with what is implemented here.
    Unsupported,
    /// Not at all: this part is broken.
    Damaged(&'static str),
}

/// A password as its uses want it.
pub(super) struct Password {
    /// For PKCS#12's own derivation: UCS-2 and two bytes of zero.
    wide: Zeroizing<Vec<u8>>,
    /// For PBES2.
    plain: Zeroizing<Vec<u8>>,
}

impl Password {
    /// `None` if UCS-2 has not all of the characters.
    pub(super) fn new(text: &str) -> Option<Self> {
        let mut wide = Zeroizing::new(Vec::with_capacity(2 * text.len() + 2));
        for character in text.chars() {
            wide.extend(u16::try_from(u32::from(character)).ok()?.to_be_bytes());
        }
        wide.extend([0, 0]);
        Some(Self {
            wide,
            plain: Zeroizing::new(text.as_bytes().to_vec()),
        })
    }

    /// No password, which is not an empty one: some tools write it when the field
    /// for it stays blank. To PBES2 both are the same.
    pub(super) fn none() -> Self {
        Self {
            wide: Zeroizing::default(),
            plain: Zeroizing::default(),
        }
    }
}

/// `MacData { DigestInfo { algorithm, digest }, salt, iterations = 1 }`
pub(super) fn verify(mac: &Any<'_>, safe: &[u8], password: &Password) -> Result<(), Failure> {
    const DAMAGED: Failure = Failure::Damaged("MAC");
    let fields = all(mac.data, "MAC")?;
    let [info, salt, iterations @ ..] = &*fields else {
        return Err(DAMAGED);
    };
    let [algorithm, expected] = elements(info, "MAC")?;
    let iterations = match iterations.first() {
        Some(count) => count.as_u32().map_err(|_| Failure::Unsupported)?,
        None => 1,
    };
    let algorithm = all(algorithm.data, "MAC")?;
    let oid = algorithm.first().ok_or(DAMAGED)?.data;
    let (_, hash, mac) = HASHES
        .iter()
        .find(|(known, ..)| *known == oid)
        .ok_or(Failure::Unsupported)?;
    let length = hash.output_len();
    let key = derive(hash, password, salt.data, iterations, MAC_KEY, length)?;
    hmac::verify(&hmac::Key::new(*mac, &key), safe, expected.data).map_err(|_| Failure::Password)
}

/// Decrypts data by `SEQUENCE { algorithm, parameters }`.
pub(super) fn decrypt(
    algorithm: &Any<'_>,
    data: &[u8],
    password: &Password,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    const WHAT: &str = "encryption";
    let [kind, parameters] = elements(algorithm, WHAT)?;
    if kind.data == PBES2 {
        return pbes2(algorithm, data, password);
    }
    if kind.data != TRIPLE_DES && kind.data != RC2_40 {
        return Err(Failure::Unsupported);
    }
    let [salt, iterations] = elements(&parameters, WHAT)?;
    let iterations = iterations.as_u32().map_err(|_| Failure::Unsupported)?;
    let key = |purpose, length| {
        let hash = &digest::SHA1_FOR_LEGACY_USE_ONLY;
        derive(hash, password, salt.data, iterations, purpose, length)
    };
    let iv = key(IV, 8)?;
    let fits = "a key has the length asked for";
    let plain = if kind.data == TRIPLE_DES {
        let key = key(CIPHER_KEY, 24)?;
        let cipher = Decryptor::<TdesEde3>::new_from_slices(&key, &iv).expect(fits);
        cipher.decrypt_padded_vec::<Pkcs7>(data)
    } else {
        let key = key(CIPHER_KEY, 5)?;
        let cipher = Decryptor::<Rc2>::new_from_slices(&key, &iv).expect(fits);
        cipher.decrypt_padded_vec::<Pkcs7>(data)
    };
    plain
        .map(Zeroizing::new)
        .map_err(|_| Failure::Damaged(WHAT))
}

fn pbes2(
    algorithm: &Any<'_>,
    data: &[u8],
    password: &Password,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // `PBES2-params { keyDerivationFunc, encryptionScheme { algorithm, iv } }`: the
    // library that reads them takes it for granted that this IV is long enough.
    const WHAT: &str = "encryption";
    let [_pbes2, parameters] = elements(algorithm, WHAT)?;
    let [_derivation, scheme] = elements(&parameters, WHAT)?;
    let [cipher, iv] = elements(&scheme, WHAT)?;
    if cipher.data == DES_EDE3_CBC && iv.data.len() != 8 {
        return Err(Failure::Damaged(WHAT));
    }
    let der = algorithm.to_der_vec().map_err(|_| Failure::Unsupported)?;
    let scheme = EncryptionScheme::try_from(&*der).map_err(|_| Failure::Unsupported)?;
    match scheme.pbes2().map(|parameters| &parameters.kdf) {
        Some(Kdf::Pbkdf2(kdf)) if kdf.iteration_count <= MAX_ITERATIONS => {}
        _ => return Err(Failure::Unsupported),
    }
    match scheme.decrypt(&*password.plain, data) {
        Ok(plain) => Ok(Zeroizing::new(plain)),
        Err(pkcs5::Error::DecryptFailed) => Err(Failure::Damaged(WHAT)),
        Err(_) => Err(Failure::Unsupported),
    }
}

/// RFC 7292, appendix B.2.
fn derive(
    hash: &'static digest::Algorithm,
    password: &Password,
    salt: &[u8],
    iterations: u32,
    purpose: u8,
    length: usize,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    if iterations == 0 || iterations > MAX_ITERATIONS {
        return Err(Failure::Unsupported);
    }
    let block = hash.block_len();
    // Each repeated to whole blocks.
    let filled = |bytes: &[u8]| {
        let length = bytes.len().div_ceil(block) * block;
        let bytes: Vec<u8> = bytes.iter().copied().cycle().take(length).collect();
        Zeroizing::new(bytes)
    };
    let (salt, password) = (filled(salt), filled(&password.wide));
    let mut input = Zeroizing::new([&salt[..], &password].concat());
    let mut out = Zeroizing::new(Vec::with_capacity(length + hash.output_len()));
    while out.len() < length {
        let mut start = digest::Context::new(hash);
        start.update(&vec![purpose; block]);
        start.update(&input);
        let mut round = start.finish();
        for _ in 1..iterations {
            round = digest::digest(hash, round.as_ref());
        }
        out.extend_from_slice(round.as_ref());
        for block in input.chunks_mut(block) {
            // block += round, repeated to its length, + 1, as big numbers.
            let mut carry = 1;
            let addend = round.as_ref().iter().cycle().take(block.len());
            let addend: Vec<u8> = addend.copied().collect();
            for (byte, add) in block.iter_mut().zip(&addend).rev() {
                let sum = u16::from(*byte) + u16::from(*add) + carry;
                *byte = sum.to_be_bytes()[1];
                carry = sum >> 8;
            }
        }
    }
    out.truncate(length);
    Ok(out)
}

/// What derived bytes are for.
const CIPHER_KEY: u8 = 1;
const IV: u8 = 2;
const MAC_KEY: u8 = 3;

/// Above this a file is an attempt to keep us busy.
const MAX_ITERATIONS: u32 = 1_000_000;

type Hash = (&'static [u8], &'static digest::Algorithm, hmac::Algorithm);

/// SHA-1, SHA-256, SHA-384, SHA-512, by the contents of their object identifiers.
static HASHES: [Hash; 4] = [
    (
        &[43, 14, 3, 2, 26],
        &digest::SHA1_FOR_LEGACY_USE_ONLY,
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
    ),
    (
        &[96, 134, 72, 1, 101, 3, 4, 2, 1],
        &digest::SHA256,
        hmac::HMAC_SHA256,
    ),
    (
        &[96, 134, 72, 1, 101, 3, 4, 2, 2],
        &digest::SHA384,
        hmac::HMAC_SHA384,
    ),
    (
        &[96, 134, 72, 1, 101, 3, 4, 2, 3],
        &digest::SHA512,
        hmac::HMAC_SHA512,
    ),
];

// Contents of object identifiers.
const PBES2: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 5, 13];
const DES_EDE3_CBC: &[u8] = &[42, 134, 72, 134, 247, 13, 3, 7];
const TRIPLE_DES: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 12, 1, 3];
const RC2_40: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 12, 1, 6];
