//! What dialects ask about an event as a whole.

mod community_id;
mod derive;
mod ecs;
mod ocsf;

use std::cell::OnceCell;
use std::net::IpAddr;

use estreamer_core::fqe::EventKind;
use estreamer_core::wire::RecordType;

use super::class::EventClass;
use super::event_time::EventTime;
use super::table::Known;
use crate::event::{Event, Value};

/// Where each known field of an event is: the number of the member plus 1, or 0; with `HIDDEN` if
/// the output does not write it.
pub(super) struct KnownMembers([u32; Known::ALL.len()]);

const HIDDEN: u32 = 1 << 31;

impl Default for KnownMembers {
    fn default() -> Self {
        Self([0; Known::ALL.len()])
    }
}

impl KnownMembers {
    /// Sets the member of a field, and whether the output writes it.
    pub(super) fn set(&mut self, known: Known, member: usize, is_written: bool) {
        let hidden = if is_written { 0 } else { HIDDEN };
        self.0[known as usize] = hidden | (member as u32 + 1);
    }
}

/// An event with the facts of its record.
pub(super) struct Facts<'a> {
    pub(super) event: Event<'a>,
    pub(super) record_type: RecordType,
    /// When the server archived it, UNIX seconds.
    pub(super) archival: Option<u32>,
    /// When it was received, UNIX seconds.
    pub(super) received: u64,
    /// The name of the source.
    pub(super) source: &'a str,
    pub(super) known: &'a KnownMembers,
    /// The addresses of initiator and responder, parsed once.
    pub(super) ends: OnceCell<[Option<IpAddr>; 2]>,
}

impl<'a> Facts<'a> {
    /// Returns the value of a known field; `None` if it is absent or null.
    pub(super) fn value(&self, known: Known) -> Option<Value<'a>> {
        let member = (self.known.0[known as usize] & !HIDDEN).checked_sub(1)?;
        let value = self.event.value(member as usize);
        (value != Value::Null).then_some(value)
    }

    /// Returns the value of a known field that the output writes.
    fn written(&self, known: Known) -> Option<Value<'a>> {
        let is_written = self.known.0[known as usize] & HIDDEN == 0;
        self.value(known).filter(|_| is_written)
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

    /// Returns the event type, and whether it is malware.
    pub(super) fn class(&self) -> Option<EventClass> {
        Some(match self.kind()? {
            EventKind::Connection => EventClass::Connection,
            EventKind::Intrusion => EventClass::Intrusion,
            EventKind::Packet => EventClass::Packet,
            EventKind::File if self.is_malware() => EventClass::Malware,
            EventKind::File => EventClass::File,
        })
    }

    /// Returns whether a file is taken for malware.
    fn is_malware(&self) -> bool {
        self.record_type == RecordType::FILE_MALWARE
            || self.has(Known::ShaDisposition, "Malware")
            || self.has(Known::ShaDisposition, "Custom Detection")
            || self.value(Known::ThreatName).is_some()
            || self.value(Known::ThreatScore).is_some()
    }

    /// Returns whether it is the end of a connection. A second 0 counts as absent; a
    /// connection of less than a second has the duration 0.
    pub(super) fn is_end(&self) -> bool {
        let is_text = |known| match self.value(known) {
            Some(Value::Text(text) | Value::Escaped(text)) => !text.is_empty(),
            other => other.is_some(),
        };
        is_text(Known::ConnectionDuration)
            || is_text(Known::LastPacketSecond) && self.number(Known::LastPacketSecond) != Some(0)
    }

    /// Returns the number of the device's syslog message for such an event. A packet has
    /// none.
    pub(super) fn code(&self) -> Option<&'static str> {
        Some(match self.class()? {
            EventClass::Intrusion => "430001",
            EventClass::Connection if self.is_end() => "430003",
            EventClass::Connection => "430002",
            EventClass::Malware => "430005",
            EventClass::File => "430004",
            EventClass::Packet => return None,
        })
    }

    /// Returns [`code`](Self::code), or the event type if there is none.
    pub(super) fn code_or_type(&self) -> &'static str {
        self.code().unwrap_or(match self.class() {
            Some(EventClass::Packet) => "intrusion-packet",
            _ => "event",
        })
    }

    /// Returns the event type in words.
    pub(super) fn title(&self) -> &'static str {
        match self.class() {
            Some(EventClass::Connection) if self.is_end() => "Connection end",
            Some(EventClass::Connection) => "Connection start",
            Some(EventClass::Intrusion) => "Intrusion",
            Some(EventClass::Packet) => "Intrusion packet",
            Some(EventClass::Malware) => "Malware",
            Some(EventClass::File) => "File",
            None => "Event",
        }
    }

    /// Returns the severity, 0 (lowest) to 10.
    pub(super) fn severity(&self) -> u8 {
        let base = match self.number(Known::PriorityId) {
            Some(1) => 9,
            Some(2) => 6,
            _ if self.class() == Some(EventClass::Malware) => 8,
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
        let mut actions = self.actions();
        actions.any(|value| matches!(value, Value::Text(text) if blocks(text)))
    }

    /// Returns what was done: with the connection, the packet, the file.
    pub(super) fn actions(&self) -> impl Iterator<Item = Value<'a>> {
        [Known::RuleAction, Known::InlineResult, Known::FileAction]
            .into_iter()
            .filter_map(|known| self.value(known))
    }

    /// Returns when it happened, else when it was archived. A second 0 counts as absent.
    pub(super) fn time(&self) -> Option<EventTime> {
        let archival = || {
            let second = self.archival.filter(|second| *second > 0)?;
            Some(EventTime::whole(second.into()))
        };
        EventTime::of(|known| self.number(known)).or_else(archival)
    }
}

/// Returns whether a rule, an inspector or a file policy that says this let nothing pass. What
/// only would have been blocked, or in part, was not.
fn blocks(action: &str) -> bool {
    const BEGINNINGS: [&str; 5] = [
        "Block",
        "Interactive Block",
        "Malware Block",
        "Custom Detection Block",
        "Archive Block",
    ];
    matches!(action, "Drop" | "Dropped" | "Reject")
        || BEGINNINGS.iter().any(|begin| action.starts_with(begin))
}
