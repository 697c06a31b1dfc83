use super::*;
use estreamer_mio::tls::{self, IdentityError};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fs;
use std::path::Path;
use x509_parser::prelude::*;

fn parsed(der: &[u8]) -> X509Certificate<'_> {
    X509Certificate::from_der(der).unwrap().1
}

fn attribute(cert: &X509Certificate<'_>, oid: &[u64]) -> Option<String> {
    let oid = x509_parser::oid_registry::Oid::from(oid).unwrap();
    let found = cert.subject().iter_by_oid(&oid).next()?;
    Some(found.as_str().unwrap().to_owned())
}

const CN: &[u64] = &[2, 5, 4, 3];
const TITLE: &[u64] = &[2, 5, 4, 12];
const QUALIFIER: &[u64] = &[2, 5, 4, 44];

#[test]
fn server_and_client_chain_to_the_internal_ca() {
    let pki = Pki::generate().unwrap();
    let ca = parsed(pki.ca().cert_der());
    assert!(ca.is_ca());
    assert_eq!(attribute(&ca, CN).as_deref(), Some("Internal CA"));
    for leaf in [pki.server(), pki.client()] {
        let leaf = parsed(leaf.cert_der());
        assert_eq!(leaf.issuer(), ca.subject());
        leaf.verify_signature(Some(ca.public_key())).unwrap();
        assert!(!leaf.is_ca());
        assert!(leaf.validity().is_valid());
    }
}

#[test]
fn the_subjects_say_what_the_guide_asks_for() {
    let pki = Pki::generate().unwrap();
    let server = parsed(pki.server().cert_der());
    assert_eq!(attribute(&server, TITLE).as_deref(), Some("eStreamer"));
    assert_eq!(attribute(&server, QUALIFIER).as_deref(), Some("server"));
    assert!(attribute(&server, CN).is_some());
    assert!(server.subject_alternative_name().unwrap().is_none());
    let client = parsed(pki.client().cert_der());
    assert_eq!(attribute(&client, TITLE).as_deref(), Some("eStreamer"));
    assert_eq!(attribute(&client, QUALIFIER).as_deref(), Some("client"));
    assert_eq!(attribute(&client, CN).as_deref(), Some(DEFAULT_CLIENT));
    let names = &client.subject_alternative_name().unwrap().unwrap().value;
    assert_eq!(names.general_names.len(), 2, "both loopback addresses");
}

#[test]
fn validity_begins_yesterday_and_lasts_for_years() {
    let pki = Pki::generate().unwrap();
    let server = parsed(pki.server().cert_der());
    let now = ASN1Time::now().timestamp();
    let begun = now - server.validity().not_before.timestamp();
    assert!((86_000..87_000).contains(&begun), "{begun} s ago");
    assert!(server.validity().not_after.timestamp() > now + 9 * 365 * 86_400);
}

#[test]
fn a_faulty_server_has_exactly_its_fault() {
    let pki = Pki::generate().unwrap();
    let ca = parsed(pki.ca().cert_der());
    for fault in [
        ServerFault::MissingTitle,
        ServerFault::WrongQualifier,
        ServerFault::Expired,
    ] {
        let server = pki.faulty_server(fault).unwrap();
        let cert = parsed(server.cert_der());
        cert.verify_signature(Some(ca.public_key())).unwrap();
        assert_eq!(
            attribute(&cert, TITLE).is_none(),
            fault == ServerFault::MissingTitle
        );
        assert_eq!(
            attribute(&cert, QUALIFIER).as_deref() == Some("client"),
            fault == ServerFault::WrongQualifier
        );
        assert_eq!(!cert.validity().is_valid(), fault == ServerFault::Expired);
    }
}

fn opened(p12: &[u8], password: &str) -> Result<tls::Identity, IdentityError> {
    tls::Identity::from_pkcs12(p12, Some(password))
}

/// The file holds the key of the leaf, the leaf and the CA.
fn assert_complete(p12: &[u8], password: &str, pki: &Pki) {
    let whole = opened(p12, password).unwrap();
    let key = PrivateKeyDer::from_pem_slice(whole.private_key_pem().as_bytes()).unwrap();
    assert_eq!(key.secret_der(), pki.client().key_der());
    let pem = |pem: &str| pem.replace('\r', "");
    assert_eq!(whole.certificate_pem(), pem(pki.client().cert_pem()));
    assert_eq!(whole.authority_pem(), pem(pki.ca().cert_pem()));
}

#[test]
fn pkcs12_opens_with_its_password_and_no_other() {
    let pki = Pki::generate().unwrap();
    let p12 = pki.client_p12("päss wörd").unwrap();
    assert_complete(&p12, "päss wörd", &pki);
    assert!(opened(&p12, "pass word").is_err());
    assert!(opened(&p12, "").is_err());
}

#[test]
fn pkcs12_in_the_old_ciphers_opens_as_well() {
    let pki = Pki::generate().unwrap();
    let p12 = pki.client_p12_legacy(DEFAULT_PASSWORD).unwrap();
    assert_complete(&p12, DEFAULT_PASSWORD, &pki);
    assert!(opened(&p12, "wrong").is_err());
    // The family of algorithms, with 6 for RC2-40 and 3 for 3DES.
    let family = [0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x01_u8];
    let after = |w: &[u8]| w.strip_prefix(&family).map(<[u8]>::to_vec);
    let used: Vec<_> = p12.windows(family.len() + 1).filter_map(after).collect();
    assert_eq!(used, [[6], [3]], "certificates, then the key");
}

#[test]
fn pkcs12_without_password_opens_with_the_empty_one() {
    let pki = Pki::generate().unwrap();
    let p12 = pki.client_p12("").unwrap();
    assert_complete(&p12, "", &pki);
    assert!(opened(&p12, "estreamer").is_err());
}

fn written() -> (tempfile::TempDir, Pki) {
    let dir = tempfile::tempdir().unwrap();
    let pki = Pki::generate().unwrap();
    pki.write_to(dir.path()).unwrap();
    (dir, pki)
}

#[test]
fn the_server_end_is_read_back_as_it_was_written() {
    let (dir, pki) = written();
    let server = load(dir.path()).unwrap();
    assert_eq!(server.ca_pem, pki.ca().cert_pem().as_bytes());
    assert_eq!(server.chain_pem, pki.server().cert_pem().as_bytes());
    assert_eq!(server.key_pem, pki.server().key_pem().as_bytes());
}

#[test]
fn the_written_archives_open_as_documented() {
    let (dir, pki) = written();
    for (name, password) in [
        ("client.p12", DEFAULT_PASSWORD),
        ("client-legacy.p12", DEFAULT_PASSWORD),
        ("client-nopassword.p12", ""),
    ] {
        let bytes = fs::read(dir.path().join(name)).unwrap();
        assert_complete(&bytes, password, &pki);
    }
}

#[cfg(unix)]
#[test]
fn files_with_keys_are_for_their_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let (dir, _) = written();
    issue_client(dir.path(), "client.example.net").unwrap();
    let mut seen = 0;
    for entry in fs::read_dir(dir.path()).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if name.ends_with(".key") || name.ends_with(".p12") {
            let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
            assert_eq!(mode, 0o600, "{name}");
            seen += 1;
        }
    }
    assert_eq!(seen, 8);
}

#[test]
fn an_existing_pki_is_never_overwritten() {
    let (dir, _) = written();
    let before = fs::read(dir.path().join("ca.pem")).unwrap();
    let error = Pki::generate().unwrap().write_to(dir.path()).unwrap_err();
    assert!(matches!(error, PkiError::Exists { .. }));
    assert!(error.to_string().contains("ca.key"), "{error}");
    assert_eq!(fs::read(dir.path().join("ca.pem")).unwrap(), before);
}

#[test]
fn one_file_in_the_way_leaves_the_directory_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("client.p12"), b"mine").unwrap();
    let error = Pki::generate().unwrap().write_to(dir.path()).unwrap_err();
    assert!(error.to_string().contains("client.p12"), "{error}");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn a_further_client_is_signed_by_the_same_ca() {
    let (dir, pki) = written();
    let files = issue_client(dir.path(), "2001:db8::5").unwrap();
    let ca = parsed(pki.ca().cert_der());
    let p12 = fs::read(&files.p12).unwrap();
    let whole = opened(&p12, DEFAULT_PASSWORD).unwrap();
    let der = CertificateDer::from_pem_slice(whole.certificate_pem().as_bytes()).unwrap();
    let client = parsed(&der);
    client.verify_signature(Some(ca.public_key())).unwrap();
    assert_eq!(attribute(&client, CN).as_deref(), Some("2001:db8::5"));
    assert_eq!(whole.authority_pem(), pki.ca().cert_pem().replace('\r', ""));
    let again = issue_client(dir.path(), "2001:db8::5").unwrap_err();
    assert!(matches!(again, PkiError::Exists { .. }));
}

#[test]
fn a_client_name_that_leaves_the_directory_is_refused() {
    let (dir, _) = written();
    for name in ["", "../up", "a/b", "naïve", ".hidden", &"x".repeat(65)] {
        let error = issue_client(dir.path(), name).unwrap_err();
        assert!(matches!(error, PkiError::ClientName { .. }), "{name}");
    }
}

#[test]
fn a_missing_or_damaged_file_is_named() {
    let empty = tempfile::tempdir().unwrap();
    let error = load(empty.path()).unwrap_err();
    assert!(error.to_string().contains("ca.pem"), "{error}");
    assert!(error.to_string().contains("pki init"), "{error}");

    let (dir, _) = written();
    fs::write(dir.path().join("server.key"), "nothing").unwrap();
    let error = load(dir.path()).unwrap_err();
    assert!(error.to_string().contains("server.key"), "{error}");
    assert!(matches!(error, PkiError::Content { .. }));

    fs::write(dir.path().join("server.pem"), "nothing").unwrap();
    let error = load(dir.path()).unwrap_err();
    assert!(error.to_string().contains("server.pem"), "{error}");
}

#[test]
fn a_directory_that_cannot_be_made_is_named() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("file"), b"").unwrap();
    let below = dir.path().join("file").join("pki");
    let error = Pki::generate().unwrap().write_to(&below).unwrap_err();
    assert!(error.to_string().contains(&*below.to_string_lossy()));
    assert!(Path::new(&below).symlink_metadata().is_err());
}
