//! The fully-qualified request: which events, with which fields, in which format
//! (FQE, Requesting Fully-qualified Events; Format of the JSON file).
//!
//! With feature `json`, `Request` builds the message and `check` reads a
//! ready-made JSON block; without, [`emit`] sends such a block as it is.

#[cfg(feature = "json")]
mod build;
#[cfg(feature = "json")]
mod check;
mod form;

#[cfg(feature = "json")]
pub use build::Request;
#[cfg(feature = "json")]
pub use check::{Asked, check};
pub use form::RequestForm;

use crate::ResourceError;
use crate::quirk::{Quirk, Quirks};
use crate::wire::{DataForm, EventStreamRequest, Message, RecordType};
use core::fmt;

/// The four event types that come fully qualified.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum EventKind {
    /// Beginnings and ends of connections.
    Connection,
    /// Intrusion events.
    Intrusion,
    /// The packets of intrusion events.
    Packet,
    /// File events.
    File,
}

impl EventKind {
    /// In the order of the guide's example.
    pub const ALL: [Self; 4] = [Self::Connection, Self::Intrusion, Self::Packet, Self::File];

    /// The key in the request's `Events`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connection => "ConnectionEvent",
            Self::Intrusion => "IntrusionEvent",
            Self::Packet => "IntrusionPacket",
            Self::File => "FileEvent",
        }
    }

    /// The kind of this key.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The record type its events come under.
    pub const fn record_type(self) -> RecordType {
        match self {
            Self::Connection => RecordType::CONNECTION,
            Self::Intrusion => RecordType::INTRUSION,
            Self::Packet => RecordType::INTRUSION_PACKET,
            Self::File => RecordType::FILE,
        }
    }

    /// The kind of this record type; a file with malware is a file.
    pub const fn from_record_type(record_type: RecordType) -> Option<Self> {
        match record_type {
            RecordType::CONNECTION => Some(Self::Connection),
            RecordType::INTRUSION => Some(Self::Intrusion),
            RecordType::INTRUSION_PACKET => Some(Self::Packet),
            RecordType::FILE | RecordType::FILE_MALWARE => Some(Self::File),
            _ => None,
        }
    }

    /// The field sets of the guide's example.
    pub const fn default_fields(self) -> &'static [&'static str] {
        match self {
            Self::Connection | Self::File => {
                &["HeaderFieldSet", "ConnectionKeySet", "DetailFieldSet"]
            }
            Self::Intrusion => &[
                "HeaderFieldSet",
                "ConnectionKeySet",
                "DetailFieldSet",
                "Impact",
            ],
            Self::Packet => &["HeaderFieldSet", "DetailFieldSet"],
        }
    }
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text format of the events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Transform<'a> {
    /// Name-value pairs; an irrelevant field is absent.
    #[default]
    Json,
    /// Values in the order asked for; an irrelevant field is empty.
    Csv,
    /// Another `TransformConfig` the server knows; its data is opaque bytes.
    Named(&'a str),
}

impl<'a> Transform<'a> {
    /// The value of `TransformConfig`.
    pub const fn name(self) -> &'a str {
        match self {
            Self::Json => "JSON",
            Self::Csv => "CSV",
            Self::Named(name) => name,
        }
    }

    /// The transform of this `TransformConfig`.
    pub fn from_name(name: &'a str) -> Self {
        match name {
            "JSON" => Self::Json,
            "CSV" => Self::Csv,
            _ => Self::Named(name),
        }
    }
}

impl From<Transform<'_>> for DataForm {
    fn from(transform: Transform<'_>) -> Self {
        match transform {
            Transform::Json => Self::Json,
            Transform::Csv => Self::Text,
            Transform::Named(_) => Self::Opaque,
        }
    }
}

/// The set every request defines for itself.
#[cfg(feature = "json")]
const OUTPUT_FIELD_SET: &str = "OutputFieldSet";

/// Whether a name means a predefined set of fields rather than one field.
pub fn is_field_set(name: &str) -> bool {
    name.ends_with("FieldSet") || name.ends_with("KeySet")
}

/// What is wrong with a request, and what to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum RequestError {
    /// The JSON block cannot be read.
    NotJson,
    /// Arrays and objects are nested deeper than any request needs.
    TooDeep,
    /// No event type is asked for.
    NothingRequested,
    /// `Events` names something else than the four event types.
    UnknownEvent,
    /// An event type without fields.
    NoFields(EventKind),
    /// A field name that is empty or holds quotes, backslashes or control characters.
    BadFieldName(EventKind),
    /// `OutputFormat` is absent, or `TransformConfig` in it is absent, empty or
    /// holds special characters.
    NoFormat,
    /// `OutputFormat.Transform` is not `Text`.
    NotText,
    /// CSV of an event type whose fields name a set.
    FieldSetInCsv(EventKind),
    /// Bit 30 is set.
    ExtendedRequest,
    /// A bit other than 23 is set.
    UnsupportedFlags,
    /// The buffer is too small for the request.
    Resource(ResourceError),
}

impl RequestError {
    /// The code a server answers with. The numbers are ours: Cisco's are unpublished.
    pub const fn code(self) -> i32 {
        match self {
            Self::NotJson | Self::TooDeep => 1,
            Self::NothingRequested | Self::UnknownEvent => 2,
            Self::NoFields(_) | Self::BadFieldName(_) | Self::FieldSetInCsv(_) => 3,
            Self::NoFormat | Self::NotText => 4,
            Self::ExtendedRequest | Self::UnsupportedFlags => 5,
            Self::Resource(_) => 6,
        }
    }
}

impl fmt::Display for RequestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson => {
                f.write_str("the request's JSON block cannot be read; check its syntax")
            }
            Self::TooDeep => f.write_str("the request's JSON block is nested too deeply"),
            Self::NothingRequested => {
                f.write_str("nothing is requested; name at least one event type under Events")
            }
            Self::UnknownEvent => f.write_str(
                "unknown event type under Events; \
                 use ConnectionEvent, IntrusionEvent, IntrusionPacket or FileEvent",
            ),
            Self::NoFields(kind) => write!(
                f,
                "{kind} asks for no field; list some in FieldSetDef.OutputFieldSet and name that in Fields"
            ),
            Self::BadFieldName(kind) => {
                write!(
                    f,
                    "{kind} has a field name that is empty or holds special characters"
                )
            }
            Self::NoFormat => f.write_str(
                "OutputFormat is missing or unreadable; set Transform to Text and TransformConfig to JSON or CSV",
            ),
            Self::NotText => f.write_str("OutputFormat.Transform must be Text"),
            Self::FieldSetInCsv(kind) => write!(
                f,
                "{kind} asks for a field set as CSV; sets change between releases, so list single fields"
            ),
            Self::ExtendedRequest => {
                f.write_str("bit 30 (extended request) must be clear with a JSON block")
            }
            Self::UnsupportedFlags => {
                f.write_str("only bit 23 (extended event header) may be set with a JSON block")
            }
            Self::Resource(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for RequestError {}

impl From<ResourceError> for RequestError {
    fn from(error: ResourceError) -> Self {
        Self::Resource(error)
    }
}

/// Writes a request whose JSON block is ready, and shows those of `quirks` that
/// concern a request; see [`RequestForm`]. A block that ends with a NUL gets no
/// other.
///
/// # Errors
/// [`ResourceError`] when `out` is too small, with the bytes needed.
pub fn emit<'b>(
    request: &EventStreamRequest<'_>,
    quirks: Quirks,
    out: &'b mut [u8],
) -> Result<&'b [u8], ResourceError> {
    let quirks = match request.block.ends_with(&[0]) {
        true => quirks.without(Quirk::RequestNul),
        false => quirks,
    };
    let length = Message::Request(*request).emit_with(quirks, out)?;
    Ok(&out[..length])
}

/// Whether the braces of a JSON block balance at its end. This does not check
/// the block; it tells a whole one from a cut one.
pub(crate) fn is_complete(json: &[u8]) -> bool {
    let mut nesting = Nesting::default();
    for &byte in json {
        nesting.feed(byte);
    }
    nesting.is_closed() && json.trim_ascii_end().ends_with(b"}")
}

/// How deep in arrays and objects a byte of JSON stands.
#[derive(Default)]
struct Nesting {
    depth: u32,
    quoted: bool,
    escaped: bool,
}

impl Nesting {
    /// Whether everything that was opened is closed.
    const fn is_closed(&self) -> bool {
        self.depth == 0 && !self.quoted
    }

    fn feed(&mut self, byte: u8) {
        match (self.quoted, byte) {
            (true, _) if self.escaped => self.escaped = false,
            (true, b'\\') => self.escaped = true,
            (_, b'"') => self.quoted = !self.quoted,
            (false, b'{' | b'[') => self.depth = self.depth.saturating_add(1),
            (false, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_block_is_complete() {
        let json = br#"{"a{":["\"}",{}] }"#;
        assert!(is_complete(json));
        for cut in 0..json.len() {
            assert!(!is_complete(&json[..cut]), "{cut} bytes");
        }
    }

    #[test]
    fn a_block_that_ends_with_a_nul_gets_no_other() {
        let quirks = Quirks::NONE.with(Quirk::RequestNul);
        let mut out = [0; 32];
        for (block, length) in [(&b"{}"[..], 19), (b"{}\0", 19)] {
            let request = EventStreamRequest {
                from: crate::wire::InitialTimestamp::NOW,
                flags: crate::wire::RequestFlags::EXTENDED_HEADER,
                block,
            };
            let message = emit(&request, quirks, &mut out).unwrap();
            assert_eq!((message.len(), message[7]), (length, length as u8 - 8));
            assert_eq!(&message[16..], b"{}\0");
        }
    }
}
