//! A throw-away PKI in the image of a Management Center's.
//!
//! One *Internal CA* signs the server's certificate and those of the clients.
//! The subjects carry what the guide asks for (FQE, “Establishing an
//! Authenticated Connection”): `title=eStreamer` and
//! `generationQualifier=server` or `client`. As on a real appliance the server
//! certificate names no host (no subject alternative name), so a client that
//! relies on host names finds out here. Keys are ECDSA P-256: a whole PKI is
//! made in a few milliseconds, once per `demo`.
//!
//! This is a *test* PKI. Its passwords are public and its keys protect nothing.

mod error;
mod files;
mod init;
#[cfg(test)]
mod tests;

pub use error::PkiError;
pub use files::{ClientFiles, Mode, ServerPki, issue_client, load, load_faulty, write_all};
pub use init::{Initialised, ServerName, init};

use estreamer_mio::tls::Pkcs12Encryption;
use rcgen::{
    BasicConstraints, Certificate, CertificateParams, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The password of every `client.p12` written here. Public on purpose.
pub const DEFAULT_PASSWORD: &str = "estreamer";

/// The name in the client certificate of a fresh PKI: the address a client on
/// the same machine comes from. A server that compares the certificate's name
/// with the peer address, as the guide's does, accepts it over loopback.
pub const DEFAULT_CLIENT: &str = "127.0.0.1";

const DAY: u64 = 24 * 60 * 60;
const VALID_DAYS: u64 = 10 * 365;

/// A certificate with its private key, each as DER and as PEM.
#[derive(Clone)]
pub struct IssuedIdentity {
    cert_der: Vec<u8>,
    cert_pem: String,
    key_der: Vec<u8>,
    key_pem: String,
}

impl IssuedIdentity {
    fn new(cert: &Certificate, key: &KeyPair) -> Self {
        Self {
            cert_der: cert.der().to_vec(),
            cert_pem: cert.pem(),
            key_der: key.serialize_der(),
            key_pem: key.serialize_pem(),
        }
    }

    /// The certificate, DER.
    pub fn cert_der(&self) -> &[u8] {
        &self.cert_der
    }

    /// The certificate, PEM.
    pub fn cert_pem(&self) -> &str {
        &self.cert_pem
    }

    /// The private key, PKCS#8 DER.
    pub fn key_der(&self) -> &[u8] {
        &self.key_der
    }

    /// The private key, PKCS#8 PEM.
    pub fn key_pem(&self) -> &str {
        &self.key_pem
    }
}

impl std::fmt::Debug for IssuedIdentity {
    // By hand: a key never reaches a log, not even a test one.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IssuedIdentity").finish_non_exhaustive()
    }
}

/// What is wrong, or will be, with a server certificate made by
/// [`Pki::faulty_server`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ServerFault {
    /// The subject has no `title`.
    MissingTitle,
    /// The subject's `generationQualifier` is `client`.
    WrongQualifier,
    /// The validity ended yesterday.
    Expired,
    /// The validity ends in ten days: to be warned of, not refused.
    ExpiresSoon,
}

/// The whole PKI in memory: CA, one server, one client.
pub struct Pki {
    issuer: Issuer<'static, KeyPair>,
    ca: IssuedIdentity,
    server: IssuedIdentity,
    client: IssuedIdentity,
}

impl std::fmt::Debug for Pki {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pki").finish_non_exhaustive()
    }
}

impl Pki {
    /// Makes a new CA, a server certificate and a client certificate for
    /// [`DEFAULT_CLIENT`], valid from yesterday for ten years.
    pub fn generate() -> Result<Self, PkiError> {
        let made = |source| PkiError::Certificate { what: "CA", source };
        let key = KeyPair::generate().map_err(made)?;
        let mut params = CertificateParams::default();
        set_validity(&mut params, CertificateValidity::Current);
        params.distinguished_name = DistinguishedName::new();
        let name = &mut params.distinguished_name;
        name.push(DnType::CommonName, "Internal CA");
        name.push(DnType::OrganizationName, "eStreamer simulator");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![
            KeyUsagePurpose::KeyCertSign,
            KeyUsagePurpose::CrlSign,
            KeyUsagePurpose::DigitalSignature,
        ];
        let ca = IssuedIdentity::new(&params.self_signed(&key).map_err(made)?, &key);
        let issuer = Issuer::new(params, key);
        let server = issue(&issuer, server_params(None, Vec::new()), "server")?;
        let client = issue(&issuer, client_params(DEFAULT_CLIENT)?, "client")?;
        Ok(Self {
            issuer,
            ca,
            server,
            client,
        })
    }

    /// The Internal CA. Clients trust its certificate, its key signs.
    pub fn ca(&self) -> &IssuedIdentity {
        &self.ca
    }

    /// The server's certificate and key.
    pub fn server(&self) -> &IssuedIdentity {
        &self.server
    }

    /// The certificate and key of the client [`DEFAULT_CLIENT`].
    pub fn client(&self) -> &IssuedIdentity {
        &self.client
    }

    /// A further client certificate. `name` is the address or host name the
    /// client comes from: ASCII letters, digits and `.:-_`.
    pub fn issue_client(&self, name: &str) -> Result<IssuedIdentity, PkiError> {
        issue(&self.issuer, client_params(name)?, "client")
    }

    /// A server certificate of this CA that a careful client must refuse, or warn of.
    pub fn faulty_server(&self, fault: ServerFault) -> Result<IssuedIdentity, PkiError> {
        issue(
            &self.issuer,
            server_params(Some(fault), Vec::new()),
            "server",
        )
    }

    /// The client's key, certificate and CA as PKCS#12, encrypted as today's
    /// tools do (PBES2 with AES-256, HMAC-SHA-256). The password may be empty.
    pub fn client_p12(&self, password: &str) -> Result<Vec<u8>, PkiError> {
        let encryption = Pkcs12Encryption::Aes256;
        archive(&self.client, &self.ca.cert_der, password, encryption)
    }

    /// The same as older Management Centers export it: certificates in RC2 with
    /// 40 bits, the key in 3DES, a SHA-1 MAC. OpenSSL 3 opens such a file only
    /// with `-legacy`.
    pub fn client_p12_legacy(&self, password: &str) -> Result<Vec<u8>, PkiError> {
        let encryption = Pkcs12Encryption::Legacy;
        archive(&self.client, &self.ca.cert_der, password, encryption)
    }
}

/// Key, leaf and CA in one PKCS#12 file. `password` may be empty.
fn archive(
    client: &IssuedIdentity,
    ca_der: &[u8],
    password: &str,
    encryption: Pkcs12Encryption,
) -> Result<Vec<u8>, PkiError> {
    let failed = |reason: String| PkiError::Pkcs12 { reason };
    let (certificate, key) = (client.cert_der(), client.key_der());
    let whole = estreamer_mio::tls::Identity::from_pem(certificate, key, ca_der)
        .map_err(|error| failed(error.to_string()))?;
    whole
        .to_pkcs12("estreamer client", password, encryption)
        .ok_or_else(|| failed("the system has no random numbers".to_owned()))
}

/// When a certificate is valid, seen from now.
enum CertificateValidity {
    Current,
    Ending,
    Past,
}

fn set_validity(params: &mut CertificateParams, validity: CertificateValidity) {
    let epoch = rcgen::date_time_ymd(1970, 1, 1);
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
        // A clock gone mad must not carry the dates past what X.509 can write.
        .clamp(VALID_DAYS * DAY, 400 * 365 * DAY);
    let (from, to) = match validity {
        CertificateValidity::Current => (now - DAY, now + VALID_DAYS * DAY),
        CertificateValidity::Ending => (now - DAY, now + 10 * DAY),
        CertificateValidity::Past => (now - 365 * DAY, now - DAY),
    };
    params.not_before = epoch + Duration::from_secs(from);
    params.not_after = epoch + Duration::from_secs(to);
}

fn subject(common_name: &str, title: bool, qualifier: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    if title {
        name.push(DnType::CustomDnType(vec![2, 5, 4, 12]), "eStreamer");
    }
    name.push(DnType::CustomDnType(vec![2, 5, 4, 44]), qualifier);
    name
}

fn server_params(fault: Option<ServerFault>, names: Vec<SanType>) -> CertificateParams {
    let mut params = CertificateParams::default();
    let validity = match fault {
        Some(ServerFault::Expired) => CertificateValidity::Past,
        Some(ServerFault::ExpiresSoon) => CertificateValidity::Ending,
        _ => CertificateValidity::Current,
    };
    set_validity(&mut params, validity);
    let qualifier = match fault {
        Some(ServerFault::WrongQualifier) => "client",
        _ => "server",
    };
    params.distinguished_name = subject(
        "estreamer-simulator",
        fault != Some(ServerFault::MissingTitle),
        qualifier,
    );
    params.subject_alt_names = names;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    params.use_authority_key_identifier_extension = true;
    params
}

fn client_params(name: &str) -> Result<CertificateParams, PkiError> {
    // The name also becomes part of file names, hence the short alphabet.
    let fits = |c: char| c.is_ascii_alphanumeric() || ".:-_".contains(c);
    if name.is_empty() || name.len() > 64 || name.starts_with('.') || !name.chars().all(fits) {
        return Err(PkiError::ClientName {
            name: name.to_owned(),
        });
    }
    let mut params = CertificateParams::default();
    set_validity(&mut params, CertificateValidity::Current);
    params.distinguished_name = subject(name, true, "client");
    params.subject_alt_names = match name.parse::<IpAddr>() {
        // A client on this machine may come by either family.
        Ok(ip) if ip.is_loopback() => vec![
            SanType::IpAddress(Ipv4Addr::LOCALHOST.into()),
            SanType::IpAddress(Ipv6Addr::LOCALHOST.into()),
        ],
        Ok(ip) => vec![SanType::IpAddress(ip)],
        Err(_) => {
            let dns = name.try_into().map_err(|source| PkiError::Certificate {
                what: "client",
                source,
            })?;
            vec![SanType::DnsName(dns)]
        }
    };
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ClientAuth];
    params.use_authority_key_identifier_extension = true;
    Ok(params)
}

fn issue(
    issuer: &Issuer<'_, KeyPair>,
    params: CertificateParams,
    what: &'static str,
) -> Result<IssuedIdentity, PkiError> {
    let made = |source| PkiError::Certificate { what, source };
    let key = KeyPair::generate().map_err(made)?;
    let cert = params.signed_by(&key, issuer).map_err(made)?;
    Ok(IssuedIdentity::new(&cert, &key))
}
