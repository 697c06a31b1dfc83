//! What dialects ask about an event as a whole.

use estreamer_core::fqe::EventKind;
use estreamer_core::wire::RecordType;

use super::table::{Derived, Known};
use crate::event::{Event, Value};

/// Where each known field of an event is: the number of the member plus 1, or 0.
pub(super) type KnownMembers = [u32; Known::ALL.len()];

/// An event with the facts of its record.
#[derive(Clone, Copy)]
pub(super) struct Facts<'a> {
    pub(super) event: Event<'a>,
    pub(super) record_type: RecordType,
    /// When the server archived it, UNIX seconds.
    pub(super) archival: Option<u32>,
    /// The name of the source.
    pub(super) source: &'a str,
    pub(super) known: &'a KnownMembers,
}

/// The time of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct EventTime {
    /// UNIX seconds.
    pub(super) second: u64,
    /// 0 to 999,999.
    pub(super) microsecond: u32,
}

impl<'a> Facts<'a> {
    /// Returns the value of a known field; `None` if it is absent or null.
    pub(super) fn value(&self, known: Known) -> Option<Value<'a>> {
        let member = self.known[known as usize].checked_sub(1)?;
        let value = self.event.value(member as usize);
        (value != Value::Null).then_some(value)
    }

    fn number(&self, known: Known) -> Option<u64> {
        self.value(known)?.number()
    }

    fn has(&self, known: Known, text: &str) -> bool {
        self.value(known) == Some(Value::Text(text))
    }

    /// Returns the event type: that of the record, or else that which the event names.
    pub(super) fn kind(&self) -> Option<EventKind> {
        EventKind::from_record_type(self.record_type).or_else(|| {
            match self.value(Known::EventType)? {
                Value::Text(name) => EventKind::from_name(name),
                _ => None,
            }
        })
    }

    /// Returns whether it is the event of a file that is taken for malware.
    pub(super) fn is_malware(&self) -> bool {
        self.kind() == Some(EventKind::File)
            && (self.record_type == RecordType::FILE_MALWARE
                || self.has(Known::ShaDisposition, "Malware")
                || self.has(Known::ShaDisposition, "Custom Detection")
                || self.value(Known::ThreatName).is_some()
                || self.value(Known::ThreatScore).is_some())
    }

    /// Returns whether it is the end of a connection.
    pub(super) fn is_end(&self) -> bool {
        self.value(Known::ConnectionDuration).is_some()
            || self.value(Known::LastPacketSecond).is_some()
    }

    /// Returns the number of the device's syslog message for such an event. A packet has
    /// none.
    pub(super) fn code(&self) -> Option<&'static str> {
        Some(match self.kind()? {
            EventKind::Intrusion => "430001",
            EventKind::Connection if self.is_end() => "430003",
            EventKind::Connection => "430002",
            EventKind::File if self.is_malware() => "430005",
            EventKind::File => "430004",
            EventKind::Packet => return None,
        })
    }

    /// Returns [`code`](Self::code), or the event type if there is none.
    pub(super) fn class(&self) -> &'static str {
        self.code().unwrap_or(match self.kind() {
            Some(EventKind::Packet) => "intrusion-packet",
            _ => "event",
        })
    }

    /// Returns the event type in words.
    pub(super) fn title(&self) -> &'static str {
        match self.kind() {
            Some(EventKind::Connection) if self.is_end() => "Connection end",
            Some(EventKind::Connection) => "Connection start",
            Some(EventKind::Intrusion) => "Intrusion",
            Some(EventKind::Packet) => "Intrusion packet",
            Some(EventKind::File) if self.is_malware() => "Malware",
            Some(EventKind::File) => "File",
            None => "Event",
        }
    }

    /// Returns the severity, 0 (lowest) to 10.
    pub(super) fn severity(&self) -> u8 {
        let base = match self.number(Known::PriorityId) {
            Some(1) => 9,
            Some(2) => 6,
            _ if self.is_malware() => 8,
            _ if self.is_blocked() => 5,
            _ => 3,
        };
        match self.number(Known::Impact) {
            Some(1) => base.max(8),
            _ => base,
        }
    }

    /// Returns whether the device blocked it.
    pub(super) fn is_blocked(&self) -> bool {
        [Known::RuleAction, Known::InlineResult, Known::FileAction]
            .into_iter()
            .filter_map(|known| self.value(known))
            .any(|value| matches!(value, Value::Text(text) if text.starts_with("Block")))
    }

    /// Returns when it happened: its packet, the last packet, the event, else the first
    /// packet, else when it was archived. A second 0 counts as absent.
    pub(super) fn time(&self) -> Option<EventTime> {
        let seconds = |known: Known| self.number(known).filter(|&second| second > 0);
        let exact = |second: Known, microsecond: Known| {
            Some(EventTime {
                second: seconds(second)?,
                microsecond: self
                    .number(microsecond)
                    .and_then(|micros| u32::try_from(micros).ok())
                    .filter(|micros| *micros < 1_000_000)
                    .unwrap_or(0),
            })
        };
        let whole = |second| EventTime {
            second,
            microsecond: 0,
        };
        exact(Known::PacketSecond, Known::PacketMicrosecond)
            .or_else(|| seconds(Known::LastPacketSecond).map(whole))
            .or_else(|| exact(Known::EventSecond, Known::EventMicrosecond))
            .or_else(|| seconds(Known::FirstPacketSecond).map(whole))
            .or_else(|| Some(whole(self.archival?.into())))
    }

    /// Works out a value; `None` if the event has none. `buffer` holds it if it is new.
    pub(super) fn derive<'b>(&self, derived: Derived, buffer: &'b mut String) -> Option<Value<'b>> {
        use std::fmt::Write;
        buffer.clear();
        // Writing to a String cannot fail.
        let _ = match derived {
            Derived::Archival => write!(buffer, "{}", self.archival?),
            Derived::Code => return self.code().map(Value::Text),
            Derived::Severity => write!(buffer, "{}", self.severity()),
            Derived::TimeMilliseconds => {
                let time = self.time()?;
                match time.second {
                    0 => write!(buffer, "{}", time.microsecond / 1000),
                    second => write!(buffer, "{second}{:03}", time.microsecond / 1000),
                }
            }
        };
        Some(Value::Number(buffer))
    }
}
