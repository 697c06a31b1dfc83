//! Selects the records of a batch for one output and formats them: source and event type,
//! format, path.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use estreamer_core::fqe::EventKind;
use estreamer_mio::buffer::EventRecord;

use super::delivery::{Delivery, SourceInfo};
use crate::config::OutputConfig;
use crate::format::{Formatter, RecordOrigin};
use crate::output::OutputPart;
use crate::output::destination::Destination;
use crate::output::pattern::{OTHER, Pattern};

/// The maximum capacity of a buffer to keep for the next batch, in bytes.
const MAX_KEPT: usize = 1 << 20;

/// The formatter of one output, with reusable buffers.
pub(super) struct BatchFormatter {
    formatter: Formatter,
    sources: Option<Vec<String>>,
    events: Option<Vec<EventKind>>,
    /// The path of file outputs.
    pattern: Option<Pattern>,
    paths: HashMap<(Arc<str>, &'static str), Arc<Path>>,
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
        Self {
            formatter: Formatter::new(output.format),
            sources: output.sources.clone(),
            events: output.events.clone(),
            pattern,
            paths: HashMap::new(),
            parts: Vec::new(),
            used: 0,
        }
    }

    /// Formats a batch and returns the number of selected records.
    pub(super) fn format(&mut self, delivery: &Delivery) -> u64 {
        self.used = 0;
        for part in &mut self.parts {
            // A large record may have grown the buffer.
            part.bytes.clear();
            part.bytes.shrink_to(MAX_KEPT);
        }
        let source = &*delivery.source;
        if let Some(sources) = &self.sources
            && !sources.iter().any(|name| **name == *source.name)
        {
            return 0;
        }
        let origin = RecordOrigin {
            source: &source.name,
            transform: &source.transform,
            received: delivery.received,
        };
        let mut count = 0;
        for (record, verdict) in delivery.kept() {
            let kind = EventKind::from_record_type(record.record_type);
            if let Some(events) = &self.events
                && !kind.is_some_and(|kind| events.contains(&kind))
            {
                continue;
            }
            count += 1;
            let part = self.part(source, &record);
            let bytes = &mut self.parts[part].bytes;
            self.formatter
                .append(origin, &record, Some(verdict.digest), bytes);
        }
        count
    }

    /// Returns the parts to write; none is empty.
    pub(super) fn parts(&self) -> &[OutputPart] {
        &self.parts[..self.used]
    }

    /// Returns the index of the part for a record.
    fn part(&mut self, source: &SourceInfo, record: &EventRecord<'_>) -> usize {
        let by_event = self.pattern.as_ref().is_some_and(Pattern::by_event);
        let event = match by_event {
            true => EventKind::from_record_type(record.record_type).map_or(OTHER, EventKind::name),
            false => "",
        };
        let used = &self.parts[..self.used];
        // A single part needs no comparison of names: comparing two empty names took 80 ns
        // in glibc.
        match used
            .iter()
            .position(|part| !by_event || part.event == event)
        {
            Some(index) => index,
            None => self.begin(source, event),
        }
    }

    fn begin(&mut self, source: &SourceInfo, event: &'static str) -> usize {
        let path = match &self.pattern {
            None => Arc::from(Path::new("")),
            Some(pattern) => self
                .paths
                .entry((source.name.clone(), event))
                .or_insert_with(|| pattern.path(&source.name, event).into())
                .clone(),
        };
        let index = self.used;
        self.used += 1;
        if let Some(part) = self.parts.get_mut(index) {
            part.bytes.clear();
            (part.path, part.event) = (path, event);
        } else {
            self.parts.push(OutputPart {
                path,
                event,
                bytes: Vec::new(),
            });
        }
        index
    }
}
