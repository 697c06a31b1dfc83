//! Reading a table of TOML key by key, and noting every mistake with its line.

use crate::failure::Remedy;
use std::cell::RefCell;
use std::fmt::Display;
use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::draft::At;
use super::keys::{TABLES, Table};
use super::mistake::Mistake;
use super::suggest::{nearest, shown};
use crate::config::number::Number;

/// Mistakes that are told at once; a file with more is corrected in turns.
const MOST: usize = 100;

/// The mistakes found so far, and where lines begin.
pub(super) struct Notes {
    starts: Vec<usize>,
    mistakes: RefCell<Vec<Mistake>>,
}

impl Notes {
    pub(super) fn new(text: &str) -> Self {
        let ends = memchr::memchr_iter(b'\n', text.as_bytes());
        Self {
            starts: std::iter::once(0).chain(ends.map(|end| end + 1)).collect(),
            mistakes: RefCell::default(),
        }
    }

    /// The line of a byte of the text.
    pub(super) fn line(&self, span: &Range<usize>) -> usize {
        self.starts.partition_point(|&start| start <= span.start)
    }

    pub(super) fn note(&self, line: usize, what: impl Display, remedy: impl Into<Remedy>) {
        let mut mistakes = self.mistakes.borrow_mut();
        if mistakes.len() < MOST {
            mistakes.push(Mistake::new(line, what, remedy));
        }
    }

    pub(super) fn mistakes(self) -> Vec<Mistake> {
        self.mistakes.into_inner()
    }
}

/// A table, and what is allowed in it.
pub(super) struct Section<'d> {
    notes: &'d Notes,
    /// As a person writes it, such as `[[source]]`.
    name: &'static str,
    table: &'d DeTable<'d>,
    /// The line it begins on.
    pub(super) line: usize,
}

/// A value with its place.
pub(super) type Value<'d> = Spanned<DeValue<'d>>;

impl<'d> Section<'d> {
    /// A table with these keys; every other key in it is noted.
    pub(super) fn open(
        notes: &'d Notes,
        Table { name, keys }: Table,
        table: &'d DeTable<'d>,
        line: usize,
    ) -> Self {
        for key in table.keys().filter(|key| !keys.contains(&&**key.get_ref())) {
            let text: &str = key.get_ref();
            let what = format!("there is no key {} in {name}", shown(text));
            let remedy = match nearest(text, keys.iter().copied()) {
                Some(near) => format!("Perhaps you mean {near}"),
                None => match elsewhere(text) {
                    Some(section) => format!("It belongs into {section}"),
                    None => format!("There are {}", keys.join(", ")),
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

    /// The value of a key, with its line.
    pub(super) fn get(&self, key: &str) -> Option<(usize, &'d Value<'d>)> {
        let (name, value) = self.table.get_key_value(key)?;
        Some((self.notes.line(&name.span()), value))
    }

    /// Whether the key is there at all.
    pub(super) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Notes that a value is not what it should be.
    pub(super) fn wrong(&self, key: &str, line: usize, value: &Value<'_>, wanted: &str) {
        let what = format!("{key} in {} is {}", self.name, kind(value));
        self.notes.note(line, what, format!("Write {wanted}"));
    }

    /// Notes that a key is missing.
    pub(super) fn missing(&self, what: impl Display, remedy: impl Into<Remedy>) {
        self.notes
            .note(self.line, format!("{} has no {what}", self.name), remedy);
    }

    /// Notes something about a key.
    pub(super) fn note(&self, line: usize, what: impl Display, remedy: impl Into<Remedy>) {
        self.notes.note(line, what, remedy);
    }

    pub(super) fn text(&self, key: &str) -> Option<At<String>> {
        let (line, value) = self.get(key)?;
        match value.get_ref() {
            DeValue::String(text) if !text.is_empty() => Some(At {
                line,
                value: text.to_string(),
            }),
            DeValue::String(_) => {
                let remedy = "Give it a value, or leave it out for its default";
                self.note(line, format!("{key} in {} is empty", self.name), remedy);
                None
            }
            _ => {
                self.wrong(key, line, value, &format!("text, as {key} = \"…\""));
                None
            }
        }
    }

    /// A text that `read` understands.
    pub(super) fn read<T, E: Display>(
        &self,
        key: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<At<T>> {
        let At { line, value } = self.text(key)?;
        self.understood(key, line, &value, read)
    }

    /// What `read` makes of a text; what it does not understand is noted.
    pub(super) fn understood<T, E: Display>(
        &self,
        key: &str,
        line: usize,
        text: &str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Option<At<T>> {
        match read(text) {
            Ok(value) => Some(At { line, value }),
            Err(error) => {
                let what = format!("{key} in {} cannot be {}", self.name, shown(text));
                self.note(line, what, capital(&error.to_string()));
                None
            }
        }
    }

    /// A list of texts that `read` understands.
    pub(super) fn list<T, E: Display>(
        &self,
        key: &str,
        read: impl Fn(&str) -> Result<T, E>,
    ) -> Option<Vec<At<T>>> {
        let (line, value) = self.get(key)?;
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(key, line, value, &format!("a list, as {key} = [\"…\"]"));
            return None;
        };
        if items.is_empty() {
            let remedy = "Name at least one, or leave it out for its default";
            self.note(
                line,
                format!("{key} in {} is an empty list", self.name),
                remedy,
            );
        }
        let mut read_all = Vec::with_capacity(items.len());
        for item in items {
            let line = self.notes.line(&item.span());
            match item.get_ref() {
                DeValue::String(text) => {
                    read_all.extend(self.understood(key, line, text, &read));
                }
                _ => self.wrong(key, line, item, "texts in quotes"),
            }
        }
        Some(read_all)
    }

    pub(super) fn flag(&self, key: &str) -> Option<bool> {
        let (line, value) = self.get(key)?;
        let flag = value.get_ref().as_bool();
        if flag.is_none() {
            self.wrong(key, line, value, "true or false, without quotes");
        }
        flag
    }

    /// A number within its bounds, or its default.
    pub(super) fn number(&self, key: &str, number: Number) -> u32 {
        let Some((line, value)) = self.get(key) else {
            return number.default;
        };
        let wanted = format!(
            "a whole number of {} from {} to {}",
            number.unit, number.least, number.most
        );
        match value.get_ref() {
            DeValue::Integer(digits) => {
                let read = i64::from_str_radix(digits.as_str(), digits.radix());
                match read.ok().filter(|read| number.range().contains(read)) {
                    // The bounds are those of a u32.
                    Some(read) => return u32::try_from(read).unwrap_or(number.default),
                    None => {
                        let what = format!("{key} in {} cannot be {digits}", self.name);
                        self.note(line, what, format!("Write {wanted}"));
                    }
                }
            }
            _ => self.wrong(key, line, value, &wanted),
        }
        number.default
    }

    /// A table within.
    pub(super) fn table(&self, key: &str, of: Table) -> Option<Self> {
        let (line, value) = self.get(key)?;
        let Some(table) = value.get_ref().as_table() else {
            self.wrong(key, line, value, &format!("{}, a table", of.name));
            return None;
        };
        Some(Section::open(self.notes, of, table, line))
    }

    /// The tables of a list.
    pub(super) fn tables(&self, key: &str, of: Table) -> Vec<Self> {
        let Some((line, value)) = self.get(key) else {
            return Vec::new();
        };
        let DeValue::Array(items) = value.get_ref() else {
            self.wrong(key, line, value, &format!("{}, with two brackets", of.name));
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

    /// The keys that are there, with their values and lines.
    pub(super) fn entries(&self) -> impl Iterator<Item = (&'d str, usize, &'d Value<'d>)> {
        let notes = self.notes;
        let entries = self.table.iter();
        entries.map(move |(key, value)| (&**key.get_ref(), notes.line(&key.span()), value))
    }
}

/// The table a key is known in.
fn elsewhere(key: &str) -> Option<&'static str> {
    let mut tables = TABLES.iter();
    let found = tables.find(|table| table.keys.contains(&key));
    found.map(|table| table.name)
}

/// What a value is, in words.
fn kind(value: &Value<'_>) -> &'static str {
    match value.get_ref() {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// Remedies begin a sentence.
fn capital(text: &str) -> String {
    let mut characters = text.chars();
    match characters.next() {
        Some(first) => first.to_uppercase().chain(characters).collect(),
        None => String::new(),
    }
}
