//! Mapping tables: which field of an event goes where in a dialect, as text that people
//! read and extend.
//!
//! ```text
//! # Field             | Key   | Written as         | Only in
//! InitiatorIP         | src   |                    |
//! FirstPacketSecond   | start | milliseconds       |
//! + InitiatorIP       | c6a2  | if IPv6, label Source IPv6 Address |
//! @severity           | sev   |                    | intrusion
//! "Cisco"             | vendor |                   |
//! ```
//!
//! - A field is the name of a member of the event. `+` marks a further copy of a field
//!   that has, or may have, another row; a field has one row without it. `@` is a value
//!   that is worked out: see [`Derived`]. Text in quotes is written as it is; as JSON if it is
//!   a number or a list.
//! - *Written as* is empty for an unchanged value, or a list of steps: see [`Change`].
//! - *Only in* names event types: `connection`, `intrusion`, `packet`, `file`; `malware` is a
//!   file event of malware, and `file` any other one.
//! - The order of the rows is the order of the output. If two rows have the same target,
//!   the first one whose field is present gets it.
//! - A field without a row, and a value that does not fit its row, goes where the dialect
//!   keeps what it does not know, under its own name.

mod change;
mod known;
mod names;

pub(super) use change::Change;
pub(super) use known::{Derived, Known};

use estreamer_core::fqe::EventKind;

use super::class::EventClass;
use crate::event::{Value, hash};

use names::Names;

/// A mapping table.
pub(super) struct Table {
    /// In the order of the output.
    pub(super) rows: Vec<Row>,
    /// The number of different targets.
    pub(super) targets: usize,
    /// The rows whose value is not a field, as a set of bits.
    pub(super) derived: Vec<u64>,
    names: Names,
    target_names: Names,
    /// Lines that are not rows. A test makes sure that there are none.
    pub(super) errors: Vec<String>,
}

/// A row: one field and its place.
#[derive(Debug)]
pub(super) struct Row {
    /// The line in the file, counted from 1.
    pub(super) line: usize,
    pub(super) source: Source,
    /// Whether the field has its home in another row.
    pub(super) is_copy: bool,
    pub(super) target: &'static str,
    /// The number of the target; rows with the same target share it.
    pub(super) target_number: usize,
    /// The column *Written as*.
    pub(super) written_as: &'static str,
    pub(super) change: Change,
    /// The label of a custom field.
    pub(super) label: Option<&'static str>,
    /// The event types, in the order of [`EventClass::ALL`].
    classes: Classes,
    /// The event types in which the field has its home in this or another row.
    homes: Classes,
    /// Whether it has one in events of an unknown type.
    has_home_without_type: bool,
}

/// Event types, in the order of [`EventClass::ALL`].
type Classes = [bool; EventClass::ALL.len()];

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    /// The member of the event with this name.
    Field(&'static str),
    /// A value that is worked out.
    Derived(Derived),
    /// This text or JSON.
    Constant(Value<'static>),
}

/// What a table has for a name.
#[derive(Debug, Default, Clone)]
pub(super) struct Entry {
    /// The rows of the field, by number.
    pub(super) rows: Vec<u16>,
    pub(super) known: Option<Known>,
}

impl Source {
    /// Returns the source as a reader of a table wants it: the name of the field, or what the
    /// value is.
    pub(super) fn shown(self) -> String {
        match self {
            Self::Field(name) => format!("`{name}`"),
            Self::Derived(derived) => derived.sentence().to_owned(),
            Self::Constant(value) => format!("always `{}`", value.text(&mut String::new())),
        }
    }
}

impl Row {
    /// Returns whether the row is for events of this type.
    pub(super) fn is_for(&self, class: Option<EventClass>) -> bool {
        match class {
            Some(class) => self.classes[class as usize],
            None => self.classes.iter().all(|is_for| *is_for),
        }
    }

    /// Returns whether the row is for some events of this type.
    pub(super) fn is_for_kind(&self, kind: EventKind) -> bool {
        let mut classes = EventClass::ALL.into_iter();
        classes.any(|class| class.kind() == kind && self.is_for(Some(class)))
    }

    /// Returns whether it is the home of the field in events of this type.
    pub(super) fn is_home(&self, class: Option<EventClass>) -> bool {
        !self.is_copy && self.is_for(class)
    }

    /// Returns whether the field has a home in events of this type.
    pub(super) fn has_home(&self, class: Option<EventClass>) -> bool {
        match class {
            Some(class) => self.homes[class as usize],
            None => self.has_home_without_type,
        }
    }
}

impl Table {
    /// Reads a table.
    pub(super) fn parse(text: &'static str) -> Self {
        let mut table = Self {
            rows: Vec::new(),
            targets: 0,
            derived: Vec::new(),
            names: Names::default(),
            target_names: Names::default(),
            errors: Vec::new(),
        };
        for (index, line) in text.lines().enumerate() {
            let is_row = !line.trim().is_empty() && !line.starts_with('#');
            if let Err(what) = table.push(index + 1, line, is_row) {
                table
                    .errors
                    .push(format!("line {}: {what}: {line}", index + 1));
            }
        }
        let mut all: Vec<(&'static str, Entry)> = Vec::new();
        let mut entry = |name: &'static str| -> usize {
            let found = all.iter().position(|(other, _)| *other == name);
            found.unwrap_or_else(|| {
                all.push((name, Entry::default()));
                all.len() - 1
            })
        };
        let places: Vec<(usize, u16)> = table
            .rows
            .iter()
            .enumerate()
            .filter_map(|(number, row)| match row.source {
                Source::Field(name) => Some((entry(name), number as u16)),
                _ => None,
            })
            .collect();
        table.derived = vec![0; table.rows.len().div_ceil(64)];
        for (number, row) in table.rows.iter().enumerate() {
            let is_derived = !matches!(row.source, Source::Field(_));
            table.derived[number / 64] |= u64::from(is_derived) << (number % 64);
        }
        let known = Known::ALL.map(|known| (entry(known.name()), known));
        for (place, row) in places {
            all[place].1.rows.push(row);
        }
        for (_, entry) in &all {
            let rows = || entry.rows.iter().map(|row| usize::from(*row));
            let homes =
                EventClass::ALL.map(|class| rows().any(|row| table.rows[row].is_home(Some(class))));
            let without_type = rows().any(|row| table.rows[row].is_home(None));
            for row in rows() {
                table.rows[row].homes = homes;
                table.rows[row].has_home_without_type = without_type;
            }
        }
        for (place, known) in known {
            all[place].1.known = Some(known);
        }
        table.names = Names::new(all);
        let mut targets: Vec<_> = table.rows.iter().map(|row| row.target).collect();
        targets.sort_unstable();
        targets.dedup();
        let targets = targets.into_iter().map(|target| (target, Entry::default()));
        table.target_names = Names::new(targets.collect());
        table
    }

    /// Returns whether a row has this target.
    pub(super) fn is_target(&self, name: &str) -> bool {
        let name = name.as_bytes();
        self.target_names.get(hash(name), name).is_some()
    }

    /// Returns what the table has for a name with this hash.
    pub(super) fn entry(&self, hash: u32, name: &[u8]) -> Option<&Entry> {
        self.names.get(hash, name)
    }

    fn push(&mut self, line: usize, text: &'static str, is_row: bool) -> Result<(), String> {
        if !is_row {
            return Ok(());
        }
        let columns: Vec<&'static str> = text.split('|').map(str::trim).collect();
        let (field, target, written_as, only_in) = match *columns {
            [field, target] => (field, target, "", ""),
            [field, target, written_as] => (field, target, written_as, ""),
            [field, target, written_as, only_in] => (field, target, written_as, only_in),
            _ => return Err("not two to four columns".into()),
        };
        let (field, is_copy) = match field.strip_prefix('+') {
            Some(field) => (field.trim(), true),
            None => (field, false),
        };
        let source = source(field)?;
        let (change, label) = Change::parse(written_as)?;
        let classes = classes(only_in)?;
        if target.is_empty() {
            return Err("no target".into());
        }
        let same = |row: &&Row| !row.is_copy && row.source == source;
        let overlap = |row: &Row| {
            row.classes
                .iter()
                .zip(classes)
                .any(|(own, other)| *own && other)
        };
        if matches!(source, Source::Field(_))
            && !is_copy
            && let Some(row) = self.rows.iter().filter(same).find(|row| overlap(row))
        {
            return Err(format!("the field has a row on line {} already", row.line));
        }
        let earlier = self.rows.iter().find(|row| row.target == target);
        let target_number = match earlier {
            Some(row) => row.target_number,
            None => {
                self.targets += 1;
                self.targets - 1
            }
        };
        self.rows.push(Row {
            line,
            source,
            is_copy,
            target,
            target_number,
            written_as,
            change,
            label,
            classes,
            homes: Classes::default(),
            has_home_without_type: false,
        });
        Ok(())
    }
}

fn source(field: &'static str) -> Result<Source, String> {
    if let Some(name) = field.strip_prefix('@') {
        let derived = Derived::from_name(name).ok_or("no such value is worked out")?;
        return Ok(Source::Derived(derived));
    }
    if let Some(text) = field.strip_prefix('"') {
        let text = text.strip_suffix('"').ok_or("a quote is not closed")?;
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        return Ok(Source::Constant(match text.starts_with('[') {
            true => Value::Json(text),
            false if is_number => Value::Number(text),
            false => Value::Text(text),
        }));
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    match !field.is_empty() && field.chars().all(is_name) {
        true => Ok(Source::Field(field)),
        false => Err("not the name of a field".into()),
    }
}

fn classes(only_in: &str) -> Result<Classes, String> {
    if only_in.is_empty() {
        return Ok(EventClass::ALL.map(|_| true));
    }
    let mut classes = Classes::default();
    for name in only_in.split(',').map(str::trim) {
        let class = EventClass::ALL.into_iter().find(|it| it.name() == name);
        classes[class.ok_or(format!("{name:?} is no event type"))? as usize] = true;
    }
    Ok(classes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_field_its_place_and_how_it_is_written() {
        let table = Table::parse(
            "# Field | Key\nInitiatorIP | src\n+ InitiatorIP | c6a2 | if IPv6, label L | file\n\
             \n@severity | sev\n\"a b\" | vendor\nResponderIP | src\n",
        );
        assert!(table.errors.is_empty(), "{:?}", table.errors);
        let [src, copy, derived, constant, second] = &table.rows[..] else {
            panic!("five rows: {:?}", table.rows)
        };
        assert_eq!((src.line, src.source), (2, Source::Field("InitiatorIP")));
        assert!(copy.is_copy && copy.label == Some("L") && copy.target == "c6a2");
        assert!(copy.is_for(Some(EventClass::File)) && !copy.is_for(Some(EventClass::Packet)));
        assert!(src.is_for(None) && !copy.is_for(None));
        assert_eq!(derived.source, Source::Derived(Derived::Severity));
        assert_eq!(constant.source, Source::Constant(Value::Text("a b")));
        assert_eq!(
            (second.target_number, table.targets),
            (src.target_number, 4)
        );
        let entry = |name: &str| table.entry(crate::event::hash(name.as_bytes()), name.as_bytes());
        assert_eq!(entry("InitiatorIP").unwrap().rows, [0, 1]);
        assert_eq!(entry("PriorityID").unwrap().known, Some(Known::PriorityId));
        assert!(entry("Initiator").is_none());
    }

    #[test]
    fn a_line_that_is_no_row_is_an_error() {
        for (text, expected) in [
            ("A", "not two to four columns"),
            ("A | b | | | c", "not two to four columns"),
            ("A | ", "no target"),
            ("A B | b", "not the name of a field"),
            ("@nothing | b", "no such value"),
            ("\"a | b", "a quote is not closed"),
            ("A | b | upside down", "upside down"),
            ("A | b | | foe", "\"foe\" is no event type"),
            ("A | b\nA | c", "line 2: the field has a row on line 1"),
            ("A | b | | file\nA | c | | packet, file", "already"),
        ] {
            let errors = Table::parse(text).errors.join("\n");
            assert!(errors.contains(expected), "{text}: {errors}");
        }
        let two = "A | b | | file\nA | c | | packet\n+ A | d";
        assert!(Table::parse(two).errors.is_empty());
    }
}
