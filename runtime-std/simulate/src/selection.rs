//! Parses the JSON block of a request, and renders events for it.
//!
//! FQE, “Format of the JSON file”: `Events` has a block per event type with `FieldSetDef`,
//! `OutputFieldSet` and `Fields`; `OutputFormat` selects JSON or CSV. The parser is strict:
//! whatever the guide requires must be present. Other keys are ignored.

mod error;
#[cfg(test)]
mod tests;

pub use error::SelectionError;

use crate::catalog::Catalog;
use crate::catalog::document::{self, Node};
use crate::generator::{
    EventKind, GeneratedEvent, field_names, render_csv_noting, render_json_noting,
};
use crate::packet;

/// The format of rendered events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenderFormat {
    /// Name and value pairs (`TransformConfig` JSON).
    Json,
    /// Values in the requested order (`TransformConfig` CSV).
    Csv,
    /// Binary bytes, under a name of the server.
    Opaque,
    /// Binary records of intrusion packets, for classic clients.
    Packets,
}

/// A parsed request: the fields of each requested event type, with all field sets resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    format: RenderFormat,
    /// In the order of [`EventKind::ALL`]; never empty except for [`RenderFormat::Packets`].
    fields: [Option<Vec<String>>; 4],
    /// Whether every field is requested in the order of events: then no look-up is needed, which
    /// halves the time of rendering.
    whole: [bool; 4],
}

impl Selection {
    /// Parses a JSON block; trailing NULs are ignored. Field sets are those of `catalog` and of
    /// the block.
    pub fn parse(json: &[u8], catalog: &Catalog) -> Result<Self, SelectionError> {
        Self::parse_with(json, catalog, None)
    }

    /// As [`parse`](Self::parse); accepts the `TransformConfig` `opaque`, too.
    pub(super) fn parse_with(
        json: &[u8],
        catalog: &Catalog,
        opaque: Option<&str>,
    ) -> Result<Self, SelectionError> {
        let end = json.iter().rposition(|&b| b != 0).map_or(0, |i| i + 1);
        let top =
            document::parse(&json[..end]).map_err(|e| SelectionError::NotJson(e.to_string()))?;
        let Some(Node::Object(blocks)) = top.get("Events") else {
            return Err(shape("Events", "an object with a block per event type"));
        };
        let mut fields = [const { None }; 4];
        for (name, block) in blocks {
            let kind = EventKind::from_name(name)
                .ok_or_else(|| SelectionError::UnknownEvent { name: name.clone() })?;
            let slot = &mut fields[kind as usize];
            if slot.is_some() {
                return Err(shape(&format!("Events.{name}"), "there only once"));
            }
            *slot = Some(block_fields(kind, block, catalog)?);
        }
        if fields.iter().all(Option::is_none) {
            return Err(shape("Events", "an object with a block per event type"));
        }
        Ok(Self::new(format(&top, opaque)?, fields))
    }

    /// Requests all event types with all fields of the generator.
    pub fn everything(format: RenderFormat) -> Self {
        let fields = EventKind::ALL.map(|kind| {
            let all = field_names(kind).all;
            Some(all.iter().map(|name| (*name).to_owned()).collect())
        });
        Self::new(format, fields)
    }

    /// The guide's example request as JSON.
    pub fn example(catalog: &Catalog) -> Self {
        let fields = EventKind::ALL.map(|kind| {
            // A catalogue without these sets has no example.
            catalog.resolve(kind.name(), kind.default_fields()).ok()
        });
        Self::new(RenderFormat::Json, fields)
    }

    /// Requests binary records of intrusion packets.
    pub fn packet_records() -> Self {
        let fields = EventKind::ALL.map(|kind| (kind == EventKind::Packet).then(Vec::new));
        Self::new(RenderFormat::Packets, fields)
    }

    fn new(format: RenderFormat, fields: [Option<Vec<String>>; 4]) -> Self {
        let whole = EventKind::ALL.map(|kind| {
            fields[kind as usize]
                .as_deref()
                .is_some_and(|asked| asked == field_names(kind).all)
        });
        Self {
            format,
            fields,
            whole,
        }
    }

    /// Drops every event type but these.
    pub(super) fn keep(&mut self, kinds: &[EventKind]) {
        for kind in EventKind::ALL.iter().filter(|kind| !kinds.contains(kind)) {
            self.fields[*kind as usize] = None;
        }
    }

    /// Returns whether no event type is requested.
    pub(super) fn is_empty(&self) -> bool {
        self.fields.iter().all(Option::is_none)
    }

    /// Returns the format.
    pub fn format(&self) -> RenderFormat {
        self.format
    }

    /// Returns the requested fields of an event type in order; `None` if it is not requested.
    pub fn fields(&self, kind: EventKind) -> Option<&[String]> {
        self.fields[kind as usize].as_deref()
    }

    /// Appends a rendered event without line end. Returns false and appends nothing if the
    /// event type is not requested.
    pub fn render(&self, event: &GeneratedEvent, out: &mut Vec<u8>) -> bool {
        self.render_noting(event, out, |_, _, _| {})
    }

    /// As [`render`](Self::render); reports name, value and position in `out` of each integer.
    pub(super) fn render_noting(
        &self,
        event: &GeneratedEvent,
        out: &mut Vec<u8>,
        note: impl FnMut(&str, u64, usize),
    ) -> bool {
        let Some(fields) = self.fields(event.kind) else {
            return false;
        };
        match self.format {
            // Opaque events are JSON until they are sent.
            RenderFormat::Json | RenderFormat::Opaque => {
                let asked = (!self.whole[event.kind as usize]).then_some(fields);
                render_json_noting(event, asked, out, note);
            }
            RenderFormat::Csv => render_csv_noting(event, fields, out, note),
            RenderFormat::Packets => return packet::render(event, out, note),
        }
        true
    }
}

fn shape(path: &str, expected: &'static str) -> SelectionError {
    SelectionError::Shape {
        path: path.to_owned(),
        expected,
    }
}

/// Resolves the fields of the block of an event type.
fn block_fields(
    kind: EventKind,
    block: &Node,
    catalog: &Catalog,
) -> Result<Vec<String>, SelectionError> {
    let path = format!("Events.{kind}");
    let sets_path = format!("{path}.FieldSetDef");
    let Some(Node::Object(definitions)) = block.get("FieldSetDef") else {
        return Err(shape(&sets_path, "an object that defines OutputFieldSet"));
    };
    let mut sets = Vec::with_capacity(definitions.len());
    for (name, members) in definitions {
        sets.push((
            name.clone(),
            names(members, &format!("{sets_path}.{name}"))?,
        ));
    }
    if !sets.iter().any(|(name, _)| name == "OutputFieldSet") {
        return Err(shape(&sets_path, "an object that defines OutputFieldSet"));
    }
    let fields_path = format!("{path}.Fields");
    let asked = match block.get("Fields") {
        Some(node) => names(node, &fields_path)?,
        None => return Err(shape(&fields_path, "a list of names")),
    };
    let resolved = catalog
        .resolve_with(kind.name(), &sets, &asked)
        .map_err(SelectionError::Fields)?;
    if resolved.is_empty() {
        return Err(shape(&fields_path, "a list with at least one field"));
    }
    Ok(resolved)
}

fn names(node: &Node, path: &str) -> Result<Vec<String>, SelectionError> {
    let list = match node {
        Node::List(items) => items.iter().map(|i| i.text().map(str::to_owned)).collect(),
        _ => None,
    };
    list.ok_or_else(|| shape(path, "a list of names"))
}

fn format(top: &Node, opaque: Option<&str>) -> Result<RenderFormat, SelectionError> {
    let value = |key: &'static str, path: &str, expected| {
        top.get("OutputFormat")
            .and_then(|format| format.get(key)?.text())
            .ok_or_else(|| shape(path, expected))
    };
    let transform = value("Transform", "OutputFormat.Transform", "the text \"Text\"")?;
    if transform != "Text" {
        return Err(SelectionError::RenderFormat {
            key: "Transform",
            value: transform.to_owned(),
        });
    }
    let config = value(
        "TransformConfig",
        "OutputFormat.TransformConfig",
        "the text \"JSON\" or \"CSV\"",
    )?;
    match config {
        "JSON" => Ok(RenderFormat::Json),
        "CSV" => Ok(RenderFormat::Csv),
        other if opaque == Some(other) => Ok(RenderFormat::Opaque),
        other => Err(SelectionError::RenderFormat {
            key: "TransformConfig",
            value: other.to_owned(),
        }),
    }
}
