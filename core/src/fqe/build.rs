//! Building a request: typed, checked, written straight into its buffer.

use super::{EventKind, OUTPUT_FIELD_SET, RequestError, Transform, is_field_set, set_length};
use crate::ResourceError;
use crate::quirk::{Quirk, Quirks};
use crate::wire::{EventStreamRequest, InitialTimestamp, Message, RequestFlags};
use heapless::LinearMap;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A fully-qualified request.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    from: InitialTimestamp,
    flags: RequestFlags,
    events: LinearMap<EventKind, &'a [&'a str], 4>,
    transform: Transform<'a>,
}

impl<'a> Request<'a> {
    /// A request for nothing yet, as JSON, with the extended event header, since
    /// resuming needs the archival timestamp.
    pub const fn new(from: InitialTimestamp) -> Self {
        Self {
            from,
            flags: RequestFlags::EXTENDED_HEADER,
            events: LinearMap::new(),
            transform: Transform::Json,
        }
    }

    /// Asks for events of a kind with these fields and field sets, in any mix;
    /// the last word on a kind counts.
    #[must_use]
    pub fn event(mut self, kind: EventKind, fields: &'a [&'a str]) -> Self {
        // One place for each kind, so it cannot be full.
        let _ = self.events.insert(kind, fields);
        self
    }

    /// Asks for the format.
    #[must_use]
    pub const fn transform(mut self, transform: Transform<'a>) -> Self {
        self.transform = transform;
        self
    }

    /// Asks with other flags than bit 23 alone.
    #[must_use]
    pub const fn flags(mut self, flags: RequestFlags) -> Self {
        self.flags = flags;
        self
    }

    /// Says what would not work.
    ///
    /// # Errors
    /// The first thing to change.
    pub fn check(&self) -> Result<(), RequestError> {
        super::check::check_flags(self.flags)?;
        if self.events.is_empty() {
            return Err(RequestError::NothingRequested);
        }
        if self.transform.name().is_empty() {
            return Err(RequestError::NoFormat);
        }
        for (&kind, fields) in &self.events {
            if fields.is_empty() {
                return Err(RequestError::NoFields(kind));
            }
            if fields.iter().any(|name| !super::check::is_field_name(name)) {
                return Err(RequestError::BadFieldName(kind));
            }
            if self.transform == Transform::Csv && fields.iter().any(|name| is_field_set(name)) {
                return Err(RequestError::FieldSetInCsv(kind));
            }
        }
        Ok(())
    }

    /// Writes the JSON block into `out` and returns its length in bytes.
    ///
    /// # Errors
    /// As [`check`](Self::check), or [`RequestError::Resource`].
    pub fn emit_json(&self, out: &mut [u8]) -> Result<usize, RequestError> {
        self.check()?;
        let room = out.len();
        serde_json_core::to_slice(self, out).map_err(|_| {
            // The serialiser does not say how much is missing.
            let needed = room + 1;
            RequestError::Resource(ResourceError::BufferTooSmall { needed })
        })
    }

    /// Writes the whole message into `out`, the JSON block straight into its place.
    ///
    /// # Errors
    /// As [`emit_json`](Self::emit_json).
    pub fn emit<'b>(&self, quirks: Quirks, out: &'b mut [u8]) -> Result<&'b [u8], RequestError> {
        let head = Message::Request(EventStreamRequest {
            from: self.from,
            flags: self.flags,
            block: &[],
        });
        let mut length = head.emit(out)?;
        length += self.emit_json(&mut out[length..])?;
        if quirks.has(Quirk::RequestNul) {
            let needed = length + 1;
            *out.get_mut(length)
                .ok_or(ResourceError::BufferTooSmall { needed })? = 0;
            length = needed;
        }
        let message = &mut out[..length];
        set_length(message, quirks);
        Ok(message)
    }
}

impl Serialize for Request<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("Events", &Events(&self.events))?;
        map.serialize_entry("OutputFormat", &OutputFormat(self.transform))?;
        map.end()
    }
}

struct Events<'r, 'a>(&'r LinearMap<EventKind, &'a [&'a str], 4>);

impl Serialize for Events<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (kind, fields) in self.0 {
            map.serialize_entry(kind.name(), &Fields(fields))?;
        }
        map.end()
    }
}

struct Fields<'a>(&'a [&'a str]);

impl Serialize for Fields<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("FieldSetDef", &FieldSetDef(self.0))?;
        map.serialize_entry("Fields", &[OUTPUT_FIELD_SET])?;
        map.end()
    }
}

struct FieldSetDef<'a>(&'a [&'a str]);

impl Serialize for FieldSetDef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(1))?;
        map.serialize_entry(OUTPUT_FIELD_SET, self.0)?;
        map.end()
    }
}

struct OutputFormat<'a>(Transform<'a>);

impl Serialize for OutputFormat<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("Transform", "Text")?;
        map.serialize_entry("TransformConfig", self.0.name())?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::String;

    fn json(request: &Request<'_>) -> Result<String, RequestError> {
        let mut out = [0; 1024];
        let length = request.emit_json(&mut out)?;
        Ok(String::from_utf8(out[..length].to_vec()).unwrap())
    }

    #[test]
    fn the_guides_shape_is_written() {
        let request = Request::new(InitialTimestamp::NOW)
            .event(EventKind::Intrusion, &["HeaderFieldSet", "Impact"]);
        assert_eq!(
            json(&request).unwrap(),
            r#"{"Events":{"IntrusionEvent":{"FieldSetDef":{"OutputFieldSet":["HeaderFieldSet","Impact"]},"Fields":["OutputFieldSet"]}},"OutputFormat":{"Transform":"Text","TransformConfig":"JSON"}}"#
        );
    }

    #[test]
    fn what_is_built_passes_the_check_of_ready_made_blocks() {
        let mut request = Request::new(InitialTimestamp::OLDEST);
        for kind in EventKind::ALL {
            request = request.event(kind, kind.default_fields());
        }
        let json = json(&request).unwrap();
        let asked = super::super::check(json.as_bytes()).unwrap();
        assert_eq!(EventKind::ALL.map(|kind| asked.has(kind)), [true; 4]);
        assert_eq!(asked.transform, Transform::Json);
    }

    #[test]
    fn what_would_not_work_is_refused_by_name() {
        let base = || Request::new(InitialTimestamp::NOW);
        let impact = base().event(EventKind::Intrusion, &["Impact"]);
        for (request, expected) in [
            (base(), RequestError::NothingRequested),
            (
                base().event(EventKind::File, &[]),
                RequestError::NoFields(EventKind::File),
            ),
            (
                base().event(EventKind::File, &["File\"Name"]),
                RequestError::BadFieldName(EventKind::File),
            ),
            (
                base()
                    .event(EventKind::File, &["FileName", "DetailFieldSet"])
                    .transform(Transform::Csv),
                RequestError::FieldSetInCsv(EventKind::File),
            ),
            (
                impact.clone().transform(Transform::Named("")),
                RequestError::NoFormat,
            ),
            (
                impact.clone().flags(RequestFlags::EXTENDED_REQUEST),
                RequestError::ExtendedRequest,
            ),
            (
                impact.clone().flags(RequestFlags(1)),
                RequestError::UnsupportedFlags,
            ),
        ] {
            assert_eq!(request.check(), Err(expected));
        }
        assert_eq!(impact.check(), Ok(()));
    }

    #[test]
    fn a_buffer_too_small_at_any_size_is_an_error_not_a_short_request() {
        let request = Request::new(InitialTimestamp::NOW)
            .event(EventKind::Connection, &["InitiatorIP"])
            .transform(Transform::Csv);
        let mut whole = [0; 512];
        let quirks = Quirks::NONE.with(Quirk::RequestNul);
        let length = request.emit(quirks, &mut whole).unwrap().len();
        for room in 0..length {
            let result = request.emit(quirks, &mut whole[..room]);
            assert!(
                matches!(result, Err(RequestError::Resource(_))),
                "{room} bytes"
            );
        }
    }

    #[test]
    fn the_length_counts_by_the_reading_asked_for() {
        let request = Request::new(InitialTimestamp::NOW).event(EventKind::File, &["FileName"]);
        let mut out = [0; 512];
        for (quirks, header) in [
            (Quirks::NONE, 8),
            (Quirks::NONE.with(Quirk::RequestInclusive), 0),
        ] {
            let message = request.emit(quirks, &mut out).unwrap();
            let length = u32::from_be_bytes(message[4..8].try_into().unwrap());
            assert_eq!(length as usize + header, message.len());
        }
    }
}
