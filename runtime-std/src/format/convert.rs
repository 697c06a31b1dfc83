//! Converts events that were collected earlier, as lines, into another format.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use estreamer_core::fqe::EventKind;
use estreamer_core::wire::RecordType;
use estreamer_mio::buffer::{EventRecord, RecordKind};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::csv::Columns;
use super::envelope;
use super::explain::Explain;
use super::head::HeadState;
use super::{Format, Formatter, OwnedTransform, RecordOrigin};
use crate::event::Unfit;

/// Converts lines of the formats `ndjson` and `ndjson+envelope`.
pub struct Converter {
    formatter: Formatter,
    source: String,
    columns: Columns,
    /// What of the heads is written.
    head: HeadState,
    has_begun: bool,
    /// One record.
    buffer: Vec<u8>,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Converted {
    /// It was empty.
    Nothing,
    /// It is an event that the format does not take.
    LeftOut,
    /// An event in the format.
    Event,
    /// It is no event that the format can hold: an error envelope.
    Error,
}

/// A line with an event that an envelope describes.
#[derive(Deserialize)]
struct Enveloped<'a> {
    source: String,
    record_type: u16,
    archival: Option<u32>,
    received: u64,
    #[serde(borrow)]
    event: &'a RawValue,
}

/// A line that is an envelope itself.
#[derive(Deserialize)]
enum Envelope {
    #[serde(rename = "estreamer_error")]
    Error(serde::de::IgnoredAny),
    #[serde(rename = "estreamer_data")]
    Data(Data),
}

#[derive(Deserialize)]
struct Data {
    source: String,
    record_type: u16,
    archival: Option<u32>,
    transform: String,
    data_base64: String,
}

/// The event type of an event.
#[derive(Deserialize)]
struct Typed<'a> {
    #[serde(rename = "EventType", borrow, default)]
    event_type: Option<std::borrow::Cow<'a, str>>,
}

impl Converter {
    /// Returns a converter of events from a source with this name.
    pub fn new(format: Format, source: &str) -> Self {
        Self {
            formatter: Formatter::new(format),
            source: source.to_owned(),
            columns: Columns::new(None, Vec::new()),
            head: HeadState::default(),
            has_begun: false,
            buffer: Vec::new(),
        }
    }

    /// Sets the columns of the format that has some. Without it, that is the last one only.
    #[must_use]
    pub fn with_columns(mut self, names: Vec<String>) -> Self {
        self.columns = Columns::new(None, names);
        self
    }

    /// Returns a converter that also says where each field of an event goes.
    pub fn explaining(format: Format, source: &str) -> Self {
        let mut converter = Self::new(format, source);
        let dialect = converter.formatter.dialect.take();
        converter.formatter.dialect = dialect.map(|dialect| Explain::boxed(format, dialect));
        converter
    }

    /// Returns the number of values so far that could not be written as they are.
    pub fn adjusted(&self) -> u64 {
        self.formatter.adjusted()
    }

    /// Begins with these lines, which are appended next: a packet names its intrusion event if
    /// that is among them or came not long before.
    pub fn begin<'l>(&mut self, lines: impl Iterator<Item = &'l [u8]>) {
        if self.formatter.format != Format::Pcapng {
            return;
        }
        for line in lines {
            match serde_json::from_slice::<Enveloped<'_>>(line) {
                Ok(of) => {
                    let record = record(of.record_type, of.archival, of.event.get().as_bytes());
                    self.formatter.begin(&of.source, std::iter::once(record));
                }
                Err(_) => {
                    let record = record(0, None, line);
                    self.formatter.begin(&self.source, std::iter::once(record));
                }
            }
        }
    }

    /// Appends the event of a line.
    pub fn append(&mut self, line: &[u8], out: &mut Vec<u8>) -> Converted {
        let mut record = std::mem::take(&mut self.buffer);
        record.clear();
        let converted = self.convert(line, &mut record);
        if !record.is_empty() {
            let mut head = self.formatter.head(&self.columns);
            self.formatter.complete(Path::new(""), &mut head);
            let length = u64::from(self.has_begun);
            out.extend_from_slice(&self.head.missing(&head, length));
            self.head.written(&head);
            self.has_begun = true;
            out.extend_from_slice(&record);
        }
        self.buffer = record;
        converted
    }

    fn convert(&mut self, line: &[u8], out: &mut Vec<u8>) -> Converted {
        if line.iter().all(u8::is_ascii_whitespace) {
            return Converted::Nothing;
        }
        // Other events are not read twice.
        if line.starts_with(b"{\"source\":")
            && let Ok(enveloped) = serde_json::from_slice::<Enveloped<'_>>(line)
        {
            return self.enveloped(&enveloped, out);
        }
        if line.starts_with(b"{\"estreamer_")
            && let Ok(envelope) = serde_json::from_slice(line)
        {
            return self.envelope(envelope, line, out);
        }
        // A dialect finds the event type itself.
        let record_type = match self.formatter.format {
            Format::Envelope => record_type(line),
            _ => 0,
        };
        let source = std::mem::take(&mut self.source);
        let origin = RecordOrigin {
            source: &source,
            transform: &OwnedTransform::Json,
            received: 0,
            columns: &self.columns,
        };
        let record = record(record_type, None, line);
        // These two formats hold any bytes, and read none.
        let holds_anything = matches!(self.formatter.format, Format::Lines | Format::Raw);
        let converted = match torn(line).filter(|_| holds_anything) {
            None => Self::event(&mut self.formatter, origin, &record, out),
            Some(unfit) => {
                let mut envelope = Vec::new();
                envelope::error(&source, &record, None, Some(&unfit), &mut envelope);
                self.formatter.append_envelope(origin, &envelope, out);
                Converted::Error
            }
        };
        self.source = source;
        converted
    }

    fn enveloped(&mut self, enveloped: &Enveloped<'_>, out: &mut Vec<u8>) -> Converted {
        let event = enveloped.event.get();
        let text = serde_json::from_str::<String>(event);
        let (data, transform) = match &text {
            Ok(text) => (text.as_bytes(), OwnedTransform::Csv),
            Err(_) => (event.as_bytes(), OwnedTransform::Json),
        };
        let origin = RecordOrigin {
            source: &enveloped.source,
            transform: &transform,
            received: enveloped.received,
            columns: &self.columns,
        };
        let record = record(enveloped.record_type, enveloped.archival, data);
        Self::event(&mut self.formatter, origin, &record, out)
    }

    fn envelope(&mut self, envelope: Envelope, line: &[u8], out: &mut Vec<u8>) -> Converted {
        if let Envelope::Data(envelope) = envelope
            && let Ok(data) = STANDARD.decode(&envelope.data_base64)
        {
            let origin = RecordOrigin {
                source: &envelope.source,
                transform: &OwnedTransform::Other(envelope.transform),
                received: 0,
                columns: &self.columns,
            };
            let record = record(envelope.record_type, envelope.archival, &data);
            return Self::event(&mut self.formatter, origin, &record, out);
        }
        let origin = RecordOrigin {
            source: &self.source,
            transform: &OwnedTransform::Json,
            received: 0,
            columns: &self.columns,
        };
        self.formatter
            .append_envelope(origin, line.trim_ascii_end(), out);
        Converted::Error
    }

    fn event(
        formatter: &mut Formatter,
        origin: RecordOrigin<'_>,
        record: &EventRecord<'_>,
        out: &mut Vec<u8>,
    ) -> Converted {
        if !formatter.takes(record) {
            return Converted::LeftOut;
        }
        match formatter.append(origin, record, None, out) {
            true => Converted::Event,
            false => Converted::Error,
        }
    }
}

/// Returns why a line is only the beginning of a JSON object, if it is.
fn torn(line: &[u8]) -> Option<Unfit> {
    let read = serde_json::from_slice::<&RawValue>(line);
    let error = read.err().filter(serde_json::Error::is_eof)?;
    line.starts_with(b"{")
        .then(|| Unfit::NotJson(error.line(), error.column()))
}

/// Returns the record type of an event by its member `EventType`.
fn record_type(line: &[u8]) -> u16 {
    let typed = serde_json::from_slice::<Typed<'_>>(line).ok();
    let name = typed.and_then(|typed| typed.event_type);
    let kind = name.and_then(|name| EventKind::from_name(&name));
    kind.map_or(0, |kind| kind.record_type().0)
}

fn record(record_type: u16, archival: Option<u32>, data: &[u8]) -> EventRecord<'_> {
    EventRecord {
        kind: RecordKind::Event,
        record_type: RecordType(record_type),
        archival,
        bundle: None,
        length: u32::try_from(data.len()).unwrap_or(u32::MAX),
        data,
    }
}
