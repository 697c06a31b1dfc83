//! `csv`: comma-separated values (RFC 4180) with the names of the columns in the first line.
//!
//! The columns are the requested fields of one event type in their order, and
//! [`REST`]. That one is empty, unless something does not fit in the others: then it holds a
//! JSON object with the members of the event that have no column, or the error envelope of a
//! record that is no such event. So each row has the same number of fields.
//!
//! An event that the server sent as CSV keeps its bytes. A line end outside quotes becomes a
//! space there, because it would end the row.

use std::sync::Arc;

use estreamer_core::fqe::EventKind;
use estreamer_mio::buffer::EventRecord;

use super::event::{Event, EventIndex, Unfit, Value, hash};
use super::{OwnedTransform, RecordOrigin};

/// The name of the last column.
pub const REST: &str = "estreamer_rest";

/// The columns of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Columns {
    /// The event type; `None` is any.
    kind: Option<EventKind>,
    names: Vec<String>,
    /// The hash of each name.
    hashes: Vec<u32>,
    first_line: Arc<[u8]>,
}

impl Columns {
    /// Returns the columns for these fields of an event type.
    pub fn new(kind: Option<EventKind>, names: Vec<String>) -> Self {
        let mut line = Vec::new();
        for name in &names {
            field(name, &mut line);
            line.push(b',');
        }
        line.extend_from_slice(REST.as_bytes());
        line.push(b'\n');
        Self {
            kind,
            hashes: names.iter().map(|name| hash(name.as_bytes())).collect(),
            names,
            first_line: line.into(),
        }
    }

    /// Returns the first line of the file, with its line end.
    pub fn first_line(&self) -> &Arc<[u8]> {
        &self.first_line
    }
}

/// The columns of the events of a source, by event type.
#[derive(Debug, Clone, Default)]
pub struct SourceColumns {
    /// In the order of [`EventKind::ALL`]; `None` if they are not known by name.
    by_kind: [Option<Columns>; 4],
    none: Columns,
}

impl SourceColumns {
    /// Returns the columns for the fields of each event type, if they are known.
    pub fn new(mut fields: impl FnMut(EventKind) -> Option<Vec<String>>) -> Self {
        let columns = |kind| Some(Columns::new(Some(kind), fields(kind)?));
        Self {
            by_kind: EventKind::ALL.map(columns),
            none: Columns::new(None, Vec::new()),
        }
    }

    /// Returns the columns of an event type. Without names there is only [`REST`].
    pub fn of(&self, kind: Option<EventKind>) -> &Columns {
        let mut known = EventKind::ALL.iter().zip(&self.by_kind);
        let found = known.find(|(known, _)| Some(**known) == kind);
        found
            .and_then(|(_, columns)| columns.as_ref())
            .unwrap_or(&self.none)
    }

    /// Returns the columns of the only event type among these that is requested; `None` is
    /// all.
    pub fn only(&self, kinds: Option<&[EventKind]>) -> &Columns {
        let mut known = EventKind::ALL.iter().zip(&self.by_kind);
        let is_asked = |kind: &EventKind| kinds.is_none_or(|kinds| kinds.contains(kind));
        let found = known.find(|(kind, columns)| is_asked(kind) && columns.is_some());
        found
            .and_then(|(_, columns)| columns.as_ref())
            .unwrap_or(&self.none)
    }
}

/// The buffers of rows, for reuse.
#[derive(Default)]
pub(super) struct Rows {
    index: EventIndex,
    /// The member of each column, plus 1.
    members: Vec<u32>,
    /// Whether a member has a column.
    placed: Vec<bool>,
    /// A value that was changed, or the last column.
    buffer: String,
    rest: Vec<u8>,
}

impl Rows {
    /// Appends an event as a row.
    ///
    /// # Errors
    /// Why it is no row; nothing is appended then.
    pub(super) fn append(
        &mut self,
        origin: RecordOrigin<'_>,
        record: &EventRecord<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Unfit> {
        let columns = origin.columns;
        let kind = EventKind::from_record_type(record.record_type);
        if columns.kind.is_some() && kind != columns.kind {
            return Err(Unfit::Refused(
                "the columns are those of another event type",
            ));
        }
        match origin.transform {
            OwnedTransform::Json => self.event(columns, record.data, out),
            OwnedTransform::Csv => {
                let start = out.len();
                let row = as_received(record.data, out);
                let expected = columns.names.len();
                let unfit = match row {
                    Some(found) if found == expected => {
                        out.extend_from_slice(b",\n");
                        return Ok(());
                    }
                    Some(found) => Unfit::Fields(found, expected),
                    None => Unfit::Refused("a quoted field has no end"),
                };
                out.truncate(start);
                Err(unfit)
            }
            OwnedTransform::Other(_) => Err(Unfit::Refused("neither JSON nor CSV")),
        }
    }

    /// Appends the values of a JSON event.
    fn event(&mut self, columns: &Columns, data: &[u8], out: &mut Vec<u8>) -> Result<(), Unfit> {
        let event = self.index.read(data)?;
        self.members.clear();
        self.members.resize(columns.names.len(), 0);
        self.placed.clear();
        self.placed.resize(event.len(), false);
        for member in 0..event.len() {
            let of = (event.hash(member), event.name(member));
            let mut names = columns.hashes.iter().zip(&columns.names);
            let is_column = |(hash, name): (&u32, &String)| (*hash, &**name) == of;
            if let Some(column) = names.position(is_column) {
                self.members[column] = member as u32 + 1;
                self.placed[member] = true;
            }
        }
        for member in &self.members {
            if let Some(member) = member.checked_sub(1) {
                value(event.value(member as usize), &mut self.buffer, out);
            }
            out.push(b',');
        }
        if self.placed.contains(&false) {
            self.rest.clear();
            rest(&event, &self.placed, &mut self.rest);
            quoted(&self.rest, out);
        }
        out.push(b'\n');
        Ok(())
    }
}

/// Appends a row with an error envelope.
pub(super) fn envelope(columns: &Columns, envelope: &[u8], out: &mut Vec<u8>) {
    out.resize(out.len() + columns.names.len(), b',');
    quoted(envelope, out);
    out.push(b'\n');
}

/// Appends a value. An empty string is quoted, so that it differs from an absent one.
fn value(value: Value<'_>, buffer: &mut String, out: &mut Vec<u8>) {
    match value {
        Value::Null => {}
        Value::Text("") => out.extend_from_slice(b"\"\""),
        value => field(value.text(buffer), out),
    }
}

/// Appends a field, with quotes if it needs them.
fn field(text: &str, out: &mut Vec<u8>) {
    let needs_quotes = |byte: u8| matches!(byte, b',' | b'"' | b'\r' | b'\n');
    match text.bytes().any(needs_quotes) {
        true => quoted(text.as_bytes(), out),
        false => out.extend_from_slice(text.as_bytes()),
    }
}

fn quoted(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for part in text.split_inclusive(|byte| *byte == b'"') {
        out.extend_from_slice(part);
        if part.ends_with(b"\"") {
            out.push(b'"');
        }
    }
    out.push(b'"');
}

/// Appends the members without a column as a JSON object.
fn rest(event: &Event<'_>, placed: &[bool], out: &mut Vec<u8>) {
    let mut separator = b'{';
    for member in (0..event.len()).filter(|member| !placed[*member]) {
        out.push(separator);
        out.extend_from_slice(event.member(member).as_bytes());
        separator = b',';
    }
    out.push(b'}');
    // White space between tokens may hold line ends; a string holds none.
    for byte in out {
        if matches!(byte, b'\r' | b'\n') {
            *byte = b' ';
        }
    }
}

/// Appends a row as it was received, without its line end, and returns the number of its
/// fields as readers count them; `None` if a quoted field has no end.
fn as_received(data: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    #[derive(Clone, Copy, PartialEq)]
    enum At {
        Start,
        Plain,
        Quoted,
        /// After a quote in a quoted field: its end, or the first of two.
        Quote,
    }
    let end = data
        .iter()
        .rposition(|byte| !matches!(byte, 0 | b'\r' | b'\n'))
        .map_or(0, |last| last + 1);
    out.reserve(end + 2);
    let (mut at, mut fields) = (At::Start, 1);
    let mut before = 0;
    for byte in &data[..end] {
        let mut written = *byte;
        let is_second = (before, *byte) == (b'\r', b'\n') && at != At::Quoted;
        before = *byte;
        if is_second {
            continue;
        }
        at = match (at, byte) {
            (At::Quoted, b'"') => At::Quote,
            (At::Quoted, _) => At::Quoted,
            (At::Start | At::Quote, b'"') => At::Quoted,
            (_, b',') => {
                fields += 1;
                At::Start
            }
            (_, b'\r' | b'\n') => {
                written = b' ';
                At::Plain
            }
            _ => At::Plain,
        };
        out.push(written);
    }
    (at != At::Quoted).then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;
    use estreamer_core::wire::RecordType;
    use estreamer_mio::buffer::RecordKind;

    fn row(transform: &OwnedTransform, data: &[u8]) -> String {
        let names = ["A", "B,2", "C"].map(str::to_owned).to_vec();
        let columns = Columns::new(Some(EventKind::File), names);
        assert_eq!(&**columns.first_line(), b"A,\"B,2\",C,estreamer_rest\n");
        let origin = RecordOrigin {
            source: "fmc",
            transform,
            received: 0,
            columns: &columns,
        };
        let record = EventRecord {
            kind: RecordKind::Event,
            record_type: RecordType::FILE,
            archival: None,
            bundle: None,
            length: data.len() as u32,
            data,
        };
        let (mut rows, mut out) = (Rows::default(), Vec::new());
        if let Err(unfit) = rows.append(origin, &record, &mut out) {
            assert_eq!(out, b"", "nothing is appended");
            let mut error = Vec::new();
            crate::format::envelope::error("fmc", &record, None, Some(&unfit), &mut error);
            envelope(&columns, &error, &mut out);
        }
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn a_json_event_has_its_values_in_their_columns_and_the_rest_in_the_last() {
        for (event, expected) in [
            (r#"{"A":1,"C":"x"}"#, "1,,x,\n"),
            (r#"{"C":"","B,2":null}"#, ",,\"\",\n"),
            (
                r#"{"A":"a,\"b\"\n","C":[1, {}]}"#,
                "\"a,\"\"b\"\"\n\",,\"[1, {}]\",\n",
            ),
            (
                "{\"D\":\n\"x\\n\",\"A\":true,\"E\":null}",
                "true,,,\"{\"\"D\"\": \"\"x\\n\"\",\"\"E\"\":null}\"\n",
            ),
        ] {
            assert_eq!(row(&OwnedTransform::Json, event.as_bytes()), expected);
        }
    }

    #[test]
    fn a_csv_event_keeps_its_bytes_and_gets_the_last_column() {
        for (data, expected) in [
            (&b"1,2,3\r\n\0"[..], "1,2,3,\n"),
            (b",,", ",,,\n"),
            (b"\"a,\r\nb\"\"\",x\r\ny,", "\"a,\r\nb\"\"\",x y,,\n"),
            // Not RFC 4180, but readers agree on the fields.
            (b"a\"b,c\"d,\"e\"f", "a\"b,c\"d,\"e\"f,\n"),
        ] {
            assert_eq!(row(&OwnedTransform::Csv, data), expected);
        }
    }

    #[test]
    fn what_is_no_row_of_these_columns_is_an_error_in_the_last_one() {
        for (data, reason) in [
            (&b"1,2"[..], "has 2 fields, but 3 columns were requested"),
            (b"1,2,3,4", "has 4 fields, but 3 columns were requested"),
            (b"1,2,\"3", "a quoted field has no end"),
        ] {
            let row = row(&OwnedTransform::Csv, data);
            assert!(row.starts_with(",,,\"{\"\"estreamer_error\"\":{"), "{row}");
            assert!(row.contains(reason), "{row}");
        }
        let row = row(&OwnedTransform::Json, b"[]");
        assert!(row.contains("\"\"not a JSON object\"\""), "{row}");
    }
}
