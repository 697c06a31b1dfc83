//! What a certificate says. Nothing is verified here.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use const_oid::ObjectIdentifier;
use const_oid::db::DB;
use ring::digest;
use x509_parser::asn1_rs::{FromDer, Oid, oid};
use x509_parser::certificate::{X509Certificate, X509CertificateParser};
use x509_parser::error::X509Error;
use x509_parser::extensions::{BasicConstraints, GeneralName, SubjectAlternativeName};
use x509_parser::nom::Parser;
use x509_parser::public_key::PublicKey;
use x509_parser::x509::{AlgorithmIdentifier, AttributeTypeAndValue, X509Name};

use super::text;

/// Days before a certificate expires from which [`Validity::ExpiresSoon`] is
/// reported.
pub const EXPIRY_WARNING_DAYS: u32 = 30;

/// The contents of one certificate, to print and to compare.
///
/// Control characters in texts are escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CertificateFacts {
    /// The subject, as `CN=…, title=…`, in the certificate's order.
    pub subject: String,
    /// The issuer, in the same form.
    pub issuer: String,
    /// The first `title` (2.5.4.12) of the subject; `eStreamer` on a server.
    pub title: Option<String>,
    /// The first `generationQualifier` (2.5.4.44) of the subject; `server` on a server.
    pub generation_qualifier: Option<String>,
    /// The first common name of the subject.
    pub common_name: Option<String>,
    /// Subject alternative names.
    pub alt_names: Vec<AltName>,
    /// Valid from, in UNIX seconds.
    pub not_before: i64,
    /// Valid until, in UNIX seconds.
    pub not_after: i64,
    /// Serial number in hexadecimal.
    pub serial: String,
    /// X.509 version: 1, 2 or 3.
    pub version: u32,
    /// The signature algorithm, such as `sha256WithRSAEncryption`.
    pub signature_algorithm: String,
    /// The algorithm of the key, such as `rsaEncryption` or `id-ecPublicKey`.
    pub key_algorithm: String,
    /// The size of the key in bits, if it has one.
    pub key_bits: Option<u32>,
    /// Whether its basic constraints make it a CA. A version 1 CA has none.
    pub is_ca: bool,
    /// SHA-256 of the whole certificate.
    pub sha256: [u8; 32],
    /// Whether the private key beside it belongs to it; `None` without a key.
    pub key_matches: Option<bool>,
    titles: Vec<String>,
    qualifiers: Vec<String>,
    pub(super) subject_raw: Vec<u8>,
    pub(super) issuer_raw: Vec<u8>,
    pub(super) public_key_raw: Vec<u8>,
    constraints_present: bool,
    /// A critical extension that the TLS library does not know.
    pub(super) critical: Option<String>,
    /// The algorithm of the key, if signatures of that key cannot be verified.
    pub(super) unverifiable_key: Option<String>,
}

/// A subject alternative name.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AltName {
    /// A host name.
    Dns(String),
    /// An address.
    Ip(IpAddr),
    /// Another kind of name, as text.
    Other(String),
}

/// Whether a certificate is valid at a point in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Validity {
    /// Not valid yet.
    NotYet,
    /// Valid for more than [`EXPIRY_WARNING_DAYS`].
    Valid,
    /// Valid for [`EXPIRY_WARNING_DAYS`] or less.
    ExpiresSoon {
        /// Whole days left.
        days: u32,
    },
    /// Expired.
    Expired,
}

impl CertificateFacts {
    /// Reads one certificate in DER; `None` if it cannot be read.
    pub fn from_der(der: &[u8]) -> Option<Self> {
        // Only some extensions are read, further below. Reading all of them builds a
        // table that is never freed, which leak checkers report in C programs.
        let mut parser = X509CertificateParser::new().with_deep_parse_extensions(false);
        let (_, certificate) = parser.parse(der).ok()?;
        let subject = certificate.subject();
        let titles = values(subject, TITLE);
        let qualifiers = values(subject, GENERATION_QUALIFIER);
        let constraints = extension::<BasicConstraints>(&certificate, &BASIC_CONSTRAINTS);
        let key = certificate.public_key();
        let mut sha256 = [0; 32];
        sha256.copy_from_slice(digest::digest(&digest::SHA256, der).as_ref());

        Some(Self {
            subject: name(subject),
            issuer: name(certificate.issuer()),
            title: titles.first().cloned(),
            generation_qualifier: qualifiers.first().cloned(),
            common_name: values(subject, COMMON_NAME).into_iter().next(),
            alt_names: alt_names(&certificate),
            not_before: certificate.validity().not_before.timestamp(),
            not_after: certificate.validity().not_after.timestamp(),
            serial: text::hex(certificate.raw_serial()),
            version: certificate.version().0.saturating_add(1),
            signature_algorithm: registered(certificate.signature_algorithm.algorithm.as_bytes()),
            key_algorithm: registered(key.algorithm.algorithm.as_bytes()),
            key_bits: key.parsed().ok().and_then(|key| key_bits(&key)),
            is_ca: constraints.as_ref().is_some_and(|c| c.ca),
            sha256,
            key_matches: None,
            titles,
            qualifiers,
            subject_raw: subject.as_raw().to_vec(),
            issuer_raw: certificate.issuer().as_raw().to_vec(),
            public_key_raw: key.raw.to_vec(),
            constraints_present: constraints.is_some(),
            critical: unknown_critical(&certificate),
            unverifiable_key: unverifiable(&key.algorithm),
        })
    }

    /// Returns whether it is valid at `now` (UNIX seconds).
    pub fn validity(&self, now: i64) -> Validity {
        if now < self.not_before {
            return Validity::NotYet;
        }
        let left = self.not_after.saturating_sub(now);
        if left < 0 {
            return Validity::Expired;
        }
        match u32::try_from(left / 86_400) {
            Ok(days) if days <= EXPIRY_WARNING_DAYS => Validity::ExpiresSoon { days },
            _ => Validity::Valid,
        }
    }

    /// Returns the SHA-256 fingerprint in hexadecimal, as `openssl x509 -fingerprint
    /// -sha256` computes it.
    pub fn fingerprint(&self) -> String {
        text::hex(&self.sha256)
    }

    /// Whether a title of the subject is `value`, ignoring ASCII case.
    pub fn has_title(&self, value: &str) -> bool {
        self.titles.iter().any(|t| t.eq_ignore_ascii_case(value))
    }

    /// Whether a generationQualifier of the subject is `value`, ignoring ASCII case.
    pub fn has_qualifier(&self, value: &str) -> bool {
        self.qualifiers
            .iter()
            .any(|q| q.eq_ignore_ascii_case(value))
    }

    /// Whether its issuer is its subject.
    pub(super) fn self_issued(&self) -> bool {
        self.subject_raw == self.issuer_raw
    }

    /// Whether it may sign others: by its basic constraints, or, as a version 1 CA
    /// without any, because it is self-issued.
    pub(super) fn may_sign(&self) -> bool {
        self.is_ca || (!self.constraints_present && self.self_issued())
    }

    /// Returns the bits of the key if it is an RSA key.
    pub(super) fn rsa_bits(&self) -> Option<u32> {
        let rsa = self.key_algorithm.to_ascii_lowercase().starts_with("rsa");
        self.key_bits.filter(|_| rsa)
    }
}

impl fmt::Display for AltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) | Self::Other(name) => f.write_str(name),
            Self::Ip(address) => write!(f, "{address}"),
        }
    }
}

/// Returns `CN=…, title=…`: all attributes, by their short names if they have one.
fn name(name: &X509Name<'_>) -> String {
    let parts: Vec<String> = name
        .iter_attributes()
        .map(|attribute| {
            let oid = attribute.attr_type();
            let label = match oid.to_id_string().as_str() {
                COMMON_NAME => "CN".into(),
                "2.5.4.6" => "C".into(),
                "2.5.4.7" => "L".into(),
                "2.5.4.8" => "ST".into(),
                "2.5.4.10" => "O".into(),
                "2.5.4.11" => "OU".into(),
                "0.9.2342.19200300.100.1.25" => "DC".into(),
                "1.2.840.113549.1.9.1" => "Email".into(),
                _ => registered(oid.as_bytes()),
            };
            format!("{label}={}", value(attribute))
        })
        .collect();
    parts.join(", ")
}

/// Returns all values of one attribute of a name.
fn values(name: &X509Name<'_>, oid: &str) -> Vec<String> {
    name.iter_attributes()
        .filter(|attribute| attribute.attr_type().to_id_string() == oid)
        .map(value)
        .collect()
}

/// Returns an attribute's value as text, from any string type.
fn value(attribute: &AttributeTypeAndValue<'_>) -> String {
    if let Ok(text) = attribute.as_str() {
        return text::printable(text);
    }
    let bytes = attribute.as_slice();
    let text = if attribute.attr_value().tag().0 == BMP_STRING {
        let units: Vec<u16> = bytes
            .chunks_exact(2)
            .map(|pair| pair.iter().fold(0, |unit, &b| unit << 8 | u16::from(b)))
            .collect();
        String::from_utf16_lossy(&units)
    } else {
        // Teletex strings contain Latin-1 in practice.
        bytes.iter().copied().map(char::from).collect()
    };
    text::printable(&text)
}

fn alt_names(certificate: &X509Certificate<'_>) -> Vec<AltName> {
    let names = extension::<SubjectAlternativeName>(certificate, &SUBJECT_ALT_NAME);
    names
        .iter()
        .flat_map(|names| &names.general_names)
        .map(|name| match name {
            GeneralName::DNSName(host) => AltName::Dns(text::printable(host)),
            GeneralName::IPAddress(bytes) => address(bytes),
            GeneralName::RFC822Name(mail) => AltName::Other(text::printable(mail)),
            GeneralName::URI(uri) => AltName::Other(text::printable(uri)),
            GeneralName::DirectoryName(directory) => AltName::Other(self::name(directory)),
            other => AltName::Other(text::printable(&format!("{other:?}"))),
        })
        .collect()
}

fn address(bytes: &[u8]) -> AltName {
    if let Ok(v4) = <[u8; 4]>::try_from(bytes) {
        AltName::Ip(Ipv4Addr::from(v4).into())
    } else if let Ok(v6) = <[u8; 16]>::try_from(bytes) {
        AltName::Ip(Ipv6Addr::from(v6).into())
    } else {
        AltName::Other(text::hex(bytes))
    }
}

/// Returns an extension, if it occurs once and can be read.
fn extension<'a, T: FromDer<'a, X509Error>>(
    certificate: &X509Certificate<'a>,
    oid: &Oid<'_>,
) -> Option<T> {
    let extension = certificate.get_extension_unique(oid).ok()??;
    T::from_der(extension.value).ok().map(|(_, said)| said)
}

/// Returns the registered name of an object identifier, or its numbers. `oid` is its
/// encoded contents.
pub(super) fn registered(oid: &[u8]) -> String {
    let known = ObjectIdentifier::from_bytes(oid).ok();
    known
        .and_then(|oid| DB.by_oid(&oid))
        .map_or_else(|| Oid::new(oid.into()).to_id_string(), str::to_owned)
}

fn unknown_critical(certificate: &X509Certificate<'_>) -> Option<String> {
    let mut extensions = certificate.extensions().iter();
    let unknown = extensions.find(|extension| {
        extension.critical && !KNOWN_EXTENSIONS.contains(&&*extension.oid.to_id_string())
    })?;
    Some(registered(unknown.oid.as_bytes()))
}

fn unverifiable(algorithm: &AlgorithmIdentifier<'_>) -> Option<String> {
    let kind = registered(algorithm.algorithm.as_bytes());
    let curve = match &*algorithm.algorithm.to_id_string() {
        RSA | ED25519 => return None,
        EC => algorithm.parameters.as_ref()?.as_oid().ok()?,
        _ => return Some(kind),
    };
    let known = [P256, P384].contains(&&*curve.to_id_string());
    (!known).then(|| format!("ECDSA on the curve {}", registered(curve.as_bytes())))
}

fn key_bits(key: &PublicKey<'_>) -> Option<u32> {
    let bits = match key {
        // Leading zero bits do not count.
        PublicKey::RSA(rsa) => {
            let mut modulus = rsa.modulus.iter().skip_while(|byte| **byte == 0);
            let first = modulus.next()?;
            8 * (modulus.count() + 1) - first.leading_zeros() as usize
        }
        other => other.key_size(),
    };
    u32::try_from(bits).ok().filter(|bits| *bits > 0)
}

/// Extensions that the TLS library supports: key usage, alternative names, basic and name
/// constraints, revocation lists, extended key usage.
const KNOWN_EXTENSIONS: [&str; 6] = [
    "2.5.29.15",
    "2.5.29.17",
    "2.5.29.19",
    "2.5.29.30",
    "2.5.29.31",
    "2.5.29.37",
];
const RSA: &str = "1.2.840.113549.1.1.1";
const ED25519: &str = "1.3.101.112";
const EC: &str = "1.2.840.10045.2.1";
const P256: &str = "1.2.840.10045.3.1.7";
const P384: &str = "1.3.132.0.34";
const SUBJECT_ALT_NAME: Oid<'static> = oid!(2.5.29.17);
const BASIC_CONSTRAINTS: Oid<'static> = oid!(2.5.29.19);
const COMMON_NAME: &str = "2.5.4.3";
const TITLE: &str = "2.5.4.12";
const GENERATION_QUALIFIER: &str = "2.5.4.44";
/// ASN.1 tag of a BMPString.
const BMP_STRING: u32 = 30;

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, DnType, DnValue, KeyPair};

    use super::*;

    fn facts(params: &CertificateParams) -> CertificateFacts {
        let key = KeyPair::generate().unwrap();
        CertificateFacts::from_der(params.self_signed(&key).unwrap().der()).unwrap()
    }

    #[test]
    fn each_attribute_of_a_name_has_its_short_name() {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let name = &mut params.distinguished_name;
        let custom = |oid: &[u64]| DnType::CustomDnType(oid.to_vec());
        name.push(DnType::CountryName, "DE");
        name.push(DnType::StateOrProvinceName, "Berlin");
        name.push(DnType::LocalityName, "Mitte");
        name.push(DnType::OrganizationName, "Example");
        name.push(DnType::OrganizationalUnitName, "Security");
        name.push(DnType::CommonName, "fmc");
        name.push(custom(&[0, 9, 2342, 19_200_300, 100, 1, 25]), "example");
        name.push(custom(&[1, 2, 840, 113_549, 1, 9, 1]), "a@b.example");
        name.push(custom(&[2, 5, 4, 12]), "server");
        name.push(custom(&[1, 3, 9999, 1]), "unknown");
        let expected = "CN=fmc, C=DE, ST=Berlin, L=Mitte, O=Example, OU=Security, DC=example, \
                        Email=a@b.example, title=server, 1.3.9999.1=unknown";
        assert_eq!(facts(&params).subject, expected);
    }

    #[test]
    fn a_name_in_two_byte_letters_is_read() {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        let text = "\u{17d}\u{16b}".try_into().unwrap();
        let name = DnValue::BmpString(text);
        params.distinguished_name.push(DnType::CommonName, name);
        assert_eq!(
            facts(&params).common_name.as_deref(),
            Some("\u{17d}\u{16b}")
        );
    }

    #[test]
    fn an_rsa_key_has_as_many_bits_as_its_modulus() {
        let bits = |modulus: &[u8]| {
            key_bits(&PublicKey::RSA(x509_parser::public_key::RSAPublicKey {
                modulus,
                exponent: &[3],
            }))
        };
        assert_eq!(bits(&[0, 0x80, 0]), Some(16));
        assert_eq!(bits(&[0x80, 0]), Some(16));
        assert_eq!(bits(&[0, 0, 0x01, 0xff]), Some(9));
        assert_eq!(bits(&[1]), Some(1));
        assert_eq!(bits(&[0]), None);
        assert_eq!(key_bits(&PublicKey::Unknown(&[])), None);
    }
}
