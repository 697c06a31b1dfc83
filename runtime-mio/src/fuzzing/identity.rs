//! Files from outside: PKCS#12, PEM, certificates.

use std::net::{IpAddr, Ipv4Addr};

use estreamer_core::fuzzing::Choices;

use crate::tls::{CertificateFacts, ClientRules, Identity, inspect};

/// Reads a PKCS#12 or PEM file; the first byte chooses the password. An identity is
/// the same after it was written as PEM and read again.
pub fn pkcs12(data: &[u8]) {
    let mut choices = Choices::new(data);
    let password = match choices.below(4) {
        0 => None,
        1 => Some(""),
        2 => Some("\u{10000}"),
        _ => Some("estreamer"),
    };
    let file = choices.rest();
    let from_pkcs12 = Identity::from_pkcs12(file, password);
    for read in [from_pkcs12, Identity::from_pem(file, file, file)] {
        match read {
            Ok(identity) => same_as_pem(&identity),
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
    match inspect(file, password) {
        Ok(all) => all.iter().for_each(plain),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn same_as_pem(identity: &Identity) {
    let (certificates, key) = (identity.certificate_pem(), identity.private_key_pem());
    let authorities = identity.authority_pem();
    let again = Identity::from_pem(
        certificates.as_bytes(),
        key.as_bytes(),
        authorities.as_bytes(),
    );
    let again = again.expect("what opened can be written and read");
    assert_eq!(again.certificate(), identity.certificate());
    assert_eq!(again.authorities().len(), identity.authorities().len());
    let shown = format!("{identity:?}");
    let secret = key.lines().nth(1).expect("a key has a line");
    assert!(!shown.contains(secret), "the key stays where it is");
    for facts in [identity.chain(), identity.authorities(), identity.others()] {
        facts.iter().for_each(plain);
    }
}

/// Reads a certificate and checks it.
pub fn certificate(data: &[u8]) {
    if let Some(facts) = CertificateFacts::from_der(data) {
        plain(&facts);
        assert!(
            facts.subject.len() <= 16 * data.len(),
            "it stays in proportion"
        );
    }
}

/// No text contains a control character.
fn plain(facts: &CertificateFacts) {
    let names = facts.alt_names.iter().map(ToString::to_string);
    let texts = [
        &facts.title,
        &facts.generation_qualifier,
        &facts.common_name,
    ];
    let texts = texts.into_iter().flatten().cloned();
    let single = [&facts.subject, &facts.issuer, &facts.serial].map(Clone::clone);
    for text in names
        .chain(texts)
        .chain(single)
        .chain([facts.fingerprint()])
    {
        assert!(!text.contains(char::is_control), "{text:?}");
    }
    facts.validity(NOW);
    for warning in facts.warnings(NOW) {
        assert!(!warning.to_string().contains(char::is_control));
    }
    let rules = ClientRules {
        title: true,
        ..ClientRules::default()
    };
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    if let Err(refusal) = rules.check(facts, peer) {
        assert!(!refusal.to_string().contains(char::is_control));
    }
}

/// 2023-11-14, UNIX seconds.
const NOW: i64 = 1_700_000_000;
