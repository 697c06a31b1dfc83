//! The request of a source: event types, fields, and the message that carries them.
//! Configuration, command line and client all build it here.

use std::fmt;

use crate::format::OwnedTransform;
use estreamer_core::fqe::{self, EventKind, Request, RequestError};
use estreamer_core::quirk::Quirks;
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
