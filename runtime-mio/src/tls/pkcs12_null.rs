//! PKCS#12 files made with no password at all.
//!
//! An empty password is two zero bytes to the key derivation, no password is
//! none, and some tools write the latter when a password field stays blank. The
//! PKCS#12 reader knows the former only, so this opens the others: RFC 7292 with
//! the password left out.

use cbc::Decryptor;
use cbc::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
use des::TdesEde3;
use pkcs5::{EncryptionScheme, pbes2::Kdf};
use rc2::Rc2;
use ring::{digest, hmac};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::asn1_rs::{Any, FromDer, ToDer};
use zeroize::Zeroizing;

use super::key::WipedKey;
use super::pkcs12::Contents;

/// Opens the file; `None` if it is not one made without a password.
pub(super) fn open(bytes: &[u8]) -> Option<Contents> {
    let [_version, safe, mac @ ..] = &*parts(bytes)? else {
        return None;
    };
    let safe = content(safe, DATA)?;
    if let Some(mac) = mac.first() {
        verify(mac, safe)?;
    }
    let mut contents = Contents {
        keys: Vec::new(),
        certificates: Vec::new(),
    };
    for part in parts(safe)? {
        let bags = match content(&part, DATA) {
            Some(plain) => Zeroizing::new(plain.to_vec()),
            None => encrypted(&part)?,
        };
        for bag in parts(&bags)? {
            take(&bag, &mut contents)?;
        }
    }
    Some(contents)
}

/// The elements of a SEQUENCE.
fn parts(der: &[u8]) -> Option<Vec<Any<'_>>> {
    let (_, sequence) = Any::from_der(der).ok()?;
    elements(&sequence)
}

fn elements<'a>(sequence: &Any<'a>) -> Option<Vec<Any<'a>>> {
    let mut rest = sequence.data;
    let mut all = Vec::new();
    while !rest.is_empty() {
        let (after, element) = Any::from_der(rest).ok()?;
        all.push(element);
        rest = after;
    }
    Some(all)
}

/// What stands in `ContentInfo { type, [0] OCTET STRING }` if the type is `oid`.
fn content<'a>(info: &Any<'a>, oid: &[u8]) -> Option<&'a [u8]> {
    let [kind, explicit] = &*elements(info)? else {
        return None;
    };
    let (_, inner) = Any::from_der(explicit.data).ok()?;
    (kind.data == oid).then_some(inner.data)
}

/// `MacData { DigestInfo { algorithm, digest }, salt, iterations = 1 }`
fn verify(mac: &Any<'_>, safe: &[u8]) -> Option<()> {
    let [info, salt, iterations @ ..] = &*elements(mac)? else {
        return None;
    };
    let [algorithm, expected] = &*elements(info)? else {
        return None;
    };
    let iterations = match iterations.first() {
        Some(count) => count.as_u32().ok()?,
        None => 1,
    };
    let algorithm = elements(algorithm)?;
    let oid = algorithm.first()?.data;
    let (_, hash) = HASHES.iter().find(|(known, _)| *known == oid)?;
    let (hash, mac) = (hash.0, hash.1);
    let key = derive(hash, salt.data, iterations, MAC_KEY, hash.output_len())?;
    hmac::verify(&hmac::Key::new(mac, &key), safe, expected.data).ok()
}

/// `[0] EncryptedData { version, { type, algorithm, [0] IMPLICIT content } }`
fn encrypted(info: &Any<'_>) -> Option<Zeroizing<Vec<u8>>> {
    let [kind, explicit] = &*elements(info)? else {
        return None;
    };
    let [_version, inner] = &*parts(explicit.data)? else {
        return None;
    };
    let [_type, algorithm, content] = &*elements(inner)? else {
        return None;
    };
    (kind.data == ENCRYPTED).then_some(())?;
    decrypt(algorithm, content.data)
}

/// `SafeBag { type, [0] value, attributes }`
fn take(bag: &Any<'_>, contents: &mut Contents) -> Option<()> {
    let [kind, explicit, ..] = &*elements(bag)? else {
        return None;
    };
    let key = |der: &[u8]| {
        let der = PrivatePkcs8KeyDer::from(der.to_vec());
        WipedKey(PrivateKeyDer::Pkcs8(der))
    };
    if kind.data == CERT_BAG {
        let (_, certificate) = Any::from_der(explicit.data).ok()?;
        let certificate = content(&certificate, X509)?;
        contents
            .certificates
            .push(CertificateDer::from(certificate.to_vec()));
    } else if kind.data == KEY_BAG {
        contents.keys.push(key(explicit.data));
    } else if kind.data == SHROUDED_BAG {
        let [algorithm, shrouded] = &*parts(explicit.data)? else {
            return None;
        };
        let plain = decrypt(algorithm, shrouded.data)?;
        contents.keys.push(key(&plain));
    }
    Some(())
}

fn decrypt(algorithm: &Any<'_>, data: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let [kind, parameters] = &*elements(algorithm)? else {
        return None;
    };
    if kind.data == PBES2 {
        // To this scheme, no password and an empty one are the same.
        let der = algorithm.to_der_vec().ok()?;
        let scheme = EncryptionScheme::try_from(der.as_slice()).ok()?;
        let bounded = match &scheme.pbes2()?.kdf {
            Kdf::Pbkdf2(kdf) => kdf.iteration_count <= MAX_ITERATIONS,
            _ => false,
        };
        bounded.then_some(())?;
        return scheme.decrypt([], data).ok().map(Zeroizing::new);
    }
    let [salt, iterations] = &*elements(parameters)? else {
        return None;
    };
    let iterations = iterations.as_u32().ok()?;
    let key = |purpose, length| {
        let hash = &digest::SHA1_FOR_LEGACY_USE_ONLY;
        derive(hash, salt.data, iterations, purpose, length)
    };
    let iv = key(IV, 8)?;
    let plain = if kind.data == TRIPLE_DES {
        let cipher = Decryptor::<TdesEde3>::new_from_slices(&key(CIPHER_KEY, 24)?, &iv).ok()?;
        cipher.decrypt_padded_vec::<Pkcs7>(data)
    } else if kind.data == RC2_40 {
        let cipher = Decryptor::<Rc2>::new_from_slices(&key(CIPHER_KEY, 5)?, &iv).ok()?;
        cipher.decrypt_padded_vec::<Pkcs7>(data)
    } else {
        return None;
    };
    plain.ok().map(Zeroizing::new)
}

/// RFC 7292, appendix B.2, with an empty password: I is the salt alone.
fn derive(
    hash: &'static digest::Algorithm,
    salt: &[u8],
    iterations: u32,
    purpose: u8,
    length: usize,
) -> Option<Zeroizing<Vec<u8>>> {
    if salt.is_empty() || iterations == 0 || iterations > MAX_ITERATIONS {
        return None;
    }
    let block = hash.block_len();
    let repeated = salt.len().div_ceil(block) * block;
    let mut input: Vec<u8> = salt.iter().copied().cycle().take(repeated).collect();
    let mut out = Zeroizing::new(Vec::new());
    while out.len() < length {
        let start = [vec![purpose; block], input.clone()].concat();
        let mut round = digest::digest(hash, &start);
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
    Some(out)
}

/// What derived bytes are for.
const CIPHER_KEY: u8 = 1;
const IV: u8 = 2;
const MAC_KEY: u8 = 3;

/// Above this a file is an attempt to keep us busy.
const MAX_ITERATIONS: u32 = 1_000_000;

type Hash = (&'static digest::Algorithm, hmac::Algorithm);

/// SHA-1, SHA-256, SHA-384, SHA-512, by the contents of their OIDs.
static HASHES: [(&[u8], Hash); 4] = [
    (
        &[43, 14, 3, 2, 26],
        (
            &digest::SHA1_FOR_LEGACY_USE_ONLY,
            hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        ),
    ),
    (
        &[96, 134, 72, 1, 101, 3, 4, 2, 1],
        (&digest::SHA256, hmac::HMAC_SHA256),
    ),
    (
        &[96, 134, 72, 1, 101, 3, 4, 2, 2],
        (&digest::SHA384, hmac::HMAC_SHA384),
    ),
    (
        &[96, 134, 72, 1, 101, 3, 4, 2, 3],
        (&digest::SHA512, hmac::HMAC_SHA512),
    ),
];

// Contents of OIDs.
const DATA: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 7, 1];
const ENCRYPTED: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 7, 6];
const KEY_BAG: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 12, 10, 1, 1];
const SHROUDED_BAG: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 12, 10, 1, 2];
const CERT_BAG: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 12, 10, 1, 3];
const X509: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 9, 22, 1];
const PBES2: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 5, 13];
const TRIPLE_DES: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 12, 1, 3];
const RC2_40: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 12, 1, 6];
