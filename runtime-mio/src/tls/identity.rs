//! A private key, its certificate, and the CA that both ends share.

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
/// The key's memory is wiped on drop. The signing key in a
/// [`ClientTls`](super::ClientTls) is a copy that is not wiped.
pub struct Identity {
    key: WipedKey,
    /// The leaf, then the certificates between it and the CA.
    chain: Vec<CertificateDer<'static>>,
    authorities: Vec<CertificateDer<'static>>,
    own_facts: CertificateFacts,
    /// The facts of `chain`, in the same order.
    chain_facts: Vec<CertificateFacts>,
    /// The facts of `authorities`, in the same order.
    authority_facts: Vec<CertificateFacts>,
    other_facts: Vec<CertificateFacts>,
}

impl Identity {
    /// Reads a PKCS#12 file from memory: with RC2-40, 3DES or AES, with or without a
    /// MAC, with bags in any order.
    ///
    /// `None` and an empty password mean the same. The certificate is the one that
    /// belongs to the key. The others become the chain and the CAs.
    ///
    /// # Errors
    /// The cause, with what to do. A missing CA is an error only when the identity is
    /// used to verify a peer.
    pub fn from_pkcs12(bytes: &[u8], password: Option<&str>) -> Result<Self, IdentityError> {
        let contents = pkcs12::open(bytes, password)?;
        Self::assemble(contents.keys, contents.certificates, None)
    }

    /// Reads PEM from memory: the certificate (and chain), its private key as
    /// PKCS#8, PKCS#1 or SEC1, and the CA certificates. Each may be DER instead.
    ///
    /// With an empty `ca`, the CA is taken from `certificate`. A file that contains
    /// everything is given as `certificate` and as `key`.
    ///
    /// # Errors
    /// The cause, with what to do.
    pub fn from_pem(certificate: &[u8], key: &[u8], ca: &[u8]) -> Result<Self, IdentityError> {
        let certificates = pem::certificates(certificate, "certificate")?;
        let key = pem::private_key(key)?;
        let authorities = match ca {
            [] => None,
            ca => Some(named_authorities(ca)?),
        };
        Self::assemble(vec![key], certificates, authorities)
    }

    /// Replaces the CA certificates with those in `ca` (PEM), for a PKCS#12 file
    /// without a CA.
    ///
    /// # Errors
    /// The cause, with what to do.
    pub fn with_ca(mut self, ca: &[u8]) -> Result<Self, IdentityError> {
        let authorities = named_authorities(ca)?;
        (self.authorities, self.authority_facts) =
            authorities.into_iter().map(|c| (c.der, c.facts)).unzip();
        Ok(self)
    }

    /// Returns key, chain and CA certificates as a PKCS#12 file. The password may be
    /// empty; `name` is the friendly name. `None` if the system has no random numbers.
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

    /// Returns our own certificate.
    pub fn certificate(&self) -> &CertificateFacts {
        &self.own_facts
    }

    /// Returns our own certificate and those between it and the CA.
    pub fn chain(&self) -> &[CertificateFacts] {
        &self.chain_facts
    }

    /// Returns the CA certificates that peers are verified with. There may be none.
    pub fn authorities(&self) -> &[CertificateFacts] {
        &self.authority_facts
    }

    /// Returns the certificates of the file that are not used.
    pub fn others(&self) -> &[CertificateFacts] {
        &self.other_facts
    }

    /// Returns our certificate and chain as PEM.
    pub fn certificate_pem(&self) -> String {
        self.chain
            .iter()
            .map(|der| pem::write("CERTIFICATE", der))
            .collect()
    }

    /// Returns the CA certificates as PEM.
    pub fn authority_pem(&self) -> String {
        let all = self.authorities.iter();
        all.map(|der| pem::write("CERTIFICATE", der)).collect()
    }

    /// Returns the private key as unencrypted PEM. Keep it out of logs and of files that
    /// others can read. The string is wiped on drop.
    pub fn private_key_pem(&self) -> Zeroizing<String> {
        Zeroizing::new(pem::write(self.key.label(), self.key.0.secret_der()))
    }

    /// Returns the certificate of `shown` with the key of another.
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

    /// Returns key and chain in the form that a TLS configuration takes.
    pub(super) fn certified_key(&self) -> Result<CertifiedKey, IdentityError> {
        let key = self.key.signing(&self.chain_facts)?;
        Ok(CertifiedKey::new(self.chain.clone(), key))
    }

    /// Finds the key's certificate and sorts the others. `authorities` replace those
    /// found among the certificates.
    fn assemble(
        keys: Vec<WipedKey>,
        certificates: Vec<CertificateDer<'static>>,
        authorities: Option<Vec<ParsedCertificate>>,
    ) -> Result<Self, IdentityError> {
        let mut found: Vec<ParsedCertificate> = Vec::new();
        for der in certificates {
            let facts = CertificateFacts::from_der(&der).ok_or_else(unreadable)?;
            found.push(ParsedCertificate { der, facts });
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
        let (signers, others): (Vec<ParsedCertificate>, Vec<ParsedCertificate>) =
            found.into_iter().partition(|c| c.facts.may_sign());
        let authorities = match authorities {
            Some(given) => given,
            // An intermediate CA is a trust anchor like the root.
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

/// Shows the certificate, never the key.
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
struct ParsedCertificate {
    der: CertificateDer<'static>,
    facts: CertificateFacts,
}

/// Returns the first key that belongs to a certificate, with the certificate's
/// index. Of several certificates of one key it is the one that is valid longest.
fn pick(
    keys: Vec<WipedKey>,
    found: &[ParsedCertificate],
) -> Result<(WipedKey, usize), IdentityError> {
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

/// Returns the index of the certificate that issued `of`, unless it is a root: the
/// peer has the root.
fn issuer_of(of: Option<&ParsedCertificate>, among: &[ParsedCertificate]) -> Option<usize> {
    let of = of.filter(|of| !of.facts.self_issued())?;
    among.iter().position(|candidate| {
        candidate.facts.subject_raw == of.facts.issuer_raw
            && candidate.facts.may_sign()
            && !candidate.facts.self_issued()
    })
}

/// Returns the CA certificates of a CA file.
fn named_authorities(ca: &[u8]) -> Result<Vec<ParsedCertificate>, IdentityError> {
    let found = pem::certificates(ca, "CA")?.into_iter();
    let found: Vec<ParsedCertificate> = found
        .filter_map(|der| {
            CertificateFacts::from_der(&der).map(|facts| ParsedCertificate { der, facts })
        })
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
