//! A batch as an output writes it: which records, in which form, to which path.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use estreamer_core::fqe::EventKind;
use estreamer_mio::buffer::EventRecord;

use super::delivery::{Delivery, SourceInfo};
use crate::config::{Format, Output};
use crate::format;
use crate::output::Part;
use crate::output::destination::Destination;
use crate::output::pattern::{OTHER, Pattern};

/// Bytes of a buffer that are kept for the next batch.
const KEPT: usize = 1 << 20;

/// How an output writes, with buffers that are used again.
pub(super) struct BatchFormatter {
    format: Format,
    sources: Option<Vec<String>>,
    events: Option<Vec<EventKind>>,
    /// Of files.
    pattern: Option<Pattern>,
    paths: HashMap<(Arc<str>, &'static str), Arc<Path>>,
    parts: Vec<Part>,
    /// How many of the parts belong to the current batch.
    used: usize,
}

impl BatchFormatter {
    pub(super) fn new(output: &Output) -> Self {
        let pattern = match &output.destination {
            Destination::File(pattern) => Some(pattern.clone()),
            _ => None,
        };
        Self {
            format: output.format,
            sources: output.sources.clone(),
            events: output.events.clone(),
            pattern,
            paths: HashMap::new(),
            parts: Vec::new(),
            used: 0,
        }
    }

    /// Formats a batch, and returns how many of its records the output takes.
    pub(super) fn format(&mut self, delivery: &Delivery) -> u64 {
        self.used = 0;
        for part in &mut self.parts {
            // A record may have been very large.
            part.bytes.clear();
            part.bytes.shrink_to(KEPT);
        }
        let source = &*delivery.source;
        if let Some(sources) = &self.sources
            && !sources.iter().any(|name| **name == *source.name)
        {
            return 0;
        }
        let mut count = 0;
        for (record, verdict) in delivery.kept() {
            let kind = EventKind::from_record_type(record.record_type);
            if let Some(events) = &self.events
                && !kind.is_some_and(|kind| events.contains(&kind))
            {
                continue;
            }
            count += 1;
            let (form, data, name) = (self.format, &source.data, &*source.name);
            let bytes = self.bytes(source, &record);
            format::write(form, data, name, &record, verdict.digest, bytes);
        }
        count
    }

    /// What is to be written: no part is empty.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts[..self.used]
    }

    /// Where the bytes of a record go.
    fn bytes(&mut self, source: &SourceInfo, record: &EventRecord<'_>) -> &mut Vec<u8> {
        let by_event = self.pattern.as_ref().is_some_and(Pattern::by_event);
        let event = match by_event {
            true => EventKind::from_record_type(record.record_type).map_or(OTHER, EventKind::name),
            false => "",
        };
        let used = &self.parts[..self.used];
        // Where there is one part, nothing is compared: glibc's masked vector loads
        // took 80 ns to find two empty names alike.
        let index = match used
            .iter()
            .position(|part| !by_event || part.event == event)
        {
            Some(index) => index,
            None => self.begin(source, event),
        };
        &mut self.parts[index].bytes
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
            self.parts.push(Part {
                path,
                event,
                bytes: Vec::new(),
            });
        }
        index
    }
}
