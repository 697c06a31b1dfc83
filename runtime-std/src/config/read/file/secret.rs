//! The place of a secret in a configuration file.

use toml::de::DeValue;

use crate::config::read::keys::{PASSWORD, TableKeys};
use crate::config::read::reader::{Section, TomlValue};
use crate::config::read::receiver::HeaderText;
use crate::config::read::secret::Secret;

/// Reads the place of a secret: a table with one of `file`, `env` and `credential`.
pub(super) fn read(section: &Section<'_>, key: &'static str) -> Option<Secret> {
    let (line, value) = section.get(key)?;
    if value.get_ref().as_table().is_none() {
        // The value is not shown: it may be the secret itself.
        let what = format!("{key}: expected the place of the {key}, not the {key}");
        section.note(line, what, format!("Write {key} = {REMEDY}"));
        return None;
    }
    let keys = TableKeys {
        name: key,
        ..PASSWORD
    };
    let places = section.table(key, keys)?;
    place(section, key, line, &places)
}

/// Reads a text, or the place of a secret one.
pub(super) fn or_text(
    section: &Section<'_>,
    key: &'static str,
    line: usize,
    value: &TomlValue<'_>,
) -> Option<HeaderText> {
    match value.get_ref() {
        DeValue::String(text) => Some(HeaderText::Text(text.to_string())),
        DeValue::Table(table) => {
            let keys = TableKeys {
                name: key,
                ..PASSWORD
            };
            let places = section.nested(keys, table, line);
            place(section, key, line, &places).map(HeaderText::Secret)
        }
        _ => {
            section.wrong(key, line, value, "a string, or the place of a secret one");
            None
        }
    }
}

const REMEDY: &str = "{ file = \"…\" }, { env = \"…\" } or { credential = \"…\" }";

fn place(
    section: &Section<'_>,
    key: &'static str,
    line: usize,
    places: &Section<'_>,
) -> Option<Secret> {
    let found = [
        places
            .text("file")
            .map(|text| Secret::File(text.value.into())),
        places.text("env").map(|text| Secret::Env(text.value)),
        places
            .text("credential")
            .map(|text| Secret::Credential(text.value)),
    ];
    let mut found = found.into_iter().flatten();
    let secret = found.next();
    if found.next().is_some() {
        let what = format!("{key}: several places are given");
        section.note(line, what, format!("Keep one of {REMEDY}"));
    } else if places.entries().next().is_none() {
        let what = format!("{key}: no place is given");
        section.note(line, what, format!("Write {key} = {REMEDY}"));
    }
    secret
}
