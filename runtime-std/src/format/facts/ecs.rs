//! The categories of the Elastic Common Schema.

use super::Facts;
use crate::format::class::EventClass;

/// Returns `event.kind`.
pub(super) fn kind(facts: &Facts<'_>) -> &'static str {
    match facts.class() {
        Some(EventClass::Intrusion | EventClass::Malware) => "alert",
        _ => "event",
    }
}

/// Returns `event.category` as JSON.
pub(super) fn category(facts: &Facts<'_>) -> Option<&'static str> {
    Some(match facts.class()? {
        EventClass::Connection => r#"["network"]"#,
        EventClass::Intrusion | EventClass::Packet => r#"["network","intrusion_detection"]"#,
        EventClass::File => r#"["network","file"]"#,
        EventClass::Malware => r#"["network","file","malware"]"#,
    })
}

/// Appends `event.type` as JSON.
pub(super) fn types(facts: &Facts<'_>, json: &mut String) -> Option<()> {
    json.push_str(match facts.class()? {
        EventClass::Connection if facts.is_end() => r#"["connection","end""#,
        EventClass::Connection => r#"["connection","start""#,
        _ => r#"["info""#,
    });
    json.push_str(match outcome(facts) {
        Some("failure") => r#","denied"]"#,
        Some(_) => r#","allowed"]"#,
        None => "]",
    });
    Some(())
}

/// Returns `event.outcome`.
pub(super) fn outcome(facts: &Facts<'_>) -> Option<&'static str> {
    if facts.is_blocked() {
        return Some("failure");
    }
    facts.actions().next().map(|_| "success")
}
