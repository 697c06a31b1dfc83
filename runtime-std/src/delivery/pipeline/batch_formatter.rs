//! Selects the records of a batch for one output and formats them: source and event type,
//! format, path.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use estreamer_core::fqe::EventKind;
use estreamer_mio::buffer::{EventRecord, RecordKind};

use super::delivery::{Delivery, SourceInfo};
use super::selection::Selection;
use crate::config::{Condition, OutputConfig};
use crate::disk::{Disk, RealDisk};
use crate::event::EventIndex;
use crate::format::csv::Columns;
use crate::format::{Formatter, OwnedTransform, RecordOrigin, event_time};
use crate::output::destination::Destination;
use crate::output::pattern::{OTHER, Pattern};
use crate::output::receivers::RecordNeeds;
use crate::output::{OutputPart, RecordInfo};

/// The maximum capacity of a buffer to keep for the next batch, in bytes.
const MAX_KEPT: usize = 1 << 20;
/// The maximum number of parts that records of other hours and days begin in a batch.
const MAX_PARTS: usize = 64;
/// The maximum number of paths to remember.
const MAX_PATHS: usize = 4096;
/// How far ahead of the clock an archival time may be, in seconds.
const FUTURE: u64 = 3600;

/// What became of the records of a batch.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Formatted {
    /// The selected records.
    pub(super) records: u64,
    /// Events that the format cannot hold: they are in error envelopes.
    pub(super) unfit: u64,
    /// Values that could not be written as they are.
    pub(super) adjusted: u64,
    /// Events that do not meet the condition of the output: they are left out.
    pub(super) filtered: u64,
}

/// The formatter of one output, with reusable buffers.
pub(super) struct BatchFormatter {
    formatter: Formatter,
    selection: Selection,
    condition: Option<Condition>,
    /// The members of the current event.
    index: EventIndex,
    /// Text with escapes that the condition looks at.
    buffer: String,
    /// The path of file outputs.
    pattern: Option<Pattern>,
    /// What the output asks for of each record.
    needs: RecordNeeds,
    /// The seconds of an hour or a day, if each has its own file.
    period: Option<u32>,
    /// The period of the last record.
    last_period: u32,
    paths: HashMap<(Arc<str>, &'static str, u32), Arc<Path>>,
    parts: Vec<OutputPart>,
    /// The number of parts of the current batch.
    used: usize,
}

impl BatchFormatter {
    pub(super) fn new(output: &OutputConfig) -> Self {
        let pattern = match &output.destination {
            Destination::File(pattern) => Some(pattern.clone()),
            _ => None,
        };
        let formatter = Formatter::new(output.format).with_fields(output.fields.clone());
        Self {
            formatter: match output.destination.has_own_header() {
                true => formatter.without_header(),
                false => formatter,
            },
            selection: Selection::of(output.sources.clone(), output.events.clone()),
            condition: output.condition.clone(),
            index: EventIndex::default(),
            buffer: String::new(),
            period: pattern.as_ref().and_then(Pattern::period),
            last_period: 0,
            pattern,
            needs: output.destination.needs(),
            paths: HashMap::new(),
            parts: Vec::new(),
            used: 0,
        }
    }

    /// Returns what it takes, if it looks at the members of JSON events.
    pub(super) fn reads(&self) -> Option<&Selection> {
        let reads = self.condition.is_some() || self.formatter.reads(&OwnedTransform::Json);
        reads.then_some(&self.selection)
    }

    /// Formats a batch.
    pub(super) fn format(&mut self, delivery: &Delivery) -> Formatted {
        self.used = 0;
        for part in &mut self.parts {
            // A large record may have grown the buffer.
            part.bytes.clear();
            part.bytes.shrink_to(MAX_KEPT);
            part.records.clear();
        }
        let source = &*delivery.source;
        if !self.selection.takes_source(&source.name) {
            return Formatted::default();
        }
        let records = delivery.kept().map(|(record, _)| record);
        self.formatter.begin(&source.name, records);
        let transform = &source.transform;
        // A record that is not a JSON event is not left out.
        let is_tested = self.condition.is_some() && *transform == OwnedTransform::Json;
        let is_read = is_tested || self.formatter.reads(transform);
        let mut index = std::mem::take(&mut self.index);
        let adjusted = self.formatter.adjusted();
        let mut formatted = Formatted::default();
        let reading = if is_read { delivery.reading() } else { None };
        for (number, (record, verdict)) in delivery.kept().enumerate() {
            let kind = EventKind::from_record_type(record.record_type);
            if !self.selection.takes(kind) || !self.formatter.takes(&record) {
                continue;
            }
            let is_read = is_read && record.kind == RecordKind::Event;
            let read = is_read.then(|| {
                let read = reading.and_then(|reading| reading.event(number, record.data));
                read.unwrap_or_else(|| index.read(record.data))
            });
            let read = read.as_ref().map(Result::as_ref);
            if let (Some(condition), true, Some(Ok(event))) = (&self.condition, is_tested, read)
                && !condition.is_met(event, &mut self.buffer)
            {
                formatted.filtered += 1;
                continue;
            }
            formatted.records += 1;
            let columns = self.columns(source, kind);
            let place = self.part(source, &record, columns);
            let part = &mut self.parts[place];
            part.count(record.archival);
            let digest = Some(verdict.digest);
            let origin = RecordOrigin {
                source: &source.name,
                transform: &source.transform,
                received: delivery.received,
                columns,
            };
            self.formatter.select(&part.path);
            let is_event =
                self.formatter
                    .append_read(origin, &record, read, digest, &mut part.bytes);
            formatted.unfit += u64::from(!is_event && record.kind == RecordKind::Event);
            if self.needs != RecordNeeds::Nothing {
                let has_connection = self.needs == RecordNeeds::Connections;
                part.records.push(RecordInfo {
                    end: part.bytes.len(),
                    kind,
                    source: source.name.clone(),
                    device: event_time::device(record.data).map(Cow::into_owned),
                    connection: has_connection
                        .then(|| event_time::connection(record.data))
                        .flatten(),
                    archival: record.archival,
                    time: event_time::micros(record.data),
                    digest: verdict.digest,
                    ordinal: verdict.ordinal,
                });
            }
        }
        self.index = index;
        for part in &mut self.parts[..self.used] {
            self.formatter.complete(&part.path, &mut part.head);
        }
        formatted.adjusted = self.formatter.adjusted() - adjusted;
        formatted
    }

    /// Returns the columns of the file for a record of this type.
    fn columns<'s>(&self, source: &'s SourceInfo, kind: Option<EventKind>) -> &'s Columns {
        let by_event = self.pattern.as_ref().is_some_and(Pattern::by_event);
        match by_event {
            true => source.columns.of(kind),
            false => source.columns.only(self.selection.events()),
        }
    }

    /// Returns the parts to write; none is empty.
    pub(super) fn parts(&self) -> &[OutputPart] {
        &self.parts[..self.used]
    }

    /// Returns the index of the part for a record.
    fn part(&mut self, source: &SourceInfo, record: &EventRecord<'_>, columns: &Columns) -> usize {
        let by_event = self.pattern.as_ref().is_some_and(Pattern::by_event);
        let event = match by_event {
            true => EventKind::from_record_type(record.record_type).map_or(OTHER, EventKind::name),
            false => "",
        };
        let period = self.period(record);
        let used = &self.parts[..self.used];
        // A single part needs no comparison of names: comparing two empty names took 80 ns
        // in glibc.
        match used
            .iter()
            .position(|part| part.period == period && (!by_event || part.event == event))
        {
            Some(index) => index,
            None => {
                let index = self.begin(source, event, period);
                let part = &mut self.parts[index];
                part.head = self.formatter.head(columns);
                index
            }
        }
    }

    /// Returns the number of the hour or day of a record; 0 if files have none. A record
    /// without archival time, or with one from the future, follows the one before it.
    fn period(&mut self, record: &EventRecord<'_>) -> u32 {
        let Some(seconds) = self.period else {
            return 0;
        };
        // Bounds the files of a batch, whatever a server sends.
        let is_free = self.used < MAX_PARTS;
        if let Some(second) = record.archival.filter(|_| is_free)
            && u64::from(second) < RealDisk.now() + FUTURE
        {
            self.last_period = second / seconds;
        } else if self.last_period == 0 {
            self.last_period = (RealDisk.now() / u64::from(seconds)) as u32;
        }
        self.last_period
    }

    fn begin(&mut self, source: &SourceInfo, event: &'static str, period: u32) -> usize {
        let path = match &self.pattern {
            None => Arc::from(Path::new("")),
            Some(pattern) => {
                if self.paths.len() >= MAX_PATHS {
                    self.paths.clear();
                }
                let path = self.paths.entry((source.name.clone(), event, period));
                path.or_insert_with(|| {
                    let second = u64::from(period) * u64::from(self.period.unwrap_or(0));
                    pattern.path_at(&source.name, event, second).into()
                })
                .clone()
            }
        };
        let index = self.used;
        self.used += 1;
        if let Some(part) = self.parts.get_mut(index) {
            part.bytes.clear();
            part.records.clear();
            (part.path, part.event, part.period) = (path, event, period);
            (part.events, part.archival) = (0, None);
            part.source = source.name.clone();
        } else {
            let source = source.name.clone();
            self.parts
                .push(OutputPart::new(path, event, source, period));
        }
        index
    }
}

#[cfg(test)]
mod tests {
    use estreamer_core::wire::RecordType;

    use super::*;

    #[test]
    fn a_record_goes_to_the_file_of_its_hour_unless_that_is_in_the_future() {
        let pattern = Pattern::parse("out-{date}-{hour}.ndjson").unwrap();
        let mut formatter = BatchFormatter::new(&OutputConfig::to(Destination::File(pattern)));
        let mut period = |archival: Option<u64>| {
            formatter.period(&EventRecord {
                kind: RecordKind::Event,
                record_type: RecordType::CONNECTION,
                archival: archival.map(|second| second as u32),
                bundle: None,
                length: 0,
                data: b"",
            })
        };
        let now = RealDisk.now();
        let hour = |second: u64| (second / 3600) as u32;
        let first = period(None);
        assert!((hour(now)..=hour(RealDisk.now())).contains(&first), "now");
        assert_eq!(period(Some(7 * 3600 + 5)), 7);
        assert_eq!(period(None), 7, "as the one before");
        assert_eq!(period(Some(now)), hour(now));
        // The clock of a server may be a little ahead.
        assert_eq!(period(Some(now + FUTURE - 60)), hour(now + FUTURE - 60));
        assert_eq!(period(Some(7 * 3600)), 7);
        assert_eq!(period(Some(now + FUTURE + 60)), 7, "too far ahead");
    }
}
