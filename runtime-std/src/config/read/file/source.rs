//! Reads a `[[source]]` of the configuration file.

use estreamer_core::quirk::Quirks;
use estreamer_core::wire::{InitialTimestamp, RecordLength};
use estreamer_mio::tls::ServerRules;
use toml::de::DeValue;

use super::secret;
use crate::config::address::Address;
use crate::config::event_request::EventFields;
use crate::config::number::REQUEST_TIMEOUT;
use crate::config::read::event::{self, EventName};
use crate::config::read::identity::IdentityFiles;
use crate::config::read::keys::EVENTS;
use crate::config::read::raw::{At, RawSource, RequestSource};
use crate::config::read::reader::{Section, TomlValue};
use crate::config::{from, rules};
use crate::format::OwnedTransform;

/// Reads a source; `None` if a required key is missing or wrong, which is reported.
pub(super) fn read(section: &Section<'_>) -> Option<RawSource> {
    let name = section.text("name");
    let servers = servers(section);
    if !section.has("server") {
        section.missing("server", "Add server = \"HOST:8302\"");
    }
    let bind = section.read("bind", |text| {
        text.parse()
            .map_err(|_| "use an IP address of this machine, without a port")
    });
    let identity = identity(section);
    let request = request(section);
    let minimal = minimal(section);
    let quirks = section.list("quirks", event::quirk).unwrap_or_default();
    let from = start(section);
    let request_form = section.read("request_form", event::request_form);
    let request_timeout = section.number("request_timeout", REQUEST_TIMEOUT);
    let record_length = section.read("record_length", event::record_length);
    let rules = verification(section);
    let servers = servers?;
    Some(RawSource {
        name: name.unwrap_or_else(|| At {
            line: section.line,
            value: servers
                .value
                .first()
                .map(Address::to_string)
                .unwrap_or_default(),
        }),
        servers,
        bind: bind.map(|bind| bind.value),
        identity: identity?,
        request,
        minimal,
        is_reduced: false,
        from,
        request_form,
        request_timeout,
        record_length: record_length.map_or(RecordLength::Auto, |at| at.value),
        quirks: quirks
            .iter()
            .fold(Quirks::NONE, |set, quirk| set.with(quirk.value)),
        rules,
        lines: section.lines(),
    })
}

/// Reads `server`: one address, or a list of addresses that are tried in turn.
fn servers(section: &Section<'_>) -> Option<At<Vec<Address>>> {
    let (line, value) = section.get("server")?;
    let servers: Vec<At<Address>> = match value.get_ref() {
        DeValue::Array(_) => section.list("server", str::parse::<Address>)?,
        _ => vec![section.read("server", str::parse::<Address>)?],
    };
    let servers: Vec<Address> = servers.into_iter().map(|server| server.value).collect();
    (!servers.is_empty()).then_some(At {
        line,
        value: servers,
    })
}

fn identity(section: &Section<'_>) -> Option<At<IdentityFiles>> {
    let pkcs12 = section.text("pkcs12");
    let password = secret::read(section, "password");
    let parts = ["cert", "key", "ca"].map(|key| section.text(key));
    let given = ["cert", "key", "ca"].map(|key| section.has(key));
    if section.has("pkcs12") {
        // `ca` is allowed: the file may hold no CA.
        if let Some(key) = given[..2].iter().position(|&given| given) {
            let key = ["cert", "key"][key];
            let line = section.get(key).map_or(section.line, |(line, _)| line);
            let what =
                format!("{key} and pkcs12 exclude each other: the PKCS#12 file already holds it");
            section.note(line, what, "Remove one of the two");
        }
        let [_, _, ca] = parts;
        return pkcs12.map(|file| At {
            line: file.line,
            value: IdentityFiles::Pkcs12 {
                file: file.value.into(),
                password,
                ca: ca.map(|ca| ca.value.into()),
            },
        });
    }
    if let Some((line, _)) = section.get("password") {
        let what = "password is for pkcs12 only: a PEM key must not be encrypted";
        section.note(line, what, "Remove it, or add pkcs12");
    }
    match given {
        [false, false, false] => {
            let remedy = "Add pkcs12 = \"FILE\", as downloaded from the Management Center, or \
                          cert, key and ca";
            section.missing("identity", remedy);
        }
        [true, true, true] => {}
        _ => section.missing("complete identity", "Set cert, key and ca together"),
    }
    let [Some(cert), Some(key), Some(ca)] = parts else {
        return None;
    };
    Some(At {
        line: cert.line,
        value: IdentityFiles::Pem {
            cert: cert.value.into(),
            key: key.value.into(),
            ca: ca.value.into(),
        },
    })
}

/// Reads `transform`, or `data` as it was called before.
fn transform(section: &Section<'_>) -> Option<At<OwnedTransform>> {
    let old = section.read(OLD_TRANSFORM, str::parse::<OwnedTransform>);
    let new = section.read("transform", str::parse::<OwnedTransform>);
    if let Some((line, _)) = section.get(OLD_TRANSFORM) {
        match section.has("transform") {
            true => section.note(
                line,
                "data and transform are the same key, and both are set",
                "Remove data",
            ),
            false => section.hint(line, "`data` is now `transform`; both work"),
        }
    }
    new.or(old)
}

/// The former name of the key `transform`.
const OLD_TRANSFORM: &str = "data";

fn request(section: &Section<'_>) -> At<RequestSource> {
    let transform = transform(section);
    let request = section.text("request");
    if let Some(request) = request {
        for key in ["events", "transform", OLD_TRANSFORM] {
            if let Some((line, _)) = section.get(key) {
                let what = format!(
                    "{key} and request exclude each other: the request file already states it"
                );
                section.note(line, what, "Remove one of the two");
            }
        }
        return At {
            line: request.line,
            value: RequestSource::File(request.value.into()),
        };
    }
    let line = section
        .get("events")
        .or(section.get("transform"))
        .or(section.get(OLD_TRANSFORM))
        .map(|(line, _)| line);
    At {
        line: line.unwrap_or(section.line),
        value: RequestSource::Events(
            events(section),
            transform.map_or(OwnedTransform::Json, |transform| transform.value),
        ),
    }
}

/// Reads `events`: a list of event types, or a table of event types with fields.
fn events(section: &Section<'_>) -> Vec<EventFields> {
    let Some((line, value)) = section.get("events") else {
        return event::all_fields(&[], &[]);
    };
    match value.get_ref() {
        DeValue::Array(_) => {
            let names = section
                .list("events", str::parse::<EventName>)
                .unwrap_or_default();
            let names = names.into_iter();
            names
                .map(|at| EventFields::default_of(at.value.0))
                .collect()
        }
        DeValue::Table(_) => {
            let Some(table) = section.table("events", EVENTS) else {
                return Vec::new();
            };
            if table.entries().next().is_none() {
                section.note(
                    line,
                    "events: the table is empty",
                    "Add at least one event type",
                );
            }
            let entries = table.entries();
            entries.filter_map(|entry| fields(&table, entry)).collect()
        }
        _ => {
            let wanted = "a list of event types, or a table with their fields";
            section.wrong("events", line, value, wanted);
            Vec::new()
        }
    }
}

/// Reads the fields of an event type: a list, or `true` for the field sets of the
/// guide's example.
fn fields(table: &Section<'_>, entry: (&str, usize, &TomlValue<'_>)) -> Option<EventFields> {
    let (key, line, value) = entry;
    let kind = key.parse::<EventName>().ok()?.0;
    match value.get_ref() {
        DeValue::Boolean(true) => Some(EventFields::default_of(kind)),
        DeValue::Array(_) => {
            let names = table.list(key, |name| Ok::<_, String>(name.to_owned()))?;
            let names = names.into_iter().map(|name| name.value).collect();
            Some(EventFields { kind, names })
        }
        _ => {
            table.wrong(
                key,
                line,
                value,
                "a list of fields, or true for the default field sets",
            );
            None
        }
    }
}

/// Reads `minimal`.
fn minimal(section: &Section<'_>) -> bool {
    let minimal = section.flag("minimal").unwrap_or(false);
    if let (Some((line, _)), true, true) = (section.get("minimal"), minimal, section.has("request"))
    {
        let what = "minimal and request exclude each other: the request file is sent unchanged";
        section.note(line, what, "Remove one of the two");
    }
    minimal
}

/// Reads `from`: a string, an integer or a TOML time.
fn start(section: &Section<'_>) -> InitialTimestamp {
    let read = match section.get("from") {
        None => return InitialTimestamp::NOW,
        Some((line, value)) => match value.get_ref() {
            DeValue::Integer(digits) => {
                section.parsed("from", line, &digits.to_string(), from::parse)
            }
            DeValue::Datetime(time) => section.parsed("from", line, &time.to_string(), from::parse),
            _ => section.read("from", from::parse),
        },
    };
    read.map_or(InitialTimestamp::NOW, |at| at.value)
}

fn verification(section: &Section<'_>) -> ServerRules {
    let name = section.read("server_name", rules::name_rule);
    let fingerprint = section.read("server_fingerprint", rules::fingerprint);
    let allow_sha1 = section.flag("allow_sha1").unwrap_or(false);
    let insecure = section.flag("insecure_no_verify").unwrap_or(false);
    if insecure {
        for key in ["server_name", "server_fingerprint", "allow_sha1"] {
            if let Some((line, _)) = section.get(key) {
                let what = format!(
                    "{key} has no effect with insecure_no_verify, which disables verification"
                );
                section.note(line, what, "Remove insecure_no_verify");
            }
        }
    }
    ServerRules {
        name: name.map(|at| at.value).unwrap_or_default(),
        fingerprint: fingerprint.map(|at| at.value.0),
        allow_sha1,
        insecure,
    }
}
