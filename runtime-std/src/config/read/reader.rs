//! Reads a TOML table key by key and records every problem with its line.

use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::diagnostic::{Diagnostic, Hint};
use super::keys::{TABLES, TableKeys};
use super::raw::{At, KeyLines};
use super::suggest::{nearest, shown};
use super::unexpanded;
use crate::config::number::Number;
use crate::failure::Remedy;

/// The maximum number of diagnostics of one run.
pub(super) const MAX_DIAGNOSTICS: usize = 100;

/// The diagnostics and hints so far, and the offsets of the lines.
pub(super) struct Notes {
    line_starts: Vec<usize>,
    diagnostics: RefCell<Vec<Diagnostic>>,
    hints: RefCell<Vec<Hint>>,
}

impl Notes {
    pub(super) fn new(text: &str) -> Self {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes());
        Self {
            line_starts: std::iter::once(0).chain(ends.map(|end| end + 1)).collect(),
            diagnostics: RefCell::default(),
            hints: RefCell::default(),
        }
    }

    /// Returns the line, counted from 1, where a span begins.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        self.line_starts
            .partition_point(|&start| start <= span.start)
    }

    pub(super) fn note(&self, line: usize, what: impl Display, remedy: impl Into<Remedy>) {
        let mut diagnostics = self.diagnostics.borrow_mut();
        if diagnostics.len() < MAX_DIAGNOSTICS {
            diagnostics.push(Diagnostic::new(line, what, remedy));
        }
    }

    pub(super) fn hint(&self, line: usize, text: &str) {
        self.hints.borrow_mut().push(Hint {
            line,
            text: text.into(),
        });
    }

    pub(super) fn into_parts(self) -> (Vec<Diagnostic>, Vec<Hint>) {
        (self.diagnostics.into_inner(), self.hints.into_inner())
    }
}

/// A TOML table that is read key by key.
pub(super) struct Section<'d> {
    notes: &'d Notes,
    /// The name as shown in messages, such as `[[source]]`.
    name: &'static str,
    table: &'d DeTable<'d>,
    /// The line on which the table begins.
    pub(super) line: usize,
}

/// A TOML value with its position.
pub(super) type TomlValue<'d> = Spanned<DeValue<'d>>;

impl<'d> Section<'d> {
    /// Opens a table and reports every key that it does not know.
    pub(super) fn open(
        notes: &'d Notes,
        TableKeys { name, keys, former }: TableKeys,
        table: &'d DeTable<'d>,
        line: usize,
    ) -> Self {
        let known = |key: &str| keys.contains(&key) || former.contains(&key);
        for key in table.keys().filter(|key| !known(key.get_ref())) {
            let text: &str = key.get_ref();
            let what = format!("unknown key {} in {name}", shown(text));
            let remedy = match nearest(text, keys.iter().copied()) {
                Some(near) => format!("Perhaps you mean {near}"),
                None => match elsewhere(text) {
                    Some(section) => format!("Move it to {section}"),
                    None => format!("Known keys: {}", keys.join(", ")),
                },
            };
            notes.note(notes.line(&key.span()), what, remedy);
        }
        Self {
            notes,
            name,
            table,
            line,
        }
    }

    /// Returns the line and the value of a key.
    pub(super) fn get(&self, key: &str) -> Option<(usize, &'d TomlValue<'d>)> {
        let (name, value) = self.table.get_key_value(key)?;
        Some((self.notes.line(&name.span()), value))
    }

    /// Returns whether the key is present.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Reports a value of the wrong type.
    pub(super) fn wrong(&self, key: &str, line: usize, value: &TomlValue<'_>, wanted: &str) {
        let what = format!("{key}: expected {wanted}, found {}", kind(value));
        self.notes.note(line, what, "");
    }

    /// Reports a missing key.
    pub(super) fn missing(&self, what: impl Display, remedy: impl Into<Remedy>) {
        let what = format!("{} has no {what}", self.name);
        self.notes.note(self.line, what, remedy);
    }

    /// Reports a problem.
    pub(super) fn note(&self, line: usize, what: impl Display, remedy: impl Into<Remedy>) {
        self.notes.note(line, what, remedy);
    }

    /// Reports an outdated spelling that is still accepted.
    pub(super) fn hint(&self, line: usize, text: &str) {
        self.notes.hint(line, text);
    }

    /// Reads a string that is not empty.
    pub(super) fn text(&self, key: &str) -> Option<At<String>> {
        let (line, value) = self.get(key)?;
        match value.get_ref() {
            DeValue::String(text) if !text.is_empty() => self.expanded(key, line, text),
            DeValue::String(_) => {
                let remedy = "Set a value, or remove the key to use the default";
                self.note(line, format!("{key}: the string is empty"), remedy);
                None
            }
            _ => {
                self.wrong(key, line, value, "a string");
                None
            }
        }
    }

    /// Returns the text unless it names a place by something that only a shell expands,
    /// which is reported.
    fn expanded(&self, key: &str, line: usize, text: &str) -> Option<At<String>> {
        match unexpanded::in_place(key, text) {
            Some((what, remedy)) => {
                self.note(line, what, remedy);
                None
            }
            None => Some(At {
                line,
                value: text.to_owned(),
            }),
        }
    }

    /// Reads a string and parses it with `read`.
    pub(super) fn read<T, E: Display>(
        &self,
        key: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<At<T>> {
        let At { line, value } = self.text(key)?;
        self.parsed(key, line, &value, read)
    }

    /// Parses `text` with `read` and reports its error.
    pub(super) fn parsed<T, E: Display>(
        &self,
        key: &str,
        line: usize,
        text: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<At<T>> {
        match read(text) {
            Ok(value) => Some(At { line, value }),
            Err(error) => {
                let what = format!("{key}: invalid value {}", shown(text));
                self.note(line, what, capital(&error.to_string()));
                None
            }
        }
    }

    /// Reads a list of strings and parses each with `read`.
    pub(super) fn list<T, E: Display>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<At<T>>> {
        let (line, value) = self.get(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(key, line, value, "a list of strings");
            return None;
        };
        if items.is_empty() {
            let remedy = "Add at least one, or remove the key to use the default";
            self.note(line, format!("{key}: the list is empty"), remedy);
        }
        let mut read_all = Vec::with_capacity(items.len());
        for item in items {
            let line = self.notes.line(&item.span());
            match item.get_ref() {
                DeValue::String(text) => {
                    let text = self.expanded(key, line, text);
                    let read = text.and_then(|at| self.parsed(key, line, &at.value, &read));
                    read_all.extend(read);
                }
                _ => self.wrong(key, line, item, "a list of strings"),
            }
        }
        Some(read_all)
    }

    /// Reads a boolean.
    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        let (line, value) = self.get(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong(key, line, value, "true or false without quotes");
        }
        flag
    }

    /// Reads a number within its bounds, or returns its default.
    pub(super) fn number(&self, key: &str, number: Number) -> u32 {
        let Some((line, value)) = self.get(key) else {
            return number.default;
        };
        let wanted = format!(
            "an integer from {} to {} ({})",
            number.min, number.max, number.unit
        );
        match value.get_ref() {
            DeValue::Integer(digits) => {
                let read = i64::from_str_radix(digits.as_str(), digits.radix());
                match read.ok().filter(|read| number.range().contains(read)) {
                    // The bounds fit into a u32.
                    Some(read) => return u32::try_from(read).unwrap_or(number.default),
                    None => {
                        let what = format!("{key}: expected {wanted}, found {digits}");
                        self.note(line, what, "");
                    }
                }
            }
            _ => self.wrong(key, line, value, &wanted),
        }
        number.default
    }

    /// Reads an integer; `wanted` says which.
    pub(super) fn integer(&self, key: &str, wanted: &str) -> Option<At<i64>> {
        let (line, value) = self.get(key)?;
        if let DeValue::Integer(digits) = value.get_ref()
            && let Ok(value) = i64::from_str_radix(digits.as_str(), digits.radix())
        {
            return Some(At { line, value });
        }
        self.wrong(key, line, value, wanted);
        None
    }

    /// Reads a nested table.
    pub(super) fn table(&self, key: &str, of: TableKeys) -> Option<Self> {
        let (line, value) = self.get(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(key, line, value, &format!("the table {}", of.name));
            return None;
        };
        Some(Section::open(self.notes, of, table, line))
    }

    /// Opens a table within a value.
    pub(super) fn nested<'t>(
        &self,
        of: TableKeys,
        table: &'t DeTable<'t>,
        line: usize,
    ) -> Section<'t>
    where
        'd: 't,
    {
        Section::open(self.notes, of, table, line)
    }

    /// Reads a nested table whose keys are names of the user.
    pub(super) fn names(&self, key: &str, wanted: &str) -> Option<Self> {
        let (line, value) = self.get(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(key, line, value, wanted);
            return None;
        };
        Some(self.unnamed(table, line))
    }

    /// Opens a table within a value whose keys are names of the user.
    pub(super) fn unnamed(&self, table: &'d DeTable<'d>, line: usize) -> Self {
        Self {
            notes: self.notes,
            name: "names",
            table,
            line,
        }
    }

    /// Reads an array of tables.
    pub(super) fn tables(&self, key: &str, of: TableKeys) -> Vec<Self> {
        let Some((line, value)) = self.get(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(key, line, value, &format!("{} with two brackets", of.name));
            return Vec::new();
        };
        let mut sections = Vec::with_capacity(items.len());
        for item in items {
            let line = self.notes.line(&item.span());
            match item.get_ref().as_table() {
                Some(table) => sections.push(Section::open(self.notes, of, table, line)),
                None => self.wrong(key, line, item, of.name),
            }
        }
        sections
    }

    /// Returns the lines of the keys.
    pub(super) fn lines(&self) -> KeyLines {
        self.entries().map(|(key, line, _)| (key, line)).collect()
    }

    /// Returns the keys of the table with lines and values.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'d str, usize, &'d TomlValue<'d>)> {
        let notes = self.notes;
        let entries = self.table.iter();
        entries.map(move |(key, value)| (&**key.get_ref(), notes.line(&key.span()), value))
    }
}

/// Returns the name of a table that knows the key.
fn elsewhere(key: &str) -> Option<&'static str> {
    let mut tables = TABLES.iter();
    let found = tables.find(|table| table.keys.contains(&key));
    found.map(|table| table.name)
}

/// Returns the type of a value, for a message.
fn kind(value: &TomlValue<'_>) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Makes the first letter upper-case: a remedy is a sentence.
fn capital(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}
