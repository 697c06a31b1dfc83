//! Counts complete messages and the deviations in them.

use super::Statistics;
use crate::Malformed;
use crate::decode::{Frame, Head, Kind, Limits};
use crate::quirk::{Quirk, Quirks};
use crate::wire::{
    BundleHeader, DataForm, EventNumber, Expected, HEADER_LEN, MessageType, RecordHeader,
    RecordLayout, RecordReader,
};

/// Counts complete messages. Keeps the state of a message in pieces until its end.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Observer {
    pub(super) statistics: Statistics,
    /// The sequence number of the last bundle; 0 before the first.
    sequence: u32,
    /// Whether the current bundle has a message.
    filled: bool,
    /// The current message, the deviations in its fixed fields, its last byte so far.
    message: Whole,
    deviations: Quirks,
    last: Option<u8>,
}

/// A complete unit of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) enum Whole {
    /// A bundle, or a malformed one.
    Bundle,
    /// Event data, also malformed.
    Event { nested: bool },
    /// A null message.
    Null { nested: bool },
    /// A top-level request.
    Request,
    /// An error message with this code, also nested.
    Error(i32),
    /// Anything else.
    Other,
}

impl Observer {
    pub(super) fn new() -> Self {
        Self {
            statistics: Statistics::default(),
            sequence: 0,
            filled: false,
            message: Whole::Other,
            deviations: Quirks::NONE,
            last: None,
        }
    }

    /// Counts a frame found in `input`, and returns what it completes. Of an event,
    /// `input` has at least the first [`PEEK`](RecordReader::PEEK) bytes.
    pub(super) fn observe(
        &mut self,
        frame: &Frame,
        input: &[u8],
        limits: &Limits,
        expected: Option<Expected>,
    ) -> Option<Whole> {
        match frame {
            Frame::BundleBegin { bundle, length } => {
                self.filled = *length > 0;
                self.sequence(bundle);
                return None;
            }
            Frame::BundleEnd => {
                self.statistics.bundles += 1;
                if !self.filled {
                    self.count(Quirk::BundleEmpty);
                }
                return Some(Whole::Bundle);
            }
            Frame::Begin { head, .. } => {
                self.trace(head, input, expected);
                return None;
            }
            Frame::Chunk { body } => {
                self.last = body.of(input).last().copied();
                return None;
            }
            Frame::Message { head, body } => {
                self.trace(head, input, expected);
                if matches!(self.message, Whole::Error(_) | Whole::Request) {
                    self.last = body.of(input).last().copied();
                }
            }
            Frame::Skipped { head, length } => {
                self.trace(head, input, expected);
                if *length > limits.of(head.header.message_type) {
                    self.deviations = self.deviations.with(Quirk::Oversize);
                }
            }
            Frame::End => {}
        }
        Some(self.complete())
    }

    pub(super) fn count(&mut self, quirk: Quirk) {
        self.statistics.deviations.count(quirk);
    }

    fn sequence(&mut self, bundle: &BundleHeader) {
        if bundle.sequence == self.sequence && self.sequence != 0 {
            self.count(Quirk::SequenceRepeat);
        } else if bundle.sequence != self.sequence.wrapping_add(1) {
            self.count(Quirk::SequenceGap);
        }
        self.sequence = bundle.sequence;
    }

    fn trace(&mut self, head: &Head, input: &[u8], expected: Option<Expected>) {
        self.message = whole(head);
        self.deviations = deviations(head);
        self.last = None;
        if let (Kind::Event { record, .. }, Some(expected)) = (&head.kind, expected) {
            if expected.extended && record.extension.is_none() {
                self.deviations = self.deviations.with(Quirk::NoExtension);
            }
            if expected.form == DataForm::Json && !is_json(head, record, input) {
                self.deviations = self.deviations.with(Quirk::DataNotJson);
            }
        }
    }

    fn complete(&mut self) -> Whole {
        match (self.message, self.last) {
            (Whole::Error(_), Some(0)) => self.count(Quirk::ErrorNul),
            (Whole::Request, Some(0)) => self.count(Quirk::RequestNul),
            (Whole::Event { .. }, _) => self.statistics.events += 1,
            (Whole::Null { .. }, _) => self.statistics.nulls += 1,
            _ => {}
        }
        self.statistics.deviations.count_all(self.deviations);
        self.message
    }
}

/// Whether the data of an event begins with `{`.
#[inline]
fn is_json(head: &Head, record: &RecordHeader, input: &[u8]) -> bool {
    let start = HEADER_LEN + record.encoded_len();
    let end = HEADER_LEN + head.header.length as usize;
    (start < end && input.get(start) == Some(&b'{')) || begins_after_space(start, end, input)
}

/// Whether the data begins with `{` after white space. Looks only at the bytes that
/// are certain to be in the input.
#[cold]
fn begins_after_space(start: usize, end: usize, input: &[u8]) -> bool {
    let end = end.min(HEADER_LEN + RecordReader::PEEK);
    let data = input.get(start..end).unwrap_or_default();
    let blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    data.iter().find(|byte| !blank(byte)) == Some(&b'{')
}

/// What a message with these fixed fields is when it is complete.
fn whole(head: &Head) -> Whole {
    let nested = head.nested;
    match head.kind {
        _ if EventNumber::from_message_type(head.header.message_type).is_some() => {
            Whole::Event { nested }
        }
        Kind::Null => Whole::Null { nested },
        Kind::Error { code, .. } => Whole::Error(code),
        Kind::Request { .. } if !nested => Whole::Request,
        Kind::Malformed(Malformed::BundleTooShort) if !nested => Whole::Bundle,
        _ => Whole::Other,
    }
}

/// The deviations in the fixed fields of a message.
fn deviations(head: &Head) -> Quirks {
    let mut found = Quirks::NONE;
    let mut add = |quirk| found = found.with(quirk);
    // The rest of a broken bundle has no header of its own.
    let stray = matches!(
        head.kind,
        Kind::Malformed(Malformed::BundleOverrun | Malformed::BundleTrailing)
    );
    if head.nested && !stray {
        add(match head.header.version {
            0 => Quirk::NestedVersion0,
            1 => Quirk::NestedVersion1,
            _ => Quirk::NestedVersionOther,
        });
    }
    match head.header.message_type {
        MessageType::EVENT_DATA_3 => add(Quirk::EventType3),
        MessageType::NULL if head.header.length > 0 => add(Quirk::NullBody),
        _ => {}
    }
    match (whole(head), head.nested) {
        (Whole::Event { .. }, false) => add(Quirk::TopLevelEvent),
        (Whole::Null { .. }, true) => add(Quirk::NestedNull),
        (Whole::Error(_), true) => add(Quirk::NestedError),
        _ => {}
    }
    match head.kind {
        Kind::Error { text_length, .. } if u32::from(text_length) + 6 != head.header.length => {
            add(Quirk::ErrorLength);
        }
        Kind::Event { record, layout } => {
            if record.netmap != 0 {
                add(Quirk::Netmap);
            }
            match layout {
                RecordLayout::CoversExtension => add(Quirk::RecordCoversExtension),
                RecordLayout::CoversHeader => add(Quirk::RecordCoversHeader),
                RecordLayout::Clipped => add(Quirk::RecordClipped),
                RecordLayout::Extended | RecordLayout::Short => {}
            }
            // A clipped record cannot be parsed without the flag.
            if record.flag && layout != RecordLayout::Clipped {
                add(match record.extension {
                    Some(_) => Quirk::ExtendedFlag,
                    None => Quirk::FlagContradictsLengths,
                });
            }
        }
        Kind::Other | Kind::Request { .. } if head.nested => add(Quirk::NestedUnknown),
        Kind::Other => add(Quirk::UnknownMessage),
        Kind::Malformed(malformed) => add(match malformed {
            Malformed::RecordTooShort | Malformed::RecordLength { .. } => Quirk::RecordMalformed,
            Malformed::ErrorTooShort | Malformed::RequestTooShort | Malformed::BundleTooShort => {
                Quirk::MessageMalformed
            }
            Malformed::BundleOverrun => Quirk::BundleOverrun,
            Malformed::BundleTrailing => Quirk::BundleTrailing,
        }),
        Kind::Null | Kind::Error { .. } | Kind::Request { .. } => {}
    }
    found
}
