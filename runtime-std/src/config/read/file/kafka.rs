//! The settings of an output to Kafka in an `[[output]]`.

use toml::de::DeValue;

use super::secret;
use crate::config::Destination;
use crate::config::number::PARTITION;
use crate::config::read::at::At;
use crate::config::read::keys::PASSWORD;
use crate::config::read::reader::{Section, TomlValue};
use crate::config::read::receiver::HeaderText;
use crate::config::receiver::{KafkaKey, KafkaOptions};

/// Reads everything but the options of the client.
pub(super) fn options(section: &Section<'_>, destination: Option<&Destination>) -> KafkaOptions {
    if destination.is_none_or(|destination| !destination.keys().contains(&"partition")) {
        return KafkaOptions::default();
    }
    let key = section.read("key", |text| match text {
        "connection" => Ok(KafkaKey::Connection),
        "device" => Ok(KafkaKey::Device),
        "source" => Ok(KafkaKey::Source),
        "none" => Ok(KafkaKey::None),
        _ => Err("use connection, device, source or none"),
    });
    let partition = section.has("partition").then(|| {
        // The bounds fit into an i32.
        i32::try_from(section.number("partition", PARTITION)).unwrap_or_default()
    });
    KafkaOptions {
        key: key.map(|at| at.value).unwrap_or_default(),
        partition,
        ..KafkaOptions::default()
    }
}

/// Reads `option`: names with values, or with the places of secret ones. A name with dots
/// may be written with quotes or without.
pub(super) fn client_options(section: &Section<'_>) -> Vec<(String, At<HeaderText>)> {
    let mut read = Vec::new();
    if let Some(options) = section.names("option", "a table of options of the client") {
        for (name, line, value) in options.entries() {
            add(&options, name.to_owned(), line, value, &mut read);
        }
    }
    read
}

fn add<'d>(
    section: &Section<'d>,
    name: String,
    line: usize,
    value: &'d TomlValue<'d>,
    read: &mut Vec<(String, At<HeaderText>)>,
) {
    let value = match value.get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => {
            Some(HeaderText::Text(number.as_str().to_owned()))
        }
        DeValue::Boolean(flag) => Some(HeaderText::Text(flag.to_string())),
        DeValue::Table(table) if !PASSWORD.keys.iter().any(|key| table.contains_key(*key)) => {
            let inner = section.unnamed(table, line);
            for (part, line, value) in inner.entries() {
                add(&inner, format!("{name}.{part}"), line, value, read);
            }
            return;
        }
        _ => secret::or_text(section, "option", line, value),
    };
    if let Some(value) = value {
        read.push((name, At { line, value }));
    }
}
