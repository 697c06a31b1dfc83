//! The configuration file: from its text to a [`RawConfig`].

mod archive;
mod filter;
mod http;
mod kafka;
mod receiver;
mod secret;
mod source;

use std::path::Path;

use estreamer_core::fqe::EventKind;
use toml::de::DeTable;
use tracing::warn;

use super::diagnostic::{self, Diagnostic, Hint};
use super::event::EventName;
use super::keys::{ACK, LISTEN, OUTPUT, SOURCE, TOP};
use super::minimal;
use super::output_paths::Around;
use super::raw::{RawConfig, RawOutput};
use super::reader::{MAX_DIAGNOSTICS, Notes, Section};
use crate::config::number::{AHEAD, MEMORY, OVERLAP, PREPAID, QUEUE, SHUTDOWN};
use crate::config::{Config, listen_address};
use crate::failure::Failure;
use crate::input;
use crate::output::destination::Destination;

/// Reads a configuration and the files that it names. No output may write to the
/// files of a recording in `capture`.
///
/// # Errors
/// Every problem, with line and remedy.
pub fn open(path: &Path, capture: Option<&Path>) -> Result<Config, Failure> {
    let base = path.parent().unwrap_or(Path::new(""));
    let raw = read(path)?;
    let around = Around {
        configuration: Some(path),
        capture,
    };
    raw.load(base, &around)
        .map_err(|diagnostics| diagnostic::failure(Some(path), diagnostics))
}

/// Reads a configuration, but not the files that it names. Reports outdated keys on
/// standard error.
///
/// # Errors
/// Every problem, with line and remedy.
pub fn read(path: &Path) -> Result<RawConfig, Failure> {
    let text = read_text(path)?;
    let raw = parse(&text).map_err(|found| diagnostic::failure(Some(path), found))?;
    for Hint { line, text } in &raw.hints {
        warn!("{}:{line}: {text}", path.display());
    }
    Ok(raw)
}

/// The maximum size of a configuration file in bytes.
const MAX_BYTES: usize = 1 << 20;

pub(super) fn read_text(path: &Path) -> Result<String, Failure> {
    let bytes = input::read(path, MAX_BYTES).map_err(|error| {
        Failure::usage(
            format!("cannot read {}: {error}", path.display()),
            "Check the path; docs/estreamer.toml is a sample",
        )
    })?;
    input::text(&bytes).map(str::to_owned).map_err(|error| {
        Failure::usage(
            format!("cannot read {}: {error}", path.display()),
            "Save it as UTF-8 text",
        )
    })
}

/// Parses the text of a configuration. Opens no file.
///
/// # Errors
/// Every problem, sorted by line.
pub fn parse(text: &str) -> Result<RawConfig, Vec<Diagnostic>> {
    let mut parsed = parse_all(text);
    match parsed.mistakes.is_empty() {
        true => Ok(parsed.raw),
        false => {
            parsed.mistakes.sort_by_key(|mistake| mistake.line);
            Err(parsed.mistakes)
        }
    }
}

/// What could be read of a text, and every mistake in it.
pub(super) struct Parsed {
    pub(super) raw: RawConfig,
    pub(super) mistakes: Vec<Diagnostic>,
    /// Whether nothing was left out because of a mistake.
    pub(super) is_complete: bool,
}

/// Parses as much of a text as can be read.
pub(super) fn parse_all(text: &str) -> Parsed {
    let notes = Notes::new(text);
    let (document, errors) = DeTable::parse_recoverable(text);
    if !errors.is_empty() {
        // What is read around these errors may be what nobody wrote.
        let invalid = errors.iter().take(MAX_DIAGNOSTICS).map(|error| {
            let line = error.span().map_or(0, |span| notes.line(&span));
            let what = format!("invalid TOML: {}", error.message().replace('\n', ", "));
            Diagnostic::new(line, what, "Correct the line")
        });
        let mut mistakes: Vec<Diagnostic> = invalid.collect();
        // The others of a line follow from the first.
        mistakes.dedup_by_key(|mistake| mistake.line);
        return Parsed {
            mistakes,
            raw: RawConfig::default(),
            is_complete: false,
        };
    }
    let top = Section::open(&notes, TOP, document.get_ref(), 0);
    let mut raw = top_level(&top);
    minimal::reduce(&mut raw);
    let (mistakes, hints) = notes.into_parts();
    raw.hints = hints;
    Parsed {
        is_complete: mistakes.is_empty(),
        raw,
        mistakes,
    }
}

fn top_level(top: &Section<'_>) -> RawConfig {
    let ack = top.table("ack", ACK);
    let listen = top.table("listen", LISTEN).and_then(|listen| {
        if !listen.has("address") {
            listen.missing("address", "Add address = \"127.0.0.1:9302\"");
        }
        listen.read("address", listen_address::parse)
    });
    RawConfig {
        state: top.text("state").map(|text| text.value.into()),
        ahead: ack
            .as_ref()
            .map_or(AHEAD.default, |ack| ack.number("ahead", AHEAD)),
        prepaid: ack.map_or(PREPAID.default, |ack| ack.number("prepaid", PREPAID)),
        overlap: top.number("overlap", OVERLAP),
        memory: top.number("memory", MEMORY),
        shutdown: top.number("shutdown", SHUTDOWN),
        listen: listen.map(|address| address.value),
        retry: top.read("retry", str::parse).map(|at| at.value),
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
        hints: Vec::new(),
        lines: top.lines(),
    }
}

/// Parses permissions as chmod does: three or four octal digits.
fn permissions(text: &str) -> Result<u32, &'static str> {
    let octal = text.bytes().all(|digit| matches!(digit, b'0'..=b'7'));
    match u32::from_str_radix(text, 8) {
        Ok(mode) if octal && matches!(text.len(), 3 | 4) && mode & 0o200 != 0 && mode <= 0o777 => {
            Ok(mode)
        }
        _ => Err(
            "use three or four octal digits such as \"0640\", with write permission for the owner",
        ),
    }
}

/// Reads an output; `None` if it has no usable `url`, which is reported.
fn output(section: &Section<'_>) -> Option<RawOutput> {
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
    let (condition, fields) = (filter::condition(section), filter::fields(section));
    let receiver = receiver::read(section, url.as_ref().map(|at| &at.value));
    let url = url?;
    let (archive, group) = archive::read(section, &url.value);
    let usual = RawOutput::to(url);
    Some(RawOutput {
        name: name.unwrap_or(usual.name),
        format: format.map_or(usual.format, |at| at.value),
        required: required.unwrap_or(usual.required),
        mode: mode.map_or(usual.mode, |at| at.value),
        group,
        archive,
        queue,
        receiver,
        sources,
        events,
        condition,
        fields,
        url: usual.url,
    })
}
