//! The formats of events. Formatting never fails: a record that is not an event, or that
//! the format cannot hold, becomes an error envelope.
//!
//! To add a format, add a variant to [`Format`] with its row in [`Format::ALL`]. A dialect,
//! in which each field of an event has its place, is a file with its mapping table and an
//! implementation of [`Dialect`] in this folder, and a row in [`Format::dialect`].

mod cef;
mod convert;
mod dialect;
mod envelope;
mod explain;
mod facts;
mod ftd;
mod key_value;
mod leef;
mod line;
mod map;
#[cfg(test)]
mod pages;
mod raw;
#[cfg(any(test, feature = "fuzzing"))]
pub mod readers;
mod selected;
mod table;
pub mod terminal;
#[cfg(test)]
mod tests;
mod transform;

pub use convert::{Converted, Converter};
pub use raw::ENVELOPE;
pub use transform::OwnedTransform;

use std::fmt;
use std::str::FromStr;

use estreamer_core::fqe::EventKind;
use estreamer_mio::buffer::{EventRecord, RecordKind};

use crate::digest::Digest;
use crate::event::{Event, EventIndex, Unfit};
use crate::filter::FieldSelection;
use dialect::Dialect;
use map::{Mapper, Origin};
#[cfg(feature = "config")]
use table::Known;
use table::{Row, Source};

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Text as received, one event a line; binary data as base64 in an envelope.
    Lines,
    /// Each event in a JSON object with its source, record type and times.
    Envelope,
    /// The bytes as received, each record preceded by its length.
    Raw,
    /// The device's own syslog for security events.
    Ftd,
    /// ArcSight's Common Event Format.
    Cef,
    /// QRadar's Log Event Extended Format.
    Leef,
}

impl Format {
    /// Every format with its name and what it is, in the order of the pages.
    pub const ALL: &[(Self, &str, &str)] = &[
        (Self::Lines, "ndjson", "one event a line, as received"),
        (
            Self::Envelope,
            "ndjson+envelope",
            "each event in a JSON object with its source, record type and times",
        ),
        (Self::Raw, "raw", "bytes preceded by their length"),
        (
            Self::Ftd,
            "ftd",
            "the device's own syslog for security events",
        ),
        (Self::Cef, "cef", "ArcSight's Common Event Format"),
        (Self::Leef, "leef", "QRadar's Log Event Extended Format"),
    ];

    /// Returns whether it reads the members of events, so that they must be JSON.
    pub fn needs_json(self) -> bool {
        self.dialect().is_some()
    }

    /// Returns whether it has a place for events of this type.
    pub fn takes(self, kind: EventKind) -> bool {
        !(self == Self::Ftd && kind == EventKind::Packet)
    }

    /// Creates the dialect of a format that has one.
    fn dialect(self) -> Option<Box<dyn Dialect>> {
        match self {
            Self::Lines | Self::Envelope | Self::Raw => None,
            Self::Ftd => Some(Box::<ftd::Ftd>::default()),
            Self::Cef => Some(Box::<cef::Cef>::default()),
            Self::Leef => Some(Box::<leef::Leef>::default()),
        }
    }
}

impl FromStr for Format {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.iter().find(|(_, name, _)| *name == text);
        found.map(|(format, _, _)| *format).ok_or_else(|| {
            let all = Self::ALL.iter();
            let all: Vec<String> = all
                .map(|(_, name, what)| format!("{name} ({what})"))
                .collect();
            format!("use {}", all.join(", "))
        })
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = Self::ALL.iter().find(|(format, _, _)| format == self);
        f.write_str(found.map_or("", |(_, name, _)| name))
    }
}

/// A row of the mapping table of a dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingRow {
    /// The line in the table, counted from 1.
    pub line: usize,
    /// The field; `None` if the value is worked out or constant.
    pub field: Option<&'static str>,
    /// The field or the value in words.
    pub from: String,
    /// Its place in the dialect.
    pub target: &'static str,
    /// How it is written; empty if it is not changed.
    pub written_as: &'static str,
    /// Whether the field has its home in another row.
    pub is_copy: bool,
    /// The event types of the row.
    pub kinds: Vec<EventKind>,
}

/// Returns the mapping table of a dialect; `None` if the format has none.
pub fn mapping(format: Format) -> Option<Vec<MappingRow>> {
    let rows = &format.dialect()?.table().rows;
    let row = |row: &Row| MappingRow {
        line: row.line,
        field: match row.source {
            Source::Field(name) => Some(name),
            _ => None,
        },
        from: row.source.shown(),
        target: row.target,
        written_as: row.written_as,
        is_copy: row.is_copy,
        kinds: EventKind::ALL
            .into_iter()
            .filter(|kind| row.is_for(Some(*kind)))
            .collect(),
    };
    Some(rows.iter().map(row).collect())
}

/// Returns the fields from which dialects work something out, also where an output does not
/// write them.
#[cfg(feature = "config")]
pub(crate) fn head_fields() -> impl Iterator<Item = &'static str> {
    let known = Known::ALL.into_iter().filter(|it| it.is_always_read());
    known.map(Known::name)
}

/// Returns a connection event with the selected fields in a format.
#[cfg(feature = "fuzzing")]
pub(crate) fn written(format: Format, fields: &FieldSelection, data: &[u8]) -> Vec<u8> {
    let record = EventRecord {
        kind: RecordKind::Event,
        record_type: EventKind::Connection.record_type(),
        archival: Some(1),
        bundle: None,
        length: u32::try_from(data.len()).unwrap_or(u32::MAX),
        data,
    };
    let origin = RecordOrigin {
        source: "fuzz",
        transform: &OwnedTransform::Json,
        received: 2,
    };
    let mut out = Vec::new();
    let mut formatter = Formatter::new(format).with_fields(Some(fields.clone()));
    formatter.append(origin, &record, None, &mut out);
    out
}

/// Where a record comes from.
#[derive(Debug, Clone, Copy)]
pub struct RecordOrigin<'a> {
    /// The name of the source.
    pub source: &'a str,
    /// The transform of its events.
    pub transform: &'a OwnedTransform,
    /// When it was received, in UNIX seconds.
    pub received: u64,
}

/// An event that was read, or why it could not be.
pub(crate) type ReadEvent<'r, 'e> = Result<&'r Event<'e>, &'r Unfit>;

/// Formats records. Its buffers are reused: an event allocates nothing once they have grown.
pub struct Formatter {
    format: Format,
    /// The fields that are written; `None` writes all.
    fields: Option<FieldSelection>,
    dialect: Option<Box<dyn Dialect>>,
    mapper: Mapper,
    index: EventIndex,
}

impl Formatter {
    /// Returns a formatter with empty buffers.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            fields: None,
            dialect: format.dialect(),
            mapper: Mapper::default(),
            index: EventIndex::default(),
        }
    }

    /// Writes only the selected fields of JSON events. The format `raw` writes all bytes.
    pub(crate) fn with_fields(self, fields: Option<FieldSelection>) -> Self {
        Self { fields, ..self }
    }

    /// Returns whether it looks at the members of events with this transform.
    pub(crate) fn reads(&self, transform: &OwnedTransform) -> bool {
        let is_json = *transform == OwnedTransform::Json;
        match self.format {
            Format::Raw => false,
            Format::Lines => is_json && self.fields.is_some(),
            Format::Envelope => is_json,
            _ => true,
        }
    }

    /// Appends a record to `out` and returns whether it is an event that the format can
    /// hold. An error envelope has the digest, if there is one.
    ///
    /// As lines: a text event unchanged, a binary event in the envelope `estreamer_data`,
    /// anything else in the envelope `estreamer_error`. As raw: see [`ENVELOPE`]. In a
    /// dialect: an event as its table says; what is not a JSON object, in the envelope
    /// `estreamer_error`.
    pub fn append(
        &mut self,
        origin: RecordOrigin<'_>,
        record: &EventRecord<'_>,
        digest: Option<Digest>,
        out: &mut Vec<u8>,
    ) -> bool {
        let is_read = record.kind == RecordKind::Event && self.reads(origin.transform);
        let mut index = std::mem::take(&mut self.index);
        let read = is_read.then(|| index.read(record.data));
        let read = read.as_ref().map(Result::as_ref);
        let is_event = self.append_read(origin, record, read, digest, out);
        self.index = index;
        is_event
    }

    /// As [`append`](Self::append), for a record that was read already. An event that the
    /// format [reads](Self::reads) has to be.
    pub(crate) fn append_read(
        &mut self,
        origin: RecordOrigin<'_>,
        record: &EventRecord<'_>,
        read: Option<ReadEvent<'_, '_>>,
        digest: Option<Digest>,
        out: &mut Vec<u8>,
    ) -> bool {
        let RecordOrigin {
            source,
            transform,
            received,
        } = origin;
        let read = read.filter(|_| self.reads(transform));
        let appended = match (self.format, record.kind, transform) {
            (Format::Raw, kind, _) => {
                raw::append(source, record, digest, out);
                return kind == RecordKind::Event;
            }
            (_, RecordKind::Malformed(_) | RecordKind::Oversize, _) => Err(None),
            (Format::Lines | Format::Envelope, _, OwnedTransform::Other(name)) => {
                envelope::data(source, name, record, out);
                out.push(b'\n');
                Ok(())
            }
            (Format::Lines, _, OwnedTransform::Csv) => {
                line::append(record.data, true, out);
                Ok(())
            }
            (Format::Envelope, _, OwnedTransform::Csv) => {
                let text = str::from_utf8(record.data);
                let text = text.map_err(|error| Unfit::NotUtf8(error.valid_up_to()));
                text.map_err(Some).map(|text| {
                    let text = text.trim_end_matches(['\0', '\r', '\n']);
                    envelope::text(source, record, received, text, out);
                    out.push(b'\n');
                })
            }
            _ => match read {
                None => {
                    line::append(record.data, false, out);
                    Ok(())
                }
                Some(Ok(event)) => self.event(origin, record, event, out).map_err(Some),
                Some(Err(unfit)) => Err(Some(unfit.clone())),
            },
        };
        let Err(unfit) = appended else {
            return true;
        };
        envelope::error(source, record, digest, unfit.as_ref(), out);
        out.push(b'\n');
        false
    }

    /// Appends an event that the format reads.
    fn event(
        &mut self,
        origin: RecordOrigin<'_>,
        record: &EventRecord<'_>,
        event: &Event<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unfit> {
        let fields = self.fields.as_ref();
        if let Some(dialect) = &mut self.dialect {
            let origin = Origin {
                record_type: record.record_type,
                archival: record.archival,
                source: origin.source,
            };
            return self
                .mapper
                .append(event, origin, fields, &mut **dialect, out);
        }
        match self.format {
            Format::Envelope => {
                envelope::event(origin.source, record, origin.received, event, fields, out);
            }
            _ => selected::append(event, fields, out),
        }
        out.push(b'\n');
        Ok(())
    }
}
