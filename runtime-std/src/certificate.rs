//! Formats a certificate as text and as JSON.

use std::fmt::Write;

use estreamer_mio::tls::{AltName, CertificateFacts, Validity};
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::count::Count;

/// Formats a certificate as aligned lines, each indented by two spaces; `now` is in UNIX
/// seconds.
pub fn text(facts: &CertificateFacts, now: i64) -> String {
    let names = join(&facts.alt_names);
    let lines = [
        ("subject", facts.subject.clone()),
        ("issuer", facts.issuer.clone()),
        ("valid", validity(facts, now)),
        ("key", key(facts)),
        ("signature", facts.signature_algorithm.clone()),
        ("names", names),
        ("version", facts.version.to_string()),
        ("serial", facts.serial.clone()),
        ("SHA-256", facts.fingerprint()),
    ];
    let mut text = String::new();
    for (label, value) in lines {
        if !value.is_empty() {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "  {label:<10} {value}");
        }
    }
    for warning in facts.warnings(now) {
        let _ = writeln!(text, "  {:<10} {warning}", "warning");
    }
    text
}

/// Returns the certificate as a JSON object.
pub fn json(facts: &CertificateFacts, now: i64) -> Value {
    let names: Vec<String> = facts.alt_names.iter().map(ToString::to_string).collect();
    let warnings: Vec<String> = facts
        .warnings(now)
        .iter()
        .map(ToString::to_string)
        .collect();
    json!({
        "role": role(facts),
        "subject": facts.subject,
        "issuer": facts.issuer,
        "not_before": utc(facts.not_before),
        "not_after": utc(facts.not_after),
        "days_left": days_left(facts, now),
        "key_algorithm": facts.key_algorithm,
        "key_bits": facts.key_bits,
        "signature_algorithm": facts.signature_algorithm,
        "names": names,
        "version": facts.version,
        "serial": facts.serial,
        "sha256": facts.fingerprint(),
        "key_matches": facts.key_matches,
        "warnings": warnings,
    })
}

/// Returns the current time in UNIX seconds.
pub fn now() -> i64 {
    OffsetDateTime::now_utc().unix_timestamp()
}

/// Returns `CA` or `leaf`. A version 1 certificate has no CA flag; it counts as a CA if
/// it is self-issued.
pub fn role(facts: &CertificateFacts) -> &'static str {
    let old_root = facts.version < 3 && facts.subject == facts.issuer;
    match facts.is_ca || old_root {
        true => "CA",
        false => "leaf",
    }
}

/// `2026-01-01T00:00:00Z to 2027-01-01T00:00:00Z, 200 days left`.
pub fn validity(facts: &CertificateFacts, now: i64) -> String {
    let (from, to) = (utc(facts.not_before), utc(facts.not_after));
    match facts.validity(now) {
        Validity::NotYet => format!("{from} to {to}, not yet"),
        Validity::Expired => format!("{from} to {to}, expired"),
        Validity::Valid | Validity::ExpiresSoon { .. } => {
            let days = u64::try_from(days_left(facts, now)).unwrap_or_default();
            format!("{from} to {to}, {} left", Count(days, "day"))
        }
    }
}

/// `rsaEncryption, 2048 bits`.
pub(super) fn key(facts: &CertificateFacts) -> String {
    match facts.key_bits {
        Some(bits) => format!("{}, {bits} bits", facts.key_algorithm),
        None => facts.key_algorithm.clone(),
    }
}

/// Formats UNIX seconds as RFC 3339 in UTC; as a number for a year that RFC 3339 cannot
/// represent.
pub(super) fn utc(seconds: i64) -> String {
    OffsetDateTime::from_unix_timestamp(seconds)
        .ok()
        .and_then(|time| time.format(&Rfc3339).ok())
        .unwrap_or_else(|| seconds.to_string())
}

/// Returns the whole days until the certificate expires; negative after that.
pub(crate) fn days_left(facts: &CertificateFacts, now: i64) -> i64 {
    facts.not_after.saturating_sub(now).div_euclid(86_400)
}

fn join(names: &[AltName]) -> String {
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    names.join(", ")
}
