//! What a client asked for: the JSON block of an event stream request.
//!
//! FQE, “Format of the JSON file”: `Events` holds a block per event type, in
//! it `FieldSetDef` with an `OutputFieldSet` and `Fields`; `OutputFormat` says
//! JSON or CSV. A server for testing clients does better to be strict, so what
//! the guide says *must* be there must be there. Keys it does not mention are
//! ignored.

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

/// How events are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RenderFormat {
    /// Name and value pairs (`TransformConfig` JSON).
    Json,
    /// Values in the order asked for (`TransformConfig` CSV).
    Csv,
    /// Bytes that are no text, under a name of the server's choice.
    Opaque,
    /// Binary records of intrusion packets, for clients that ask by flags.
    Packets,
}

/// A request understood: for each event type asked for its fields, every
/// field set resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    format: RenderFormat,
    /// In the order of [`EventKind::ALL`]; never an empty list, but for
    /// [`Format::Packets`].
    fields: [Option<Vec<String>>; 4],
    /// Whether those are all there are, in the events' own order: then nothing
    /// need be looked up, which halves the time of writing JSON.
    whole: [bool; 4],
}

impl Selection {
    /// Reads the JSON block; NULs at its end are ignored. Field sets are those
    /// of `catalog`, and those the block defines itself.
    pub fn parse(json: &[u8], catalog: &Catalog) -> Result<Self, SelectionError> {
        Self::parse_with(json, catalog, None)
    }

    /// The same where the `TransformConfig` named `opaque` is served too.
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

    /// All event types with all fields the generator can emit.
    pub fn everything(format: RenderFormat) -> Self {
        let fields = EventKind::ALL.map(|kind| {
            let all = field_names(kind).all;
            Some(all.iter().map(|name| (*name).to_owned()).collect())
        });
        Self::new(format, fields)
    }

    /// The guide's example request, as JSON.
    pub fn example(catalog: &Catalog) -> Self {
        let fields = EventKind::ALL.map(|kind| {
            // A catalogue without these sets has no example.
            catalog.resolve(kind.name(), kind.default_fields()).ok()
        });
        Self::new(RenderFormat::Json, fields)
    }

    /// Binary records of intrusion packets.
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

    /// How events are written.
    pub fn format(&self) -> RenderFormat {
        self.format
    }

    /// The fields asked for of that event type, in the order asked for;
    /// `None` if such events were not asked for.
    pub fn fields(&self, kind: EventKind) -> Option<&[String]> {
        self.fields[kind as usize].as_deref()
    }

    /// Appends the event as the request wants it, without line end. False, and
    /// nothing appended, if it does not want such events.
    pub fn render(&self, event: &GeneratedEvent, out: &mut Vec<u8>) -> bool {
        self.render_noting(event, out, |_, _, _| {})
    }

    /// The same, and tells of each integer its name, its value and where in
    /// `out` it begins.
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
            // What is opaque is JSON until it is sent.
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

/// The resolved fields of one event type's block.
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
