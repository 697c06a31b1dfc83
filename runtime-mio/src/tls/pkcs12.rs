//! Opens PKCS#12 files (RFC 7292), old and new, and says why one does not open.
//!
//! Libraries for it know one way to write a blank password and tools write two;
//! and they keep tables of certificates' fields for the life of the process.

use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use x509_parser::asn1_rs::{Any, FromDer};
use zeroize::Zeroizing;

use super::identity_error::IdentityError;
use super::key::WipedKey;
use super::pem;
use super::pkcs12_crypto::{Failure, Password, decrypt, verify};

/// Everything useful in a PKCS#12 file, in the file's order.
pub(super) struct Contents {
    pub(super) keys: Vec<WipedKey>,
    pub(super) certificates: Vec<CertificateDer<'static>>,
}

/// Opens the file. Without a password, and with an empty one, both ways to
/// write a blank password are tried.
pub(super) fn open(bytes: &[u8], password: Option<&str>) -> Result<Contents, IdentityError> {
    let file = File::read(bytes)?;
    let text = password.unwrap_or_default();
    let password = Password::new(text).ok_or(IdentityError::PasswordCharacters)?;
    match file.open(&password) {
        Ok(contents) => Ok(contents),
        Err(Failure::Password) if text.is_empty() => file
            .open(&Password::none())
            .map_err(|_| IdentityError::PasswordNeeded),
        Err(Failure::Password) => Err(IdentityError::WrongPassword {
            blank_opens: open(bytes, None).is_ok(),
        }),
        Err(Failure::Unsupported) => Err(IdentityError::UnsupportedEncryption),
        Err(Failure::Damaged(detail)) => Err(IdentityError::Damaged {
            detail: detail.to_owned(),
        }),
    }
}

/// `SEQUENCE { version, authSafe, macData? }`
struct File<'a> {
    safe: Any<'a>,
    /// Tells a wrong password from damage, where it is there.
    mac: Option<Any<'a>>,
}

impl<'a> File<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, IdentityError> {
        if pem::looks_like(bytes) {
            return Err(IdentityError::PemNotPkcs12);
        }
        if bytes.starts_with(&[0x30, 0x80]) {
            return Err(IdentityError::IndefiniteLength);
        }
        match parts(bytes, "").as_deref() {
            Ok([version, safe, mac @ ..]) if version.as_u32() == Ok(3) => Ok(Self {
                safe: safe.clone(),
                mac: mac.first().cloned(),
            }),
            _ => Err(IdentityError::NotPkcs12),
        }
    }

    fn open(&self, password: &Password) -> Result<Contents, Failure> {
        let safe = content(&self.safe, DATA, "contents")?.ok_or(Failure::Unsupported)?;
        if let Some(mac) = &self.mac {
            verify(mac, safe, password)?;
        }
        let mut opening = Opening {
            password,
            decrypted: false,
            contents: Contents {
                keys: Vec::new(),
                certificates: Vec::new(),
            },
        };
        match opening.safe(safe) {
            Ok(()) => Ok(opening.contents),
            // Garbage that a wrong key may have made: nothing had confirmed the
            // password.
            Err(Failure::Damaged(_)) if opening.decrypted && self.mac.is_none() => {
                Err(Failure::Password)
            }
            Err(failure) => Err(failure),
        }
    }
}

/// What has been read so far, with one password.
struct Opening<'p> {
    password: &'p Password,
    /// Whether that was used.
    decrypted: bool,
    contents: Contents,
}

impl Opening<'_> {
    /// `SEQUENCE OF ContentInfo`, each plain or encrypted.
    fn safe(&mut self, safe: &[u8]) -> Result<(), Failure> {
        for part in parts(safe, "contents")? {
            let bags = match content(&part, DATA, "contents")? {
                Some(plain) => Zeroizing::new(plain.to_vec()),
                None => self.encrypted(&part)?,
            };
            for bag in parts(&bags, "bags")? {
                self.bag(&bag)?;
            }
        }
        Ok(())
    }

    /// `[0] EncryptedData { version, { type, algorithm, [0] IMPLICIT content } }`
    fn encrypted(&mut self, info: &Any<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
        const WHAT: &str = "encrypted contents";
        let [kind, explicit] = elements(info, WHAT)?;
        if kind.data != ENCRYPTED {
            // For somebody's public key, say.
            return Err(Failure::Unsupported);
        }
        let (_, data) = element(explicit.data, WHAT)?;
        let [_version, inner] = elements(&data, WHAT)?;
        let [_type, algorithm, content] = elements(&inner, WHAT)?;
        self.decrypt(&algorithm, content.data)
    }

    /// `SafeBag { type, [0] value, attributes? }`
    fn bag(&mut self, bag: &Any<'_>) -> Result<(), Failure> {
        let bag = all(bag.data, "bag")?;
        let [kind, explicit, ..] = &*bag else {
            return Err(Failure::Damaged("bag"));
        };
        let (_, value) = element(explicit.data, "bag")?;
        if kind.data == CERT_BAG {
            if let Some(der) = content(&value, X509, "certificate")? {
                let certificate = CertificateDer::from(der.to_vec());
                self.contents.certificates.push(certificate);
            }
        } else if kind.data == KEY_BAG {
            self.key(explicit.data)?;
        } else if kind.data == SHROUDED_BAG {
            let [algorithm, shrouded] = elements(&value, "key")?;
            let plain = self.decrypt(&algorithm, shrouded.data)?;
            self.key(&plain)?;
        }
        Ok(())
    }

    /// `PrivateKeyInfo { version, algorithm, key, … }`
    fn key(&mut self, der: &[u8]) -> Result<(), Failure> {
        match &*parts(der, "key")? {
            [version, _algorithm, _key, ..] if version.as_u32().is_ok_and(|it| it <= 1) => {}
            _ => return Err(Failure::Damaged("key")),
        }
        let der = PrivatePkcs8KeyDer::from(der.to_vec());
        self.contents.keys.push(WipedKey(PrivateKeyDer::Pkcs8(der)));
        Ok(())
    }

    fn decrypt(&mut self, algorithm: &Any<'_>, data: &[u8]) -> Result<Zeroizing<Vec<u8>>, Failure> {
        self.decrypted = true;
        decrypt(algorithm, data, self.password)
    }
}

/// What stands in `SEQUENCE { type, [0] OCTET STRING }` if the type is `oid`.
fn content<'a>(
    info: &Any<'a>,
    oid: &[u8],
    what: &'static str,
) -> Result<Option<&'a [u8]>, Failure> {
    let [kind, explicit] = elements(info, what)?;
    if kind.data != oid {
        return Ok(None);
    }
    Ok(Some(element(explicit.data, what)?.1.data))
}

/// The elements of a SEQUENCE in DER.
fn parts<'a>(der: &'a [u8], what: &'static str) -> Result<Vec<Any<'a>>, Failure> {
    all(element(der, what)?.1.data, what)
}

/// As many elements as there have to be.
pub(super) fn elements<'a, const N: usize>(
    sequence: &Any<'a>,
    what: &'static str,
) -> Result<[Any<'a>; N], Failure> {
    let elements = all(sequence.data, what)?;
    elements.try_into().map_err(|_| Failure::Damaged(what))
}

/// All elements, one after the other.
pub(super) fn all<'a>(mut der: &'a [u8], what: &'static str) -> Result<Vec<Any<'a>>, Failure> {
    let mut all = Vec::new();
    while !der.is_empty() {
        let (rest, first) = element(der, what)?;
        all.push(first);
        der = rest;
    }
    Ok(all)
}

/// The first element, and what follows it.
fn element<'a>(der: &'a [u8], what: &'static str) -> Result<(&'a [u8], Any<'a>), Failure> {
    Any::from_der(der).map_err(|_| Failure::Damaged(what))
}

// Contents of object identifiers.
const DATA: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 7, 1];
const ENCRYPTED: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 7, 6];
const KEY_BAG: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 12, 10, 1, 1];
const SHROUDED_BAG: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 12, 10, 1, 2];
const CERT_BAG: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 12, 10, 1, 3];
const X509: &[u8] = &[42, 134, 72, 134, 247, 13, 1, 9, 22, 1];
