//! One record as it was received.

use estreamer_core::Malformed;
use estreamer_core::decode::Span;
use estreamer_core::wire::RecordType;

/// A record of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventRecord<'a> {
    /// Whether it is an event, or why not.
    pub kind: RecordKind,
    /// Its type; 0 if the type could not be read.
    pub record_type: RecordType,
    /// When the server archived it, UNIX seconds.
    pub archival: Option<u32>,
    /// Set on the first record of each bundle.
    pub bundle: Option<BundleStart>,
    /// Bytes of the record that the server sent.
    pub length: u32,
    /// The bytes that were received: all of them, or none of an oversize record.
    pub data: &'a [u8],
}

/// How a bundle relates to the bundle before it on the same connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleStart {
    /// It has another sequence number, or it is an event outside of a bundle.
    Next,
    /// It has the sequence number of its predecessor. It is a repeat if its
    /// content is the same too; otherwise the server does not count bundles.
    SameNumber {
        /// Whether it has as many bytes as its predecessor.
        same_length: bool,
    },
}

/// What a record is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecordKind {
    /// An event.
    Event,
    /// A message that contradicts itself; the data is its raw body.
    Malformed(Malformed),
    /// A record over the limit, which was skipped.
    Oversize,
}

/// Where a record is in its arena, and what its header says.
#[derive(Debug)]
pub(super) struct RecordPlace {
    pub(super) kind: RecordKind,
    pub(super) record_type: RecordType,
    pub(super) archival: Option<u32>,
    pub(super) bundle: Option<BundleStart>,
    pub(super) length: u32,
    /// Where its data is.
    pub(super) start: u32,
    pub(super) size: u32,
}

impl RecordPlace {
    pub(super) fn record<'a>(&self, bytes: &'a [u8]) -> EventRecord<'a> {
        let span = Span {
            start: self.start as usize,
            len: self.size as usize,
        };
        EventRecord {
            kind: self.kind,
            record_type: self.record_type,
            archival: self.archival,
            bundle: self.bundle,
            length: self.length,
            data: span.of(bytes),
        }
    }
}
