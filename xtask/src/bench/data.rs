//! What a run measured: a table of text in `docs/speed`, from which pictures and the tables
//! of the pages are made.

use std::fmt;
use std::path::PathBuf;

use crate::chart::grouped;
use crate::{Result, tree};

/// Rows of values, and notes on how they were measured.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Data {
    notes: Vec<(String, String)>,
    columns: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl Data {
    /// No rows yet. The first column names each of them.
    pub(super) fn new(columns: &[&str]) -> Self {
        Self {
            notes: Vec::new(),
            columns: columns.iter().map(|column| (*column).to_owned()).collect(),
            rows: Vec::new(),
        }
    }

    pub(super) fn push(&mut self, row: Vec<String>) {
        self.rows.push(row);
    }

    /// Says something about all rows.
    pub(super) fn note(&mut self, name: &str, text: impl fmt::Display) {
        self.notes.push((name.to_owned(), text.to_string()));
    }

    pub(super) fn noted(&self, name: &str) -> &str {
        let found = self.notes.iter().find(|(noted, _)| noted == name);
        found.map_or("", |(_, text)| text)
    }

    pub(super) fn rows(&self) -> impl Iterator<Item = &[String]> {
        self.rows.iter().map(Vec::as_slice)
    }

    /// The numbers of a column.
    pub(super) fn numbers(&self, column: &str) -> Result<Vec<f64>> {
        let place = self.columns.iter().position(|name| name == column);
        let place = place.ok_or_else(|| format!("there is no column {column:?}"))?;
        let number = |row: &Vec<String>| {
            let cell = &row[place];
            let number = cell.parse::<f64>().ok().filter(|number| number.is_finite());
            number.ok_or_else(|| format!("{column}: {cell:?} is no number"))
        };
        self.rows.iter().map(number).collect()
    }

    /// The number in the row of this name.
    pub(super) fn number(&self, row: &str, column: &str) -> Result<f64> {
        let index = self.rows.iter().position(|cells| cells[0] == row);
        let index = index.ok_or_else(|| format!("there is no row {row:?}"))?;
        Ok(self.numbers(column)?[index])
    }

    /// The table in Markdown.
    pub(super) fn table(&self) -> String {
        let mut lines = vec![line(&self.columns)];
        let is_number = |place: usize| {
            let mut cells = self.rows.iter().map(|row| &row[place]);
            cells.all(|cell| cell.starts_with(|first: char| first.is_ascii_digit()))
        };
        let edges = (0..self.columns.len()).map(|place| match is_number(place) {
            true => "---:|",
            false => "---|",
        });
        lines.push(format!("|{}", edges.collect::<String>()));
        for row in &self.rows {
            lines.push(line(row.iter().map(|cell| grouped(cell))));
        }
        lines.join("\n")
    }

    /// Machine and date.
    pub(super) fn machine(&self) -> String {
        format!("{}, {}", self.noted("machine"), self.noted("date"))
    }

    /// Machine, date and the number of runs, in one line.
    pub(super) fn caption(&self) -> String {
        let runs = self.noted("runs").split(' ').map(grouped);
        let runs = runs.collect::<Vec<_>>().join(" ");
        let mut caption = format!("{}; {runs}", self.machine());
        let others = self.noted("others");
        if !others.is_empty() {
            caption += &format!("; other programs used {others} of the processor time");
        }
        caption
    }

    pub(super) fn path(name: &str) -> PathBuf {
        tree::root().join("docs/speed").join(format!("{name}.tsv"))
    }

    pub(super) fn read(name: &str) -> Result<Self> {
        let path = Self::path(name);
        Self::parse(&tree::read(&path)?).map_err(|error| format!("{}: {error}", tree::shown(&path)))
    }

    pub(super) fn write(&self, name: &str) -> Result {
        let path = Self::path(name);
        std::fs::write(&path, self.to_string())
            .map_err(|error| format!("{}: {error}", tree::shown(&path)))
    }

    /// Lines with `# name: text`, the names of the columns, and the rows.
    fn parse(text: &str) -> Result<Self> {
        let mut data = Self::new(&[]);
        for (index, line) in text.lines().enumerate() {
            let cells = || line.split('\t').map(String::from).collect::<Vec<_>>();
            if let Some(note) = line.strip_prefix("# ") {
                let note = note.split_once(": ");
                let (name, text) = note.ok_or(format!("line {}: no note", index + 1))?;
                data.note(name, text);
            } else if data.columns.is_empty() {
                data.columns = cells();
            } else if line.split('\t').count() == data.columns.len() {
                data.push(cells());
            } else {
                return Err(format!("line {}: not one value for each column", index + 1));
            }
        }
        match data.rows.is_empty() {
            true => Err("no rows".to_owned()),
            false => Ok(data),
        }
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, text) in &self.notes {
            writeln!(f, "# {name}: {text}")?;
        }
        for row in std::iter::once(&self.columns).chain(&self.rows) {
            writeln!(f, "{}", row.join("\t"))?;
        }
        Ok(())
    }
}

/// A line of a table in Markdown.
fn line(cells: impl IntoIterator<Item = impl fmt::Display>) -> String {
    let cells = cells.into_iter().map(|cell| format!(" {cell} |"));
    format!("|{}", cells.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        "# machine: a\n# date: b\n# runs: 10000 c\nclient\tevents/s\nx\t1234\ny\t5.50\n";

    #[test]
    fn a_table_is_read_as_it_was_written() {
        let data = Data::parse(TEXT).unwrap();
        assert_eq!(data.to_string(), TEXT);
        assert_eq!(data.numbers("events/s").unwrap(), [1234.0, 5.5]);
        assert_eq!(data.number("y", "events/s").unwrap(), 5.5);
        assert_eq!(data.caption(), "a, b; 10,000 c");
        assert_eq!(
            data.table(),
            "| client | events/s |\n|---|---:|\n| x | 1,234 |\n| y | 5.50 |"
        );
    }

    #[test]
    fn what_is_no_table_is_refused() {
        for (text, part) in [
            ("", "no rows"),
            ("a\tb\n", "no rows"),
            ("a\tb\n1\n", "line 2"),
            ("# note\na\n", "line 1"),
        ] {
            let error = Data::parse(text).unwrap_err();
            assert!(error.contains(part), "{error}");
        }
        let data = Data::parse("a\tb\nx\tmany\n").unwrap();
        assert!(data.numbers("b").unwrap_err().contains("many"));
        assert!(data.numbers("c").unwrap_err().contains("no column"));
    }
}
