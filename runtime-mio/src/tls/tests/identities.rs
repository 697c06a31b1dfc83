//! Identities from files, and the errors of files that are none.

use super::*;

const PASSWORD: Option<&str> = Some("estreamer");

#[test]
fn every_dress_of_a_pkcs12_file_opens() {
    let files = [
        (
            "RC2-40 and 3DES, SHA-1 MAC",
            fixture!("legacy.p12"),
            PASSWORD,
        ),
        (
            "the same, blank password",
            fixture!("legacy-blank.p12"),
            Some(""),
        ),
        (
            "the same, no password given",
            fixture!("legacy-blank.p12"),
            None,
        ),
        ("3DES throughout", fixture!("3des.p12"), PASSWORD),
        ("AES-256, SHA-256 MAC", fixture!("aes.p12"), PASSWORD),
        (
            "AES-256, blank password",
            fixture!("aes-blank.p12"),
            Some(""),
        ),
        (
            "AES-256, no password given",
            fixture!("aes-blank.p12"),
            None,
        ),
        (
            "AES-128, SHA-1 MAC",
            fixture!("aes128-sha1mac.p12"),
            PASSWORD,
        ),
        ("PBES2 with 3DES", fixture!("pbes2-3des.p12"), PASSWORD),
        (
            "PBES2 with HMAC-SHA-1, key before CA before certificate",
            fixture!("sha1-prf.p12"),
            PASSWORD,
        ),
        ("AES-256 without MAC", fixture!("nomac.p12"), PASSWORD),
        ("RC2-40 without MAC", fixture!("nomac-legacy.p12"), PASSWORD),
        (
            "RC2-40 and 3DES, null password",
            fixture!("null-legacy.p12"),
            None,
        ),
        ("AES-256, null password", fixture!("null-aes.p12"), Some("")),
        (
            "3DES without MAC, null password",
            fixture!("null-nomac.p12"),
            None,
        ),
        ("not encrypted, no MAC", fixture!("plain.p12"), None),
    ];
    for (what, bytes, password) in files {
        let identity = Identity::from_pkcs12(bytes, password)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let own = identity.certificate();
        assert_eq!(own.common_name.as_deref(), Some("client"), "{what}");
        assert_eq!(own.key_matches, Some(true), "{what}");
        let subjects: Vec<_> = identity
            .authorities()
            .iter()
            .map(|ca| &ca.subject)
            .collect();
        assert_eq!(subjects, ["CN=ca-v1, title=InternalCA"], "{what}");
        assert!(
            ClientTls::new(&identity, ServerRules::default()).is_ok(),
            "{what}"
        );
    }
}

#[test]
fn a_wrong_password_and_a_missing_one_are_told_apart() {
    let files = [
        fixture!("legacy.p12"),
        fixture!("3des.p12"),
        fixture!("aes.p12"),
        fixture!("aes128-sha1mac.p12"),
        fixture!("nomac.p12"),
        fixture!("nomac-legacy.p12"),
    ];
    for bytes in files {
        let wrong = Identity::from_pkcs12(bytes, Some("Estreamer")).unwrap_err();
        assert_eq!(wrong, IdentityError::WrongPassword { blank_opens: false });
        for none in [None, Some("")] {
            let missing = Identity::from_pkcs12(bytes, none).unwrap_err();
            assert_eq!(missing, IdentityError::PasswordNeeded);
        }
    }
}

#[test]
fn a_password_for_a_file_that_has_none_is_pointed_out() {
    for bytes in [
        fixture!("legacy-blank.p12"),
        fixture!("aes-blank.p12"),
        fixture!("null-legacy.p12"),
    ] {
        let error = Identity::from_pkcs12(bytes, PASSWORD).unwrap_err();
        assert_eq!(error, IdentityError::WrongPassword { blank_opens: true });
    }
}

#[test]
fn what_is_no_pkcs12_file_is_named() {
    let cases: [(&[u8], IdentityError); 6] = [
        (b"", IdentityError::NotPkcs12),
        (b"<html>Session expired</html>", IdentityError::NotPkcs12),
        (&[0x30, 3, 2, 1, 3], IdentityError::NotPkcs12),
        (&[0x30, 0x80, 2, 1, 3, 0, 0], IdentityError::Ber),
        (fixture!("client.pem"), IdentityError::PemNotPkcs12),
        (&fixture!("aes.p12")[..1000], IdentityError::NotPkcs12),
    ];
    for (bytes, expected) in cases {
        assert_eq!(Identity::from_pkcs12(bytes, None).unwrap_err(), expected);
    }
}

#[test]
fn a_file_without_key_is_named() {
    let error = Identity::from_pkcs12(fixture!("no-key.p12"), PASSWORD).unwrap_err();
    assert_eq!(error, IdentityError::NoKey);
}

#[test]
fn a_damaged_file_is_told_apart_from_a_wrong_password() {
    // With a MAC, damage looks like a wrong password.
    let mut bytes = fixture!("plain.p12").to_vec();
    let key = [2, 1, 0, 48, 13, 6, 9, 42];
    let place = bytes.windows(8).position(|w| w == key).unwrap();
    bytes[place] = 0x7f;
    let error = Identity::from_pkcs12(&bytes, None).unwrap_err();
    assert!(matches!(error, IdentityError::Damaged { .. }), "{error:?}");
}

#[test]
fn pem_keys_of_every_form_are_read() {
    let ca = fixture!("ca-v1.pem");
    let (rsa, ec) = (fixture!("client.pem"), fixture!("client-ec.pem"));
    for (certificate, key) in [
        (rsa, fixture!("client.key")),
        (rsa, fixture!("client-pkcs1.key")),
        (ec, fixture!("client-ec.key")),
    ] {
        let identity = Identity::from_pem(certificate, key, ca).unwrap();
        assert_eq!(identity.authorities().len(), 1);
    }
}

#[test]
fn everything_may_be_in_one_pem_file_in_any_order() {
    let all = [
        fixture!("ca-v1.pem"),
        fixture!("server.pem"),
        fixture!("client.key"),
        fixture!("client.pem"),
    ]
    .concat();
    let identity = Identity::from_pem(&all, &all, b"").unwrap();
    let name = identity.certificate().common_name.as_deref();
    assert_eq!(name, Some("client"));
    // A certificate of another CA is neither in the chain nor a CA.
    assert_eq!(identity.chain().len(), 1);
    assert_eq!(identity.authorities().len(), 1);
    assert_eq!(identity.others().len(), 1);
}

#[test]
fn wrong_pem_files_are_named() {
    let (certificate, key, ca) = (
        fixture!("client.pem"),
        fixture!("client.key"),
        fixture!("ca-v1.pem"),
    );
    let fails = |certificate: &[u8], key: &[u8], ca: &[u8]| {
        Identity::from_pem(certificate, key, ca).unwrap_err()
    };
    for encrypted in [
        fixture!("client-encrypted.key"),
        fixture!("client-encrypted-pkcs1.key"),
    ] {
        assert_eq!(
            fails(certificate, encrypted, ca),
            IdentityError::EncryptedPemKey
        );
    }
    assert_eq!(fails(certificate, certificate, ca), IdentityError::NoKey);
    assert_eq!(fails(key, key, ca), IdentityError::NoCertificate);
    assert_eq!(fails(certificate, key, key), IdentityError::NoCa);
    let cut = &certificate[..certificate.len() - 40];
    assert!(matches!(
        fails(cut, key, ca),
        IdentityError::BadPem {
            part: "certificate",
            ..
        }
    ));
    let stranger = fails(fixture!("server.pem"), key, ca);
    let subjects = vec!["CN=server, title=eStreamer, generationQualifier=server".into()];
    assert_eq!(stranger, IdentityError::KeyMismatch { subjects });
    let small = fails(
        fixture!("server-rsa1024.pem"),
        fixture!("server-rsa1024.key"),
        ca,
    );
    assert_eq!(small, IdentityError::RsaTooSmall { bits: 1024 });
}

#[test]
fn of_two_certificates_of_one_key_the_one_valid_longer_is_ours() {
    let pki = TestPki::new();
    let key = KeyPair::generate().unwrap();
    let sign = |year| {
        let mut params = subject("eStreamer", "client");
        params.not_after = rcgen::date_time_ymd(year, 1, 1);
        params.signed_by(&key, &pki.issuer).unwrap().pem()
    };
    let (old, new) = (sign(2100), sign(2110));
    for pem in [old.clone() + &new, new + &old] {
        let key = key.serialize_pem();
        let ca = pki.pem.as_bytes();
        let identity = Identity::from_pem(pem.as_bytes(), key.as_bytes(), ca).unwrap();
        assert_eq!(identity.certificate().not_after, 4_417_977_600);
    }
}

#[test]
fn facts_say_what_openssl_says() {
    let identity = Identity::from_pkcs12(fixture!("aes.p12"), PASSWORD).unwrap();
    let own = identity.certificate();
    assert_eq!(
        own.subject,
        "CN=client, title=eStreamer, generationQualifier=client"
    );
    assert_eq!(own.issuer, "CN=ca-v1, title=InternalCA");
    assert_eq!(own.title.as_deref(), Some("eStreamer"));
    assert_eq!(
        (own.not_before, own.not_after),
        (1_577_836_800, 4_733_510_400)
    );
    assert_eq!(own.signature_algorithm, "sha256WithRSAEncryption");
    assert_eq!(
        (own.key_algorithm.as_str(), own.key_bits),
        ("rsaEncryption", Some(2048))
    );
    assert_eq!((own.version, own.is_ca), (3, false));
    assert_eq!(identity.authorities()[0].version, 1);
    assert_eq!(identity.authorities()[0].key_matches, Some(false));
}

#[test]
fn a_certificate_warns_of_its_end_thirty_days_ahead() {
    let identity = Identity::from_pkcs12(fixture!("aes.p12"), PASSWORD).unwrap();
    let own = identity.certificate();
    let day = 86_400;
    let at = |days_left: i64| own.validity(own.not_after - days_left * day);
    assert_eq!(at(31), Validity::Valid);
    assert_eq!(at(30), Validity::ExpiresSoon { days: 30 });
    assert_eq!(at(0), Validity::ExpiresSoon { days: 0 });
    assert_eq!(own.validity(own.not_after + 1), Validity::Expired);
    assert_eq!(own.validity(own.not_before - 1), Validity::NotYet);
}

#[test]
fn nothing_secret_is_printed() {
    let identity = Identity::from_pkcs12(fixture!("aes.p12"), PASSWORD).unwrap();
    let text = format!("{identity:?}");
    assert!(text.contains("CN=client"));
    assert!(text.len() < 300, "{text}");
    let key = fixture!("client.key");
    let damaged = [b"-----BEGIN PRIVATE KEY-----\nMIIsecret*", &key[60..]].concat();
    let error = Identity::from_pem(fixture!("client.pem"), &damaged, b"").unwrap_err();
    assert!(!error.to_string().contains("secret"), "{error}");
}

#[test]
fn no_damage_to_a_file_makes_it_panic() {
    for bytes in [
        fixture!("plain.p12"),
        fixture!("legacy-blank.p12"),
        fixture!("null-legacy.p12"),
    ] {
        // Every byte of the structure, and some of the encrypted part.
        for place in (0..200).chain((200..bytes.len()).step_by(7)) {
            for flip in [0x01, 0x80] {
                let mut damaged = bytes.to_vec();
                damaged[place] ^= flip;
                let _ = Identity::from_pkcs12(&damaged, None);
            }
        }
        for length in (0..bytes.len()).step_by(3) {
            let _ = Identity::from_pkcs12(&bytes[..length], None);
        }
    }
    let der: Vec<u8> = {
        let identity = Identity::from_pkcs12(fixture!("aes.p12"), PASSWORD).unwrap();
        identity.authority_certificates()[0].to_vec()
    };
    for place in 0..der.len() {
        let mut damaged = der.clone();
        damaged[place] ^= 0x11;
        let _ = CertificateFacts::from_der(&damaged);
    }
}

#[test]
fn an_identity_written_as_pem_is_the_same_identity() {
    let (certificate, ca) = (fixture!("client.pem"), fixture!("ca-v1.pem"));
    for key in [fixture!("client.key"), fixture!("client-pkcs1.key")] {
        let identity = Identity::from_pem(certificate, key, ca).unwrap();
        assert_eq!(identity.certificate_pem().as_bytes(), certificate);
        assert_eq!(identity.authority_pem().as_bytes(), ca);
        assert_eq!(identity.private_key_pem().as_bytes(), key);
    }
}

#[test]
fn what_is_in_a_file_is_shown_even_if_it_makes_no_identity() {
    let matches = |facts: Vec<CertificateFacts>| -> Vec<Option<bool>> {
        facts.iter().map(|facts| facts.key_matches).collect()
    };
    let no_key = inspect(fixture!("no-key.p12"), PASSWORD).unwrap();
    assert_eq!(matches(no_key), [None, None]);
    let whole = inspect(fixture!("legacy.p12"), PASSWORD).unwrap();
    assert_eq!(matches(whole), [Some(true), Some(false)]);
    let mixed = [fixture!("server.pem"), fixture!("client.key")].concat();
    assert_eq!(matches(inspect(&mixed, None).unwrap()), [Some(false)]);
    let wrong = inspect(fixture!("legacy.p12"), Some("wrong")).unwrap_err();
    assert_eq!(wrong, IdentityError::WrongPassword { blank_opens: false });
}

#[test]
fn warnings_name_the_certificate_the_date_and_expired_cas() {
    let identity = Identity::from_pkcs12(fixture!("aes.p12"), PASSWORD).unwrap();
    let end = identity.certificate().not_after;
    assert_eq!(identity.warnings(end - 40 * 86_400), []);
    let soon = identity.warnings(end - 20 * 86_400);
    assert_eq!(soon.len(), 2, "our certificate and its CA: {soon:?}");
    let text = soon[0].to_string();
    assert!(
        text.contains("CN=client") && text.contains("20 days"),
        "{text}"
    );
    assert!(text.contains("2120-01-01T00:00:00Z"), "{text}");
    let late = identity.warnings(end + 1);
    assert!(matches!(late[1], CertificateWarning::Expired { .. }));
}

#[test]
fn a_key_is_labelled_by_its_form_and_a_file_by_its_encoding() {
    use crate::tls::pem;
    let label = |file| pem::private_key(file).unwrap().label();
    assert_eq!(label(fixture!("client.key")), "PRIVATE KEY");
    assert_eq!(label(fixture!("client-pkcs1.key")), "RSA PRIVATE KEY");
    assert_eq!(label(fixture!("client-ec.key")), "EC PRIVATE KEY");
    assert!(is_pem(fixture!("client.key")));
    assert!(!is_pem(fixture!("aes.p12")));
}
