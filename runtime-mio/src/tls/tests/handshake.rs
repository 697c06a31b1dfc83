//! Handshakes that succeed.

use super::*;

#[test]
fn both_ends_shake_hands_in_every_tls_version() {
    let pki = TestPki::new();
    for (versions, name) in [
        (TlsVersions::Any, "TLS 1.3"),
        (TlsVersions::Tls12, "TLS 1.2"),
        (TlsVersions::Tls13, "TLS 1.3"),
    ] {
        let client =
            ClientTls::with_versions(&pki.client(), ServerRules::default(), versions).unwrap();
        let server = ServerTls::with_versions(&pki.server(), versions).unwrap();
        let (mut client, mut server, outcome) = meet(&client, &server);
        assert_eq!(outcome, (Ok(()), Ok(())));
        assert!(!client.is_handshaking() && !server.is_handshaking());

        assert_eq!(client.write(b"request"), 7);
        assert_eq!(server.write(b"events"), 6);
        assert_eq!(pump(&mut client, &mut server), (Ok(()), Ok(())));
        assert_eq!(drain(&mut server), b"request");
        assert_eq!(drain(&mut client), b"events");

        for session in [&client, &server] {
            assert_eq!(session.protocol_version(), Some(name));
            assert!(session.cipher_suite().unwrap().starts_with("TLS"));
        }
        let peer = client.peer().unwrap();
        assert_eq!(peer.generation_qualifier.as_deref(), Some("server"));
        let peer = server.peer().unwrap();
        assert_eq!(peer.generation_qualifier.as_deref(), Some("client"));
    }
}

#[test]
fn a_version_1_ca_and_rsa_certificates_are_accepted() {
    let client = Identity::from_pkcs12(fixture!("legacy.p12"), Some("estreamer")).unwrap();
    assert_eq!(client.authorities()[0].version, 1);
    let server = rsa_server(fixture!("server.pem"), fixture!("server.key"));
    for versions in [TlsVersions::Tls12, TlsVersions::Tls13] {
        let client = ClientTls::with_versions(&client, ServerRules::default(), versions).unwrap();
        let server = ServerTls::new(&server).unwrap();
        assert_eq!(meet(&client, &server).2, (Ok(()), Ok(())));
    }
}

#[test]
fn subjects_are_compared_without_regard_to_letter_case() {
    let pki = TestPki::new();
    let client = ClientTls::new(&pki.client(), ServerRules::default()).unwrap();
    let server = ServerTls::new(&pki.issue(subject("ESTREAMER", "Server"))).unwrap();
    assert_eq!(meet(&client, &server).2, (Ok(()), Ok(())));
}

#[test]
fn an_intermediate_ca_sent_by_the_server_leads_to_ours() {
    let root = TestPki::new();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "Sub CA");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let sub = params.signed_by(&key, &root.issuer).unwrap();
    let below = TestPki {
        pem: root.pem.clone(),
        issuer: Issuer::new(params, key),
    };
    let leaf_key = KeyPair::generate().unwrap();
    let leaf = subject("eStreamer", "server")
        .signed_by(&leaf_key, &below.issuer)
        .unwrap();
    // Out of order: the chain is built by names.
    let chain = root.pem.clone() + &sub.pem() + &leaf.pem();
    let key = leaf_key.serialize_pem();
    let server = Identity::from_pem(chain.as_bytes(), key.as_bytes(), b"").unwrap();
    assert_eq!(server.chain().len(), 2);

    let client = ClientTls::new(&root.client(), ServerRules::default()).unwrap();
    let server = ServerTls::new(&server).unwrap();
    assert_eq!(meet(&client, &server).2, (Ok(()), Ok(())));
}

#[test]
fn name_rules_and_a_pinned_fingerprint_accept_the_right_server() {
    let pki = TestPki::new();
    let mut params = subject("eStreamer", "server");
    params.subject_alt_names = vec![
        rcgen::SanType::DnsName("fmc1.example.net".try_into().unwrap()),
        rcgen::SanType::IpAddress("2001:db8::1".parse().unwrap()),
    ];
    let identity = pki.issue(params);
    let names = [
        NameRule::CommonName("192.0.2.7".into()),
        NameRule::SubjectAltName("FMC1.example.net".into()),
        NameRule::SubjectAltName("2001:db8:0::1".into()),
    ];
    for name in names {
        let rules = ServerRules {
            name,
            fingerprint: Some(identity.certificate().sha256),
            ..ServerRules::default()
        };
        let client = ClientTls::new(&pki.client(), rules).unwrap();
        let server = ServerTls::new(&identity).unwrap();
        assert_eq!(meet(&client, &server).2, (Ok(()), Ok(())));
    }
}

#[test]
fn sha1_signed_certificates_are_accepted_where_allowed() {
    let server = rsa_server(fixture!("server-sha1.pem"), fixture!("server-sha1.key"));
    let rules = ServerRules {
        allow_sha1: true,
        ..ServerRules::default()
    };
    let client = ClientTls::new(&rsa_client(), rules).unwrap();
    let server = ServerTls::new(&server).unwrap();
    assert_eq!(meet(&client, &server).2, (Ok(()), Ok(())));
}

#[test]
fn insecure_believes_a_stranger_and_needs_no_ca() {
    let (ours, theirs) = (TestPki::new(), TestPki::named("other"));
    let client = ours.issue_trusting(subject("eStreamer", "client"), &ours.pem);
    let rules = ServerRules {
        insecure: true,
        ..ServerRules::default()
    };
    for versions in [TlsVersions::Tls12, TlsVersions::Tls13] {
        let client = ClientTls::with_versions(&client, rules.clone(), versions).unwrap();
        let server = theirs.issue_trusting(subject("x", "y"), &ours.pem);
        let server = ServerTls::new(&server).unwrap();
        assert_eq!(meet(&client, &server).2, (Ok(()), Ok(())));
    }
    let lonely = Identity::from_pkcs12(fixture!("no-ca.p12"), Some("estreamer")).unwrap();
    assert!(ClientTls::new(&lonely, rules).is_ok());
}

pub(super) fn rsa_client() -> Identity {
    let ca = fixture!("ca-v1.pem");
    Identity::from_pem(fixture!("client.pem"), fixture!("client.key"), ca).unwrap()
}

pub(super) fn rsa_server(certificate: &[u8], key: &[u8]) -> Identity {
    Identity::from_pem(certificate, key, fixture!("ca-v1.pem")).unwrap()
}
