//! PEM files as editors, shells and other tools write them.

use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;

use super::*;

const BOM: &[u8] = "\u{feff}".as_bytes();

fn parts() -> [&'static [u8]; 3] {
    [
        fixture!("client.pem"),
        fixture!("client.key"),
        fixture!("ca-v1.pem"),
    ]
}

/// The three files make the same identity after each is changed in the same way.
fn assert_read(what: &str, change: impl Fn(&[u8]) -> Vec<u8>) {
    let [certificate, key, ca] = parts().map(change);
    let identity = Identity::from_pem(&certificate, &key, &ca)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    assert_eq!(identity.certificate_pem().as_bytes(), parts()[0], "{what}");
    assert_eq!(identity.authority_pem().as_bytes(), parts()[2], "{what}");
    let text = [certificate, ca].concat();
    if what != "DER" && !what.starts_with("UTF-16") {
        assert_eq!(inspect(&text, None).unwrap().len(), 2, "{what}");
    }
}

#[test]
fn pem_is_read_however_an_editor_saved_it() {
    let utf16 = |bytes: &[u8], unit: fn(u16) -> [u8; 2]| {
        let text = std::str::from_utf8(bytes).unwrap();
        let units = ['\u{feff}'].into_iter().chain(text.chars());
        units.flat_map(|c| unit(c as u16)).collect::<Vec<u8>>()
    };
    assert_read("a byte order mark", |bytes| [BOM, bytes].concat());
    assert_read("indented lines", |bytes| {
        let text = std::str::from_utf8(bytes).unwrap();
        text.replace("-----BEGIN", "  -----BEGIN").into()
    });
    assert_read("no line end", |bytes| bytes.trim_ascii_end().to_vec());
    assert_read("line ends of Windows", |bytes| {
        let text = std::str::from_utf8(bytes).unwrap();
        text.replace('\n', "\r\n").into()
    });
    assert_read("UTF-16, low byte first", |bytes| {
        utf16(bytes, u16::to_le_bytes)
    });
    assert_read("UTF-16, high byte first", |bytes| {
        utf16(bytes, u16::to_be_bytes)
    });
}

#[test]
fn der_given_as_pem_is_read() {
    assert_read("DER", |bytes| match CertificateDer::from_pem_slice(bytes) {
        Ok(certificate) => certificate.to_vec(),
        Err(_) => rustls_pki_types::PrivateKeyDer::from_pem_slice(bytes)
            .unwrap()
            .secret_der()
            .to_vec(),
    });
}

#[test]
fn the_first_ca_of_several_is_not_lost() {
    let other = TestPki::named("Other CA");
    let [certificate, key, ca] = parts();
    for file in [
        [BOM, ca, other.pem.as_bytes()].concat(),
        [BOM, ca, BOM, other.pem.as_bytes()].concat(),
        [ca.trim_ascii_end(), other.pem.as_bytes()].concat(),
    ] {
        let identity = Identity::from_pem(certificate, key, &file).unwrap();
        assert_eq!(identity.authorities().len(), 2);
    }
}

#[test]
fn a_trusted_certificate_is_a_certificate() {
    let [certificate, key, ca] = parts();
    let identity = Identity::from_pem(certificate, key, fixture!("ca-trusted.pem")).unwrap();
    assert_eq!(identity.authority_pem().as_bytes(), ca);
    assert!(ClientTls::new(&identity, ServerRules::default()).is_ok());
    let old = std::str::from_utf8(ca).unwrap();
    let old = old.replace("CERTIFICATE-", "X509 CERTIFICATE-");
    let identity = Identity::from_pem(certificate, key, old.as_bytes()).unwrap();
    assert_eq!(identity.authority_pem().as_bytes(), ca);
}

#[test]
fn an_error_says_which_file_it_is_about() {
    let [certificate, key, ca] = parts();
    let p12 = fixture!("aes.p12");
    let junk = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".as_slice();
    let bad_key = b"-----BEGIN PRIVATE KEY-----\n*\n-----END PRIVATE KEY-----\n".as_slice();
    for (files, part, word) in [
        ([p12, key, ca], "certificate", "PKCS#12"),
        ([certificate, p12, ca], "key", "PKCS#12"),
        ([certificate, key, p12], "CA", "PKCS#12"),
        ([junk, key, ca], "certificate", "X.509"),
        ([certificate, key, junk], "CA", "X.509"),
        ([certificate, bad_key, ca], "key", "base64"),
        (
            [certificate, fixture!("client-encrypted-pkcs1.key"), ca],
            "key",
            "encrypted",
        ),
        ([certificate, certificate, ca], "key", "no private key"),
        (
            [certificate, fixture!("server.key"), ca],
            "key",
            "none of the certificates",
        ),
        ([certificate, key, key], "CA", "no CA certificate"),
        ([key, key, ca], "certificate", "no certificate"),
        ([b"junk", key, ca], "certificate", "no certificate"),
    ] {
        let [certificate, key, ca] = files;
        let error = Identity::from_pem(certificate, key, ca).unwrap_err();
        assert_eq!(error.part(), part, "{error}");
        assert!(error.to_string().contains(word), "{error}");
    }
}

#[test]
fn what_is_damaged_in_a_pem_file_is_named() {
    for (text, expected) in [
        (
            "-----BEGIN CERTIFICATE-----\nAAAA\n",
            "a section has no END line",
        ),
        (
            "-----BEGIN CERTIFICATE\nAAAA\n",
            "a BEGIN line is malformed",
        ),
        (
            "-----BEGIN CERTIFICATE-----\n!!!!\n-----END CERTIFICATE-----\n",
            "a section is not base64",
        ),
    ] {
        let IdentityError::BadPem { detail, .. } = inspect(text.as_bytes(), None).unwrap_err()
        else {
            panic!("{text:?} is not named as bad");
        };
        assert_eq!(detail, expected);
    }
}
