//! Dialects of nested JSON: a target such as `source.nat.ip` is a member of objects, and
//! `evidences[].file` is in the only element of an array.
//!
//! The rows of a table are written in their order, so the targets of an object stand
//! together.

use super::event::Value;
use super::json;
use super::table::{Row, Source, Table};
use crate::format::table::Change;

/// Where the targets of a table are.
pub(super) struct Layout {
    /// By the number of the target.
    targets: Vec<Place>,
    /// The object for unknown fields.
    unknown: Place,
    /// Objects that a row would open a second time. A test makes sure that there are none.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test reads it"))]
    pub(super) errors: Vec<String>,
}

/// A target.
struct Place {
    /// The numbers of its objects, the outermost first.
    objects: Vec<u16>,
    /// `"source":{"nat":{"ip":`
    open: String,
    /// Where in `open` each object begins, and the name.
    starts: Vec<usize>,
    /// `}}`
    close: String,
    /// How much of `close` leaves so many objects open.
    ends: Vec<usize>,
}

impl Layout {
    /// Returns the layout of a table. `unknown` is the object for unknown fields, with a point
    /// at its end.
    pub(super) fn new(table: &Table, unknown: &str) -> Self {
        let mut objects: Vec<String> = Vec::new();
        let mut errors = Vec::new();
        let mut last: Vec<u16> = Vec::new();
        let mut place = |target: &str| {
            let place = Place::new(target, &mut objects, &last);
            errors.extend(place.1);
            last.clone_from(&place.0.objects);
            place.0
        };
        let mut targets: Vec<Option<Place>> = Vec::new();
        targets.resize_with(table.targets, || None);
        for row in &table.rows {
            // Also of a target that has a place: its object must still be open.
            targets[row.target_number] = Some(place(row.target));
        }
        let unknown = place(unknown);
        for row in &table.rows {
            if objects.iter().any(|object| object == row.target) {
                errors.push(format!("{} is an object and a value", row.target));
            }
        }
        Self {
            targets: targets.into_iter().flatten().collect(),
            unknown,
            errors,
        }
    }
}

impl Place {
    /// Returns the place of a target that follows one in the objects `last`, and an error if
    /// it opens an object that was closed.
    fn new(target: &str, all: &mut Vec<String>, last: &[u16]) -> (Self, Option<String>) {
        let mut place = Self {
            objects: Vec::new(),
            open: String::new(),
            starts: Vec::new(),
            close: String::new(),
            ends: Vec::new(),
        };
        let mut error = None;
        let mut closers = Vec::new();
        let mut path = String::new();
        let mut parts = target.split('.').peekable();
        while let Some(part) = parts.next() {
            place.starts.push(place.open.len());
            if parts.peek().is_none() {
                // The name of an unknown field is not known here.
                if !part.is_empty() {
                    place.open += &format!("\"{part}\":");
                }
                break;
            }
            path = format!("{path}{part}.");
            let name = path.trim_end_matches('.').to_owned();
            let number = match all.iter().position(|other| *other == name) {
                Some(number) => {
                    if !last.contains(&(number as u16)) {
                        error = Some(format!("{target} opens {name} again"));
                    }
                    number
                }
                None => {
                    all.push(name);
                    all.len() - 1
                }
            };
            place.objects.push(number as u16);
            let (name, open, close) = match part.strip_suffix("[]") {
                Some(name) => (name, "[{", "}]"),
                None => (part, "{", "}"),
            };
            place.open += &format!("\"{name}\":{open}");
            closers.push(close);
        }
        place.ends = vec![0; closers.len() + 1];
        for (level, close) in closers.iter().enumerate().rev() {
            place.close += close;
            place.ends[level] = place.close.len();
        }
        (place, error)
    }
}

/// Writes the members of an event in their objects.
pub(super) struct Writer {
    layout: &'static Layout,
    /// The last target; `None` at the beginning.
    place: Option<&'static Place>,
    /// An escape, decoded.
    buffer: String,
}

impl Writer {
    pub(super) fn new(layout: &'static Layout) -> Self {
        Self {
            layout,
            place: None,
            buffer: String::new(),
        }
    }

    pub(super) fn begin(&mut self, out: &mut Vec<u8>) {
        self.place = None;
        out.push(b'{');
    }

    pub(super) fn end(&mut self, out: &mut Vec<u8>) {
        if let Some(place) = self.place {
            out.extend_from_slice(place.close.as_bytes());
        }
        out.extend_from_slice(b"}\n");
    }

    /// Writes the value of a row. What an event has and no step changes is text: readers
    /// decide by the first value which type a field has.
    pub(super) fn field(&mut self, row: &Row, value: Value<'_>, out: &mut Vec<u8>) {
        self.open(&self.layout.targets[row.target_number], out);
        let is_received = matches!(row.source, Source::Field(_));
        match value {
            _ if is_received && row.change == Change::Unchanged => self.text(value, out),
            Value::Text(text) => {
                out.push(b'"');
                json::append(text, out);
                out.push(b'"');
            }
            value => self.as_is(value, out),
        }
    }

    /// Writes the name of an unknown field, which has no quotes or escapes, and its value as
    /// text.
    pub(super) fn unknown_text(&mut self, name: &str, value: Value<'_>, out: &mut Vec<u8>) {
        self.open(&self.layout.unknown, out);
        out.push(b'"');
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(b"\":");
        self.text(value, out);
    }

    /// Writes the name and the value of an unknown field as they are.
    pub(super) fn unknown(&mut self, name: &str, value: Value<'_>, out: &mut Vec<u8>) {
        self.open(&self.layout.unknown, out);
        out.push(b'"');
        json::append(name, out);
        out.extend_from_slice(b"\":");
        self.as_is(value, out);
    }

    /// Closes and opens objects, and writes the name of a target.
    fn open(&mut self, place: &'static Place, out: &mut Vec<u8>) {
        let shared = match self.place {
            None => 0,
            Some(last) => {
                let both = last.objects.iter().zip(&place.objects);
                let shared = both.take_while(|(last, next)| last == next).count();
                out.extend_from_slice(&last.close.as_bytes()[..last.ends[shared]]);
                out.push(b',');
                shared
            }
        };
        out.extend_from_slice(&place.open.as_bytes()[place.starts[shared]..]);
        self.place = Some(place);
    }

    /// Writes a value that an event has as a JSON string.
    fn text(&mut self, value: Value<'_>, out: &mut Vec<u8>) {
        out.push(b'"');
        match value {
            Value::Text(text) | Value::Number(text) | Value::Word(text) => {
                out.extend_from_slice(text.as_bytes());
            }
            Value::Escaped(text) => json::append_escaped(text, &mut self.buffer, out),
            Value::Json(text) => json::append(text, out),
            Value::Null => {}
        }
        out.push(b'"');
    }

    /// Writes a value that an event has, or that was worked out, as it is.
    fn as_is(&mut self, value: Value<'_>, out: &mut Vec<u8>) {
        match value {
            Value::Text(_) | Value::Escaped(_) => self.text(value, out),
            Value::Number(json) | Value::Word(json) => out.extend_from_slice(json.as_bytes()),
            Value::Json(json) => {
                // A line end between tokens is white space.
                let start = out.len();
                out.extend_from_slice(json.as_bytes());
                for byte in &mut out[start..] {
                    if matches!(byte, b'\r' | b'\n') {
                        *byte = b' ';
                    }
                }
            }
            Value::Null => out.extend_from_slice(b"null"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_opened_and_closed_once_and_an_array_has_one_element() {
        let text = "A | a\nB | b.c\nC | b.d.e\nD | b.d.f\nE | g[].h\nF | i\n\"1\" | j.k";
        let table: &'static Table = Box::leak(Box::new(Table::parse(text)));
        let layout: &'static Layout = Box::leak(Box::new(Layout::new(table, "x.y.")));
        assert!(layout.errors.is_empty(), "{:?}", layout.errors);
        let mut writer = Writer::new(layout);
        let written = |writer: &mut Writer, rows: &[usize], unknown: bool| {
            let mut out = Vec::new();
            writer.begin(&mut out);
            for row in rows {
                writer.field(&table.rows[*row], Value::Text("v"), &mut out);
            }
            if unknown {
                writer.unknown("n", Value::Number("1"), &mut out);
                writer.unknown_text("m", Value::Number("1"), &mut out);
            }
            writer.end(&mut out);
            String::from_utf8(out).unwrap()
        };
        for (rows, unknown, expected) in [
            (&[][..], false, "{}\n"),
            (&[0, 5], false, "{\"a\":\"v\",\"i\":\"v\"}\n"),
            (
                &[2, 3],
                false,
                "{\"b\":{\"d\":{\"e\":\"v\",\"f\":\"v\"}}}\n",
            ),
            (
                &[1, 2, 4],
                false,
                "{\"b\":{\"c\":\"v\",\"d\":{\"e\":\"v\"}},\"g\":[{\"h\":\"v\"}]}\n",
            ),
            (
                &[4],
                true,
                "{\"g\":[{\"h\":\"v\"}],\"x\":{\"y\":{\"n\":1,\"m\":\"1\"}}}\n",
            ),
        ] {
            assert_eq!(written(&mut writer, rows, unknown), expected);
        }
    }

    #[test]
    fn a_table_that_opens_an_object_again_is_an_error() {
        for (text, expected) in [
            ("A | a.b\nB | c\nC | a.d", "a.d opens a again"),
            ("A | a.b\nB | x.y.z\nC | c", "x. opens x again"),
            ("A | a.b\nB | c\nC | a.b", "a.b opens a again"),
            ("A | a\nB | a.b", "a is an object and a value"),
        ] {
            let table: &'static Table = Box::leak(Box::new(Table::parse(text)));
            let errors = Layout::new(table, "x.").errors.join(", ");
            assert!(errors.contains(expected), "{text}: {errors}");
        }
    }
}
