//! Who we are: a private key, its certificate, and the CA we share with the peer.

use std::fmt;

use rustls::sign::CertifiedKey;
use rustls_pki_types::CertificateDer;
use zeroize::Zeroizing;

use super::facts::CertificateFacts;
use super::identity_error::IdentityError;
use super::key::{self, WipedKey};
use super::pem;
use super::pkcs12::{self, Pkcs12Encryption};

/// A private key, its certificate chain, and the CA certificates that came with it.
///
/// The key's memory is wiped on drop. Copies inside the PKCS#12 reader and the
/// signing key a [`ClientTls`](super::ClientTls) holds are out of our reach.
pub struct Identity {
    key: WipedKey,
    /// Leaf first, then what leads from it to the CA.
    chain: Vec<CertificateDer<'static>>,
    authorities: Vec<CertificateDer<'static>>,
    own_facts: CertificateFacts,
    /// Facts of `chain`, in the same order.
    chain_facts: Vec<CertificateFacts>,
    /// Facts of `authorities`, in the same order.
    authority_facts: Vec<CertificateFacts>,
    other_facts: Vec<CertificateFacts>,
}

impl Identity {
    /// Reads a PKCS#12 file from memory, in any of the forms seen in the field:
    /// RC2-40, 3DES or AES, with or without a MAC, bags in any order.
    ///
    /// `None` and an empty password mean the same. The certificate is the one
    /// that belongs to the key; the others become the chain and the CAs.
    ///
    /// # Errors
    /// The cause, with what to do about it. A missing CA is no error here but
    /// where the identity is used to check a peer.
    pub fn from_pkcs12(bytes: &[u8], password: Option<&str>) -> Result<Self, IdentityError> {
        let contents = pkcs12::open(bytes, password)?;
        Self::assemble(contents.keys, contents.certificates, None)
    }

    /// Reads PEM from memory: the certificate (and chain), its private key as
    /// PKCS#8, PKCS#1 or SEC1, and the CA certificates. Each may be DER instead.
    ///
    /// An empty `ca` takes the CA from `certificate`, as a file with everything
    /// in it has it; the same bytes may then be given as `key` too.
    ///
    /// # Errors
    /// The cause, with what to do about it.
    pub fn from_pem(certificate: &[u8], key: &[u8], ca: &[u8]) -> Result<Self, IdentityError> {
        let certificates = pem::certificates(certificate, "certificate")?;
        let key = pem::private_key(key)?;
        let authorities = match ca {
            [] => None,
            ca => Some(named_authorities(ca)?),
        };
        Self::assemble(vec![key], certificates, authorities)
    }

    /// The same identity with the CA certificates in `ca` (PEM) in place of its
    /// own, as a PKCS#12 file without a CA needs them.
    ///
    /// # Errors
    /// The cause, with what to do about it.
    pub fn with_ca(mut self, ca: &[u8]) -> Result<Self, IdentityError> {
        let authorities = named_authorities(ca)?;
        (self.authorities, self.authority_facts) =
            authorities.into_iter().map(|c| (c.der, c.facts)).unzip();
        Ok(self)
    }

    /// Key, chain and CA certificates as one PKCS#12 file; the password may be
    /// empty, and `name` is what other programs list the key by. `None` if the
    /// system has no random numbers.
    pub fn to_pkcs12(
        &self,
        name: &str,
        password: &str,
        encryption: Pkcs12Encryption,
    ) -> Option<Vec<u8>> {
        let key = self.key.pkcs8(&self.own_facts.public_key_raw)?;
        let authorities = self.authorities.iter();
        let others = authorities.filter(|ca| !self.chain.contains(ca));
        let certificates: Vec<&[u8]> = self.chain.iter().chain(others).map(|c| &**c).collect();
        pkcs12::write(&key, &certificates, name, password, encryption)
    }

    /// Our own certificate.
    pub fn certificate(&self) -> &CertificateFacts {
        &self.own_facts
    }

    /// Our own certificate and the ones between it and the CA.
    pub fn chain(&self) -> &[CertificateFacts] {
        &self.chain_facts
    }

    /// The CA certificates peers are judged by; may be empty.
    pub fn authorities(&self) -> &[CertificateFacts] {
        &self.authority_facts
    }

    /// Certificates that came along and serve no purpose.
    pub fn others(&self) -> &[CertificateFacts] {
        &self.other_facts
    }

    /// Our certificate and chain as PEM.
    pub fn certificate_pem(&self) -> String {
        self.chain
            .iter()
            .map(|der| pem::write("CERTIFICATE", der))
            .collect()
    }

    /// The CA certificates as PEM.
    pub fn authority_pem(&self) -> String {
        let all = self.authorities.iter();
        all.map(|der| pem::write("CERTIFICATE", der)).collect()
    }

    /// The private key as PEM, not encrypted. Keep it from logs, and from files
    /// others can read; the string is wiped on drop.
    pub fn private_key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(pem::write(self.key.label(), self.key.0.secret_der()))
    }

    /// The certificate of `shown` with the key of another.
    #[cfg(test)]
    pub(super) fn with_foreign_key(shown: &Self, other: &Self) -> Self {
        let der = other.key.0.clone_key();
        Self {
            key: WipedKey(der),
            chain: shown.chain.clone(),
            authorities: shown.authorities.clone(),
            own_facts: shown.own_facts.clone(),
            chain_facts: shown.chain_facts.clone(),
            authority_facts: shown.authority_facts.clone(),
            other_facts: Vec::new(),
        }
    }

    pub(super) fn authority_certificates(&self) -> &[CertificateDer<'static>] {
        &self.authorities
    }

    /// Key and chain in the form a TLS configuration takes.
    pub(super) fn certified_key(&self) -> Result<CertifiedKey, IdentityError> {
        let key = self.key.signing(&self.chain_facts)?;
        Ok(CertifiedKey::new(self.chain.clone(), key))
    }

    /// Finds the key's certificate and sorts the others around it.
    /// `authorities` given by name replace those found among the certificates.
    fn assemble(
        keys: Vec<WipedKey>,
        certificates: Vec<CertificateDer<'static>>,
        authorities: Option<Vec<Found>>,
    ) -> Result<Self, IdentityError> {
        let mut found: Vec<Found> = Vec::new();
        for der in certificates {
            let facts = CertificateFacts::from_der(&der).ok_or_else(unreadable)?;
            found.push(Found { der, facts });
        }
        if keys.is_empty() {
            return Err(IdentityError::NoKey);
        }
        if found.is_empty() {
            return Err(IdentityError::NoCertificate);
        }

        let (key, leaf) = pick(keys, &found)?;
        let mut leaf = found.remove(leaf);
        leaf.facts.key_matches = Some(true);
        for other in &mut found {
            other.facts.key_matches = Some(false);
        }

        let own_facts = leaf.facts.clone();
        let mut chain = vec![leaf];
        while let Some(next) = issuer_of(chain.last(), &found) {
            chain.push(found.remove(next));
        }
        let (signers, others): (Vec<Found>, Vec<Found>) =
            found.into_iter().partition(|c| c.facts.may_sign());
        let authorities = match authorities {
            Some(given) => given,
            // An intermediate anchors the chain as well as the root does.
            None => chain.iter().skip(1).cloned().chain(signers).collect(),
        };
        let (chain, chain_facts) = chain.into_iter().map(|c| (c.der, c.facts)).unzip();
        let (authorities, authority_facts) =
            authorities.into_iter().map(|c| (c.der, c.facts)).unzip();
        Ok(Self {
            key,
            chain,
            authorities,
            own_facts,
            chain_facts,
            authority_facts,
            other_facts: others.into_iter().map(|c| c.facts).collect(),
        })
    }
}

/// Names the certificate and never the key.
impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let authorities: Vec<&str> = self
            .authority_facts
            .iter()
            .map(|facts| facts.subject.as_str())
            .collect();
        f.debug_struct("Identity")
            .field("certificate", &self.own_facts.subject)
            .field("authorities", &authorities)
            .finish_non_exhaustive()
    }
}

#[derive(Clone)]
struct Found {
    der: CertificateDer<'static>,
    facts: CertificateFacts,
}

/// The first key that fits a certificate, with the certificate's place. Of
/// several certificates of one key, the renewed one: valid the longest.
fn pick(keys: Vec<WipedKey>, found: &[Found]) -> Result<(WipedKey, usize), IdentityError> {
    let facts: Vec<CertificateFacts> = found.iter().map(|c| c.facts.clone()).collect();
    let mut unusable = None;
    for candidate in keys {
        let signing = match candidate.signing(&facts) {
            Ok(signing) => signing,
            Err(error) => {
                unusable = Some(error);
                continue;
            }
        };
        let fitting = found
            .iter()
            .enumerate()
            .filter(|(_, certificate)| key::fits(&signing, &certificate.facts))
            .max_by_key(|(_, certificate)| certificate.facts.not_after);
        if let Some((place, _)) = fitting {
            return Ok((candidate, place));
        }
    }
    Err(unusable.unwrap_or_else(|| IdentityError::KeyMismatch {
        subjects: facts.into_iter().map(|facts| facts.subject).collect(),
    }))
}

/// The place of the certificate that issued `of`, unless that is a root: the
/// peer has the root already.
fn issuer_of(of: Option<&Found>, among: &[Found]) -> Option<usize> {
    let of = of.filter(|of| !of.facts.self_issued())?;
    among.iter().position(|candidate| {
        candidate.facts.subject_raw == of.facts.issuer_raw
            && candidate.facts.may_sign()
            && !candidate.facts.self_issued()
    })
}

/// The CA certificates in a file of their own.
fn named_authorities(ca: &[u8]) -> Result<Vec<Found>, IdentityError> {
    let found = pem::certificates(ca, "CA")?.into_iter();
    let found: Vec<Found> = found
        .filter_map(|der| CertificateFacts::from_der(&der).map(|facts| Found { der, facts }))
        .collect();
    match found.is_empty() {
        true => Err(IdentityError::NoCa),
        false => Ok(found),
    }
}

fn unreadable() -> IdentityError {
    IdentityError::Damaged {
        detail: "a certificate is not X.509".to_owned(),
    }
}
