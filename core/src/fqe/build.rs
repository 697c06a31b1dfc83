//! Building a request: typed, checked, written straight into its buffer.

use super::{EventKind, OUTPUT_FIELD_SET, RequestError, Transform, is_field_set};
use crate::ResourceError;
use crate::quirk::Quirks;
use crate::wire::{EventStreamRequest, Expected, InitialTimestamp, Message, RequestFlags, deviate};
use heapless::LinearMap;
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A fully-qualified request (FQE, Requesting Fully-qualified Events).
///
/// ```
/// use estreamer_core::fqe::{EventKind, Request, Transform};
/// use estreamer_core::wire::InitialTimestamp;
/// let request = Request::new(InitialTimestamp::OLDEST)
///     .event(EventKind::Intrusion, &["HeaderFieldSet", "Impact"])
///     .transform(Transform::Json);
/// let mut buffer = [0; 512];
/// let message = request.emit(Default::default(), &mut buffer)?;
/// assert_eq!(&message[..4], [0, 1, 0, 2]);
/// assert_eq!(&message[16..28], br#"{"Events":{""#);
/// # Ok::<_, estreamer_core::fqe::RequestError>(())
/// ```
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

    /// What it asks records to be.
    pub fn expected(&self) -> Expected {
        Expected {
            extended: self.flags.contains(RequestFlags::EXTENDED_HEADER),
            form: self.transform.into(),
        }
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
        if !super::check::is_field_name(self.transform.name()) {
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
    /// As [`check`](Self::check), or [`RequestError::Resource`] with the bytes
    /// needed.
    pub fn emit_json(&self, out: &mut [u8]) -> Result<usize, RequestError> {
        self.check()?;
        let needed = self.json_len();
        let too_small = ResourceError::BufferTooSmall { needed };
        let out = out.get_mut(..needed).ok_or(too_small)?;
        serde_json_core::to_slice(self, out).map_err(|_| too_small.into())
    }

    /// Writes the whole message into `out`, the JSON block straight into its
    /// place, and shows those of `quirks` that concern a request.
    ///
    /// # Errors
    /// As [`emit_json`](Self::emit_json).
    pub fn emit<'b>(&self, quirks: Quirks, out: &'b mut [u8]) -> Result<&'b [u8], RequestError> {
        self.check()?;
        let head = Message::Request(EventStreamRequest {
            from: self.from,
            flags: self.flags,
            block: &[],
        });
        let fixed = head.encoded_len();
        let extra = deviate::extra(head.message_type(), quirks);
        let needed = fixed + self.json_len() + extra;
        let message = out
            .get_mut(..needed)
            .ok_or(ResourceError::BufferTooSmall { needed })?;
        head.emit(message)?;
        self.emit_json(&mut message[fixed..])?;
        deviate::finish(quirks, message);
        Ok(message)
    }

    /// Returns the length of the JSON block in bytes. A name that needs escapes does
    /// not pass [`check`](Self::check).
    pub fn json_len(&self) -> usize {
        let block = r#"{"Events":{},"OutputFormat":{"Transform":"Text","TransformConfig":""}}"#;
        let event = r#""":{"FieldSetDef":{"OutputFieldSet":[]},"Fields":["OutputFieldSet"]}"#;
        let events = self.events.iter().map(|(kind, fields)| {
            let names = fields
                .iter()
                .map(|name| name.len() + r#""""#.len())
                .sum::<usize>();
            let commas = fields.len().saturating_sub(1);
            event.len() + kind.name().len() + names + commas
        });
        let commas = self.events.len().saturating_sub(1);
        block.len() + self.transform.name().len() + events.sum::<usize>() + commas
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
    use crate::fqe::RequestForm;
    use crate::quirk::Quirk;
    use crate::wire::Null;
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
                impact.clone().transform(Transform::Named("\"")),
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
        let needed = length;
        for room in 0..length {
            let mut out = [0xaa; 512];
            let result = request.emit(quirks, &mut out[..room]);
            let expected = ResourceError::BufferTooSmall { needed };
            assert_eq!(
                result,
                Err(RequestError::Resource(expected)),
                "{room} bytes"
            );
            assert_eq!(out, [0xaa; 512], "and nothing is written");
        }
    }

    #[test]
    fn either_reading_of_the_length_finds_the_block_whole_in_both() {
        let request = Request::new(InitialTimestamp::NOW).event(EventKind::File, &["FileName"]);
        let block = json(&request).unwrap();
        let mut out = [0; 512];
        for form in RequestForm::ALL {
            let message = request.emit(form.quirks(), &mut out).unwrap();
            let length = u32::from_be_bytes(message[4..8].try_into().unwrap()) as usize;
            let nul = form.quirks().has(Quirk::RequestNul);
            let wanted = block.len() + usize::from(nul);
            assert_eq!(&message[16..16 + block.len()], block.as_bytes(), "{form}");
            assert_eq!(
                message.get(16 + block.len()) == Some(&0),
                nul || form == RequestForm::Both
            );
            // Counted as 8 + N, and as 16 + N.
            let (payload, literal) = (length - 8, length - 16);
            match form {
                RequestForm::Payload | RequestForm::PayloadNul => {
                    assert_eq!((payload, message.len()), (wanted, 16 + wanted));
                }
                RequestForm::Inclusive | RequestForm::InclusiveNul => {
                    assert_eq!((literal, message.len()), (wanted, 16 + wanted));
                }
                RequestForm::Both | RequestForm::BothNul => {
                    assert_eq!((literal, message.len()), (wanted, 24 + wanted));
                    assert_eq!(message[8 + length..], [], "all of it is counted");
                    assert_eq!(message[16 + literal..], Null::BYTES);
                }
            }
        }
    }
}
