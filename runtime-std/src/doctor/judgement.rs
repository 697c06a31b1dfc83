//! Checks one certificate: its dates, algorithms, subject and address.

use std::net::{IpAddr, ToSocketAddrs};

use estreamer_mio::tls::{CertificateFacts, ClientRefusal, ClientRules, Validity};

use super::report::{DiagnosisStep, Verdict};
use crate::certificate;

/// The owner of a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Whose {
    Ours,
    Authority,
    Server,
}

/// Checks dates, algorithms and subject.
pub(super) fn certificate(whose: Whose, facts: &CertificateFacts, now: i64) -> Vec<DiagnosisStep> {
    vec![
        dates(whose, facts, now),
        algorithms(whose, facts),
        subject(whose, facts),
    ]
}

fn dates(whose: Whose, facts: &CertificateFacts, now: i64) -> DiagnosisStep {
    let (verdict, look_at) = match facts.validity(now) {
        Validity::Valid => (Verdict::Ok, None),
        Validity::ExpiresSoon { .. } => (Verdict::Warning, Some(renewal(whose))),
        Validity::Expired => (Verdict::Failed, Some(renewal(whose))),
        Validity::NotYet => (
            Verdict::Failed,
            Some("Compare the clocks of this machine and of the Management Center"),
        ),
    };
    DiagnosisStep {
        step: match whose {
            Whose::Ours => "own dates",
            Whose::Authority => "CA dates",
            Whose::Server => "server dates",
        },
        verdict,
        found: certificate::validity(facts, now),
        look_at: look_at.map(Into::into),
    }
}

fn renewal(whose: Whose) -> &'static str {
    match whose {
        Whose::Ours => "Create this client again on the Management Center, and use the new PKCS#12",
        Whose::Server => {
            "Renew the server's certificate on the Management Center; the PKCS#12 files of clients \
             stay valid as long as its Internal CA does"
        }
        Whose::Authority => {
            "Renew the Management Center's Internal CA and its certificates, then download new \
             PKCS#12 files for all clients"
        }
    }
}

fn algorithms(whose: Whose, facts: &CertificateFacts) -> DiagnosisStep {
    let small = facts.key_algorithm.starts_with("rsa")
        && facts.key_bits.is_some_and(|bits| bits < SMALLEST_RSA);
    let sha1 = facts
        .signature_algorithm
        .to_ascii_lowercase()
        .contains("sha1");
    let weak = small || sha1 || facts.version < 3;
    DiagnosisStep {
        step: match whose {
            Whose::Ours => "own algorithms",
            Whose::Authority => "CA algorithms",
            Whose::Server => "server algorithms",
        },
        verdict: match weak {
            true => Verdict::Warning,
            false => Verdict::Ok,
        },
        found: format!(
            "{}, signed with {}, X.509 version {}",
            certificate::key(facts),
            facts.signature_algorithm,
            facts.version
        ),
        look_at: weak.then(|| {
            "Update the Management Center, and create new certificates with RSA of at least \
             2048 bits and SHA-256"
                .into()
        }),
    }
}

fn subject(whose: Whose, facts: &CertificateFacts) -> DiagnosisStep {
    let line = |step, wrong: bool, look_at: &str| DiagnosisStep {
        step,
        verdict: match wrong {
            true => Verdict::Warning,
            false => Verdict::Ok,
        },
        found: facts.subject.clone(),
        look_at: wrong.then(|| look_at.into()),
    };
    match whose {
        Whose::Ours => line(
            "own subject",
            // A certificate with both qualifiers is valid for both sides.
            facts.has_qualifier("server") && !facts.has_qualifier("client"),
            "This is a server's certificate; use the PKCS#12 of a client",
        ),
        Whose::Authority => line("CA subject", false, ""),
        Whose::Server => line(
            "server subject",
            !(facts.has_title("eStreamer") && facts.has_qualifier("server")),
            "This is not an eStreamer service; check that the port is 8302 on the Management Center",
        ),
    }
}

/// Checks whether this client's certificate names its local address, as the server
/// checks it.
pub(super) fn address(own: &CertificateFacts, local: IpAddr) -> DiagnosisStep {
    let names = own
        .common_name
        .iter()
        .cloned()
        .chain(own.alt_names.iter().map(ToString::to_string));
    let hosts = names
        .filter(|name| is_host(name))
        .flat_map(|name| resolve(&name).map(move |address| (name.clone(), address)))
        .collect();
    let rules = ClientRules {
        hosts,
        ..ClientRules::default()
    };
    let (verdict, found, look_at) = match rules.check(own, local) {
        Ok(()) => (
            Verdict::Ok,
            format!("this client's certificate names the local address {local}"),
            None,
        ),
        Err(ClientRefusal::Address { peer, mut names }) => (
            Verdict::Warning,
            match names.is_empty() {
                true => format!(
                    "this client's certificate names no address; the local address is {peer}"
                ),
                false => {
                    // The common name is often one of the alternative names.
                    names.dedup();
                    let names = names.join(", ");
                    format!("this client's certificate names {names}; the local address is {peer}")
                }
            },
            Some(format!(
                "Unless NAT translates {peer} to an address in the certificate, create the client \
                 on the Management Center under the address from which it connects"
            )),
        ),
        Err(other) => (Verdict::Warning, other.to_string(), None),
    };
    DiagnosisStep {
        step: "own address",
        verdict,
        found,
        look_at,
    }
}

/// Returns whether a name from a certificate may be passed to the resolver.
fn is_host(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || ".-_".contains(c);
    name.parse::<IpAddr>().is_err() && !name.is_empty() && name.chars().all(fits)
}

fn resolve(name: &str) -> impl Iterator<Item = IpAddr> + use<> {
    // A name that does not resolve matches no address.
    let found = (name, 0).to_socket_addrs();
    found.into_iter().flatten().map(|address| address.ip())
}

/// The minimum size of an RSA key in bits that current TLS libraries accept.
const SMALLEST_RSA: u32 = 2048;
