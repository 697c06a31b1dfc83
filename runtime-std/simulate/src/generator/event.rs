//! An event as data, before it is text.

use std::borrow::Cow;

pub use estreamer_core::fqe::EventKind;

/// A field's value: integers are JSON numbers, everything else is text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// Written without quotes.
    Integer(u64),
    /// Written as a string.
    Text(Cow<'static, str>),
}

/// One event. A field that is irrelevant to it is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedEvent {
    /// Which of the four.
    pub kind: EventKind,
    /// When the Management Center stored it, UNIX seconds. Travels in the
    /// record header, not among the fields.
    pub archival: u32,
    /// The number of the sensor, as binary records give it.
    pub sensor: u32,
    /// Name and value, in the order of the catalogue, no name twice.
    pub fields: Vec<(&'static str, FieldValue)>,
}

impl GeneratedEvent {
    /// An event with nothing but its `EventType`.
    pub(super) fn new(kind: EventKind, archival: u32) -> Self {
        let mut fields = Vec::with_capacity(64);
        fields.push(("EventType", FieldValue::Text(kind.name().into())));
        Self {
            kind,
            archival,
            sensor: 0,
            fields,
        }
    }

    /// The value of a field, if the event has it.
    pub fn get(&self, name: &str) -> Option<&FieldValue> {
        let (_, value) = self.fields.iter().find(|(n, _)| *n == name)?;
        Some(value)
    }

    pub(super) fn integer(&mut self, name: &'static str, value: impl Into<u64>) {
        self.fields.push((name, FieldValue::Integer(value.into())));
    }

    pub(super) fn text(&mut self, name: &'static str, value: impl Into<Cow<'static, str>>) {
        self.fields.push((name, FieldValue::Text(value.into())));
    }
}
