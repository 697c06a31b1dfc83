//! Files make identities, or say why not.

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
        ("AES-256 without MAC", fixture!("nomac.p12"), PASSWORD),
        ("RC2-40 without MAC", fixture!("nomac-legacy.p12"), PASSWORD),
        ("not encrypted, no MAC", fixture!("plain.p12"), None),
    ];
    for (what, bytes, password) in files {
        let identity = Identity::from_pkcs12(bytes, password)
            .unwrap_or_else(|error| panic!("{what}: {error}"));
        let own = identity.certificate().unwrap();
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
