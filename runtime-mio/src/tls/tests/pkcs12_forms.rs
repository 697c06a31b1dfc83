//! PKCS#12 files as various tools write them, and as this crate does.

use super::*;

const PASSWORD: Option<&str> = Some("estreamer");

fn read(bytes: &[u8], password: Option<&str>) -> Result<Identity, IdentityError> {
    Identity::from_pkcs12(bytes, password)
}

fn assert_whole(identity: &Identity) {
    let own = identity.certificate();
    assert_eq!(own.common_name.as_deref(), Some("client"));
    assert_eq!(own.key_matches, Some(true));
    assert_eq!(
        identity.authorities()[0].subject,
        "CN=ca-v1, title=InternalCA"
    );
}

#[test]
fn a_password_opens_its_file_however_it_was_spelled() {
    for (bytes, password) in [
        // A character of two UTF-16 units.
        (fixture!("emoji.p12"), "päss🔑"),
        // Old OpenSSL on a terminal in UTF-8, and in Latin-1.
        (fixture!("old-utf8.p12"), "päss🔑"),
        (fixture!("latin1.p12"), "päss"),
    ] {
        assert_whole(&read(bytes, Some(password)).unwrap());
        for wrong in ["pass", "päs🔑", "päs"] {
            let error = read(bytes, Some(wrong)).unwrap_err();
            assert_eq!(error, IdentityError::WrongPassword { blank_opens: false });
        }
    }
}

#[test]
fn pbmac1_and_scrypt_are_read() {
    for bytes in [fixture!("pbmac1.p12"), fixture!("scrypt.p12")] {
        assert_whole(&read(bytes, PASSWORD).unwrap());
        let error = read(bytes, Some("Estreamer")).unwrap_err();
        assert_eq!(error, IdentityError::WrongPassword { blank_opens: false });
    }
}

#[test]
fn the_work_a_file_asks_for_is_bounded_over_all_its_parts() {
    for (bytes, rounds) in [
        (fixture!("pbmac1-endless.p12"), 10_000_000),
        (fixture!("rounds-endless.p12"), 10_000_000),
        (fixture!("two-keys-endless.p12"), 8_000_050),
    ] {
        let error = read(bytes, PASSWORD).unwrap_err();
        assert!(
            matches!(error, IdentityError::TooManyRounds { rounds: found, .. } if found == rounds),
            "{error}"
        );
        assert!(error.to_string().contains(&rounds.to_string()));
    }
}

#[test]
fn an_algorithm_that_is_not_there_is_named() {
    let error = read(fixture!("sha3.p12"), PASSWORD).unwrap_err();
    let algorithm = "id-sha3-256".to_owned();
    assert_eq!(error, IdentityError::UnsupportedEncryption { algorithm });
}

#[test]
fn a_string_in_pieces_is_no_wrong_password() {
    for bytes in [fixture!("pieces.p12"), fixture!("pieces-inside.p12")] {
        assert_eq!(read(bytes, PASSWORD).unwrap_err(), IdentityError::Ber);
    }
}

#[test]
fn a_file_without_a_ca_takes_one_from_beside_it() {
    let alone = || read(fixture!("no-ca.p12"), PASSWORD).unwrap();
    assert_eq!(alone().authorities(), []);
    assert_whole(&alone().with_ca(fixture!("ca-v1.pem")).unwrap());
    let error = alone().with_ca(fixture!("client.key")).unwrap_err();
    assert_eq!(error, IdentityError::NoCa);
}

#[test]
fn what_is_written_opens_and_is_the_same() {
    let ca = fixture!("ca-v1.pem");
    let (rsa, ec) = (fixture!("client.pem"), fixture!("client-ec.pem"));
    for (certificate, key) in [
        (rsa, fixture!("client.key")),
        (rsa, fixture!("client-pkcs1.key")),
        (ec, fixture!("client-ec.key")),
    ] {
        let identity = Identity::from_pem(certificate, key, ca).unwrap();
        for encryption in [Pkcs12Encryption::Aes256, Pkcs12Encryption::Legacy] {
            for password in ["", "päss🔑"] {
                let file = identity.to_pkcs12("client", password, encryption).unwrap();
                let again = read(&file, Some(password)).unwrap();
                assert_eq!(again.certificate_pem().as_bytes(), certificate);
                assert_eq!(again.authority_pem().as_bytes(), ca);
                assert!(read(&file, Some("other")).is_err());
            }
        }
    }
}

#[test]
fn no_damage_to_these_files_makes_them_panic() {
    for bytes in [
        fixture!("pbmac1.p12"),
        fixture!("scrypt.p12"),
        fixture!("pieces.p12"),
    ] {
        for place in (0..400).chain((400..bytes.len()).step_by(97)) {
            for flip in [0x01, 0x80] {
                let mut damaged = bytes.to_vec();
                damaged[place] ^= flip;
                let _ = read(&damaged, Some("x"));
            }
        }
    }
}
