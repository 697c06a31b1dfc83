//! PEM files: certificates, and one private key as PKCS#8, PKCS#1 or SEC1. DER is
//! accepted as well, because the name of a file does not tell its encoding.

use pem_rfc7468::LineEnding;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use zeroize::Zeroizing;

use super::facts::CertificateFacts;
use super::identity_error::IdentityError;
use super::key::WipedKey;
use super::pkcs12::{self, der::Reader};

/// Returns all certificates in `bytes`, in order. `part` names the file in errors.
pub(super) fn certificates(
    bytes: &[u8],
    part: &'static str,
) -> Result<Vec<CertificateDer<'static>>, IdentityError> {
    let Some(text) = text(bytes) else {
        if pkcs12::is_one(bytes) {
            return Err(bad(part, "it is a PKCS#12 file; configure it as that"));
        }
        // The caller reports a missing certificate.
        let der = CertificateFacts::from_der(bytes).map(|_| CertificateDer::from(bytes.to_vec()));
        return Ok(der.into_iter().collect());
    };
    let mut all = Vec::new();
    for section in CertificateDer::pem_slice_iter(&text) {
        let section = section.map_err(|error| broken(part, &error))?;
        // OpenSSL appends to a trusted certificate what it is trusted for.
        let whole = Reader::new(&section, part).any().map(|first| first.whole);
        match whole {
            Ok(der) if CertificateFacts::from_der(der).is_some() => {
                all.push(CertificateDer::from(der.to_vec()));
            }
            _ => return Err(bad(part, "a section is not an X.509 certificate")),
        }
    }
    Ok(all)
}

/// Returns the first private key in `bytes`.
pub(super) fn private_key(bytes: &[u8]) -> Result<WipedKey, IdentityError> {
    let Some(text) = text(bytes) else {
        return in_der(bytes);
    };
    // In PKCS#8 the label says that a key is encrypted, in older forms a header.
    if contains(&text, b"BEGIN ENCRYPTED PRIVATE KEY") || contains(&text, b"Proc-Type: 4,ENCRYPTED")
    {
        return Err(IdentityError::EncryptedPemKey);
    }
    match PrivateKeyDer::from_pem_slice(&text) {
        Ok(key) => Ok(WipedKey(key)),
        Err(pem::Error::NoItemsFound) => Err(IdentityError::NoKey),
        Err(error) => Err(broken("key", &error)),
    }
}

fn in_der(bytes: &[u8]) -> Result<WipedKey, IdentityError> {
    if pkcs12::is_one(bytes) {
        return Err(bad("key", "it is a PKCS#12 file; configure it as that"));
    }
    if pkcs12::is_encrypted_key(bytes) {
        return Err(IdentityError::EncryptedPemKey);
    }
    match PrivateKeyDer::try_from(bytes) {
        Ok(key) => Ok(WipedKey(key.clone_key())),
        Err(_) => Err(IdentityError::NoKey),
    }
}

/// Returns one PEM section.
pub(super) fn write(label: &str, der: &[u8]) -> String {
    // This fails only for a label that is not ASCII; these are constants.
    pem_rfc7468::encode_string(label, LineEnding::LF, der).unwrap_or_default()
}

/// Whether `bytes` contain a PEM section.
pub(super) fn looks_like(bytes: &[u8]) -> bool {
    text(bytes).is_some()
}

/// Returns the text of a PEM file with every section at the start of a line and with
/// its usual label: the library ignores other sections. `None` if there is no
/// section.
fn text(bytes: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let converted = from_utf16(bytes);
    let bytes = converted.as_ref().map_or(bytes, |text| text.as_bytes());
    if !contains(bytes, BEGIN) {
        return None;
    }
    // A section that follows another on its line gets a line break.
    let more = bytes.windows(BEGIN.len()).filter(|window| *window == BEGIN);
    let mut text = Zeroizing::new(Vec::with_capacity(bytes.len() + 1 + more.count()));
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let line = line.trim_ascii_start();
        let mut line = line.strip_prefix(BOM).unwrap_or(line).trim_ascii_start();
        while let Some(place) = find(line.get(1..).unwrap_or_default(), BEGIN) {
            let (before, section) = line.split_at(place + 1);
            text.extend_from_slice(before);
            text.push(b'\n');
            line = section;
        }
        match OTHER_NAMES.iter().find_map(|name| rename(line, name)) {
            Some([dashes, rest]) => {
                text.extend_from_slice(dashes);
                text.extend_from_slice(rest);
            }
            None => text.extend_from_slice(line),
        }
        if line.is_empty() {
            text.push(b'\n');
        }
    }
    Some(text)
}

/// Splits a BEGIN or END line with an older label for certificates into the parts
/// that are kept.
fn rename<'a>(line: &'a [u8], name: &[u8]) -> Option<[&'a [u8]; 2]> {
    [BEGIN, b"-----END ".as_slice()].iter().find_map(|dashes| {
        let rest = line.strip_prefix(*dashes)?.strip_prefix(name)?;
        let rest = rest.starts_with(b"CERTIFICATE-----").then_some(rest)?;
        Some([&line[..dashes.len()], rest])
    })
}

/// Decodes UTF-16 with a byte order mark, as some Windows programs write it.
fn from_utf16(bytes: &[u8]) -> Option<Zeroizing<String>> {
    let unit: fn([u8; 2]) -> u16 = match bytes {
        [0xff, 0xfe, ..] => u16::from_le_bytes,
        [0xfe, 0xff, ..] => u16::from_be_bytes,
        _ => return None,
    };
    let units = bytes[2..]
        .chunks_exact(2)
        .map(|pair| unit([pair[0], pair[1]]));
    // A unit takes three bytes at most. A string that grows would leave copies.
    let mut text = Zeroizing::new(String::with_capacity(2 * bytes.len()));
    text.extend(char::decode_utf16(units).map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)));
    Some(text)
}

/// Says what is damaged without the contents, which may be a key.
fn broken(part: &'static str, error: &pem::Error) -> IdentityError {
    let detail = match error {
        pem::Error::MissingSectionEnd { .. } => "a section has no END line",
        pem::Error::IllegalSectionStart { .. } => "a BEGIN line is malformed",
        pem::Error::Base64Decode(_) => "a section is not base64",
        _ => "it is not PEM",
    };
    bad(part, detail)
}

fn bad(part: &'static str, detail: &str) -> IdentityError {
    IdentityError::BadPem {
        part,
        detail: detail.to_owned(),
    }
}

fn contains(bytes: &[u8], text: &[u8]) -> bool {
    find(bytes, text).is_some()
}

fn find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}

const BEGIN: &[u8] = b"-----BEGIN ";
/// The byte order mark in UTF-8, which Windows programs write.
const BOM: &[u8] = "\u{feff}".as_bytes();
/// Prefixes of the label CERTIFICATE in older files.
const OTHER_NAMES: [&[u8]; 2] = [b"TRUSTED ", b"X509 "];
