//! The formats of events. Formatting never fails: a record that is not an event, or that
//! the format cannot hold, becomes an error envelope.
//!
//! To add a format, add a variant to [`Format`] with its row in [`Format::ALL`]. A dialect,
//! in which each field of an event has its place, is a file with its mapping table and an
//! implementation of [`Dialect`] in this folder, and a row in [`Format::dialect`].

mod cef;
mod class;
mod convert;
pub mod csv;
mod dialect;
mod ecs;
mod envelope;
pub mod event_time;
mod explain;
mod facts;
mod ftd;
pub mod head;
mod json;
mod key_value;
mod leef;
mod line;
mod map;
mod mapping;
mod nested;
mod ocsf;
#[cfg(test)]
mod pages;
mod pcapng;
mod raw;
#[cfg(any(test, feature = "fuzzing"))]
pub mod readers;
mod selected;
mod splunk;
mod table;
pub mod terminal;
#[cfg(test)]
mod tests;
mod transform;

pub use convert::{Converted, Converter};
pub use mapping::{MappingRow, mapping};
pub use raw::ENVELOPE;
#[cfg(feature = "http")]
pub use splunk::HecEvent;
pub use splunk::SOURCETYPE as SPLUNK_SOURCETYPE;
pub use transform::OwnedTransform;

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

use estreamer_core::fqe::EventKind;
use estreamer_mio::buffer::{EventRecord, RecordKind};

use crate::digest::Digest;
use crate::event::{Event, EventIndex, Unfit};
use crate::filter::FieldSelection;
use csv::{Columns, Rows};
use dialect::Dialect;
use head::PartHead;
use map::{Mapper, Origin};
use pcapng::Packets;
#[cfg(feature = "config")]
use table::Known;

/// A format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Text as received, one event a line; binary data as base64 in an envelope.
    Lines,
    /// Each event in a JSON object with its source, record type and times.
    Envelope,
    /// Comma-separated values, with the names of the columns in the first line.
    Csv,
    /// The bytes as received, each record preceded by its length.
    Raw,
    /// The device's own syslog for security events.
    Ftd,
    /// ArcSight's Common Event Format.
    Cef,
    /// QRadar's Log Event Extended Format.
    Leef,
    /// Documents of the Elastic Common Schema.
    Ecs,
    /// Events of the Open Cybersecurity Schema Framework.
    Ocsf,
    /// Events as Splunk's HTTP Event Collector takes them.
    Splunk,
    /// The packets of intrusion events, as a capture file.
    Pcapng,
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
        (
            Self::Csv,
            "csv",
            "comma-separated values with the names of the columns in the first line",
        ),
        (Self::Raw, "raw", "bytes preceded by their length"),
        (
            Self::Ftd,
            "ftd",
            "the device's own syslog for security events",
        ),
        (Self::Cef, "cef", "ArcSight's Common Event Format"),
        (Self::Leef, "leef", "QRadar's Log Event Extended Format"),
        (Self::Ecs, "ecs", "the Elastic Common Schema"),
        (
            Self::Ocsf,
            "ocsf",
            "the Open Cybersecurity Schema Framework",
        ),
        (
            Self::Splunk,
            "splunk",
            "as received, with what Splunk's HTTP Event Collector needs",
        ),
        (
            Self::Pcapng,
            "pcapng",
            "the packets of intrusion events, as a capture file",
        ),
    ];

    /// Returns whether it reads the members of events, so that they must be JSON.
    pub fn needs_json(self) -> bool {
        matches!(self, Self::Splunk | Self::Pcapng) || self.dialect().is_some()
    }

    /// Returns whether it has a place for events of this type.
    pub fn takes(self, kind: EventKind) -> bool {
        !(self == Self::Ftd && kind == EventKind::Packet)
    }

    /// Returns whether a file or stream of it has to begin with something, so that only files
    /// and standard output can hold it.
    pub fn has_head(self) -> bool {
        matches!(self, Self::Csv | Self::Pcapng)
    }

    /// Returns whether it can write some fields of an event without the others. Raw bytes have
    /// no fields, the columns of CSV are those of the request, and a capture file has packets.
    #[cfg(feature = "config")]
    pub(crate) fn selects(self) -> bool {
        !matches!(self, Self::Raw | Self::Csv | Self::Pcapng)
    }

    /// Creates the dialect of a format that has one.
    fn dialect(self) -> Option<Box<dyn Dialect>> {
        match self {
            Self::Lines | Self::Envelope | Self::Csv | Self::Raw | Self::Splunk | Self::Pcapng => {
                None
            }
            Self::Ftd => Some(Box::<ftd::Ftd>::default()),
            Self::Cef => Some(Box::<cef::Cef>::default()),
            Self::Leef => Some(Box::<leef::Leef>::default()),
            Self::Ecs => Some(Box::<ecs::Ecs>::default()),
            Self::Ocsf => Some(Box::<ocsf::Ocsf>::default()),
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
        columns: &Columns::default(),
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
    /// The columns, for the format that has some.
    pub columns: &'a Columns,
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
    rows: Rows,
    packets: Packets,
    /// The selected fields of an event.
    selected: Vec<u8>,
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
            rows: Rows::default(),
            packets: Packets::default(),
            selected: Vec::new(),
        }
    }

    /// Returns a formatter for an output that writes priority, time and host before each
    /// event, so that the format does not.
    #[must_use]
    pub fn without_header(mut self) -> Self {
        if self.format == Format::Ftd {
            self.dialect = Some(Box::new(ftd::Ftd::bare()));
        }
        self
    }

    /// Writes only the selected fields of JSON events, in the formats that
    /// [select](Format::selects) fields.
    pub(crate) fn with_fields(self, fields: Option<FieldSelection>) -> Self {
        Self { fields, ..self }
    }

    /// Returns whether the members of events with this transform have to be read for it.
    pub(crate) fn reads(&self, transform: &OwnedTransform) -> bool {
        let is_json = *transform == OwnedTransform::Json;
        match self.format {
            Format::Raw | Format::Csv | Format::Pcapng => false,
            Format::Lines => is_json && self.fields.is_some(),
            Format::Envelope => is_json,
            Format::Splunk
            | Format::Ftd
            | Format::Cef
            | Format::Leef
            | Format::Ecs
            | Format::Ocsf => true,
        }
    }

    /// Begins a batch of these records. A packet names its intrusion event if that is in the
    /// batch or came not long before.
    pub fn begin<'r>(&mut self, source: &str, records: impl Iterator<Item = EventRecord<'r>>) {
        if self.format == Format::Pcapng {
            self.packets.begin_batch();
            for record in records {
                self.packets.learn(source, &record);
            }
        }
    }

    /// Returns whether the format takes a record. What it does not take is left out.
    pub fn takes(&mut self, record: &EventRecord<'_>) -> bool {
        self.format != Format::Pcapng || self.packets.takes(record)
    }

    /// Selects the file for which the next records are.
    pub fn select(&mut self, file: &Arc<Path>) {
        if self.format == Format::Pcapng {
            self.packets.select(file);
        }
    }

    /// Returns what a file has to hold before records with these columns.
    pub fn head(&self, columns: &Columns) -> PartHead {
        match self.format {
            Format::Csv => PartHead::FirstLine(columns.first_line().clone()),
            _ => PartHead::Nothing,
        }
    }

    /// Completes what a file has to hold before the records that were appended for it.
    pub fn complete(&self, file: &Path, head: &mut PartHead) {
        if self.format == Format::Pcapng {
            *head = self.packets.head(file);
        }
    }

    /// Returns the number of values so far that could not be written as they are.
    pub fn adjusted(&self) -> u64 {
        let dialect = self.dialect.as_ref();
        dialect.map_or(0, |dialect| dialect.adjusted()) + self.packets.adjusted()
    }

    /// Appends a record to `out` and returns whether it is an event that the format can
    /// hold. An error envelope has the digest, if there is one.
    ///
    /// As lines: a text event unchanged, a binary event in the envelope `estreamer_data`,
    /// anything else in the envelope `estreamer_error`. As raw: see [`ENVELOPE`]. In a
    /// dialect: an event as its table says; what is not a JSON object, in the envelope
    /// `estreamer_error`. As CSV and pcapng: see the modules.
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
            source, transform, ..
        } = origin;
        let read = read.filter(|_| self.reads(transform));
        let appended = match (self.format, record.kind, transform) {
            (Format::Raw, kind, _) => {
                raw::append(source, record, digest, out);
                return kind == RecordKind::Event;
            }
            (_, RecordKind::Malformed(_) | RecordKind::Oversize, _) => Err(None),
            (Format::Csv, _, _) => self.rows.append(origin, record, out).map_err(Some),
            (Format::Pcapng, _, _) => self.packets.append(origin, record, out).map_err(Some),
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
                envelope::line(origin, record, out).map_err(Some)
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
        if self.format.has_head() {
            let mut error = Vec::new();
            envelope::error(source, record, digest, unfit.as_ref(), &mut error);
            self.place(origin, record.archival, &error, out);
        } else {
            envelope::error(source, record, digest, unfit.as_ref(), out);
            out.push(b'\n');
        }
        false
    }

    /// Appends a line that is an error envelope.
    fn append_envelope(&mut self, origin: RecordOrigin<'_>, line: &[u8], out: &mut Vec<u8>) {
        match self.format {
            Format::Raw => raw::append_envelope(line, out),
            format if format.has_head() => self.place(origin, None, line, out),
            _ => line::append(line, false, out),
        }
    }

    /// Appends an error envelope where such a format has a place for it.
    fn place(
        &mut self,
        origin: RecordOrigin<'_>,
        archival: Option<u32>,
        error: &[u8],
        out: &mut Vec<u8>,
    ) {
        match self.format {
            Format::Pcapng => self.packets.envelope(origin, archival, error, out),
            _ => csv::envelope(origin.columns, error, out),
        }
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
                received: origin.received,
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
            Format::Splunk => {
                let archival = record.archival.filter(|second| *second > 0);
                let archival = archival.map(|second| u64::from(second) * 1_000_000);
                let text = event.text().as_bytes();
                self.selected.clear();
                selected::append(event, fields, &mut self.selected);
                let device = event_time::device(text);
                splunk::HecEvent {
                    micros: event_time::micros(text).or(archival),
                    host: device.as_deref().unwrap_or(origin.source),
                    source: origin.source,
                    sourcetype: splunk::SOURCETYPE,
                    index: None,
                    is_object: true,
                }
                .append(&self.selected, out);
                return Ok(());
            }
            _ => selected::append(event, fields, out),
        }
        out.push(b'\n');
        Ok(())
    }
}
