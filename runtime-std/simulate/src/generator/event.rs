//! An event before it is rendered as text.

use std::borrow::Cow;

pub use estreamer_core::fqe::EventKind;

/// The value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// A JSON number, without quotes.
    Integer(u64),
    /// A string.
    Text(Cow<'static, str>),
}

/// An event. Irrelevant fields are absent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GeneratedEvent {
    /// The event type.
    pub kind: EventKind,
    /// The archival second (UNIX seconds). It is sent in the record header, not as a field.
    pub archival: u32,
    /// The number of the sensor, for binary records.
    pub sensor: u32,
    /// Names and values in the order of the catalogue, without repeated names.
    pub fields: Vec<(&'static str, FieldValue)>,
}

impl GeneratedEvent {
    /// Returns an event with only its `EventType`.
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

    /// Returns the value of a field.
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
