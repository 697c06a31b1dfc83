//! One line: its fields, and how a request wants them.

use std::fmt;

use estreamer_core::fqe::EventKind;
use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::generator::push_csv_value;
use crate::packet::{NAMES, PacketFields};
use crate::selection::{RenderFormat, Selection};

/// One event of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReplayLine<'a> {
    /// What its `EventType` says.
    pub kind: EventKind,
    /// The latest of the times it names, UNIX seconds.
    pub archival: u32,
    /// The line without its end.
    pub data: &'a [u8],
}

/// The lines of a file as a request wants them.
pub(crate) struct LineView {
    request: Selection,
    /// Whether everything the lines of an event type hold is asked for.
    verbatim: [bool; 4],
}

impl LineView {
    /// `names`: what the lines of each event type hold.
    pub(super) fn new(request: Selection, names: &[Vec<String>; 4]) -> Self {
        let verbatim = EventKind::ALL.map(|kind| {
            let asked = request.fields(kind).unwrap_or_default();
            let all = |names: &[String]| names.iter().all(|name| asked.contains(name));
            matches!(request.format(), RenderFormat::Json | RenderFormat::Opaque)
                && all(&names[kind as usize])
        });
        Self { request, verbatim }
    }

    /// Appends a line as the request wants it: as it stands if everything is
    /// asked for, else the fields asked for, their values as they stand. False,
    /// and nothing appended, if such events are not wanted.
    pub(crate) fn render(&self, line: &ReplayLine<'_>, out: &mut Vec<u8>) -> bool {
        let Some(asked) = self.request.fields(line.kind) else {
            return false;
        };
        if self.verbatim[line.kind as usize] {
            out.extend_from_slice(line.data);
            return true;
        }
        // It was read once already, when the file was opened.
        let Ok(members) = Members::parse(line.data) else {
            return false;
        };
        match self.request.format() {
            RenderFormat::Json | RenderFormat::Opaque => members.push_json(asked, out),
            RenderFormat::Csv => members.push_csv(asked, out),
            RenderFormat::Packets => return members.push_packet(out),
        }
        true
    }
}

/// The fields of a line in its own order, their values as they stand.
pub(super) struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'a> Members<'a> {
    pub(super) fn parse(line: &'a [u8]) -> Result<Self, serde_json::Error> {
        serde_json::from_slice(line)
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(name, _)| name.as_str())
    }

    pub(super) fn text(&self, name: &str) -> Option<String> {
        serde_json::from_str(self.get(name)?).ok()
    }

    pub(super) fn number(&self, name: &str) -> Option<u32> {
        self.get(name)?.parse().ok()
    }

    fn get(&self, name: &str) -> Option<&'a str> {
        let (_, value) = self.0.iter().find(|(known, _)| known == name)?;
        Some(value.get())
    }

    fn push_json(&self, asked: &[String], out: &mut Vec<u8>) {
        out.push(b'{');
        let mut separator = "";
        for name in asked {
            if let Some(value) = self.get(name) {
                let name = serde_json::Value::from(name.as_str());
                out.extend_from_slice(format!("{separator}{name}:{value}").as_bytes());
                separator = ", ";
            }
        }
        out.push(b'}');
    }

    fn push_csv(&self, asked: &[String], out: &mut Vec<u8>) {
        for (i, name) in asked.iter().enumerate() {
            if i > 0 {
                out.push(b',');
            }
            match (self.text(name), self.get(name)) {
                (Some(text), _) => push_csv_value(&text, out),
                (None, Some(raw)) => push_csv_value(raw, out),
                (None, None) => {}
            }
        }
    }

    fn push_packet(&self, out: &mut Vec<u8>) -> bool {
        let fields = PacketFields {
            numbers: NAMES.map(|name| self.number(name).unwrap_or(0)),
            sensor: self.number("SensorID").unwrap_or(0),
        };
        self.text("PacketData")
            .is_some_and(|packet| fields.push(&packet, out, |_, _, _| {}))
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(MembersVisitor)
    }
}

struct MembersVisitor;

impl<'de> Visitor<'de> for MembersVisitor {
    type Value = Members<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = map.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}
