//! Reads the events of a batch once for all outputs that look at their members. The first of
//! these outputs reads; the others wait for it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};

use estreamer_core::fqe::EventKind;
use estreamer_mio::buffer::{EventRecord, RecordKind};

use super::selection::Selection;
use crate::event::{Event, EventIndex, EventPlace, Unfit};
use crate::format::OwnedTransform;
use crate::sync::lock;

/// The maximum number of bytes of what was read of all batches. An output that is far behind
/// the others keeps its batches; beyond this, each output reads for itself.
const MAX_HELD: usize = 8 << 20;
/// The maximum number of bytes of what was read of one batch. Each output reads the rest for
/// itself.
const MAX_BATCH: usize = 1 << 20;
/// The maximum number of buffers to keep for the next batches.
const MAX_SPARE: usize = 4;

/// The outputs of a pipeline that look at the members of JSON events, and the memory that
/// they share for it.
pub(super) struct Readers {
    selections: Vec<Selection>,
    /// The bytes that what was read may take at present.
    held: AtomicUsize,
    spare: Mutex<Vec<BatchReading>>,
}

/// What was read of a batch.
#[derive(Default)]
pub(super) struct BatchReading {
    index: EventIndex,
    /// For each delivered record: where its members are, if several outputs look at them.
    events: Vec<Option<Result<EventPlace, Unfit>>>,
}

/// The reading of a batch, when an output needs it.
pub(super) struct SharedReading {
    readers: Arc<Readers>,
    source: Arc<str>,
    /// `None`: each output reads for itself.
    read: OnceLock<Option<BatchReading>>,
}

impl Readers {
    pub(super) fn new(selections: Vec<Selection>) -> Arc<Self> {
        Arc::new(Self {
            selections,
            held: AtomicUsize::new(0),
            spare: Mutex::default(),
        })
    }

    /// Returns the shared reading of a new batch, if it can be of use.
    pub(super) fn reading(
        self: &Arc<Self>,
        source: &Arc<str>,
        transform: &OwnedTransform,
    ) -> Option<SharedReading> {
        let is_json = *transform == OwnedTransform::Json;
        (is_json && self.of(source).nth(1).is_some()).then(|| SharedReading {
            readers: self.clone(),
            source: source.clone(),
            read: OnceLock::new(),
        })
    }

    /// Returns the selections that take events of a source.
    fn of(&self, source: &str) -> impl Iterator<Item = &Selection> {
        let all = self.selections.iter();
        all.filter(move |selection| selection.takes_source(source))
    }

    /// Reads the events that at least two outputs take.
    fn read<'r>(
        &self,
        source: &str,
        records: impl Iterator<Item = EventRecord<'r>>,
    ) -> Option<BatchReading> {
        let held = self.held.fetch_add(MAX_BATCH, Ordering::Relaxed) + MAX_BATCH;
        if held > MAX_HELD {
            self.held.fetch_sub(MAX_BATCH, Ordering::Relaxed);
            return None;
        }
        let mut reading = lock(&self.spare).pop().unwrap_or_default();
        for record in records {
            if reading.size() >= MAX_BATCH {
                break;
            }
            let is_shared = self.is_shared(source, &record);
            let read = is_shared.then(|| reading.index.append(record.data));
            reading.events.push(read);
        }
        let unused = MAX_BATCH.saturating_sub(reading.size());
        self.held.fetch_sub(unused, Ordering::Relaxed);
        Some(reading)
    }

    fn is_shared(&self, source: &str, record: &EventRecord<'_>) -> bool {
        let kind = EventKind::from_record_type(record.record_type);
        let mut takers = self.of(source).filter(|selection| selection.takes(kind));
        record.kind == RecordKind::Event && takers.nth(1).is_some()
    }

    /// Takes the buffers of a reading that is no longer needed.
    fn give_back(&self, mut reading: BatchReading) {
        let held = reading.size().min(MAX_BATCH);
        self.held.fetch_sub(held, Ordering::Relaxed);
        reading.index.clear();
        reading.events.clear();
        let mut spare = lock(&self.spare);
        if spare.len() < MAX_SPARE {
            spare.push(reading);
        }
    }
}

impl BatchReading {
    fn size(&self) -> usize {
        self.index.size() + size_of_val(&*self.events)
    }

    /// Returns an event by its number among the delivered records of the batch, or why it
    /// is none. `None`: it was not read.
    pub(super) fn event<'a>(
        &'a self,
        number: usize,
        data: &'a [u8],
    ) -> Option<Result<Event<'a>, Unfit>> {
        let place = self.events.get(number)?.as_ref()?;
        let place = place.as_ref().map_err(Unfit::clone);
        Some(place.map(|place| self.index.get(place, data)))
    }
}

impl SharedReading {
    /// Returns what was read of the batch to which this belongs, and which has these records
    /// to deliver.
    pub(super) fn get<'r>(
        &self,
        records: impl Iterator<Item = EventRecord<'r>>,
    ) -> Option<&BatchReading> {
        let read = || self.readers.read(&self.source, records);
        self.read.get_or_init(read).as_ref()
    }
}

impl Drop for SharedReading {
    fn drop(&mut self) {
        if let Some(Some(reading)) = self.read.take() {
            self.readers.give_back(reading);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: EventKind, data: &[u8]) -> EventRecord<'_> {
        EventRecord {
            kind: RecordKind::Event,
            record_type: kind.record_type(),
            archival: None,
            bundle: None,
            length: data.len() as u32,
            data,
        }
    }

    fn readers(selections: &[Option<&[EventKind]>]) -> Arc<Readers> {
        let selection = |events: &Option<&[_]>| Selection::of(None, events.map(<[_]>::to_vec));
        Readers::new(selections.iter().map(selection).collect())
    }

    fn reading(readers: &Arc<Readers>) -> Option<SharedReading> {
        readers.reading(&"fmc".into(), &OwnedTransform::Json)
    }

    #[test]
    fn what_several_outputs_look_at_is_read_for_them() {
        let readers = readers(&[None, Some(&[EventKind::File]), Some(&[EventKind::File])]);
        let shared = reading(&readers).unwrap();
        let records = [
            record(EventKind::Connection, b"{\"a\":1}"),
            record(EventKind::File, b"{\"b\":2}"),
            record(EventKind::File, b"{\"b\":2"),
        ];
        let read = shared.get(records.into_iter()).unwrap();
        let event = |number: usize| read.event(number, records[number].data);
        assert!(event(0).is_none(), "only one output takes it");
        let file = event(1).unwrap().unwrap();
        assert_eq!((file.name(0), file.text()), ("b", "{\"b\":2}"));
        assert_eq!(event(2).unwrap().err(), Some(Unfit::NotJson(1, 6)));
        assert!(read.event(3, b"").is_none());
        drop(shared);
        assert_eq!(readers.held.load(Ordering::Relaxed), 0);
        assert_eq!(lock(&readers.spare).len(), 1, "its buffers are used again");
    }

    #[test]
    fn a_single_reader_and_other_transforms_share_nothing() {
        assert!(reading(&readers(&[None])).is_none());
        let readers = readers(&[None, None]);
        let csv = readers.reading(&"fmc".into(), &OwnedTransform::Csv);
        assert!(csv.is_none());
    }

    #[test]
    fn what_is_held_for_a_slow_output_is_bounded() {
        let readers = readers(&[None, None]);
        let members: Vec<String> = (0..1000).map(|n| format!("\"{n}\":{n}")).collect();
        let event = format!("{{{}}}", members.join(","));
        let records = || {
            let event = record(EventKind::Connection, event.as_bytes());
            std::iter::repeat_n(event, 1000)
        };
        let batches: Vec<_> = (0..100).map(|_| reading(&readers).unwrap()).collect();
        let read = batches.iter().filter_map(|batch| batch.get(records()));
        let sizes: Vec<usize> = read.map(BatchReading::size).collect();
        let event_size = 1000 * 32;
        assert_eq!(sizes.len(), MAX_HELD / MAX_BATCH);
        assert!(sizes.iter().all(|size| *size < MAX_BATCH + event_size));
        drop(batches);
        assert_eq!(readers.held.load(Ordering::Relaxed), 0);
        assert!(lock(&readers.spare).len() <= MAX_SPARE);
        assert!(reading(&readers).unwrap().get(records()).is_some());
    }
}
