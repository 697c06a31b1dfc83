//! Reads a file.

use rustls_pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use zeroize::Zeroizing;

use super::super::facts;
use super::super::identity_error::IdentityError;
use super::super::key::WipedKey;
use super::super::pem;
use super::crypto::{Encryption, verify};
use super::der::{EXPLICIT, IMPLICIT, Reader, SEQUENCE};
use super::kdf::{Budget, Password};
use super::{Pkcs12Error, oid};

/// The keys and certificates of a PKCS#12 file, in the file's order.
pub(in super::super) struct Contents {
    pub(in super::super) keys: Vec<WipedKey>,
    pub(in super::super) certificates: Vec<CertificateDer<'static>>,
}

/// Opens a file. Every encoding of the password is tried. An empty password, or none,
/// has two encodings.
pub(in super::super) fn open(
    bytes: &[u8],
    password: Option<&str>,
) -> Result<Contents, IdentityError> {
    let file = File::read(bytes)?;
    let text = password.unwrap_or_default();
    let mut budget = Budget::new();
    match file.open_any(text, &mut budget) {
        Err(Pkcs12Error::Password) if text.is_empty() => Err(IdentityError::PasswordNeeded),
        Err(Pkcs12Error::Password) => Err(IdentityError::WrongPassword {
            blank_opens: file.open_any("", &mut budget).is_ok(),
        }),
        opened => Ok(opened?),
    }
}

/// Whether the outer structure is that of a PKCS#12 file.
pub(in super::super) fn is_one(bytes: &[u8]) -> bool {
    matches!(File::parts(bytes), Ok(_) | Err(Pkcs12Error::Ber))
}

/// Whether this is `EncryptedPrivateKeyInfo { algorithm, data }`.
pub(in super::super) fn is_encrypted_key(bytes: &[u8]) -> bool {
    let read = || -> Result<(), Pkcs12Error> {
        let mut info = Reader::new(bytes, "key").sequence()?;
        info.sequence()?.oid()?;
        info.octets().map(drop)
    };
    read().is_ok()
}

/// `SEQUENCE { version, authSafe, macData? }`
struct File<'a> {
    safe: Reader<'a>,
    /// Distinguishes a wrong password from damage, if the file has one.
    mac: Option<Reader<'a>>,
}

impl<'a> File<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, IdentityError> {
        if pem::looks_like(bytes) {
            return Err(IdentityError::PemNotPkcs12);
        }
        Self::parts(bytes).map_err(|failure| match failure {
            Pkcs12Error::Ber => IdentityError::Ber,
            _ => IdentityError::NotPkcs12,
        })
    }

    fn parts(bytes: &'a [u8]) -> Result<Self, Pkcs12Error> {
        let mut file = Reader::new(bytes, "file").sequence()?;
        if file.number()? != 3 {
            return Err(file.damaged());
        }
        let safe = file.sequence()?.of("contents");
        let mac = file.optional(SEQUENCE)?;
        let mac = mac.map(|mac| Reader::new(mac.content, "MAC"));
        Ok(Self { safe, mac })
    }

    /// Opens it with any encoding of the password.
    fn open_any(&self, text: &str, budget: &mut Budget) -> Result<Contents, Pkcs12Error> {
        let mut failure = Pkcs12Error::Password;
        for password in Password::spellings(text) {
            match self.open(&password, budget) {
                Ok(contents) => return Ok(contents),
                // Another error than a wrong password is the one to report.
                Err(other) if failure == Pkcs12Error::Password => failure = other,
                Err(_) => {}
            }
        }
        Err(failure)
    }

    fn open(&self, password: &Password, budget: &mut Budget) -> Result<Contents, Pkcs12Error> {
        let mut info = self.safe;
        let kind = info.oid()?;
        if kind != oid::DATA {
            // For example signed with a private key.
            let algorithm = facts::registered(kind);
            return Err(Pkcs12Error::Unsupported { algorithm });
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
            // Without a MAC nothing has confirmed the password, so a wrong one is the
            // likely cause.
            Err(Pkcs12Error::Damaged(_) | Pkcs12Error::Ber)
                if opening.decrypted && self.mac.is_none() =>
            {
                Err(Pkcs12Error::Password)
            }
            Err(failure) => Err(failure),
        }
    }
}

/// The contents read so far, with one password.
struct Opening<'a> {
    password: &'a Password,
    budget: &'a mut Budget,
    /// Whether something was decrypted.
    decrypted: bool,
    contents: Contents,
}

impl Opening<'_> {
    /// `SEQUENCE OF ContentInfo`, each plain or encrypted.
    fn safe(&mut self, safe: &[u8]) -> Result<(), Pkcs12Error> {
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
                // For example encrypted for a public key.
                other => {
                    let algorithm = facts::registered(other);
                    return Err(Pkcs12Error::Unsupported { algorithm });
                }
            }
        }
        Ok(())
    }

    /// `EncryptedData { version, { type, algorithm, [0] IMPLICIT content } }`
    fn encrypted(&mut self, data: Reader<'_>) -> Result<Zeroizing<Vec<u8>>, Pkcs12Error> {
        let mut data = data.of("encrypted contents");
        data.number()?;
        let mut inner = data.sequence()?;
        inner.oid()?;
        let algorithm = inner.sequence()?;
        let content = inner.element(IMPLICIT)?.content;
        self.decrypt(algorithm, content)
    }

    /// `SEQUENCE OF SafeBag { type, [0] value, attributes? }`
    fn bags(&mut self, bags: &[u8]) -> Result<(), Pkcs12Error> {
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
                // Revocation lists and secrets are not needed.
                _ => {}
            }
        }
        Ok(())
    }

    /// `CertBag { type, [0] OCTET STRING }`
    fn certificate(&mut self, mut bag: Reader<'_>) -> Result<(), Pkcs12Error> {
        if bag.oid()? == oid::X509 {
            let der = bag.inside(EXPLICIT)?.octets()?;
            let certificate = CertificateDer::from(der.to_vec());
            self.contents.certificates.push(certificate);
        }
        Ok(())
    }

    /// `PrivateKeyInfo { version, algorithm, key, … }`
    fn key(&mut self, mut value: Reader<'_>) -> Result<(), Pkcs12Error> {
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
    ) -> Result<Zeroizing<Vec<u8>>, Pkcs12Error> {
        let algorithm = algorithm.of("encryption");
        let encryption = Encryption::new(algorithm, self.password, self.budget)?;
        self.decrypted = true;
        encryption.decrypt(data)
    }
}
