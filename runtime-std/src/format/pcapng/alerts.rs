//! The intrusion events seen last, so that their packets can name them.

use std::collections::{HashMap, VecDeque};

use super::block::{MAX_NAME, shortened};
use crate::event::{Event, Value};

/// The maximum number of intrusion events to remember.
const MAX_ALERTS: usize = 4096;
/// The maximum length of what is remembered of one, in bytes.
const MAX_TEXT: usize = 1024;

/// What names an intrusion event, and its packets. A field that one of them does not have is
/// not compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AlertKey {
    /// `EventID` and `EventSecond`.
    id: (u64, u64),
    microsecond: Option<u64>,
    device: Option<String>,
    instance: Option<u64>,
}

impl AlertKey {
    /// Returns the key of an intrusion event or a packet that has one.
    pub(super) fn of(event: &Event<'_>) -> Option<Self> {
        let (mut id, mut second) = (None, None);
        let (mut microsecond, mut device, mut instance) = (None, None, None);
        for member in 0..event.len() {
            let value = event.value(member);
            match event.name(member) {
                "EventID" => id = value.number(),
                "EventSecond" => second = value.number(),
                "EventMicrosecond" => microsecond = value.number(),
                "InstanceID" => instance = value.number(),
                "DeviceUUID" => {
                    device = text(value).map(|device| shortened(&device, MAX_NAME).to_owned());
                }
                _ => {}
            }
        }
        Some(Self {
            id: (id?, second?),
            microsecond,
            device,
            instance,
        })
    }

    fn fits(&self, other: &Self) -> bool {
        fn same<T: PartialEq>(one: &Option<T>, other: &Option<T>) -> bool {
            one.is_none() || other.is_none() || one == other
        }
        self.id == other.id
            && same(&self.microsecond, &other.microsecond)
            && same(&self.device, &other.device)
            && same(&self.instance, &other.instance)
    }
}

/// The intrusion events seen last.
#[derive(Default)]
pub(super) struct Alerts {
    /// By `EventID` and `EventSecond`, the oldest first.
    known: HashMap<(u64, u64), Vec<Alert>>,
    order: VecDeque<(u64, u64)>,
}

/// An intrusion event.
struct Alert {
    key: AlertKey,
    source: String,
    /// `GID:SID:Rev message`.
    rule: String,
}

impl Alerts {
    /// Remembers an intrusion event. The oldest ones are forgotten.
    pub(super) fn add(&mut self, source: &str, event: &Event<'_>) {
        let (Some(key), Some(rule)) = (AlertKey::of(event), rule(event)) else {
            return;
        };
        if self.order.len() >= MAX_ALERTS
            && let Some(oldest) = self.order.pop_front()
            && let Some(known) = self.known.get_mut(&oldest)
        {
            known.remove(0);
            if known.is_empty() {
                self.known.remove(&oldest);
            }
        }
        self.order.push_back(key.id);
        let known = self.known.entry(key.id).or_default();
        let source = source.to_owned();
        known.push(Alert { key, source, rule });
    }

    /// Returns `GID:SID:Rev message` of the intrusion event of a packet; `None` if it is not
    /// known, or if several different ones fit.
    pub(super) fn find(&self, source: &str, packet: &Event<'_>) -> Option<&str> {
        let key = AlertKey::of(packet)?;
        let known = self.known.get(&key.id)?.iter();
        let mut fitting = known
            .filter(|alert| alert.source == source && alert.key.fits(&key))
            .map(|alert| alert.rule.as_str());
        let first = fitting.next()?;
        fitting.all(|rule| rule == first).then_some(first)
    }
}

/// Returns the rule of an intrusion event: `1:11192:20 message`.
fn rule(event: &Event<'_>) -> Option<String> {
    let mut parts = [const { None }; 4];
    for member in 0..event.len() {
        let place = match event.name(member) {
            "GeneratorID" => 0,
            "SignatureID" => 1,
            "SignatureRevision" => 2,
            "IntrusionRuleMessage" => 3,
            _ => continue,
        };
        parts[place] = text(event.value(member));
    }
    let [generator, signature, revision, message] = parts;
    if signature.is_none() && message.is_none() {
        return None;
    }
    let number = |part: Option<String>| part.unwrap_or_else(|| "-".to_owned());
    let (generator, revision) = (number(generator), number(revision));
    let mut rule = format!("{generator}:{}:{revision}", number(signature));
    if let Some(message) = message {
        rule.push(' ');
        rule.push_str(&message);
    }
    Some(shortened(&rule, MAX_TEXT).to_owned())
}

/// Returns a value as text, unless it is absent.
fn text(value: Value<'_>) -> Option<String> {
    let mut buffer = String::new();
    (value != Value::Null).then(|| value.text(&mut buffer).to_owned())
}
