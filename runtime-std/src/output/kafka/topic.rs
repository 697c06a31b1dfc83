//! The topic of an event.

use std::borrow::Cow;
use std::fmt::Write;

use super::address::{TopicPart, TopicPattern, is_legal};
use crate::output::RecordInfo;
use crate::output::pattern::OTHER;

impl TopicPattern {
    /// Returns the topic of an event.
    pub(super) fn topic(&self, record: &RecordInfo) -> Cow<'_, str> {
        if let [TopicPart::Text(text)] = &self.0[..] {
            return Cow::Borrowed(text);
        }
        let mut topic = String::with_capacity(64);
        for part in &self.0 {
            match part {
                TopicPart::Text(text) => topic.push_str(text),
                TopicPart::Event => topic.push_str(record.kind.map_or(OTHER, |kind| kind.name())),
                TopicPart::Source => push_legal(&record.source, &mut topic),
            }
        }
        Cow::Owned(topic)
    }
}

/// Appends a name; a byte that no topic may have becomes `_` and two hexadecimal digits.
fn push_legal(name: &str, topic: &mut String) {
    for byte in name.bytes() {
        match is_legal(byte) {
            true => topic.push(char::from(byte)),
            // Writing to a String cannot fail.
            false => drop(write!(topic, "_{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::Digest;
    use estreamer_core::fqe::EventKind;

    #[test]
    fn a_topic_can_hold_event_type_and_source_and_is_always_legal() {
        let mut record = RecordInfo {
            end: 0,
            kind: Some(EventKind::File),
            source: "fmc/a b".into(),
            device: None,
            connection: None,
            archival: None,
            time: None,
            digest: Digest::new(0),
            ordinal: 0,
        };
        let pattern = TopicPattern::parse("ftd.{event}-{source}").unwrap();
        assert_eq!(pattern.topic(&record), "ftd.FileEvent-fmc_2Fa_20b");
        record.kind = None;
        assert_eq!(pattern.topic(&record), "ftd.other-fmc_2Fa_20b");
        assert_eq!(TopicPattern::parse("ftd").unwrap().topic(&record), "ftd");
    }
}
