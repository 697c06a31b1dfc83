//! Events with their own memory.

use estreamer_core::wire::RecordType;
use estreamer_mio::buffer::{EventRecord, RecordKind};

/// An owned event, as the iterator returns it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedEvent {
    /// Whether it is an event, or why it is not.
    pub kind: RecordKind,
    /// The record type; 0 if it could not be read.
    pub record_type: RecordType,
    /// When the server stored it, in UNIX seconds.
    pub archival: Option<u32>,
    /// The number of bytes sent; more than the length of the data if the event exceeded
    /// the limit.
    pub length: u32,
    /// The event in the requested format.
    pub data: Vec<u8>,
}

impl From<EventRecord<'_>> for OwnedEvent {
    fn from(record: EventRecord<'_>) -> Self {
        Self {
            kind: record.kind,
            record_type: record.record_type,
            archival: record.archival,
            length: record.length,
            data: record.data.into(),
        }
    }
}
