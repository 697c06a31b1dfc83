//! EventCatalog.json: which fields an event type has, and which field sets.
//!
//! A Management Center keeps this file at
//! `/etc/sf/EventHandler/EventCatalog/EventCatalog.json`; it is the authority
//! on what may be asked of it (FQE, “Format of the JSON file”). Only its
//! `Fields` section matters here:
//!
//! ```json
//! { "Fields": { "ConnectionEvent": {
//!     "Fields": ["EventType", "InstanceID"],
//!     "FieldSetDef": { "HeaderFieldSet": ["EventType"] } } } }
//! ```
//!
//! No real file is public, so reading is liberal: unknown keys are ignored
//! everywhere, `Fields` may be a list of names, a list of objects with a
//! `Name`, or an object keyed by name, and what does not fit is a finding of
//! [`Catalog::lint`] rather than the end.

mod diff;
pub(crate) mod document;
mod lint;
pub(crate) mod resolve;
#[cfg(test)]
mod tests;

pub use lint::Finding;
pub use resolve::ResolveError;

use crate::generator::{EventKind, field_names};
use document::Node;
use std::fmt;

/// A catalogue read or made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    events: Vec<CatalogEvent>,
    /// What was odd about the file itself.
    oddities: Vec<Finding>,
}

/// What one event type has to offer, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEvent {
    /// Such as `ConnectionEvent`.
    pub name: String,
    /// The single fields.
    pub fields: Vec<String>,
    /// The field sets: name and members, which may be sets again.
    pub sets: Vec<(String, Vec<String>)>,
}

/// Why a file is no catalogue at all.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CatalogError {
    /// Not JSON; with the parser's reason, line and column.
    NotJson(String),
    /// JSON, but without an object `Fields` at the top.
    NoFields,
}

impl fmt::Display for CatalogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(reason) => write!(
                f,
                "the event catalogue is not JSON: {reason}; copy the file again from the \
                 Management Center"
            ),
            Self::NoFields => f.write_str(
                "the event catalogue has no `Fields` section; make sure it is the Management \
                 Center's EventCatalog.json",
            ),
        }
    }
}

impl std::error::Error for CatalogError {}

impl Catalog {
    /// The catalogue of the simulator: exactly the fields it can emit.
    pub fn built_in() -> Self {
        let owned = |names: &[&str]| names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>();
        let events = EventKind::ALL.map(|kind| {
            let names = field_names(kind);
            CatalogEvent {
                name: kind.name().to_owned(),
                fields: owned(names.all),
                sets: vec![
                    ("HeaderFieldSet".to_owned(), owned(names.header)),
                    ("ConnectionKeySet".to_owned(), owned(names.key)),
                    ("DetailFieldSet".to_owned(), owned(names.detail)),
                ],
            }
        });
        Self {
            events: events.into(),
            oddities: Vec::new(),
        }
    }

    /// The catalogue of events that have these fields besides, in the order of
    /// [`EventKind::ALL`]. All of an event's fields are in its `DetailFieldSet`,
    /// unless another set has them.
    pub(crate) fn of_events(further: &[Vec<String>; 4]) -> Self {
        let mut catalog = Self::built_in();
        for (event, names) in catalog.events.iter_mut().zip(further) {
            for name in names {
                if !event.fields.contains(name) {
                    event.fields.push(name.clone());
                }
                // Asked for by its own name it is there once all the same.
                if !event.sets.iter().any(|(_, members)| members.contains(name))
                    && let Some((_, detail)) = event.sets.last_mut()
                {
                    detail.push(name.clone());
                }
            }
        }
        catalog
    }

    /// Reads an EventCatalog.json.
    pub fn parse(json: &[u8]) -> Result<Self, CatalogError> {
        let top = document::parse(json).map_err(|e| CatalogError::NotJson(e.to_string()))?;
        let Some(Node::Object(types)) = top.get("Fields") else {
            return Err(CatalogError::NoFields);
        };
        let mut reader = CatalogReader::default();
        let mut events: Vec<CatalogEvent> = Vec::new();
        for (name, node) in types {
            let path = format!("Fields.{name}");
            if events.iter().any(|e| e.name == *name) {
                reader.odd(&path, "stands here a second time; this one is ignored");
                continue;
            }
            events.push(reader.event(name, node, &path));
        }
        Ok(Self {
            events,
            oddities: reader.oddities,
        })
    }

    /// The event types in the order of the file.
    pub fn events(&self) -> &[CatalogEvent] {
        &self.events
    }

    /// One event type.
    pub fn event(&self, name: &str) -> Option<&CatalogEvent> {
        self.events.iter().find(|event| event.name == name)
    }

    /// The catalogue in the Management Center's form, indented, with a line
    /// end at its end.
    pub fn to_json(&self) -> String {
        let mut out = String::from("{\n  \"Fields\": {");
        let mut first = true;
        for event in &self.events {
            out.push_str(if first { "\n" } else { ",\n" });
            first = false;
            out.push_str(&format!("    {}: {{\n", quoted(&event.name)));
            out.push_str(&format!("      \"Fields\": {},\n", list(&event.fields)));
            out.push_str("      \"FieldSetDef\": {");
            let sets: Vec<_> = event
                .sets
                .iter()
                .map(|(name, members)| format!("\n        {}: {}", quoted(name), list(members)))
                .collect();
            out.push_str(&sets.join(","));
            out.push_str("\n      }\n    }");
        }
        out.push_str("\n  }\n}\n");
        out
    }
}

/// For people: every event type with its field sets and fields.
impl fmt::Display for Catalog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for event in &self.events {
            writeln!(f, "{}", event.name)?;
            for (name, members) in &event.sets {
                writeln!(f, "  {name}: {}", members.join(" "))?;
            }
            writeln!(
                f,
                "  {} fields: {}",
                event.fields.len(),
                event.fields.join(" ")
            )?;
        }
        Ok(())
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn list(names: &[String]) -> String {
    let names: Vec<_> = names.iter().map(|name| quoted(name)).collect();
    format!("[{}]", names.join(", "))
}

/// Takes from the document what is understood and notes the rest.
#[derive(Default)]
struct CatalogReader {
    oddities: Vec<Finding>,
}

impl CatalogReader {
    fn odd(&mut self, path: &str, message: impl Into<String>) {
        self.oddities.push(Finding {
            path: path.to_owned(),
            message: message.into(),
        });
    }

    fn event(&mut self, name: &str, node: &Node, path: &str) -> CatalogEvent {
        let mut event = CatalogEvent {
            name: name.to_owned(),
            fields: Vec::new(),
            sets: Vec::new(),
        };
        if !matches!(node, Node::Object(_)) {
            self.odd(path, "should be an object with `Fields` and `FieldSetDef`");
            return event;
        }
        match node.get("Fields") {
            Some(fields) => event.fields = self.names(fields, &format!("{path}.Fields")),
            None => self.odd(path, "has no `Fields`"),
        }
        match node.get("FieldSetDef") {
            Some(Node::Object(sets)) => {
                for (set, members) in sets {
                    let path = format!("{path}.FieldSetDef.{set}");
                    if event.sets.iter().any(|(name, _)| name == set) {
                        self.odd(&path, "is defined a second time; this one is ignored");
                        continue;
                    }
                    let members = self.names(members, &path);
                    event.sets.push((set.clone(), members));
                }
            }
            Some(_) => self.odd(
                &format!("{path}.FieldSetDef"),
                "should be an object of lists",
            ),
            None => self.odd(path, "has no `FieldSetDef`"),
        }
        event
    }

    fn names(&mut self, node: &Node, path: &str) -> Vec<String> {
        match node {
            Node::Object(members) => members.iter().map(|(name, _)| name.clone()).collect(),
            Node::List(items) => {
                let mut names = Vec::with_capacity(items.len());
                for (i, item) in items.iter().enumerate() {
                    match item.text().or_else(|| item.get("Name")?.text()) {
                        Some(name) => names.push(name.to_owned()),
                        None => self.odd(&format!("{path}[{i}]"), "should be the name of a field"),
                    }
                }
                names
            }
            _ => {
                self.odd(path, "should be a list of names");
                Vec::new()
            }
        }
    }
}
