//! PKCS#12 as OpenSSL 1 wrote it by default, and Management Centers with it:
//! certificates in RC2 with 40 bits, the key in 3DES.
//!
//! The library encrypts a whole archive in one way. So two archives are made,
//! one of each, and put together from their halves under a new MAC.

use ring::{digest, hmac};

/// The certificates of `rc2`, the key of `triple_des`, with salt and iterations
/// of the MAC (HMAC-SHA-1) as `rc2` has them; `None` if they are not such archives.
pub(super) fn join(
    rc2: &[u8],
    triple_des: &[u8],
    password: &str,
    iterations: u32,
) -> Option<Vec<u8>> {
    let (certificates, key) = (Archive::read(rc2)?, Archive::read(triple_des)?);
    let safe = wrap(SEQUENCE, &[certificates.certificates, key.key]);
    let mac_key = hmac::Key::new(
        hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY,
        &mac_key(password, certificates.mac_salt.content, iterations),
    );
    let mac = hmac::sign(&mac_key, &safe);
    let mac = wrap(OCTET_STRING, &[mac.as_ref()]);
    let mac = wrap(SEQUENCE, &[certificates.mac_algorithm, &mac]);
    let mac_salt = certificates.mac_salt.whole;
    let mac = wrap(SEQUENCE, &[&mac, mac_salt, certificates.mac_iterations]);
    let safe = wrap(CONTENT, &[&wrap(OCTET_STRING, &[&safe])]);
    let safe = wrap(SEQUENCE, &[certificates.content_type, &safe]);
    Some(wrap(SEQUENCE, &[certificates.version, &safe, &mac]))
}

/// The parts of one archive, each as it stands in the file.
struct Archive<'a> {
    version: &'a [u8],
    content_type: &'a [u8],
    certificates: &'a [u8],
    key: &'a [u8],
    mac_algorithm: &'a [u8],
    mac_salt: Element<'a>,
    mac_iterations: &'a [u8],
}

impl<'a> Archive<'a> {
    /// RFC 7292, section 4: `PFX`.
    fn read(bytes: &'a [u8]) -> Option<Self> {
        let [version, content, mac] = children(bytes)?;
        let [content_type, content] = children(content.whole)?;
        let [octets] = children(content.whole)?;
        // The library writes the certificates first.
        let [certificates, key] = children(octets.content)?;
        let [mac, mac_salt, mac_iterations] = children(mac.whole)?;
        let [mac_algorithm, _] = children(mac.whole)?;
        Some(Self {
            version: version.whole,
            content_type: content_type.whole,
            certificates: certificates.whole,
            key: key.whole,
            mac_algorithm: mac_algorithm.whole,
            mac_salt,
            mac_iterations: mac_iterations.whole,
        })
    }
}

/// One DER element: all of it, and what is in it.
#[derive(Clone, Copy)]
struct Element<'a> {
    whole: &'a [u8],
    content: &'a [u8],
}

/// The elements in the one that `bytes` begin with, if there are just so many.
fn children<const N: usize>(bytes: &[u8]) -> Option<[Element<'_>; N]> {
    let mut rest = element(bytes)?.content;
    let mut found = Vec::with_capacity(N);
    while !rest.is_empty() {
        let next = element(rest)?;
        rest = rest.get(next.whole.len()..)?;
        found.push(next);
    }
    found.try_into().ok()
}

fn element(bytes: &[u8]) -> Option<Element<'_>> {
    let first = usize::from(*bytes.get(1)?);
    let (header, length) = match first.checked_sub(0x80) {
        None => (2, first),
        Some(count) => {
            let digits = bytes.get(2..)?.get(..count).filter(|_| count <= 4)?;
            let fold = |length: usize, digit: &u8| length << 8 | usize::from(*digit);
            (2 + count, digits.iter().fold(0, fold))
        }
    };
    let whole = bytes.get(..header.checked_add(length)?)?;
    Some(Element {
        whole,
        content: &whole[header..],
    })
}

fn wrap(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let content = parts.concat();
    let length = content.len().to_be_bytes();
    let digits = &length[length.iter().take_while(|byte| **byte == 0).count()..];
    let mut whole = vec![tag];
    match content.len() {
        0..0x80 => whole.push(content.len() as u8),
        _ => {
            whole.push(0x80 | digits.len() as u8);
            whole.extend_from_slice(digits);
        }
    }
    whole.extend_from_slice(&content);
    whole
}

/// RFC 7292, appendix B: SHA-1, purpose 3, one block of output.
fn mac_key(password: &str, salt: &[u8], iterations: u32) -> Vec<u8> {
    let password: Vec<u8> = password
        .encode_utf16()
        .chain([0])
        .flat_map(u16::to_be_bytes)
        .collect();
    let fill = |bytes: &[u8]| -> Vec<u8> {
        let length = bytes.len().next_multiple_of(BLOCK);
        bytes.iter().copied().cycle().take(length).collect()
    };
    let mut key = [vec![MAC_PURPOSE; BLOCK], fill(salt), fill(&password)].concat();
    for _ in 0..iterations {
        key = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &key)
            .as_ref()
            .to_vec();
    }
    key
}

const SEQUENCE: u8 = 0x30;
const OCTET_STRING: u8 = 0x04;
/// Explicit context tag 0.
const CONTENT: u8 = 0xa0;
/// Bytes of a SHA-1 block.
const BLOCK: usize = 64;
const MAC_PURPOSE: u8 = 3;
