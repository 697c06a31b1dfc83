//! The parser for the JSON block of a request, for client and server.

use super::{EventKind, RequestError, Transform, is_field_set};
use crate::wire::{EventStreamRequest, Expected, RequestFlags};
use core::fmt;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// The deepest nesting accepted. No request needs more, and the parser recurses.
const MAX_DEPTH: u32 = 16;

/// The contents of a JSON block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct ParsedRequest<'a> {
    kinds: [bool; 4],
    /// An event type whose fields name a predefined set.
    field_set: Option<EventKind>,
    /// The format of the events.
    pub transform: Transform<'a>,
}

impl ParsedRequest<'_> {
    /// Whether events of this type are requested.
    pub const fn has(&self, kind: EventKind) -> bool {
        self.kinds[kind as usize]
    }

    /// Refuses field sets in a CSV request. A server accepts them, but the sets and
    /// so the columns change between releases.
    ///
    /// # Errors
    /// [`RequestError::FieldSetInCsv`].
    pub const fn check_csv(&self) -> Result<(), RequestError> {
        match (self.transform, self.field_set) {
            (Transform::Csv, Some(kind)) => Err(RequestError::FieldSetInCsv(kind)),
            _ => Ok(()),
        }
    }
}

impl<'a> EventStreamRequest<'a> {
    /// Parses a fully-qualified request as a server does: flags, then JSON block.
    ///
    /// # Errors
    /// The first thing to change. A server answers with it; see
    /// [`RequestError::code`].
    pub fn parse_json(&self) -> Result<ParsedRequest<'a>, RequestError> {
        check_flags(self.flags)?;
        parse(self.json())
    }

    /// The form of the records that this request asks for. Returns `None` if the
    /// JSON block cannot be parsed.
    pub fn expected(&self) -> Option<Expected> {
        let parsed = parse(self.json()).ok()?;
        Some(Expected {
            extended: self.flags.contains(RequestFlags::EXTENDED_HEADER),
            form: parsed.transform.into(),
        })
    }
}

/// Parses a JSON block in the form of the guide's `json_request.json`. Unknown
/// keys are ignored with their values.
///
/// # Errors
/// The first thing to change.
pub fn parse(json: &[u8]) -> Result<ParsedRequest<'_>, RequestError> {
    check_nesting(json)?;
    let mut found = Found::default();
    let mut deserializer = serde_json_core::de::Deserializer::new(json, None);
    let parsed = Reader {
        place: Place::Block,
        found: &mut found,
    }
    .deserialize(&mut deserializer);
    if let Some(problem) = found.problem {
        return Err(problem);
    }
    parsed.map_err(|_| RequestError::NotJson)?;
    deserializer.end().map_err(|_| RequestError::NotJson)?;
    if !found.kinds.contains(&true) {
        return Err(RequestError::NothingRequested);
    }
    match found.text {
        None => return Err(RequestError::NoFormat),
        Some(false) => return Err(RequestError::NotText),
        Some(true) => {}
    }
    let config = found.config.ok_or(RequestError::NoFormat)?;
    Ok(ParsedRequest {
        kinds: found.kinds,
        field_set: found.field_set,
        transform: Transform::from_name(config),
    })
}

/// Refuses any flag but bit 23. Bit 30 has an error of its own.
pub(super) fn check_flags(flags: RequestFlags) -> Result<(), RequestError> {
    if flags.contains(RequestFlags::EXTENDED_REQUEST) {
        Err(RequestError::ExtendedRequest)
    } else if flags.without(RequestFlags::EXTENDED_HEADER) != RequestFlags(0) {
        Err(RequestError::UnsupportedFlags)
    } else {
        Ok(())
    }
}

/// Whether a name needs no escapes in JSON and is not empty.
pub(super) fn is_field_name(name: &str) -> bool {
    let special = |c: char| c.is_control() || c == '"' || c == '\\';
    !name.is_empty() && !name.contains(special)
}

/// Checks the nesting without recursion, before the recursive parser runs. The
/// parser does not verify the end of values that it skips, so unbalanced braces
/// are refused here.
fn check_nesting(json: &[u8]) -> Result<(), RequestError> {
    let mut nesting = super::Nesting::default();
    for &byte in json {
        nesting.feed(byte);
        if nesting.depth > MAX_DEPTH {
            return Err(RequestError::TooDeep);
        }
    }
    match nesting.is_closed() {
        true => Ok(()),
        false => Err(RequestError::NotJson),
    }
}

/// What the visitors have found so far.
#[derive(Default)]
struct Found<'a> {
    kinds: [bool; 4],
    /// Whether the event type being read names a field.
    named: bool,
    field_set: Option<EventKind>,
    text: Option<bool>,
    config: Option<&'a str>,
    problem: Option<RequestError>,
}

impl Found<'_> {
    fn problem(&mut self, problem: RequestError) {
        self.problem.get_or_insert(problem);
    }
}

/// An object in the block.
#[derive(Clone, Copy)]
enum Place {
    Block,
    Events,
    Event(EventKind),
    FieldSetDef(EventKind),
    OutputFormat,
}

/// Reads one object.
struct Reader<'f, 'de> {
    place: Place,
    found: &'f mut Found<'de>,
}

impl<'de> DeserializeSeed<'de> for Reader<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Reader<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Self { place, found } = self;
        while let Some(key) = map.next_key::<&'de str>()? {
            let inner = match (place, key) {
                (Place::Block, "Events") => Place::Events,
                (Place::Block, "OutputFormat") => {
                    found.text.get_or_insert(false);
                    Place::OutputFormat
                }
                (Place::Events, name) => match EventKind::from_name(name) {
                    Some(kind) => {
                        found.kinds[kind as usize] = true;
                        Place::Event(kind)
                    }
                    None => {
                        found.problem(RequestError::UnknownEvent);
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    }
                },
                (Place::Event(kind), "FieldSetDef") => Place::FieldSetDef(kind),
                (Place::Event(kind), "Fields") | (Place::FieldSetDef(kind), _) => {
                    map.next_value_seed(Names { kind, found })?;
                    continue;
                }
                (Place::OutputFormat, "Transform") => {
                    found.text = Some(map.next_value::<&'de str>()? == "Text");
                    continue;
                }
                (Place::OutputFormat, "TransformConfig") => {
                    let config = map.next_value::<&'de str>()?;
                    found.config = (!config.is_empty()).then_some(config);
                    continue;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                    continue;
                }
            };
            map.next_value_seed(Reader {
                place: inner,
                found,
            })?;
            if let (Place::Events, Place::Event(kind)) = (place, inner)
                && !core::mem::take(&mut found.named)
            {
                found.problem(RequestError::NoFields(kind));
            }
        }
        Ok(())
    }
}

/// Reads a list of field names.
struct Names<'f, 'de> {
    kind: EventKind,
    found: &'f mut Found<'de>,
}

impl<'de> DeserializeSeed<'de> for Names<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Names<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of field names")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(name) = list.next_element::<&'de str>()? {
            if name == super::OUTPUT_FIELD_SET {
                continue;
            }
            self.found.named = true;
            if !is_field_name(name) {
                self.found.problem(RequestError::BadFieldName(self.kind));
            }
            if is_field_set(name) {
                self.found.field_set = Some(self.kind);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{format, string::String};

    const FORMAT: &str = r#""OutputFormat":{"Transform":"Text","TransformConfig":"JSON"}"#;

    fn with_events(events: &str) -> String {
        format!("{{\"Events\":{{{events}}},{FORMAT}}}")
    }

    #[test]
    fn the_guides_example_parses_with_its_white_space() {
        let json = br#"
{ "Events":
  { "FileEvent":
    { "FieldSetDef": { "OutputFieldSet": ["HeaderFieldSet", "FileName"] },
      "Fields": ["OutputFieldSet"] } },
  "OutputFormat": { "Transform": "Text", "TransformConfig": "JSON" } }
"#;
        let parsed = parse(json).unwrap();
        assert!(parsed.has(EventKind::File) && !parsed.has(EventKind::Connection));
    }

    #[test]
    fn keys_the_guide_does_not_know_are_ignored() {
        let json = format!(
            r#"{{"Version":[1,{{"a":null}}],"Events":{{"FileEvent":{{"Extra":true,"Fields":["FileName"]}}}},{FORMAT}}}"#
        );
        assert!(parse(json.as_bytes()).is_ok());
    }

    #[test]
    fn each_mistake_has_its_own_answer() {
        let file = r#""FileEvent":{"Fields":["FileName"]}"#;
        for (json, expected) in [
            (String::new(), RequestError::NotJson),
            (String::from("[]"), RequestError::NotJson),
            (String::from("{\"Events\":"), RequestError::NotJson),
            (with_events(file) + "x", RequestError::NotJson),
            // A quote too many in a value that is skipped.
            (
                with_events(r#""FileEvent":{"Fields":["FileName"],"Other":[x"y]}"#),
                RequestError::NotJson,
            ),
            (String::from("{}"), RequestError::NothingRequested),
            (with_events(""), RequestError::NothingRequested),
            (
                with_events(r#""FooEvent":{"Fields":["A"]}"#),
                RequestError::UnknownEvent,
            ),
            (
                with_events(r#""FileEvent":{}"#),
                RequestError::NoFields(EventKind::File),
            ),
            (
                with_events(
                    r#""FileEvent":{"FieldSetDef":{"OutputFieldSet":[]},"Fields":["OutputFieldSet"]}"#,
                ),
                RequestError::NoFields(EventKind::File),
            ),
            (
                with_events(r#""FileEvent":{"Fields":[""]}"#),
                RequestError::BadFieldName(EventKind::File),
            ),
            (format!("{{\"Events\":{{{file}}}}}"), RequestError::NoFormat),
            (
                with_events(file).replace("Text", "Binary"),
                RequestError::NotText,
            ),
            (
                with_events(file).replace(r#","TransformConfig":"JSON""#, ""),
                RequestError::NoFormat,
            ),
        ] {
            assert_eq!(parse(json.as_bytes()), Err(expected), "{json}");
        }
    }

    #[test]
    fn field_sets_as_csv_are_refused_although_a_server_accepts_them() {
        let sets = with_events(r#""FileEvent":{"Fields":["DetailFieldSet"]}"#);
        assert_eq!(parse(sets.as_bytes()).unwrap().check_csv(), Ok(()));
        let csv = sets.replace("JSON", "CSV");
        assert_eq!(
            parse(csv.as_bytes()).unwrap().check_csv(),
            Err(RequestError::FieldSetInCsv(EventKind::File))
        );
    }

    #[test]
    fn endless_nesting_is_refused_without_recursion() {
        let json = "[".repeat(1 << 20);
        assert_eq!(parse(json.as_bytes()), Err(RequestError::TooDeep));
        let nested = |levels: usize| {
            let inner = "[".repeat(levels - 1) + &"]".repeat(levels - 1);
            with_events(r#""FileEvent":{"Fields":["FileName"]}"#).replacen(
                '{',
                &format!("{{\"more\":{inner},"),
                1,
            )
        };
        let (most, more) = (nested(16), nested(17));
        assert!(parse(most.as_bytes()).is_ok());
        assert_eq!(parse(more.as_bytes()), Err(RequestError::TooDeep));
        let quoted = with_events(&format!(r#""FileEvent":{{"Fields":["{json}"]}}"#));
        assert!(parse(quoted.as_bytes()).is_ok(), "brackets in a string");
    }
}
