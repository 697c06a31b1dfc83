//! What the frames amount to: whole messages, and the deviations they show.

use super::Statistics;
use crate::Malformed;
use crate::decode::{Frame, Head, Kind, Limits};
use crate::quirk::{Quirk, Quirks};
use crate::wire::{
    BundleHeader, DataForm, EventNumber, Expected, HEADER_LEN, Layout, MessageType, Record,
    RecordReader,
};

/// Counts whole messages. One in pieces leaves a trace until it ends.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Observer {
    pub(super) statistics: Statistics,
    /// The sequence number of the last bundle; 0 before the first.
    sequence: u32,
    /// Whether the current bundle held anything.
    filled: bool,
    /// The message in pieces, the deviations of its head, its last byte so far.
    pieces: Whole,
    shown: Quirks,
    last: Option<u8>,
}

/// What became complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) enum Whole {
    /// A bundle, or a message that claimed to be one.
    Bundle,
    /// Event data, malformed or not.
    Event { nested: bool },
    /// A null message.
    Null { nested: bool },
    /// A request; nothing of the kind belongs into a bundle.
    Request,
    /// An error message with this code, nested or not.
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
            pieces: Whole::Other,
            shown: Quirks::NONE,
            last: None,
        }
    }

    /// Counts the frame found in `input`, which of an event holds at least the
    /// first [`PEEK`](RecordReader::PEEK) bytes; tells what it completes.
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
                if matches!(self.pieces, Whole::Error(_) | Whole::Request) {
                    self.last = body.of(input).last().copied();
                }
            }
            Frame::Skipped { head, length } => {
                self.trace(head, input, expected);
                if *length > limits.of(head.header.message_type) {
                    self.shown = self.shown.with(Quirk::Oversize);
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
        self.pieces = whole(head);
        self.shown = shown(head);
        self.last = None;
        if let (Kind::Event { record, .. }, Some(expected)) = (&head.kind, expected) {
            if expected.extended && record.extension.is_none() {
                self.shown = self.shown.with(Quirk::NoExtension);
            }
            if expected.form == DataForm::Json && !is_json(head, record, input) {
                self.shown = self.shown.with(Quirk::DataNotJson);
            }
        }
    }

    fn complete(&mut self) -> Whole {
        match (self.pieces, self.last) {
            (Whole::Error(_), Some(0)) => self.count(Quirk::ErrorNul),
            (Whole::Request, Some(0)) => self.count(Quirk::RequestNul),
            (Whole::Event { .. }, _) => self.statistics.events += 1,
            (Whole::Null { .. }, _) => self.statistics.nulls += 1,
            _ => {}
        }
        self.statistics.deviations.count_all(self.shown);
        self.pieces
    }
}

/// Whether the data of an event begins with a brace.
#[inline]
fn is_json(head: &Head, record: &Record, input: &[u8]) -> bool {
    let start = HEADER_LEN + record.encoded_len();
    let end = HEADER_LEN + head.header.length as usize;
    (start < end && input.get(start) == Some(&b'{')) || begins_late(start, end, input)
}

/// The same behind blanks, as far as the input holds them for sure.
#[cold]
fn begins_late(start: usize, end: usize, input: &[u8]) -> bool {
    let end = end.min(HEADER_LEN + RecordReader::PEEK);
    let data = input.get(start..end).unwrap_or_default();
    let blank = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    data.iter().find(|byte| !blank(byte)) == Some(&b'{')
}

/// What the message with this head is, once it is complete.
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

/// The deviations that the fixed fields of one message show.
fn shown(head: &Head) -> Quirks {
    let mut shown = Quirks::NONE;
    let mut show = |quirk| shown = shown.with(quirk);
    // What is left of a bundle has no header of its own.
    let stray = matches!(
        head.kind,
        Kind::Malformed(Malformed::BundleOverrun | Malformed::BundleTrailing)
    );
    if head.nested && !stray {
        show(match head.header.version {
            0 => Quirk::NestedVersion0,
            1 => Quirk::NestedVersion1,
            _ => Quirk::NestedVersionOther,
        });
    }
    match head.header.message_type {
        MessageType::EVENT_DATA_3 => show(Quirk::EventType3),
        MessageType::NULL if head.header.length > 0 => show(Quirk::NullBody),
        _ => {}
    }
    match (whole(head), head.nested) {
        (Whole::Event { .. }, false) => show(Quirk::TopLevelEvent),
        (Whole::Null { .. }, true) => show(Quirk::NestedNull),
        (Whole::Error(_), true) => show(Quirk::NestedError),
        _ => {}
    }
    match head.kind {
        Kind::Error { text_length, .. } if u32::from(text_length) + 6 != head.header.length => {
            show(Quirk::ErrorLength);
        }
        Kind::Event { record, layout } => {
            if record.netmap != 0 {
                show(Quirk::Netmap);
            }
            match layout {
                Layout::CoversExtension => show(Quirk::RecordCoversExtension),
                Layout::CoversHeader => show(Quirk::RecordCoversHeader),
                Layout::Clipped => show(Quirk::RecordClipped),
                Layout::Extended | Layout::Short => {}
            }
            // A clipped record could not be read without the flag.
            if record.flag && layout != Layout::Clipped {
                show(match record.extension {
                    Some(_) => Quirk::ExtendedFlag,
                    None => Quirk::FlagContradictsLengths,
                });
            }
        }
        Kind::Other | Kind::Request { .. } if head.nested => show(Quirk::NestedUnknown),
        Kind::Other => show(Quirk::UnknownMessage),
        Kind::Malformed(malformed) => show(match malformed {
            Malformed::RecordTooShort | Malformed::RecordLength => Quirk::RecordMalformed,
            Malformed::ErrorTooShort | Malformed::RequestTooShort | Malformed::BundleTooShort => {
                Quirk::MessageMalformed
            }
            Malformed::BundleOverrun => Quirk::BundleOverrun,
            Malformed::BundleTrailing => Quirk::BundleTrailing,
        }),
        Kind::Null | Kind::Error { .. } | Kind::Request { .. } => {}
    }
    shown
}
