//! The names of event types, quirks, request forms and record lengths, as users
//! write them.

use std::fmt;
use std::str::FromStr;

use estreamer_core::fqe::{EventKind, RequestForm};
use estreamer_core::quirk::Quirk;
use estreamer_core::wire::RecordLength;

use super::suggest::nearest;
use crate::config::event_request::EventFields;

/// The short names of the event types.
pub const EVENTS: [(&str, EventKind); 4] = [
    ("connection", EventKind::Connection),
    ("intrusion", EventKind::Intrusion),
    ("packet", EventKind::Packet),
    ("file", EventKind::File),
];

/// An event type, written as its short name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventName(
    /// The type.
    pub EventKind,
);

impl FromStr for EventName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut known = EVENTS.iter();
        known
            .find(|(name, kind)| *name == text || kind.name() == text)
            .map(|(_, kind)| Self(*kind))
            .ok_or_else(|| format!("use {}", one_of(text, EVENTS.iter().map(|event| event.0))))
    }
}

impl fmt::Display for EventName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut known = EVENTS.iter();
        let found = known.find(|(_, kind)| *kind == self.0);
        f.write_str(found.map_or("", |(name, _)| name))
    }
}

/// Joins event types for a message: `connection and file`.
pub fn in_words(kinds: &[EventKind]) -> String {
    let names: Vec<String> = kinds
        .iter()
        .map(|&kind| EventName(kind).to_string())
        .collect();
    match names.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => names.concat(),
    }
}

/// Parses `EVENT=A,B`: an event type and its fields.
///
/// # Errors
/// The accepted values.
pub fn fields(text: &str) -> Result<EventFields, String> {
    let Some((event, names)) = text.split_once('=') else {
        return Err("use EVENT=FIELD,FIELD, such as connection=InitiatorIP,URL".into());
    };
    let EventName(kind) = event.parse()?;
    let names: Vec<&str> = names.split(',').map(str::trim).collect();
    Ok(EventFields::new(kind, &names))
}

/// Combines event types and event types with fields. Without either, returns all
/// event types.
pub fn all_fields(events: &[EventName], fields: &[EventFields]) -> Vec<EventFields> {
    let kinds: Vec<EventKind> = match events.is_empty() && fields.is_empty() {
        true => EventKind::ALL.to_vec(),
        false => events.iter().map(|event| event.0).collect(),
    };
    let plain = kinds.into_iter().map(EventFields::default_of);
    plain.chain(fields.iter().cloned()).collect()
}

/// Parses what the record length of a server counts.
///
/// # Errors
/// The accepted values.
pub fn record_length(text: &str) -> Result<RecordLength, String> {
    RecordLength::from_name(text).ok_or_else(|| {
        let names = RecordLength::ALL.map(RecordLength::name);
        format!("use {}", one_of(text, names.into_iter()))
    })
}

/// Parses the name of a request form.
///
/// # Errors
/// The accepted values.
pub fn request_form(text: &str) -> Result<RequestForm, String> {
    RequestForm::from_name(text).ok_or_else(|| {
        let names = RequestForm::ALL.map(RequestForm::name);
        format!("use {}", one_of(text, names.into_iter()))
    })
}

/// Parses the name of a quirk of a client.
///
/// # Errors
/// The accepted values.
pub fn quirk(text: &str) -> Result<Quirk, String> {
    let mut known = Quirk::CLIENT.iter();
    known
        .find(|quirk| quirk.name() == text)
        .copied()
        .ok_or_else(|| {
            format!(
                "use {}",
                one_of(text, Quirk::CLIENT.iter().map(|q| q.name()))
            )
        })
}

/// Returns the known name that is most similar to `text`, or else all known names.
pub fn one_of<'a>(text: &str, known: impl Iterator<Item = &'a str> + Clone) -> String {
    nearest(text, known.clone()).unwrap_or_else(|| {
        let all: Vec<&str> = known.collect();
        match all.split_last() {
            Some((last, rest)) if !rest.is_empty() => format!("{} or {last}", rest.join(", ")),
            _ => all.concat(),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_known_by_both_names_and_the_nearest_is_suggested() {
        for (name, kind) in EVENTS {
            assert_eq!(name.parse(), Ok(EventName(kind)));
            assert_eq!(kind.name().parse(), Ok(EventName(kind)));
            assert_eq!(EventName(kind).to_string(), name);
        }
        assert_eq!(
            "conection".parse::<EventName>().unwrap_err(),
            "use connection"
        );
        assert_eq!(
            "malware".parse::<EventName>().unwrap_err(),
            "use connection, intrusion, packet or file"
        );
    }

    #[test]
    fn fields_add_their_event_and_replace_its_default() {
        let some = fields("file=FileName, FileSize").unwrap();
        assert_eq!(
            some,
            EventFields::new(EventKind::File, &["FileName", "FileSize"])
        );
        let both = all_fields(&[EventName(EventKind::Packet)], std::slice::from_ref(&some));
        assert_eq!(both.len(), 2);
        assert_eq!(all_fields(&[], &[some]).len(), 1);
        assert_eq!(all_fields(&[], &[]).len(), 4);
        assert!(fields("file").unwrap_err().contains("EVENT="));
    }

    #[test]
    fn only_quirks_of_a_client_are_taken() {
        assert_eq!(quirk("request-nul"), Ok(Quirk::RequestNul));
        assert_eq!(quirk("request-nil").unwrap_err(), "use request-nul");
        assert!(quirk("nested-version-0").unwrap_err().contains("error-nul"));
    }
}
