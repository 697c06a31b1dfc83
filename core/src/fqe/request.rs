//! The request builder: typed event types and fields, or a ready-made JSON block.

use super::parse::{ParsedRequest, check_flags, is_field_name, parse};
use super::{EventKind, OUTPUT_FIELD_SET, RequestError, Transform, is_field_set};
use crate::ResourceError;
use crate::quirk::{Quirk, Quirks};
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
///
/// // The same from a ready-made JSON block, which is sent unchanged.
/// let block = &message[16..];
/// let ready = Request::from_json(InitialTimestamp::OLDEST, block)?;
/// assert!(ready.kinds().eq([EventKind::Intrusion]));
/// assert_eq!(ready.expected(), request.expected());
/// # Ok::<_, estreamer_core::fqe::RequestError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Request<'a> {
    from: InitialTimestamp,
    flags: RequestFlags,
    content: Content<'a>,
}

/// Where the JSON block comes from.
#[derive(Debug, Clone)]
enum Content<'a> {
    /// The block is built from these.
    Typed {
        events: LinearMap<EventKind, &'a [&'a str], 4>,
        transform: Transform<'a>,
    },
    /// The block is ready.
    Block {
        block: &'a [u8],
        parsed: ParsedRequest<'a>,
    },
}

impl<'a> Request<'a> {
    /// A request without event types, as JSON, with bit 23 (extended event header)
    /// set: resuming needs the archival timestamp.
    pub const fn new(from: InitialTimestamp) -> Self {
        Self {
            from,
            flags: RequestFlags::EXTENDED_HEADER,
            content: Content::Typed {
                events: LinearMap::new(),
                transform: Transform::Json,
            },
        }
    }

    /// A request with a ready-made JSON block, which is sent unchanged. The block
    /// may end with a NUL.
    ///
    /// # Errors
    /// As [`parse`], if a server would refuse the block.
    pub fn from_json(from: InitialTimestamp, block: &'a [u8]) -> Result<Self, RequestError> {
        let parsed = parse(block.strip_suffix(&[0]).unwrap_or(block))?;
        Ok(Self {
            from,
            flags: RequestFlags::EXTENDED_HEADER,
            content: Content::Block { block, parsed },
        })
    }

    /// Adds an event type with its fields and field sets, in any order. Replaces
    /// the fields of an event type that was added before. Has no effect on a
    /// ready-made block.
    #[must_use]
    pub fn event(mut self, kind: EventKind, fields: &'a [&'a str]) -> Self {
        if let Content::Typed { events, .. } = &mut self.content {
            // Has room for every kind.
            let _ = events.insert(kind, fields);
        }
        self
    }

    /// Sets the format of the events. Has no effect on a ready-made block.
    #[must_use]
    pub const fn transform(mut self, format: Transform<'a>) -> Self {
        if let Content::Typed { transform, .. } = &mut self.content {
            *transform = format;
        }
        self
    }

    /// Sets the flags. Servers accept bit 23 alone, or none.
    #[must_use]
    pub const fn flags(mut self, flags: RequestFlags) -> Self {
        self.flags = flags;
        self
    }

    /// The requested event types, in the order of [`EventKind::ALL`].
    pub fn kinds(&self) -> impl Iterator<Item = EventKind> {
        EventKind::ALL
            .into_iter()
            .filter(|kind| match &self.content {
                Content::Typed { events, .. } => events.contains_key(kind),
                Content::Block { parsed, .. } => parsed.has(*kind),
            })
    }

    /// The format of the events.
    pub const fn format(&self) -> Transform<'a> {
        match &self.content {
            Content::Typed { transform, .. } => *transform,
            Content::Block { parsed, .. } => parsed.transform,
        }
    }

    /// The form of the records that this request asks for.
    pub fn expected(&self) -> Expected {
        Expected {
            extended: self.flags.contains(RequestFlags::EXTENDED_HEADER),
            form: self.format().into(),
        }
    }

    /// Checks the request: a server would refuse it, or would answer a CSV request
    /// for a field set with columns that change between releases.
    ///
    /// # Errors
    /// The first thing to change.
    pub fn check(&self) -> Result<(), RequestError> {
        check_flags(self.flags)?;
        let (events, transform) = match &self.content {
            Content::Typed { events, transform } => (events, transform),
            Content::Block { parsed, .. } => return parsed.check_csv(),
        };
        if events.is_empty() {
            return Err(RequestError::NothingRequested);
        }
        if !is_field_name(transform.name()) {
            return Err(RequestError::NoFormat);
        }
        for (&kind, fields) in events {
            if fields.is_empty() {
                return Err(RequestError::NoFields(kind));
            }
            if fields.iter().any(|name| !is_field_name(name)) {
                return Err(RequestError::BadFieldName(kind));
            }
            if *transform == Transform::Csv && fields.iter().any(|name| is_field_set(name)) {
                return Err(RequestError::FieldSetInCsv(kind));
            }
        }
        Ok(())
    }

    /// Bytes of the JSON block.
    pub fn json_len(&self) -> usize {
        // No name needs escapes, or `check` refuses it.
        let (events, transform) = match &self.content {
            Content::Typed { events, transform } => (events, transform),
            Content::Block { block, .. } => return block.len(),
        };
        let fixed = r#"{"Events":{},"OutputFormat":{"Transform":"Text","TransformConfig":""}}"#;
        let event = r#""":{"FieldSetDef":{"OutputFieldSet":[]},"Fields":["OutputFieldSet"]}"#;
        let lengths = events.iter().map(|(kind, fields)| {
            let names = fields
                .iter()
                .map(|name| name.len() + r#""""#.len())
                .sum::<usize>();
            let commas = fields.len().saturating_sub(1);
            event.len() + kind.name().len() + names + commas
        });
        let commas = events.len().saturating_sub(1);
        fixed.len() + transform.name().len() + lengths.sum::<usize>() + commas
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
        match &self.content {
            Content::Typed { events, transform } => {
                let block = Block(events, *transform);
                serde_json_core::to_slice(&block, out).map_err(|_| too_small.into())
            }
            Content::Block { block, .. } => {
                out.copy_from_slice(block);
                Ok(needed)
            }
        }
    }

    /// Writes the whole message into `out`, with those of `quirks` that concern a
    /// request; see [`RequestForm`](super::RequestForm). A block that ends with a
    /// NUL gets no second one.
    ///
    /// # Errors
    /// As [`emit_json`](Self::emit_json).
    pub fn emit<'b>(&self, quirks: Quirks, out: &'b mut [u8]) -> Result<&'b [u8], RequestError> {
        self.check()?;
        let quirks = match &self.content {
            Content::Block { block: [.., 0], .. } => quirks.without(Quirk::RequestNul),
            _ => quirks,
        };
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
}

/// The JSON block of a typed request.
struct Block<'r, 'a>(&'r LinearMap<EventKind, &'a [&'a str], 4>, Transform<'a>);

impl Serialize for Block<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(2))?;
        map.serialize_entry("Events", &Events(self.0))?;
        map.serialize_entry("OutputFormat", &OutputFormat(self.1))?;
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
        let parsed = parse(json.as_bytes()).unwrap();
        assert_eq!(EventKind::ALL.map(|kind| parsed.has(kind)), [true; 4]);
        assert_eq!(parsed.transform, Transform::Json);
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
    fn a_server_finds_the_whole_block_whichever_way_it_counts_the_length() {
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
    #[test]
    fn a_ready_made_block_is_sent_unchanged_and_gets_no_second_nul() {
        let typed = Request::new(InitialTimestamp::NOW).event(EventKind::File, &["FileName"]);
        let block = json(&typed).unwrap();
        let quirks = Quirks::NONE.with(Quirk::RequestNul);
        for end in ["", "\n\0"] {
            let block = block.clone() + end;
            let request = Request::from_json(InitialTimestamp::NOW, block.as_bytes()).unwrap();
            assert_eq!(json(&request).unwrap(), block);
            assert!(request.kinds().eq([EventKind::File]));
            let mut out = [0; 512];
            let message = request.emit(Quirks::NONE, &mut out).unwrap();
            assert_eq!(&message[16..], block.as_bytes());
            let message = request.emit(quirks, &mut out).unwrap();
            let nuls = message.iter().rev().take_while(|byte| **byte == 0);
            assert_eq!(nuls.count(), 1);
        }
    }

    #[test]
    fn a_ready_made_block_that_a_server_would_refuse_is_refused() {
        let from = InitialTimestamp::NOW;
        let refused = Request::from_json(from, b"{}").map(|_| ());
        assert_eq!(refused, Err(RequestError::NothingRequested));
        let csv = br#"{"Events":{"FileEvent":{"Fields":["DetailFieldSet"]}},"OutputFormat":{"Transform":"Text","TransformConfig":"CSV"}}"#;
        let request = Request::from_json(from, csv).unwrap();
        let expected = Err(RequestError::FieldSetInCsv(EventKind::File));
        assert_eq!(request.check(), expected);
        assert_eq!(
            request.emit(Quirks::NONE, &mut [0; 512]).map(|_| ()),
            expected
        );
    }
}
