//! The verifiers that the TLS library calls, and the causes of its errors.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, RootCertStore,
    SignatureScheme,
};
use rustls_pki_types::{CertificateDer, ServerName, SignatureVerificationAlgorithm, UnixTime};

use super::error::{CertificateRefusal, TlsError};
use super::facts::{CertificateFacts, Validity};
use super::identity::Identity;
use super::identity_error::IdentityError;
use super::key::MIN_RSA_BITS;
use super::peer::Peer;
use super::problem::CertificateProblem;
use super::raw_key;
use super::rules::ServerRules;
use super::sha1::RsaSha1;

/// Verifies servers: the chain, then [`ServerRules`].
#[derive(Debug)]
pub(super) struct ServerVerifier {
    anchors: Anchors,
    rules: ServerRules,
    handshake: WebPkiSupportedAlgorithms,
    chain: Vec<&'static dyn SignatureVerificationAlgorithm>,
}

impl ServerVerifier {
    pub(super) fn new(
        identity: &Identity,
        rules: ServerRules,
        provider: &CryptoProvider,
    ) -> Result<Self, TlsError> {
        let handshake = provider.signature_verification_algorithms;
        let mut chain = handshake.all.to_vec();
        if rules.allow_sha1 {
            chain.push(&RsaSha1);
        }
        let anchors = if rules.insecure {
            Anchors::none()
        } else {
            Anchors::new(identity)?
        };
        Ok(Self {
            anchors,
            rules,
            handshake,
            chain,
        })
    }

    fn judge(
        &self,
        der: &CertificateDer<'_>,
        facts: &CertificateFacts,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), CertificateProblem> {
        let chain = ParsedCertificate::try_from(der)
            .and_then(|parsed| {
                verify_server_cert_signed_by_trust_anchor(
                    &parsed,
                    &self.anchors.roots,
                    intermediates,
                    now,
                    &self.chain,
                )
            })
            .map_err(|error| self.anchors.diagnose(error, facts, intermediates));
        match chain {
            // The pinned fingerprint replaces the chain. The dates are still checked.
            Err(problem) if problem.is_beyond_us() && self.pins(facts) => judge_dates(facts, now)?,
            judged => judged?,
        }
        judge_key(facts)?;
        self.rules.judge(facts)
    }

    fn pins(&self, facts: &CertificateFacts) -> bool {
        self.rules.fingerprint == Some(facts.sha256)
    }

    /// Returns the public key of a certificate that was accepted by its fingerprint
    /// and that the library refuses.
    fn raw_key(&self, der: &CertificateDer<'_>) -> Option<Vec<u8>> {
        let facts = CertificateFacts::from_der(der)?;
        let odd = facts.critical.is_some() && self.pins(&facts);
        odd.then_some(facts.public_key_raw)
    }
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        if self.rules.insecure {
            return Ok(ServerCertVerified::assertion());
        }
        settle(Peer::Server, end_entity, |facts| {
            self.judge(end_entity, facts, intermediates, now)
        })?;
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        // The signature of an unverified certificate proves nothing.
        if self.rules.insecure {
            return Ok(HandshakeSignatureValid::assertion());
        }
        match self.raw_key(cert) {
            Some(key) => raw_key::verify_tls12(message, &key, dss, &self.handshake),
            None => verify_tls12_signature(message, cert, dss, &self.handshake),
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if self.rules.insecure {
            return Ok(HandshakeSignatureValid::assertion());
        }
        match self.raw_key(cert) {
            Some(key) => raw_key::verify_tls13(message, &key, dss, &self.handshake),
            None => verify_tls13_signature(message, cert, dss, &self.handshake),
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        offered(self.handshake.supported_schemes())
    }
}

/// Verifies the chain of clients. [`ClientRules`](super::ClientRules) come after the
/// handshake.
#[derive(Debug)]
pub(super) struct ClientVerifier {
    anchors: Anchors,
    inner: Arc<dyn ClientCertVerifier>,
}

impl ClientVerifier {
    pub(super) fn new(
        identity: &Identity,
        provider: &Arc<CryptoProvider>,
    ) -> Result<Self, TlsError> {
        let anchors = Anchors::new(identity)?;
        let inner = WebPkiClientVerifier::builder_with_provider(
            Arc::clone(&anchors.roots),
            Arc::clone(provider),
        )
        .build()
        .map_err(TlsError::setup)?;
        Ok(Self { anchors, inner })
    }
}

impl ClientCertVerifier for ClientVerifier {
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        settle(Peer::Client, end_entity, |facts| {
            self.inner
                .verify_client_cert(end_entity, intermediates, now)
                .map_err(|error| self.anchors.diagnose(error, facts, intermediates))?;
            judge_key(facts)
        })?;
        Ok(ClientCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        offered(self.inner.supported_verify_schemes())
    }
}

/// The CAs of an identity, in the library's form and as facts.
#[derive(Debug)]
struct Anchors {
    roots: Arc<RootCertStore>,
    facts: Vec<CertificateFacts>,
}

impl Anchors {
    fn none() -> Self {
        Self {
            roots: Arc::new(RootCertStore::empty()),
            facts: Vec::new(),
        }
    }

    fn new(identity: &Identity) -> Result<Self, IdentityError> {
        let facts = identity.authorities().to_vec();
        let mut roots = RootCertStore::empty();
        for (der, facts) in identity.authority_certificates().iter().zip(&facts) {
            roots.add(der.clone()).map_err(|_| IdentityError::BadCa {
                subject: facts.subject.clone(),
            })?;
        }
        if roots.is_empty() {
            return Err(IdentityError::NoCa);
        }
        Ok(Self {
            roots: Arc::new(roots),
            facts,
        })
    }

    /// Turns the library's error about a chain into a cause. The library reports the
    /// first problem it finds; the facts tell which one to solve first.
    fn diagnose(
        &self,
        error: Error,
        leaf: &CertificateFacts,
        intermediates: &[CertificateDer<'_>],
    ) -> CertificateProblem {
        let between: Vec<CertificateFacts> = intermediates
            .iter()
            .filter_map(|der| CertificateFacts::from_der(der))
            .collect();
        let mut issuers = self.facts.iter().chain(&between);
        let Some(issuer) = issuers.find(|ca| ca.subject_raw == leaf.issuer_raw) else {
            return self.foreign(leaf);
        };
        if leaf.version != 3 {
            let version = leaf.version;
            return CertificateProblem::Version { version };
        }
        let Error::InvalidCertificate(error) = error else {
            let detail = error.to_string();
            return CertificateProblem::Other { detail };
        };
        match error {
            CertificateError::ExpiredContext { not_after, .. } => CertificateProblem::Expired {
                not_after: seconds(not_after),
            },
            CertificateError::Expired => CertificateProblem::Expired {
                not_after: leaf.not_after,
            },
            CertificateError::NotValidYetContext { not_before, .. } => {
                CertificateProblem::NotYetValid {
                    not_before: seconds(not_before),
                }
            }
            CertificateError::NotValidYet => CertificateProblem::NotYetValid {
                not_before: leaf.not_before,
            },
            CertificateError::UnknownIssuer | CertificateError::BadSignature => {
                match issuer.rsa_bits() {
                    Some(bits) if bits < MIN_RSA_BITS => CertificateProblem::CaRsaTooSmall { bits },
                    _ => self.foreign(leaf),
                }
            }
            CertificateError::UnsupportedSignatureAlgorithmContext { .. }
            | CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
                signature(leaf, issuer)
            }
            CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => {
                CertificateProblem::Purpose
            }
            CertificateError::BadEncoding => CertificateProblem::Unreadable,
            // The library has no error for these.
            other => match between
                .iter()
                .chain([leaf])
                .find_map(|c| c.critical.clone())
            {
                Some(extension) => CertificateProblem::CriticalExtension { extension },
                None if leaf.is_ca => CertificateProblem::IsCa,
                None => CertificateProblem::Other {
                    detail: other.to_string(),
                },
            },
        }
    }

    fn foreign(&self, leaf: &CertificateFacts) -> CertificateProblem {
        let ours = self.facts.iter();
        CertificateProblem::NotSignedByCa {
            issuer: leaf.issuer.clone(),
            authorities: ours.clone().map(|ca| ca.subject.clone()).collect(),
            same_name: ours.clone().any(|ca| ca.subject_raw == leaf.issuer_raw),
        }
    }
}

/// Verifies a certificate's facts. A problem is wrapped in an error of the library,
/// and unwrapped in [`TlsError`].
fn settle(
    peer: Peer,
    der: &CertificateDer<'_>,
    judge: impl FnOnce(&CertificateFacts) -> Result<(), CertificateProblem>,
) -> Result<(), Error> {
    let certificate = CertificateFacts::from_der(der);
    let verdict = match &certificate {
        Some(facts) => judge(facts),
        None => Err(CertificateProblem::Unreadable),
    };
    verdict.map_err(|problem| {
        Error::InvalidCertificate(CertificateError::Other(OtherError(Arc::new(
            CertificateRefusal {
                peer,
                problem,
                certificate,
            },
        ))))
    })
}

/// Finds keys that the library refuses: it would only report a wrong signature.
fn judge_key(facts: &CertificateFacts) -> Result<(), CertificateProblem> {
    if let Some(algorithm) = facts.unverifiable_key.clone() {
        return Err(CertificateProblem::KeyAlgorithm { algorithm });
    }
    match facts.rsa_bits() {
        Some(bits) if bits < MIN_RSA_BITS => Err(CertificateProblem::RsaTooSmall { bits }),
        _ => Ok(()),
    }
}

fn judge_dates(facts: &CertificateFacts, now: UnixTime) -> Result<(), CertificateProblem> {
    let (not_before, not_after) = (facts.not_before, facts.not_after);
    match facts.validity(seconds(now)) {
        Validity::Expired => Err(CertificateProblem::Expired { not_after }),
        Validity::NotYet => Err(CertificateProblem::NotYetValid { not_before }),
        _ => Ok(()),
    }
}

fn signature(leaf: &CertificateFacts, issuer: &CertificateFacts) -> CertificateProblem {
    let algorithm = leaf.signature_algorithm.clone();
    // The rule allows only RSA with SHA-1.
    if algorithm == "sha1WithRSAEncryption" {
        return CertificateProblem::Sha1;
    }
    let algorithm = match &issuer.unverifiable_key {
        Some(key) => format!("{algorithm} and a CA's key for {key}"),
        None => algorithm,
    };
    CertificateProblem::SignatureAlgorithm { algorithm }
}

/// Returns the signature schemes offered to the peer. P-521 cannot be verified, but it
/// is offered: otherwise a peer with such a key ends the handshake before it sends its
/// certificate, and the cause is not known.
fn offered(mut schemes: Vec<SignatureScheme>) -> Vec<SignatureScheme> {
    schemes.push(SignatureScheme::ECDSA_NISTP521_SHA512);
    schemes
}

fn seconds(time: UnixTime) -> i64 {
    i64::try_from(time.as_secs()).unwrap_or(i64::MAX)
}
