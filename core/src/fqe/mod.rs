//! The fully-qualified request: event types, fields and format (FQE, Requesting
//! Fully-qualified Events; Format of the JSON file).
//!
//! With feature `json`, `Request` builds the message from event types or from a
//! ready-made JSON block, and `parse` reads such a block. Without, [`emit`] sends
//! a block unchecked.

mod form;
#[cfg(feature = "json")]
mod parse;
#[cfg(feature = "json")]
mod request;

pub use form::RequestForm;
#[cfg(feature = "json")]
pub use parse::{ParsedRequest, parse};
#[cfg(feature = "json")]
pub use request::Request;

use crate::ResourceError;
use crate::quirk::{Quirk, Quirks};
use crate::wire::{DataForm, EventStreamRequest, Message, RecordType};
use core::fmt;

/// The four fully-qualified event types. Exhaustive on purpose: the guide has no
/// others, and many tables have one entry for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
pub enum EventKind {
    /// Connection events.
    Connection,
    /// Intrusion events.
    Intrusion,
    /// Intrusion packets.
    Packet,
    /// File events.
    File,
}

impl EventKind {
    /// All event types, in the order of the guide's example.
    pub const ALL: [Self; 4] = [Self::Connection, Self::Intrusion, Self::Packet, Self::File];

    /// The key in the `Events` object of the request.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connection => "ConnectionEvent",
            Self::Intrusion => "IntrusionEvent",
            Self::Packet => "IntrusionPacket",
            Self::File => "FileEvent",
        }
    }

    /// The event type of a key in `Events`.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// The record type of its events.
    pub const fn record_type(self) -> RecordType {
        match self {
            Self::Connection => RecordType::CONNECTION,
            Self::Intrusion => RecordType::INTRUSION,
            Self::Packet => RecordType::INTRUSION_PACKET,
            Self::File => RecordType::FILE,
        }
    }

    /// The event type of a record type. File malware records are file events.
    pub const fn from_record_type(record_type: RecordType) -> Option<Self> {
        match record_type {
            RecordType::CONNECTION => Some(Self::Connection),
            RecordType::INTRUSION => Some(Self::Intrusion),
            RecordType::INTRUSION_PACKET => Some(Self::Packet),
            RecordType::FILE | RecordType::FILE_MALWARE => Some(Self::File),
            _ => None,
        }
    }

    /// The fields and field sets in the guide's example.
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

/// The text format of the events. Exhaustive: [`Named`](Self::Named) holds any
/// other format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Transform<'a> {
    /// JSON objects. Fields without a value are absent.
    #[default]
    Json,
    /// Comma-separated values in the requested order. Fields without a value are
    /// empty.
    Csv,
    /// Another `TransformConfig` that the server supports. The data is not
    /// interpreted.
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

    /// The format of a `TransformConfig` value.
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

/// The field set that a request defines for each event type.
#[cfg(feature = "json")]
const OUTPUT_FIELD_SET: &str = "OutputFieldSet";

/// Whether a name is that of a predefined field set rather than of one field.
pub fn is_field_set(name: &str) -> bool {
    name.ends_with("FieldSet") || name.ends_with("KeySet")
}

/// What is wrong with a request. The message says what to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum RequestError {
    /// The JSON block has a syntax error.
    NotJson,
    /// Arrays and objects are nested more than 16 levels deep.
    TooDeep,
    /// No event type is requested.
    NothingRequested,
    /// `Events` has a key that is not one of the four event types.
    UnknownEvent,
    /// An event type without fields.
    NoFields(EventKind),
    /// A field name that is empty or contains a quote, backslash or control character.
    BadFieldName(EventKind),
    /// `OutputFormat` is absent, or its `TransformConfig` is absent, empty or
    /// contains a quote, backslash or control character.
    NoFormat,
    /// `OutputFormat.Transform` is not `Text`.
    NotText,
    /// A CSV request for an event type whose fields include a field set.
    FieldSetInCsv(EventKind),
    /// Bit 30 is set.
    ExtendedRequest,
    /// A flag other than bit 23 is set.
    UnsupportedFlags,
    /// The buffer is too small for the request.
    Resource(ResourceError),
}

impl RequestError {
    /// The code of the error message that a server answers with. The numbers are
    /// ours: Cisco's are unpublished.
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
                f.write_str("the JSON block of the request has a syntax error")
            }
            Self::TooDeep => f.write_str("the JSON block of the request is nested more than 16 levels deep"),
            Self::NothingRequested => {
                f.write_str("no event type is requested; add at least one to Events")
            }
            Self::UnknownEvent => f.write_str(
                "unknown event type in Events; \
                 use ConnectionEvent, IntrusionEvent, IntrusionPacket or FileEvent",
            ),
            Self::NoFields(kind) => write!(
                f,
                "{kind} requests no field; list fields in FieldSetDef.OutputFieldSet and refer to it in Fields"
            ),
            Self::BadFieldName(kind) => {
                write!(
                    f,
                    "{kind} has a field name that is empty or contains a quote, backslash or control character"
                )
            }
            Self::NoFormat => f.write_str(
                "OutputFormat is missing or not valid; set Transform to Text and TransformConfig to JSON or CSV",
            ),
            Self::NotText => f.write_str("OutputFormat.Transform must be Text"),
            Self::FieldSetInCsv(kind) => write!(
                f,
                "{kind} requests a field set as CSV; field sets change between releases, so list single fields"
            ),
            Self::ExtendedRequest => {
                f.write_str("flag bit 30 (extended request) cannot be combined with a JSON block")
            }
            Self::UnsupportedFlags => {
                f.write_str("only flag bit 23 (extended event header) can be combined with a JSON block")
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

/// Writes a request with a ready-made JSON block, unchecked, with those of
/// `quirks` that concern a request; see [`RequestForm`]. A block that ends with a
/// NUL gets no second one.
///
/// # Errors
/// [`ResourceError`] if `out` is too small.
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

/// Whether the braces of a JSON block are balanced at its end: whether the block is
/// complete. Does not check the syntax.
pub(crate) fn is_complete(json: &[u8]) -> bool {
    let mut nesting = Nesting::default();
    for &byte in json {
        nesting.feed(byte);
    }
    nesting.is_closed() && json.trim_ascii_end().ends_with(b"}")
}

/// Tracks the nesting of arrays and objects in JSON text.
#[derive(Default)]
struct Nesting {
    depth: u32,
    quoted: bool,
    escaped: bool,
}

impl Nesting {
    /// Whether every array, object and string is closed.
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
    fn a_block_that_ends_with_a_nul_gets_no_second_one() {
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
