//! The settings of a receiver in an `[[output]]`.

use crate::config::number::{FACILITY, MAX_MESSAGE};
use crate::config::read::identity::IdentityFiles;
use crate::config::read::keys::TLS;
use crate::config::read::reader::Section;
use crate::config::read::receiver::{RawReceiver, RawTls};
use crate::config::receiver::{SyslogFraming, SyslogOptions, SyslogVersion};
use crate::output::destination::Destination;
use crate::output::receivers::receivers;

use super::{http, kafka, secret};

/// Reads the settings, and reports keys that do not belong to the destination.
pub(super) fn read(section: &Section<'_>, destination: Option<&Destination>) -> RawReceiver {
    if let Some(destination) = destination {
        check_keys(section, destination);
    }
    RawReceiver {
        tls: section.table("tls", TLS).map(|tls| read_tls(&tls)),
        syslog: syslog(section),
        http: http::options(section, destination),
        headers: http::headers(section),
        credentials: http::credentials(section),
        proxy: http::text(section, "proxy"),
        kafka: kafka::options(section, destination),
        client_options: kafka::client_options(section),
    }
}

/// Reports every key of a receiver that does not belong to this destination.
fn check_keys(section: &Section<'_>, destination: &Destination) {
    for (key, line, _) in section.entries() {
        let owners = receivers().filter(|kind| kind.keys.contains(&key));
        let owners: Vec<&str> = owners.map(|kind| kind.scheme).collect();
        // `archive` reports compress, which files have as well.
        if owners.is_empty() || destination.keys().contains(&key) || key == "compress" {
            continue;
        }
        let what = format!("{key} has no meaning for the output {destination}");
        let remedy = format!("Remove it; it belongs to {}", owners.join(", "));
        section.note(line, what, remedy);
    }
}

fn syslog(section: &Section<'_>) -> SyslogOptions {
    let usual = SyslogOptions::default();
    let framing = section.read("framing", |text| match text {
        "octet-counting" => Ok(SyslogFraming::OctetCounting),
        "newline" => Ok(SyslogFraming::Newline),
        _ => Err("use octet-counting or newline"),
    });
    let version = section.integer("rfc", "5424 or 3164").and_then(|at| {
        let version = match at.value {
            5424 => Some(SyslogVersion::Rfc5424),
            3164 => Some(SyslogVersion::Rfc3164),
            _ => None,
        };
        if version.is_none() {
            let what = format!("rfc: expected 5424 or 3164, found {}", at.value);
            section.note(at.line, what, "");
        }
        version
    });
    SyslogOptions {
        framing: framing.map_or(usual.framing, |at| at.value),
        version: version.unwrap_or(usual.version),
        // The bounds fit into a byte.
        facility: u8::try_from(section.number("facility", FACILITY)).unwrap_or(usual.facility),
        hostname: section.text("hostname").map(|text| text.value),
        app_name: section
            .text("app_name")
            .map_or(usual.app_name, |text| text.value),
        max_message: section.number("max_message", MAX_MESSAGE) as usize,
    }
}

fn read_tls(section: &Section<'_>) -> RawTls {
    let password = secret::read(section, "password");
    let [cert, key, pkcs12, ca] =
        ["cert", "key", "pkcs12", "ca"].map(|key| section.text(key).map(|text| text.value));
    let (has_cert, has_key) = (section.has("cert"), section.has("key"));
    let has_pkcs12 = section.has("pkcs12");
    if has_pkcs12 && (has_cert || has_key) {
        let what = "tls: pkcs12 excludes cert and key: the PKCS#12 file already holds them";
        section.note(section.line, what, "Remove one of the two");
    } else if has_cert != has_key {
        let what = "tls: a client certificate needs both cert and key";
        section.note(section.line, what, "Set both, or remove both");
    }
    if password.is_some() && !has_pkcs12 {
        let what = "tls: password is for pkcs12 only: a PEM key must not be encrypted";
        section.note(section.line, what, "Remove it, or add pkcs12");
    }
    let identity = match (pkcs12, cert, key) {
        (Some(file), ..) => Some(IdentityFiles::Pkcs12 {
            file: file.into(),
            password,
            ca: None,
        }),
        (None, Some(cert), Some(key)) => Some(IdentityFiles::Pem {
            cert: cert.clone().into(),
            key: key.into(),
            // Not used: only the certificate is shown to the receiver.
            ca: cert.into(),
        }),
        _ => None,
    };
    RawTls {
        line: section.line,
        ca: ca.map(Into::into),
        identity,
        server_name: section.text("server_name").map(|text| text.value),
    }
}
