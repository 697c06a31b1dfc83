//! The numbers of the Open Cybersecurity Schema Framework.

use super::Facts;
use crate::event::{Value, decode};
use crate::format::class::EventClass;
use crate::format::table::Known;

/// Returns `class_uid`; 0, the base event, for an unknown event type.
pub(super) fn class(facts: &Facts<'_>) -> u64 {
    match facts.class() {
        Some(EventClass::Connection) => 4001,
        Some(EventClass::Intrusion | EventClass::Packet | EventClass::Malware) => 2004,
        Some(EventClass::File) => 6006,
        None => 0,
    }
}

/// Returns `activity_id`.
pub(super) fn activity(facts: &Facts<'_>) -> u64 {
    const OPEN: u64 = 1;
    const CLOSE: u64 = 2;
    const REFUSE: u64 = 5;
    const CREATE: u64 = 1;
    const UPDATE: u64 = 2;
    const UPLOAD: u64 = 1;
    const DOWNLOAD: u64 = 2;
    match facts.class() {
        Some(EventClass::Connection) if facts.is_blocked() => REFUSE,
        Some(EventClass::Connection) if facts.is_end() => CLOSE,
        Some(EventClass::Connection) => OPEN,
        Some(EventClass::Intrusion | EventClass::Malware) => CREATE,
        // It adds a packet to the finding of its intrusion.
        Some(EventClass::Packet) => UPDATE,
        Some(EventClass::File) => match facts.value(Known::FileDirection) {
            Some(Value::Text("Upload")) => UPLOAD,
            Some(Value::Text("Download")) => DOWNLOAD,
            _ => 0,
        },
        None => 0,
    }
}

/// Returns `severity_id`.
pub(super) fn severity(facts: &Facts<'_>) -> u64 {
    match facts.severity() {
        0..=3 => 1,
        4..=5 => 2,
        6..=7 => 3,
        _ => 4,
    }
}

/// Returns `action_id` and `disposition_id`, which have the same numbers for these.
pub(super) fn action(facts: &Facts<'_>) -> Option<u64> {
    const ALLOWED: u64 = 1;
    const BLOCKED: u64 = 2;
    match facts.is_blocked() {
        true => Some(BLOCKED),
        false => facts.actions().next().map(|_| ALLOWED),
    }
}

/// Returns `finding_info.title`. `buffer` holds it if it is new.
pub(super) fn title<'b>(facts: &Facts<'_>, buffer: &'b mut String) -> &'b str {
    let of_rule = facts.value(Known::IntrusionRuleMessage);
    let title = of_rule.or_else(|| facts.written(Known::ThreatName));
    match title {
        Some(Value::Text(text)) => buffer.push_str(text),
        Some(Value::Escaped(text)) => decode(text, buffer),
        _ => {}
    }
    match buffer.is_empty() {
        true => facts.title(),
        false => buffer,
    }
}

/// Appends `finding_info.uid`: what an intrusion and its packets have in common, or malware
/// in a connection.
pub(super) fn finding_uid(facts: &Facts<'_>, buffer: &mut String) {
    let parts = match facts.class() {
        Some(EventClass::Malware) => [
            Known::DeviceUuid,
            Known::FirstPacketSecond,
            Known::ConnectionId,
            Known::FileSha256,
        ],
        _ => [
            Known::DeviceUuid,
            Known::InstanceId,
            Known::EventSecond,
            Known::EventId,
        ],
    };
    for known in parts {
        if !buffer.is_empty() {
            buffer.push('-');
        }
        match facts.value(known) {
            Some(Value::Escaped(text)) => decode(text, buffer),
            Some(Value::Text(text) | Value::Number(text)) => buffer.push_str(text),
            _ => {}
        }
    }
    if buffer.is_empty() {
        buffer.push('-');
    }
}
