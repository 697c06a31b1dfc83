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
mod event;
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
mod nested;
mod ocsf;
#[cfg(test)]
mod pages;
mod pcapng;
mod raw;
#[cfg(any(test, feature = "fuzzing"))]
pub mod readers;
mod special;
mod splunk;
mod table;
pub mod terminal;
#[cfg(test)]
mod tests;
mod transform;

pub use convert::{Converted, Converter};
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
use csv::{Columns, Rows};
use dialect::Dialect;
use event::{EventIndex, Unfit};
use head::PartHead;
use map::{Mapper, Origin};
use pcapng::Packets;
use table::{Row, Source};

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

/// A row of the mapping table of a dialect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingRow {
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
            .filter(|kind| row.is_for_kind(*kind))
            .collect(),
    };
    Some(rows.iter().map(row).collect())
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

/// Formats records. Its buffers are reused: an event allocates nothing once they have grown.
pub struct Formatter {
    format: Format,
    dialect: Option<Box<dyn Dialect>>,
    mapper: Mapper,
    index: EventIndex,
    rows: Rows,
    packets: Packets,
}

impl Formatter {
    /// Returns a formatter with empty buffers.
    pub fn new(format: Format) -> Self {
        Self {
            format,
            dialect: format.dialect(),
            mapper: Mapper::default(),
            index: EventIndex::default(),
            rows: Rows::default(),
            packets: Packets::default(),
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
        let RecordOrigin {
            source, transform, ..
        } = origin;
        let unfit = match (self.format, record.kind, transform) {
            (Format::Raw, kind, _) => {
                raw::append(source, record, digest, out);
                return kind == RecordKind::Event;
            }
            (_, RecordKind::Malformed(_) | RecordKind::Oversize, _) => None,
            (Format::Csv, _, _) => match self.rows.append(origin, record, out) {
                Ok(()) => return true,
                Err(unfit) => Some(unfit),
            },
            (Format::Pcapng, _, _) => match self.packets.append(origin, record, out) {
                Ok(()) => return true,
                Err(unfit) => Some(unfit),
            },
            (Format::Lines, _, OwnedTransform::Json | OwnedTransform::Csv) => {
                line::append(record.data, *transform == OwnedTransform::Csv, out);
                return true;
            }
            (Format::Lines | Format::Envelope, _, OwnedTransform::Other(name)) => {
                envelope::data(source, name, record, out);
                out.push(b'\n');
                return true;
            }
            (Format::Envelope, _, _) => match self.envelope(origin, record, out) {
                Ok(()) => {
                    out.push(b'\n');
                    return true;
                }
                Err(unfit) => Some(unfit),
            },
            (Format::Splunk, _, _) => match self.splunk(source, record, out) {
                Ok(()) => return true,
                Err(unfit) => Some(unfit),
            },
            (_, _, _) => match self.map(source, record, out) {
                Ok(()) => return true,
                Err(unfit) => Some(unfit),
            },
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
        match self.format.has_head() {
            true => self.place(origin, None, line, out),
            false => line::append(line, false, out),
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

    fn envelope(
        &mut self,
        origin: RecordOrigin<'_>,
        record: &EventRecord<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unfit> {
        let RecordOrigin {
            source,
            transform,
            received,
            ..
        } = origin;
        if *transform == OwnedTransform::Csv {
            let text = str::from_utf8(record.data);
            let text = text.map_err(|error| Unfit::NotUtf8(error.valid_up_to()))?;
            let text = text.trim_end_matches(['\0', '\r', '\n']);
            envelope::text(source, record, received, text, out);
        } else {
            let event = self.index.read(record.data)?;
            envelope::event(source, record, received, &event, out);
        }
        Ok(())
    }

    fn splunk(
        &mut self,
        source: &str,
        record: &EventRecord<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unfit> {
        let event = self.index.read(record.data)?.text().as_bytes();
        let archival = record.archival.filter(|second| *second > 0);
        let archival = archival.map(|second| u64::from(second) * 1_000_000);
        splunk::HecEvent {
            micros: event_time::micros(event).or(archival),
            host: event_time::device(event).unwrap_or(source),
            source,
            sourcetype: splunk::SOURCETYPE,
            index: None,
            is_object: true,
        }
        .append(event, out);
        Ok(())
    }

    fn map(
        &mut self,
        source: &str,
        record: &EventRecord<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unfit> {
        let origin = Origin {
            record_type: record.record_type,
            archival: record.archival,
            source,
        };
        match &mut self.dialect {
            Some(dialect) => self.mapper.append(record.data, origin, &mut **dialect, out),
            None => Ok(()),
        }
    }
}
