//! What is in a file.

use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use super::super::facts;
use super::super::identity_error::IdentityError;
use super::super::key::WipedKey;
use super::super::pem;
use super::crypto::{Encryption, verify};
use super::der::{EXPLICIT, IMPLICIT, Reader, SEQUENCE};
use super::kdf::{Budget, Password};
use super::{Failure, oid};

/// Everything useful in a PKCS#12 file, in the file's order.
pub(in super::super) struct Contents {
    pub(in super::super) keys: Vec<WipedKey>,
    pub(in super::super) certificates: Vec<CertificateDer<'static>>,
}

/// Opens the file. Every spelling of the password is tried; without one, or with
/// an empty one, both ways to write a blank password.
pub(in super::super) fn open(
    bytes: &[u8],
    password: Option<&str>,
) -> Result<Contents, IdentityError> {
    let file = File::read(bytes)?;
    let text = password.unwrap_or_default();
    let mut budget = Budget::new();
    match file.open_any(text, &mut budget) {
        Err(Failure::Password) if text.is_empty() => Err(IdentityError::PasswordNeeded),
        Err(Failure::Password) => Err(IdentityError::WrongPassword {
            blank_opens: file.open_any("", &mut budget).is_ok(),
        }),
        opened => Ok(opened?),
    }
}

/// Whether this is a PKCS#12 file from the outside.
pub(in super::super) fn is_one(bytes: &[u8]) -> bool {
    matches!(File::parts(bytes), Ok(_) | Err(Failure::Ber))
}

/// Whether this is `EncryptedPrivateKeyInfo { algorithm, data }`.
pub(in super::super) fn is_encrypted_key(bytes: &[u8]) -> bool {
    let read = || -> Result<(), Failure> {
        let mut info = Reader::new(bytes, "key").sequence()?;
        info.sequence()?.oid()?;
        info.octets().map(drop)
    };
    read().is_ok()
}

/// `SEQUENCE { version, authSafe, macData? }`
struct File<'a> {
    safe: Reader<'a>,
    /// Tells a wrong password from damage, where it is there.
    mac: Option<Reader<'a>>,
}

impl<'a> File<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, IdentityError> {
        if pem::looks_like(bytes) {
            return Err(IdentityError::PemNotPkcs12);
        }
        Self::parts(bytes).map_err(|failure| match failure {
            Failure::Ber => IdentityError::Ber,
            _ => IdentityError::NotPkcs12,
        })
    }

    fn parts(bytes: &'a [u8]) -> Result<Self, Failure> {
        let mut file = Reader::new(bytes, "file").sequence()?;
        if file.number()? != 3 {
            return Err(file.damaged());
        }
        let safe = file.sequence()?.of("contents");
        let mac = file.optional(SEQUENCE)?;
        let mac = mac.map(|mac| Reader::new(mac.content, "MAC"));
        Ok(Self { safe, mac })
    }

    /// Opens it by any spelling of the password.
    fn open_any(&self, text: &str, budget: &mut Budget) -> Result<Contents, Failure> {
        let mut failure = Failure::Password;
        for password in Password::spellings(text) {
            match self.open(&password, budget) {
                Ok(contents) => return Ok(contents),
                // Whatever is more than a wrong password stays so by other spellings.
                Err(other) if failure == Failure::Password => failure = other,
                Err(_) => {}
            }
        }
        Err(failure)
    }

    fn open(&self, password: &Password, budget: &mut Budget) -> Result<Contents, Failure> {
        let mut info = self.safe;
        let kind = info.oid()?;
        if kind != oid::DATA {
            // Signed with somebody's private key, say.
            let algorithm = facts::registered(kind);
            return Err(Failure::Unsupported { algorithm });
        }
        let safe = info.inside(EXPLICIT)?.octets()?;
        if let Some(mac) = self.mac {
            verify(mac, safe, password, budget)?;
        }
        let mut opening = Opening {
            password,
            budget,
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
            Err(Failure::Damaged(_) | Failure::Ber) if opening.decrypted && self.mac.is_none() => {
                Err(Failure::Password)
            }
            Err(failure) => Err(failure),
        }
    }
}

/// What has been read so far, with one password.
struct Opening<'a> {
    password: &'a Password,
    budget: &'a mut Budget,
    /// Whether something came out of the password.
    decrypted: bool,
    contents: Contents,
}

impl Opening<'_> {
    /// `SEQUENCE OF ContentInfo`, each plain or encrypted.
    fn safe(&mut self, safe: &[u8]) -> Result<(), Failure> {
        let mut parts = Reader::new(safe, "contents").sequence()?;
        while !parts.is_empty() {
            let mut info = parts.sequence()?;
            let kind = info.oid()?;
            let mut content = info.inside(EXPLICIT)?;
            match kind {
                oid::DATA => self.bags(content.octets()?)?,
                oid::ENCRYPTED => {
                    let bags = self.encrypted(content.sequence()?)?;
                    self.bags(&bags)?;
                }
                // For somebody's public key, say.
                other => {
                    let algorithm = facts::registered(other);
                    return Err(Failure::Unsupported { algorithm });
                }
            }
        }
        Ok(())
    }

    /// `EncryptedData { version, { type, algorithm, [0] IMPLICIT content } }`
    fn encrypted(&mut self, data: Reader<'_>) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let mut data = data.of("encrypted contents");
        data.number()?;
        let mut inner = data.sequence()?;
        inner.oid()?;
        let algorithm = inner.sequence()?;
        let content = inner.element(IMPLICIT)?.content;
        self.decrypt(algorithm, content)
    }

    /// `SEQUENCE OF SafeBag { type, [0] value, attributes? }`
    fn bags(&mut self, bags: &[u8]) -> Result<(), Failure> {
        let mut bags = Reader::new(bags, "bags").sequence()?;
        while !bags.is_empty() {
            let mut bag = bags.sequence()?.of("bag");
            let kind = bag.oid()?;
            let mut value = bag.inside(EXPLICIT)?;
            match kind {
                oid::CERT_BAG => self.certificate(value.sequence()?.of("certificate"))?,
                oid::KEY_BAG => self.key(value.of("key"))?,
                oid::SHROUDED_BAG => {
                    let mut shrouded = value.sequence()?.of("key");
                    let algorithm = shrouded.sequence()?;
                    let plain = self.decrypt(algorithm, shrouded.octets()?)?;
                    self.key(Reader::new(&plain, "key"))?;
                }
                // Of revocation lists and secrets nothing is needed.
                _ => {}
            }
        }
        Ok(())
    }

    /// `CertBag { type, [0] OCTET STRING }`
    fn certificate(&mut self, mut bag: Reader<'_>) -> Result<(), Failure> {
        if bag.oid()? == oid::X509 {
            let der = bag.inside(EXPLICIT)?.octets()?;
            let certificate = CertificateDer::from(der.to_vec());
            self.contents.certificates.push(certificate);
        }
        Ok(())
    }

    /// `PrivateKeyInfo { version, algorithm, key, … }`
    fn key(&mut self, mut value: Reader<'_>) -> Result<(), Failure> {
        let der = value.element(SEQUENCE)?;
        let mut info = Reader::new(der.content, "key");
        if info.number()? > 1 {
            return Err(info.damaged());
        }
        info.sequence()?;
        info.octets()?;
        let der = PrivatePkcs8KeyDer::from(der.whole.to_vec());
        self.contents.keys.push(WipedKey(PrivateKeyDer::Pkcs8(der)));
        Ok(())
    }

    fn decrypt(
        &mut self,
        algorithm: Reader<'_>,
        data: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, Failure> {
        let algorithm = algorithm.of("encryption");
        let encryption = Encryption::new(algorithm, self.password, self.budget)?;
        self.decrypted = true;
        encryption.decrypt(data)
    }
}
