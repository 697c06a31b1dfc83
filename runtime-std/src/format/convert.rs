//! Converts events that were collected earlier, as lines, into another format.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use estreamer_core::fqe::EventKind;
use estreamer_core::wire::RecordType;
use estreamer_mio::buffer::{EventRecord, RecordKind};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::explain::Explain;
use super::line;
use super::{Format, Formatter, OwnedTransform, RecordOrigin};

/// Converts lines of the formats `ndjson` and `ndjson+envelope`.
pub struct Converter {
    formatter: Formatter,
    source: String,
}

/// What became of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Converted {
    /// It was empty.
    Nothing,
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
        }
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
        let dialect = self.formatter.dialect.as_ref();
        dialect.map_or(0, |dialect| dialect.adjusted())
    }

    /// Appends the event of a line.
    pub fn append(&mut self, line: &[u8], out: &mut Vec<u8>) -> Converted {
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
        };
        let converted = self.event(origin, &record(record_type, None, line), out);
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
        };
        let record = record(enveloped.record_type, enveloped.archival, data);
        self.event(origin, &record, out)
    }

    fn envelope(&mut self, envelope: Envelope, line: &[u8], out: &mut Vec<u8>) -> Converted {
        if let Envelope::Data(envelope) = envelope
            && let Ok(data) = STANDARD.decode(&envelope.data_base64)
        {
            let origin = RecordOrigin {
                source: &envelope.source,
                transform: &OwnedTransform::Other(envelope.transform),
                received: 0,
            };
            let record = record(envelope.record_type, envelope.archival, &data);
            return self.event(origin, &record, out);
        }
        line::append(line, false, out);
        Converted::Error
    }

    fn event(
        &mut self,
        origin: RecordOrigin<'_>,
        record: &EventRecord<'_>,
        out: &mut Vec<u8>,
    ) -> Converted {
        match self.formatter.append(origin, record, None, out) {
            true => Converted::Event,
            false => Converted::Error,
        }
    }
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
