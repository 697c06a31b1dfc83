//! Peers that are refused, each with its cause.

use super::handshake::{rsa_client, rsa_server};
use rcgen::CustomExtension;

use super::*;

/// Returns the client's result with `server`.
fn verdict(client: &Identity, rules: ServerRules, server: &Identity) -> Result<(), TlsError> {
    let client = ClientTls::new(client, rules).unwrap();
    let server = ServerTls::new(server).unwrap();
    meet(&client, &server).2.0
}

/// As [`verdict`], by the default rules, as a problem of the certificate.
fn refusal(client: &Identity, server: &Identity) -> CertificateProblem {
    problem(verdict(client, ServerRules::default(), server))
}

#[test]
fn a_server_of_another_ca_is_refused() {
    let (ours, theirs) = (TestPki::new(), TestPki::named("OtherCA"));
    let server = theirs.issue_trusting(subject("eStreamer", "server"), &ours.pem);
    let found = refusal(&ours.client(), &server);
    assert_eq!(
        found,
        CertificateProblem::NotSignedByCa {
            issuer: "CN=OtherCA".into(),
            authorities: vec!["CN=InternalCA".into()],
            same_name: false,
        }
    );
}

#[test]
fn a_server_of_a_ca_made_anew_under_the_same_name_is_told_apart() {
    let (ours, anew) = (TestPki::new(), TestPki::new());
    let server = anew.issue_trusting(subject("eStreamer", "server"), &ours.pem);
    let CertificateProblem::NotSignedByCa { same_name, .. } = refusal(&ours.client(), &server)
    else {
        panic!("another problem");
    };
    assert!(same_name);
}

#[test]
fn a_server_without_the_estreamer_title_is_refused() {
    let pki = TestPki::new();
    let found = refusal(&pki.client(), &pki.issue(subject("sftunnel", "server")));
    assert!(
        matches!(found, CertificateProblem::Title { .. }),
        "{found:?}"
    );
}

#[test]
fn a_server_that_shows_a_clients_certificate_is_refused() {
    let pki = TestPki::new();
    let found = refusal(&pki.client(), &pki.client());
    assert!(
        matches!(found, CertificateProblem::GenerationQualifier { .. }),
        "{found:?}"
    );
}

#[test]
fn a_server_by_another_name_is_refused() {
    let pki = TestPki::new();
    let names = [
        NameRule::CommonName("192.0.2.8".into()),
        NameRule::SubjectAltName("192.0.2.7".into()),
    ];
    for name in names {
        let rules = ServerRules {
            name,
            ..ServerRules::default()
        };
        let found = problem(verdict(&pki.client(), rules, &pki.server()));
        assert!(
            matches!(found, CertificateProblem::Name { .. }),
            "{found:?}"
        );
    }
}

#[test]
fn a_server_with_another_fingerprint_is_refused() {
    let pki = TestPki::new();
    let rules = ServerRules {
        fingerprint: Some([7; 32]),
        ..ServerRules::default()
    };
    let server = pki.server();
    let found = problem(verdict(&pki.client(), rules, &server));
    let shown = server.certificate().fingerprint();
    assert_eq!(found, CertificateProblem::Fingerprint { found: shown });
}

#[test]
fn an_expired_server_is_refused_with_the_date() {
    let pki = TestPki::new();
    let mut params = subject("eStreamer", "server");
    params.not_after = rcgen::date_time_ymd(2001, 2, 3);
    let error = verdict(&pki.client(), ServerRules::default(), &pki.issue(params));
    let text = error.clone().unwrap_err().to_string();
    assert!(text.contains("expired at 2001-02-03T00:00:00Z"), "{text}");
    assert!(matches!(problem(error), CertificateProblem::Expired { .. }));
}

#[test]
fn a_server_whose_time_has_not_come_is_refused() {
    let pki = TestPki::new();
    let mut params = subject("eStreamer", "server");
    params.not_before = rcgen::date_time_ymd(2999, 1, 1);
    params.not_after = rcgen::date_time_ymd(3000, 1, 1);
    let found = refusal(&pki.client(), &pki.issue(params));
    assert!(matches!(found, CertificateProblem::NotYetValid { .. }));
}

#[test]
fn a_version_1_server_certificate_is_refused() {
    let server = rsa_server(fixture!("server-v1.pem"), fixture!("server-v1.key"));
    let found = refusal(&rsa_client(), &server);
    assert_eq!(found, CertificateProblem::Version { version: 1 });
}

#[test]
fn a_sha1_signed_server_is_refused_and_the_option_named() {
    let server = rsa_server(fixture!("server-sha1.pem"), fixture!("server-sha1.key"));
    let found = refusal(&rsa_client(), &server);
    assert_eq!(found, CertificateProblem::Sha1);
    assert!(found.to_string().contains("allow SHA-1"));
}

#[test]
fn a_server_of_a_ca_with_a_small_key_is_refused() {
    let ca = fixture!("ca-rsa1024.pem");
    let certificate = fixture!("server-weak-ca.pem");
    let server = Identity::from_pem(certificate, fixture!("server-weak-ca.key"), ca).unwrap();
    let client = Identity::from_pem(fixture!("client.pem"), fixture!("client.key"), ca).unwrap();
    let found = refusal(&client, &server);
    assert_eq!(found, CertificateProblem::CaRsaTooSmall { bits: 1024 });
}

/// A server's certificate with critical certificate policies.
fn with_critical_policies(pki: &TestPki) -> Identity {
    critical_policies_in(pki, subject("eStreamer", "server"))
}

fn critical_policies_in(pki: &TestPki, mut params: CertificateParams) -> Identity {
    // One policy: any.
    let policies = vec![48, 8, 48, 6, 6, 4, 85, 29, 32, 0];
    let mut policies = CustomExtension::from_oid_content(&[2, 5, 29, 32], policies);
    policies.set_criticality(true);
    params.custom_extensions = vec![policies];
    pki.issue(params)
}

fn pinning(server: &Identity) -> ServerRules {
    ServerRules {
        fingerprint: Some(server.certificate().sha256),
        ..ServerRules::default()
    }
}

#[test]
fn a_server_with_an_unknown_critical_extension_is_refused_unless_it_is_pinned() {
    let pki = TestPki::new();
    let server = with_critical_policies(&pki);
    let found = refusal(&pki.client(), &server);
    let extension = "id-ce-certificatePolicies".to_owned();
    assert_eq!(found, CertificateProblem::CriticalExtension { extension });
    assert!(found.to_string().contains("fingerprint"), "{found}");
    for versions in [TlsVersions::Tls12, TlsVersions::Tls13] {
        let client = ClientTls::with_versions(&pki.client(), pinning(&server), versions).unwrap();
        let outcome = meet(&client, &ServerTls::new(&server).unwrap()).2;
        assert_eq!(outcome, (Ok(()), Ok(())));
    }
    // The pin requires this certificate and its key.
    let other = with_critical_policies(&pki);
    let found = problem(verdict(&pki.client(), pinning(&server), &other));
    assert!(matches!(
        found,
        CertificateProblem::CriticalExtension { .. }
    ));
}

#[test]
fn a_pinned_server_is_refused_outside_its_time() {
    let pki = TestPki::new();
    let refused = |from, until| {
        let mut params = subject("eStreamer", "server");
        params.not_before = rcgen::date_time_ymd(from, 1, 1);
        params.not_after = rcgen::date_time_ymd(until, 1, 1);
        let server = critical_policies_in(&pki, params);
        problem(verdict(&pki.client(), pinning(&server), &server))
    };
    assert!(matches!(
        refused(2999, 3000),
        CertificateProblem::NotYetValid { .. }
    ));
    assert!(matches!(
        refused(2000, 2001),
        CertificateProblem::Expired { .. }
    ));
}

#[test]
fn a_pinned_certificate_proves_nothing_without_its_key() {
    let pki = TestPki::new();
    let server = with_critical_policies(&pki);
    let impostor = Identity::with_foreign_key(&server, &with_critical_policies(&pki));
    for versions in [TlsVersions::Tls12, TlsVersions::Tls13] {
        let client = ClientTls::with_versions(&pki.client(), pinning(&server), versions).unwrap();
        let outcome = meet(&client, &ServerTls::new(&impostor).unwrap()).2;
        let found = problem(outcome.0);
        assert_eq!(found, CertificateProblem::HandshakeSignature);
    }
}

#[test]
fn a_server_of_a_ca_on_p_521_is_refused_with_the_cause_unless_it_is_pinned() {
    let (ca, certificate) = (fixture!("ca-p521.pem"), fixture!("server-ca-p521.pem"));
    let server = Identity::from_pem(certificate, fixture!("server-ca-p521.key"), ca).unwrap();
    let ours = Identity::from_pem(fixture!("client.pem"), fixture!("client.key"), ca).unwrap();
    let found = refusal(&ours, &server);
    assert!(found.to_string().contains("secp521r1"), "{found}");
    // This server accepts clients of the same CA only.
    let error = verdict(&ours, pinning(&server), &server);
    assert!(
        !matches!(error, Err(TlsError::CertificateRefused(_))),
        "{error:?}"
    );
}

#[test]
fn a_server_meant_for_clients_by_extended_key_usage_is_refused() {
    let pki = TestPki::new();
    let params = purpose(
        subject("eStreamer", "server"),
        ExtendedKeyUsagePurpose::ClientAuth,
    );
    let found = refusal(&pki.client(), &pki.issue(params));
    assert_eq!(found, CertificateProblem::Purpose);
}

#[test]
fn a_ca_certificate_in_the_servers_place_is_refused() {
    let pki = TestPki::new();
    let mut params = subject("eStreamer", "server");
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let found = refusal(&pki.client(), &pki.issue(params));
    assert_eq!(found, CertificateProblem::IsCa);
}

#[test]
fn a_refused_server_is_shown_and_learns_of_the_refusal() {
    let (ours, theirs) = (TestPki::new(), TestPki::named("OtherCA"));
    let server = theirs.issue_trusting(subject("eStreamer", "server"), &ours.pem);
    let client = ClientTls::new(&ours.client(), ServerRules::default()).unwrap();
    let server = ServerTls::new(&server).unwrap();
    let (_, _, (at_client, at_server)) = meet(&client, &server);

    let at_client = at_client.unwrap_err();
    assert_eq!(at_client.class(), TlsClass::CertificateRefused);
    let TlsError::CertificateRefused(refusal) = at_client else {
        panic!("another error");
    };
    let shown = refusal.certificate.unwrap();
    assert_eq!(shown.issuer, "CN=OtherCA");

    let at_server = at_server.unwrap_err();
    assert_eq!(at_server.class(), TlsClass::OwnCertificateRefused);
}

#[test]
fn a_client_of_another_ca_is_refused_and_told_in_every_tls_version() {
    let (ours, theirs) = (TestPki::new(), TestPki::named("OtherCA"));
    let client = theirs.issue_trusting(subject("eStreamer", "client"), &ours.pem);
    for versions in [TlsVersions::Tls12, TlsVersions::Tls13] {
        let client = ClientTls::with_versions(&client, ServerRules::default(), versions).unwrap();
        let server = ServerTls::new(&ours.server()).unwrap();
        let (client, _, (at_client, at_server)) = meet(&client, &server);
        let found = problem(at_server);
        assert!(
            matches!(found, CertificateProblem::NotSignedByCa { .. }),
            "{found:?}"
        );
        assert_eq!(
            at_client.unwrap_err().class(),
            TlsClass::OwnCertificateRefused
        );
        // In TLS 1.3 the handshake is complete for the client by then.
        let late = versions == TlsVersions::Tls13;
        assert_eq!(client.is_handshaking(), !late);
    }
}

#[test]
fn an_expired_client_is_refused_by_our_server() {
    let pki = TestPki::new();
    let mut params = subject("eStreamer", "client");
    params.not_after = rcgen::date_time_ymd(2001, 2, 3);
    let client = ClientTls::new(&pki.issue(params), ServerRules::default()).unwrap();
    let server = ServerTls::new(&pki.server()).unwrap();
    let found = problem(meet(&client, &server).2.1);
    assert!(matches!(found, CertificateProblem::Expired { .. }));
}

#[test]
fn a_client_is_served_from_the_address_in_its_certificate_alone() {
    let pki = TestPki::new();
    let client = pki.client();
    let client = client.certificate();
    let rules = ClientRules::default();
    let check = |rules: &ClientRules, peer: &str| rules.check(client, peer.parse().unwrap());

    assert_eq!(check(&rules, "192.0.2.7"), Ok(()));
    assert_eq!(check(&rules, "::ffff:192.0.2.7"), Ok(()));
    let refused = check(&rules, "192.0.2.8").unwrap_err();
    assert!(matches!(refused, ClientRefusal::Address { .. }));
    assert!(refused.to_string().contains("192.0.2.8"));

    let lenient = ClientRules {
        address: false,
        ..ClientRules::default()
    };
    assert_eq!(check(&lenient, "192.0.2.8"), Ok(()));
}

#[test]
fn a_client_named_by_host_is_served_where_that_host_is_known_to_be() {
    let pki = TestPki::new();
    let mut params = subject("eStreamer", "client");
    params.subject_alt_names = vec![rcgen::SanType::DnsName(
        "collector.example.net".try_into().unwrap(),
    )];
    let client = pki.issue(params);
    let client = client.certificate();
    let peer = "198.51.100.4".parse().unwrap();
    assert!(ClientRules::default().check(client, peer).is_err());
    let rules = ClientRules {
        hosts: vec![("Collector.example.net".into(), peer)],
        ..ClientRules::default()
    };
    assert_eq!(rules.check(client, peer), Ok(()));
}

#[test]
fn a_client_without_the_title_is_refused_where_that_is_asked_for() {
    let pki = TestPki::new();
    let client = pki.issue(subject("other", "client"));
    let peer = "192.0.2.7".parse().unwrap();
    let mut rules = ClientRules::default();
    assert_eq!(rules.check(client.certificate(), peer), Ok(()));
    rules.title = true;
    let refused = rules.check(client.certificate(), peer);
    assert!(matches!(refused, Err(ClientRefusal::Title { .. })));
}

#[test]
fn rules_that_contradict_each_other_are_refused() {
    let rules = ServerRules {
        insecure: true,
        fingerprint: Some([0; 32]),
        ..ServerRules::default()
    };
    let error = ClientTls::new(&TestPki::new().client(), rules).unwrap_err();
    assert!(matches!(error, TlsError::Setup { .. }));
    assert_eq!(error.class(), TlsClass::Local);
}

#[test]
fn an_identity_without_ca_cannot_judge_anybody() {
    let identity = Identity::from_pkcs12(fixture!("no-ca.p12"), Some("estreamer")).unwrap();
    let no_ca = TlsError::Identity(IdentityError::NoCa);
    assert_eq!(
        ClientTls::new(&identity, ServerRules::default()).unwrap_err(),
        no_ca
    );
    assert_eq!(ServerTls::new(&identity).unwrap_err(), no_ca);
}

#[test]
fn an_error_names_its_source_and_a_remedy() {
    use std::error::Error;
    let pki = TestPki::new();
    let client = ClientTls::new(&TestPki::named("other").client(), ServerRules::default());
    let server = ServerTls::new(&pki.server()).unwrap();
    let (_, _, (refused, _)) = meet(&client.unwrap(), &server);
    let error = refused.unwrap_err();
    let TlsError::CertificateRefused(refusal) = &error else {
        panic!("not a refused certificate: {error:?}");
    };
    assert_eq!(error.source().unwrap().to_string(), refusal.to_string());
    assert_eq!(refusal.remedy(), refusal.problem.remedy(refusal.peer));
    assert!(!refusal.remedy().is_empty());
    let error = TlsError::from(IdentityError::NoKey);
    assert_eq!(
        error.source().unwrap().to_string(),
        IdentityError::NoKey.to_string()
    );
    assert!(TlsError::NotTls { peer: Peer::Server }.source().is_none());
}
