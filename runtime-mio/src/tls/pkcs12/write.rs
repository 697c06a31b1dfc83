//! Writes a file with one key and its certificates.

use ring::rand::{SecureRandom, SystemRandom};

use super::crypto::Encryption;
use super::der::{
    BMP_STRING, EXPLICIT, IMPLICIT, NULL, OCTET_STRING, OID, Reader, SEQUENCE, SET, number, wrap,
};
use super::kdf::{Budget, Hash, Password, Purpose, SHA1, SHA256};
use super::oid;

/// How a PKCS#12 file is encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Pkcs12Encryption {
    /// PBES2 with AES-256 and a MAC with SHA-256, as current tools write it.
    #[default]
    Aes256,
    /// Certificates with RC2 of 40 bits, the key with 3DES, and a MAC with SHA-1, as
    /// older Management Centers write it. OpenSSL 3 opens such a file only with
    /// `-legacy`. It is no real protection.
    Legacy,
}

/// Writes `key` (PKCS#8) and the certificates, its own first. `name` is the friendly
/// name. `None` if the system has no random numbers.
pub(in super::super) fn write(
    key: &[u8],
    certificates: &[&[u8]],
    name: &str,
    password: &str,
    encryption: Pkcs12Encryption,
) -> Option<Vec<u8>> {
    let (for_certificates, for_key, hash): (Identifier, Identifier, _) = match encryption {
        Pkcs12Encryption::Aes256 => (pbes2, pbes2, SHA256),
        Pkcs12Encryption::Legacy => (
            |salt| old(oid::SHA1_RC2_40, salt),
            |salt| old(oid::SHA1_3DES, salt),
            SHA1,
        ),
    };
    let password = Password::new(password);
    let mut bags = Vec::new();
    for (place, certificate) in certificates.iter().enumerate() {
        let content = wrap(OCTET_STRING, &[certificate]);
        let value = sequence(&[&wrap(OID, &[oid::X509]), &wrap(EXPLICIT, &[&content])]);
        let attributes = match place {
            0 => attributes(name),
            _ => Vec::new(),
        };
        bags.push(bag(oid::CERT_BAG, &value, &attributes));
    }
    let bags: Vec<&[u8]> = bags.iter().map(Vec::as_slice).collect();
    let (algorithm, content) = encrypt(for_certificates, &sequence(&bags), &password)?;
    let content = wrap(IMPLICIT, &[&content]);
    let content = sequence(&[&wrap(OID, &[oid::DATA]), &algorithm, &content]);
    let content = sequence(&[&number(0), &content]);
    let certificates = sequence(&[&wrap(OID, &[oid::ENCRYPTED]), &wrap(EXPLICIT, &[&content])]);

    let (algorithm, content) = encrypt(for_key, key, &password)?;
    let value = sequence(&[&algorithm, &wrap(OCTET_STRING, &[&content])]);
    let key = data(&sequence(&[&bag(
        oid::SHROUDED_BAG,
        &value,
        &attributes(name),
    )]));

    let safe = sequence(&[&certificates, &key]);
    let mac = mac(hash, &safe, &password)?;
    Some(sequence(&[&number(3), &data(&safe), &mac]))
}

/// `MacData { DigestInfo { algorithm, digest }, salt, iterations }`
fn mac(hash: &Hash, safe: &[u8], password: &Password) -> Option<Vec<u8>> {
    let salt = random()?;
    let mut budget = Budget::new();
    let key = hash.pkcs12(
        password,
        &salt,
        ROUNDS,
        Purpose::Mac,
        hash.length,
        &mut budget,
    );
    let digest = wrap(OCTET_STRING, &[&hash.sign(&key.ok()?, safe)]);
    let algorithm = sequence(&[&wrap(OID, &[hash.oid]), &wrap(NULL, &[])]);
    let info = sequence(&[&algorithm, &digest]);
    Some(sequence(&[
        &info,
        &wrap(OCTET_STRING, &[&salt]),
        &number(ROUNDS),
    ]))
}

/// Returns an `AlgorithmIdentifier` with these random bytes.
type Identifier = fn(&[u8; RANDOM]) -> Vec<u8>;

/// Encrypts `plain` and returns the algorithm identifier and the result. The
/// identifier is read by the code that decrypts.
fn encrypt(
    identifier: Identifier,
    plain: &[u8],
    password: &Password,
) -> Option<(Vec<u8>, Vec<u8>)> {
    let algorithm = identifier(&random()?);
    let read = Reader::new(&algorithm, "encryption").sequence().ok()?;
    let encryption = Encryption::new(read, password, &mut Budget::new()).ok()?;
    let content = encryption.encrypt(plain)?;
    Some((algorithm, content))
}

fn pbes2(random: &[u8; RANDOM]) -> Vec<u8> {
    let (salt, iv) = random.split_at(RANDOM / 2);
    let prf = sequence(&[&wrap(OID, &[SHA256.hmac_oid]), &wrap(NULL, &[])]);
    let parameters = sequence(&[&wrap(OCTET_STRING, &[salt]), &number(ROUNDS), &prf]);
    let derivation = sequence(&[&wrap(OID, &[oid::PBKDF2]), &parameters]);
    let scheme = sequence(&[&wrap(OID, &[oid::AES256_CBC]), &wrap(OCTET_STRING, &[iv])]);
    let parameters = sequence(&[&derivation, &scheme]);
    sequence(&[&wrap(OID, &[oid::PBES2]), &parameters])
}

fn old(kind: &[u8], random: &[u8; RANDOM]) -> Vec<u8> {
    let salt = wrap(OCTET_STRING, &[&random[..8]]);
    sequence(&[&wrap(OID, &[kind]), &sequence(&[&salt, &number(ROUNDS)])])
}

/// `SafeBag { type, [0] value, attributes }`
fn bag(kind: &[u8], value: &[u8], attributes: &[u8]) -> Vec<u8> {
    sequence(&[&wrap(OID, &[kind]), &wrap(EXPLICIT, &[value]), attributes])
}

/// The friendly name, and the local id that connects key and certificate.
fn attributes(name: &str) -> Vec<u8> {
    let name: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
    let name = wrap(SET, &[&wrap(BMP_STRING, &[&name])]);
    let name = sequence(&[&wrap(OID, &[oid::FRIENDLY_NAME]), &name]);
    let id = wrap(SET, &[&wrap(OCTET_STRING, &[&[1]])]);
    let id = sequence(&[&wrap(OID, &[oid::LOCAL_KEY_ID]), &id]);
    wrap(SET, &[&name, &id])
}

/// `ContentInfo` of plain data.
fn data(content: &[u8]) -> Vec<u8> {
    let content = wrap(EXPLICIT, &[&wrap(OCTET_STRING, &[content])]);
    sequence(&[&wrap(OID, &[oid::DATA]), &content])
}

fn sequence(parts: &[&[u8]]) -> Vec<u8> {
    wrap(SEQUENCE, parts)
}

fn random() -> Option<[u8; RANDOM]> {
    let mut bytes = [0; RANDOM];
    SystemRandom::new().fill(&mut bytes).ok()?;
    Some(bytes)
}

/// Bytes of salt and IV.
const RANDOM: usize = 32;

/// Rounds of each key derivation: OpenSSL's default.
const ROUNDS: u32 = 2048;
