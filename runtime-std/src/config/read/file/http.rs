//! The settings of an HTTP receiver in an `[[output]]`.

use std::time::Duration;

use toml::de::DeValue;

use super::secret;
use crate::config::Destination;
use crate::config::number::{BATCH_BYTES, BATCH_EVENTS, BATCH_SECONDS};
use crate::config::read::keys::{AUTH, BATCH};
use crate::config::read::raw::At;
use crate::config::read::reader::Section;
use crate::config::read::receiver::{Credentials, HeaderText};
use crate::config::receiver::{BatchLimits, HttpCompression, HttpOptions, OtlpEncoding};

/// Reads everything but headers, credentials and proxy.
pub(super) fn options(section: &Section<'_>, destination: Option<&Destination>) -> HttpOptions {
    let usual = HttpOptions::default();
    // For files, the key is about closed files.
    let is_http = destination.is_some_and(|of| of.keys().contains(&"batch"));
    let compress = section.read("compress", |text| match text {
        _ if !is_http => Ok(None),
        "gzip" => Ok(Some(HttpCompression::Gzip)),
        "zstd" => Ok(Some(HttpCompression::Zstd)),
        _ => Err("use gzip or zstd"),
    });
    let encoding = section.read("encoding", |text| match text {
        "protobuf" => Ok(OtlpEncoding::Protobuf),
        "json" => Ok(OtlpEncoding::Json),
        _ => Err("use protobuf or json"),
    });
    let batch = section.table("batch", BATCH).map(|batch| BatchLimits {
        events: batch.number("events", BATCH_EVENTS) as usize,
        bytes: batch.number("bytes", BATCH_BYTES) as usize,
        time: Duration::from_secs(batch.number("seconds", BATCH_SECONDS).into()),
    });
    HttpOptions {
        batch: batch.unwrap_or(usual.batch),
        compress: compress.and_then(|at| at.value),
        errors: section.text("errors").map(|text| text.value.into()),
        index: section.text("index").map(|text| text.value),
        sourcetype: section
            .text("sourcetype")
            .map_or(usual.sourcetype, |text| text.value),
        ack: section.flag("ack").unwrap_or(usual.ack),
        encoding: encoding.map_or(usual.encoding, |at| at.value),
        ..HttpOptions::default()
    }
}

/// Reads a text, or the place of a secret one.
pub(super) fn text(section: &Section<'_>, key: &'static str) -> Option<At<HeaderText>> {
    let (line, value) = section.get(key)?;
    let value = match value.get_ref() {
        DeValue::Table(_) => HeaderText::Secret(secret::read(section, key)?),
        _ => HeaderText::Text(section.text(key)?.value),
    };
    Some(At { line, value })
}

/// Reads `header`: names with texts, or with the places of secret ones.
pub(super) fn headers(section: &Section<'_>) -> Vec<(String, At<HeaderText>)> {
    let Some(headers) = section.names("header", "a table of headers") else {
        return Vec::new();
    };
    let read = |(name, line, value): (&str, usize, _)| {
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if !name.bytes().all(is_name) || name.is_empty() {
            let what = format!("header: {name:?} is not the name of a header");
            section.note(line, what, "Use letters, digits and hyphens");
            return None;
        }
        let value = secret::or_text(section, "header", line, value)?;
        Some((name.to_owned(), At { line, value }))
    };
    headers.entries().filter_map(read).collect()
}

/// Reads the credentials: `token`, `api_key`, `user` and `password`, or `auth`.
pub(super) fn credentials(section: &Section<'_>) -> Option<At<Credentials>> {
    let line = |key: &str| section.get(key).map_or(section.line, |(line, _)| line);
    let token = |key, scheme| {
        let secret = secret::read(section, key)?;
        Some(At {
            line: line(key),
            value: Credentials::Token(scheme, secret),
        })
    };
    let auth = section.table("auth", AUTH);
    let auth = auth.and_then(|auth| {
        let bearer = secret::read(&auth, "bearer");
        let bearer = bearer.map(|secret| Credentials::Token("Bearer", secret));
        let basic = basic(&auth);
        if bearer.is_some() && basic.is_some() {
            let what = "auth: bearer excludes user and password";
            section.note(line("auth"), what, "Remove one of the two");
        }
        if !auth.has("bearer") && !auth.has("user") {
            let remedy = "Use auth = { bearer = { file = \"FILE\" } }, or remove it";
            section.note(line("auth"), "auth has neither bearer nor user", remedy);
        }
        let value = bearer.or(basic)?;
        Some(At {
            line: line("auth"),
            value,
        })
    });
    let basic = basic(section).map(|value| At {
        line: line("user"),
        value,
    });
    let (token, api_key) = (token("token", "Splunk"), token("api_key", "ApiKey"));
    if let (Some(key), true) = (&api_key, basic.is_some()) {
        let what = "api_key excludes user and password";
        section.note(key.line, what, "Remove one of the two");
    }
    token.or(api_key).or(auth).or(basic)
}

fn basic(section: &Section<'_>) -> Option<Credentials> {
    let user = section.text("user");
    let password = secret::read(section, "password");
    match (user, password) {
        (Some(user), Some(password)) => Some(Credentials::Basic(user.value, password)),
        (None, None) => None,
        (user, _) => {
            // A faulty password was reported before.
            if user.is_none() || !section.has("password") {
                let what = "user and password belong together";
                section.note(section.line, what, "Set both, or remove both");
            }
            None
        }
    }
}
