//! The request of a source: event types, fields, and the message that carries them.
//! Configuration, command line and client all build it here.

use std::fmt;

use crate::format::OwnedTransform;
use estreamer_core::fqe::{self, EventKind, Request, RequestError, is_field_set};
use estreamer_core::quirk::Quirks;
use serde_json::Value;

use estreamer_core::wire::{
    EventStreamRequest, Expected, HEADER_LEN, InitialTimestamp, Message, RequestFlags,
};

/// A request for events, checked, without the time to start from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRequest {
    /// The JSON block.
    pub json: Vec<u8>,
    /// The transform that the block asks for.
    pub transform: OwnedTransform,
    /// The requested event types, in the order of [`EventKind::ALL`].
    pub kinds: Vec<EventKind>,
}

/// An event type with the fields and field sets to request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventFields {
    /// The event type.
    pub kind: EventKind,
    /// Names of fields and field sets.
    pub names: Vec<String>,
}

impl EventFields {
    /// Returns an event type with the field sets of the guide's example.
    pub fn default_of(kind: EventKind) -> Self {
        Self::new(kind, kind.default_fields())
    }

    /// Returns an event type with these fields and field sets.
    pub fn new(kind: EventKind, names: &[&str]) -> Self {
        Self {
            kind,
            names: names.iter().map(|&name| name.to_owned()).collect(),
        }
    }
}

impl EventRequest {
    /// Requests all event types as JSON, with the field sets of the guide's example.
    pub fn everything() -> Self {
        let all = EventKind::ALL.map(EventFields::default_of);
        // The guide's own request passes every check.
        Self::events(&all, OwnedTransform::Json).unwrap_or_else(|_| Self {
            json: Vec::new(),
            transform: OwnedTransform::Json,
            kinds: Vec::new(),
        })
    }

    /// Requests these events in this transform. Of two entries with the same event
    /// type, the last one counts.
    ///
    /// # Errors
    /// The first problem that a server would refuse.
    pub fn events(events: &[EventFields], transform: OwnedTransform) -> Result<Self, RequestError> {
        let last_of = |kind| events.iter().rev().find(move |event| event.kind == kind);
        let events: Vec<(EventKind, Vec<&str>)> = EventKind::ALL
            .into_iter()
            .filter_map(last_of)
            .map(|event| (event.kind, event.names.iter().map(String::as_str).collect()))
            .collect();
        let mut request = Request::new(InitialTimestamp::NOW).transform(transform.as_transform());
        for (kind, names) in &events {
            request = request.event(*kind, names);
        }
        let mut json = vec![0; request.json_len()];
        request.emit_json(&mut json)?;
        let kinds = request.kinds().collect();
        drop(request);
        Ok(Self {
            json,
            transform,
            kinds,
        })
    }

    /// Uses a ready-made JSON block, which is sent unchanged.
    ///
    /// # Errors
    /// The first problem that a server would refuse.
    pub fn block(json: Vec<u8>) -> Result<Self, RequestError> {
        let request = Request::from_json(InitialTimestamp::NOW, &json)?;
        let transform = OwnedTransform::from(request.format());
        let kinds = request.kinds().collect();
        drop(request);
        Ok(Self {
            json,
            transform,
            kinds,
        })
    }

    /// Returns the names of the requested fields of an event type in the order of the request,
    /// which is that of the columns in CSV. `None` if it is not requested, if the request has a
    /// field set, whose content only the server knows, or if it has a field twice.
    pub fn columns(&self, kind: EventKind) -> Option<Vec<String>> {
        let end = self.json.iter().rposition(|byte| *byte != 0)? + 1;
        let block: Value = serde_json::from_slice(&self.json[..end]).ok()?;
        let event = block.get("Events")?.get(kind.name())?;
        let mut columns = Vec::new();
        let sets = event.get("FieldSetDef");
        add_fields(event.get("Fields")?, sets, MAX_SETS, &mut columns)?;
        (!columns.is_empty()).then_some(columns)
    }

    /// Returns the record header and data form that the request asks for.
    pub fn expected(&self) -> Expected {
        Expected {
            extended: FLAGS.contains(RequestFlags::EXTENDED_HEADER),
            form: self.transform.as_transform().into(),
        }
    }

    /// Returns the whole request message. It starts at `from` and applies the
    /// `quirks` that concern a request.
    pub fn message(&self, from: InitialTimestamp, quirks: Quirks) -> Vec<u8> {
        let request = EventStreamRequest {
            from,
            flags: FLAGS,
            block: &self.json,
        };
        // Quirks may add a NUL and a null message.
        let mut message = vec![0; Message::Request(request).encoded_len() + 1 + HEADER_LEN];
        let length = fqe::emit(&request, quirks, &mut message).map_or(0, <[u8]>::len);
        debug_assert!(length > 0, "the buffer is large enough");
        message.truncate(length);
        message
    }
}

/// The maximum depth of field sets in field sets.
const MAX_SETS: u32 = 16;
/// The maximum number of columns.
const MAX_COLUMNS: usize = 4096;

/// Adds the fields of a list to `columns`, and those of the field sets that the request
/// defines. Returns `None` if a set is not defined, or a field is there twice.
fn add_fields(
    names: &Value,
    sets: Option<&Value>,
    depth: u32,
    columns: &mut Vec<String>,
) -> Option<()> {
    for name in names.as_array()? {
        let name = name.as_str()?;
        if let Some(set) = sets.and_then(|sets| sets.get(name)) {
            add_fields(set, sets, depth.checked_sub(1)?, columns)?;
        } else if is_field_set(name)
            || columns.len() == MAX_COLUMNS
            || columns.iter().any(|column| column == name)
        {
            return None;
        } else {
            columns.push(name.to_owned());
        }
    }
    Some(())
}

/// Resuming needs the archival timestamp.
const FLAGS: RequestFlags = RequestFlags::EXTENDED_HEADER;

/// Shows event types and transform: `ConnectionEvent and FileEvent as JSON`.
impl fmt::Display for EventRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, kind) in self.kinds.iter().enumerate() {
            let separator = match place {
                0 => "",
                _ if place + 1 == self.kinds.len() => " and ",
                _ => ", ",
            };
            write!(f, "{separator}{kind}")?;
        }
        write!(f, " as {}", self.transform)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use estreamer_core::quirk::Quirk;

    #[test]
    fn the_last_entry_of_an_event_type_counts_and_the_order_does_not() {
        let request = EventRequest::events(
            &[
                EventFields::new(EventKind::File, &["FileName"]),
                EventFields::new(EventKind::Connection, &["URL"]),
                EventFields::new(EventKind::File, &["FileSize"]),
            ],
            OwnedTransform::Other("FlatBuffer".into()),
        )
        .unwrap();
        let json = String::from_utf8(request.json.clone()).unwrap();
        assert!(
            !json.contains("FileName") && json.contains("FileSize"),
            "{json}"
        );
        assert_eq!(
            request.to_string(),
            "ConnectionEvent and FileEvent as FlatBuffer"
        );
    }

    #[test]
    fn a_block_is_sent_unchanged_with_and_without_quirks() {
        let block = [&EventRequest::everything().json[..], b"\n\0"].concat();
        let request = EventRequest::block(block.clone()).unwrap();
        assert_eq!(request.kinds, EventKind::ALL);
        let quirks = Quirks::NONE.with(Quirk::RequestNul);
        for quirks in [Quirks::NONE, quirks] {
            let message = request.message(InitialTimestamp::OLDEST, quirks);
            assert_eq!(message[16..], block);
        }
        let message = EventRequest::everything().message(InitialTimestamp::OLDEST, quirks);
        assert!(message.ends_with(b"}\0"));
    }

    #[test]
    fn columns_are_the_fields_by_name_in_the_order_of_the_request() {
        let of = |block: &str| {
            let block = format!(
                "{{\"Events\":{{\"FileEvent\":{block}}},\
                 \"OutputFormat\":{{\"Transform\":\"Text\",\"TransformConfig\":\"JSON\"}}}}\0"
            );
            let request = EventRequest::block(block.into_bytes()).unwrap();
            assert_eq!(request.columns(EventKind::Packet), None);
            request.columns(EventKind::File)
        };
        let names = |names: &[&str]| Some(names.iter().map(|&it| it.to_owned()).collect());
        for (block, expected) in [
            (
                r#"{"FieldSetDef":{"OutputFieldSet":["B","A"]},"Fields":["OutputFieldSet"]}"#,
                names(&["B", "A"]),
            ),
            (
                r#"{"FieldSetDef":{"OutputFieldSet":["C","Mine"],"Mine":["B"]},"Fields":["OutputFieldSet","A"]}"#,
                names(&["C", "B", "A"]),
            ),
            (
                r#"{"FieldSetDef":{"OutputFieldSet":["A","DetailFieldSet"]},"Fields":["OutputFieldSet"]}"#,
                None,
            ),
            (
                r#"{"FieldSetDef":{"OutputFieldSet":["A","A"]},"Fields":["OutputFieldSet"]}"#,
                None,
            ),
            (
                r#"{"FieldSetDef":{"OutputFieldSet":["B","Mine"],"Mine":["OutputFieldSet"]},"Fields":["OutputFieldSet"]}"#,
                None,
            ),
        ] {
            assert_eq!(of(block), expected, "{block}");
        }
    }

    #[test]
    fn a_request_that_a_server_would_refuse_is_refused() {
        let sets = EventFields::default_of(EventKind::File);
        assert_eq!(
            EventRequest::events(&[sets], OwnedTransform::Csv),
            Err(RequestError::FieldSetInCsv(EventKind::File))
        );
        assert_eq!(
            EventRequest::block(b"{}".to_vec()),
            Err(RequestError::NothingRequested)
        );
    }
}
