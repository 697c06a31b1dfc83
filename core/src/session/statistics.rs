//! What a session counted, and the counting of the peer's deviations.

use crate::Malformed;
use crate::decode::{Frame, Head, Kind, Limits};
use crate::quirk::{Deviations, Quirk};
use crate::wire::{EventNumber, Layout, MessageType};

/// Counters of one connection, since its start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Statistics {
    /// Bytes received, framing included.
    pub bytes: u64,
    /// Event data messages, malformed and skipped ones included.
    pub events: u64,
    /// Whole bundles.
    pub bundles: u64,
    /// Null messages received.
    pub nulls: u64,
    /// The peer's deviations, by name.
    pub deviations: Deviations,
}

/// Counts what a frame shows. Pieces leave a trace until their message ends.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) struct Observer {
    pub(super) statistics: Statistics,
    /// The sequence number of the last bundle; 0 before the first.
    sequence: u32,
    /// Whether the current bundle held anything.
    filled: bool,
    /// The message being handed out in pieces.
    pub(super) current: Current,
    /// The last byte of the text of an error in pieces.
    last: u8,
}

/// What has to be remembered of a message in pieces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub(super) enum Current {
    /// Nothing.
    Plain,
    /// An event outside any bundle: its end is acknowledged.
    TopLevelEvent,
    /// An error: its end ends the session.
    Error(i32),
}

impl Observer {
    pub(super) fn new() -> Self {
        Self {
            statistics: Statistics::default(),
            sequence: 0,
            filled: false,
            current: Current::Plain,
            last: 0,
        }
    }

    /// Counts the frame found in `input`.
    pub(super) fn observe(&mut self, frame: &Frame, input: &[u8], limits: &Limits) {
        match frame {
            Frame::BundleBegin { bundle, length } => {
                let expected = self.sequence.wrapping_add(1);
                if bundle.sequence == self.sequence && self.sequence != 0 {
                    self.count(Quirk::SequenceRepeat);
                } else if bundle.sequence != expected {
                    self.count(Quirk::SequenceGap);
                }
                self.sequence = bundle.sequence;
                self.filled = *length > 0;
            }
            Frame::BundleEnd => {
                self.statistics.bundles += 1;
                if !self.filled {
                    self.count(Quirk::BundleEmpty);
                }
            }
            Frame::Message { head, body } => {
                self.head(head);
                self.error_text(head, body.of(input));
            }
            Frame::Begin { head, .. } => {
                self.head(head);
                self.last = 1;
                self.current = current(head);
            }
            Frame::Skipped { head, .. } => {
                self.head(head);
                if head.header.length > limits.of(head.header.message_type) {
                    self.count(Quirk::Oversize);
                }
            }
            Frame::Chunk { body } => {
                if let Some(&last) = body.of(input).last() {
                    self.last = last;
                }
            }
            Frame::End => {
                if matches!(self.current, Current::Error(_)) && self.last == 0 {
                    self.count(Quirk::ErrorNul);
                }
            }
        }
    }

    pub(super) fn count(&mut self, quirk: Quirk) {
        self.statistics.deviations.count(quirk);
    }

    fn head(&mut self, head: &Head) {
        let message_type = head.header.message_type;
        let is_event = EventNumber::from_message_type(message_type).is_some();
        if head.nested && !is_stray(head) {
            self.count(match head.header.version {
                0 => Quirk::NestedVersion0,
                1 => Quirk::NestedVersion1,
                _ => Quirk::NestedVersionOther,
            });
        }
        if is_event {
            self.statistics.events += 1;
            if message_type == MessageType::EVENT_DATA_3 {
                self.count(Quirk::EventType3);
            }
            if !head.nested {
                self.count(Quirk::TopLevelEvent);
            }
        }
        match head.kind {
            Kind::Null => {
                self.statistics.nulls += 1;
                if head.header.length > 0 {
                    self.count(Quirk::NullBody);
                }
                if head.nested {
                    self.count(Quirk::NestedNull);
                }
            }
            Kind::Error { text_length, .. } => {
                if head.nested {
                    self.count(Quirk::NestedError);
                }
                if u32::from(text_length) + 6 != head.header.length {
                    self.count(Quirk::ErrorLength);
                }
            }
            Kind::Event { record, layout } => {
                if record.netmap != 0 {
                    self.count(Quirk::Netmap);
                }
                match layout {
                    Layout::Clipped => self.count(Quirk::RecordClipped),
                    Layout::Inclusive => self.count(Quirk::RecordInclusive),
                    Layout::Extended | Layout::Short => {}
                }
                match (record.flag, record.extension) {
                    (true, Some(_)) => self.count(Quirk::ExtendedFlag),
                    (true, None) => self.count(Quirk::FlagContradictsLengths),
                    (false, _) => {}
                }
            }
            Kind::Request { .. } if head.nested => self.count(Quirk::NestedUnknown),
            Kind::Request { .. } => {}
            Kind::Other if head.nested => self.count(Quirk::NestedUnknown),
            Kind::Other => self.count(Quirk::UnknownMessage),
            Kind::Malformed(malformed) => self.count(match malformed {
                Malformed::RecordTooShort | Malformed::RecordLength => Quirk::RecordMalformed,
                Malformed::ErrorTooShort
                | Malformed::RequestTooShort
                | Malformed::BundleTooShort => Quirk::MessageMalformed,
                Malformed::BundleOverrun => Quirk::BundleOverrun,
                Malformed::BundleTrailing => Quirk::BundleTrailing,
            }),
        }
    }

    fn error_text(&mut self, head: &Head, text: &[u8]) {
        if matches!(head.kind, Kind::Error { .. }) && text.last() == Some(&0) {
            self.count(Quirk::ErrorNul);
        }
    }
}

/// What has to be remembered of the message with this head.
pub(super) fn current(head: &Head) -> Current {
    match head.kind {
        Kind::Error { code, .. } => Current::Error(code),
        _ if !head.nested && EventNumber::from_message_type(head.header.message_type).is_some() => {
            Current::TopLevelEvent
        }
        _ => Current::Plain,
    }
}

/// What is left of a bundle has no header of its own.
fn is_stray(head: &Head) -> bool {
    matches!(
        head.kind,
        Kind::Malformed(Malformed::BundleOverrun | Malformed::BundleTrailing)
    )
}
