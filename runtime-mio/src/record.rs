//! One record as it was received.

use estreamer_core::Malformed;
use estreamer_core::decode::Span;
use estreamer_core::wire::RecordType;

/// What is noted of a record.
#[derive(Debug)]
pub(crate) struct Received {
    pub(crate) kind: RecordKind,
    pub(crate) record_type: RecordType,
    pub(crate) archival: Option<u32>,
    pub(crate) bundle: Option<BundleStart>,
    pub(crate) length: u32,
    /// Where its data is.
    pub(crate) start: u32,
    pub(crate) size: u32,
}

impl Received {
    pub(crate) fn span(&self) -> Span {
        Span {
            start: self.start as usize,
            len: self.size as usize,
        }
    }
}

/// One record of a batch.
#[derive(Debug, Clone, Copy)]
pub struct Record<'a> {
    /// Whether it is an event, or why not.
    pub kind: RecordKind,
    /// Its type; 0 where that could not be read.
    pub record_type: RecordType,
    /// When the server stored it, UNIX seconds.
    pub archival: Option<u32>,
    /// Set where it is the first of its bundle.
    pub bundle: Option<BundleStart>,
    /// Bytes of it that were sent.
    pub length: u32,
    /// What of them was received: all, or none of an oversize record.
    pub data: &'a [u8],
}

/// How a bundle relates to the one before it on its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BundleStart {
    /// It has a sequence number of its own, or is an event outside any bundle.
    Next,
    /// It has its predecessor's sequence number: a repeat, if its content is the
    /// same; otherwise the server's numbers do not move.
    SameNumber {
        /// Whether it is as long as its predecessor, in bytes.
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
    /// Over the limit, and skipped.
    Oversize,
}
