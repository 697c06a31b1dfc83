//! The configuration file: from its text to a [`Draft`].

mod source;

use std::path::Path;

use estreamer_core::fqe::EventKind;
use toml::de::DeTable;

use super::collision::Around;
use super::draft::{Draft, OutputDraft};
use super::event::EventName;
use super::keys::{ACK, OUTPUT, SOURCE, TOP};
use super::mistake::{self, Mistake};
use super::reader::{Notes, Section};
use crate::config::Config;
use crate::config::number::{AHEAD, MEMORY, OVERLAP, QUEUE, SHUTDOWN};
use crate::failure::Failure;
use crate::input;
use crate::output::destination::Destination;

/// Reads a configuration and the files it names. Connections may be recorded in
/// `capture`.
///
/// # Errors
/// Every mistake, with its line and what to do.
pub fn open(path: &Path, capture: Option<&Path>) -> Result<Config, Failure> {
    let base = path.parent().unwrap_or(Path::new(""));
    let draft = draft(path)?;
    let around = Around {
        configuration: Some(path),
        capture,
    };
    draft
        .load(base, &around)
        .map_err(|mistakes| mistake::failure(Some(path), mistakes))
}

/// Reads a configuration, but not the files it names.
///
/// # Errors
/// Every mistake, with its line and what to do.
pub fn draft(path: &Path) -> Result<Draft, Failure> {
    let text = read(path)?;
    parse(&text).map_err(|mistakes| mistake::failure(Some(path), mistakes))
}

/// Bytes of a configuration.
const MOST_BYTES: usize = 1 << 20;

fn read(path: &Path) -> Result<String, Failure> {
    let unreadable = |error: &dyn std::fmt::Display| {
        Failure::usage(
            format!("cannot read {}: {error}", path.display()),
            "Name a configuration file; docs/estreamer.toml is a sample",
        )
    };
    let bytes = input::read(path, MOST_BYTES).map_err(|error| unreadable(&error))?;
    let text = std::str::from_utf8(&bytes).map_err(|error| unreadable(&error))?;
    Ok(text.to_owned())
}

/// Understands the text of a configuration. No file is touched.
///
/// # Errors
/// Every mistake, sorted by line.
pub fn parse(text: &str) -> Result<Draft, Vec<Mistake>> {
    let notes = Notes::new(text);
    let document = match DeTable::parse(text) {
        Ok(document) => document,
        Err(error) => {
            let line = error.span().map_or(0, |span| notes.line(&span));
            let what = format!("this is not TOML: {}", error.message().replace('\n', ", "));
            return Err(vec![Mistake::new(line, what, "Correct the line")]);
        }
    };
    let top = Section::open(&notes, TOP, document.get_ref(), 0);
    let draft = top_level(&top);
    let mut mistakes = notes.mistakes();
    if mistakes.is_empty() {
        return Ok(draft);
    }
    mistakes.sort_by_key(|mistake| mistake.line);
    Err(mistakes)
}

fn top_level(top: &Section<'_>) -> Draft {
    let ack = top.table("ack", ACK);
    Draft {
        state: top.text("state").map(|text| text.value.into()),
        ahead: ack.map_or(AHEAD.default, |ack| ack.number("ahead", AHEAD)),
        overlap: top.number("overlap", OVERLAP),
        memory: top.number("memory", MEMORY),
        shutdown: top.number("shutdown", SHUTDOWN),
        sources: top
            .tables("source", SOURCE)
            .iter()
            .filter_map(source::read)
            .collect(),
        outputs: top
            .tables("output", OUTPUT)
            .iter()
            .filter_map(output)
            .collect(),
    }
}

/// Permissions as chmod writes them: three or four octal digits.
fn permissions(text: &str) -> Result<u32, &'static str> {
    let octal = text.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if octal && matches!(text.len(), 3 | 4) && mode & 0o200 != 0 && mode <= 0o777 => {
            Ok(mode)
        }
        _ => Err("use three octal digits, as in \"0640\", with which the owner may write"),
    }
}

/// An output; `None` where it lacks its place, which is noted.
fn output(section: &Section<'_>) -> Option<OutputDraft> {
    let url = section.read("url", str::parse::<Destination>);
    if !section.has("url") {
        section.missing(
            "url",
            "Add url = \"file:PATH\", or \"-\" for standard output",
        );
    }
    let name = section.text("name");
    let format = section.read("format", str::parse::<crate::config::Format>);
    let events = section.list("events", str::parse::<EventName>);
    let events: Option<Vec<EventKind>> =
        events.map(|names| names.into_iter().map(|at| at.value.0).collect());
    let (required, queue) = (section.flag("required"), section.number("queue", QUEUE));
    let mode = section.read("mode", permissions);
    let sources = section.list("sources", |name| Ok::<_, String>(name.to_owned()));
    let usual = OutputDraft::to(url?);
    Some(OutputDraft {
        name: name.unwrap_or(usual.name),
        format: format.map_or(usual.format, |at| at.value),
        required: required.unwrap_or(usual.required),
        mode: mode.map_or(usual.mode, |at| at.value),
        queue,
        sources,
        events,
        url: usual.url,
    })
}
