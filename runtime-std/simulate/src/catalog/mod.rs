//! EventCatalog.json: the fields and field sets of each event type.
//!
//! A Management Center stores this file at
//! `/etc/sf/EventHandler/EventCatalog/EventCatalog.json`. It decides what can be requested
//! (FQE, “Format of the JSON file”). Only its `Fields` section is used:
//!
//! ```json
//! { "Fields": { "ConnectionEvent": {
//!     "Fields": ["EventType", "InstanceID"],
//!     "FieldSetDef": { "HeaderFieldSet": ["EventType"] } } } }
//! ```
//!
//! No real file is public, so the parser is tolerant. Unknown keys are ignored. `Fields`
//! may be a list of names, a list of objects with a `Name`, or an object keyed by name.
//! Anything else becomes a finding of [`Catalog::lint`].

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

/// A catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Catalog {
    events: Vec<CatalogEvent>,
    /// Findings about the file itself.
    oddities: Vec<Finding>,
}

/// The fields of an event type, in the order of the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CatalogEvent {
    /// The name, such as `ConnectionEvent`.
    pub name: String,
    /// The names of single fields.
    pub fields: Vec<String>,
    /// The field sets: name and members, which may be sets, too.
    pub sets: Vec<(String, Vec<String>)>,
}

/// Why a file is not a catalogue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CatalogError {
    /// Not JSON; with reason, line and column of the parser.
    NotJson(String),
    /// JSON without an object `Fields`.
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
    /// Returns the catalogue of the simulator: the fields that it can emit.
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

    /// Returns the catalogue of the simulator with additional fields, in the order of
    /// [`EventKind::ALL`]. `DetailFieldSet` contains all fields that no other set has.
    pub(crate) fn of_events(further: &[Vec<String>; 4]) -> Self {
        let mut catalog = Self::built_in();
        for (event, names) in catalog.events.iter_mut().zip(further) {
            for name in names {
                if !event.fields.contains(name) {
                    event.fields.push(name.clone());
                }
                // A field that is requested by name appears once.
                if !event.sets.iter().any(|(_, members)| members.contains(name))
                    && let Some((_, detail)) = event.sets.last_mut()
                {
                    detail.push(name.clone());
                }
            }
        }
        catalog
    }

    /// Parses an EventCatalog.json.
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
                reader.odd(&path, "is a repeated key; this one is ignored");
                continue;
            }
            events.push(reader.event(name, node, &path));
        }
        Ok(Self {
            events,
            oddities: reader.oddities,
        })
    }

    /// Returns the event types in the order of the file.
    pub fn events(&self) -> &[CatalogEvent] {
        &self.events
    }

    /// Returns one event type.
    pub fn event(&self, name: &str) -> Option<&CatalogEvent> {
        self.events.iter().find(|event| event.name == name)
    }

    /// Returns the catalogue in the form of the Management Center, indented, with a final line
    /// end.
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

/// Formats every event type with its field sets and fields, for people.
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

/// Reads a document and records what it cannot interpret.
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
