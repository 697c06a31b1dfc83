//! One line of the log.

use std::fmt::{self, Debug, Write};
use std::time::SystemTime;

use serde_json::{Map, Value};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use crate::printable::printable;

/// How a line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    /// `2026-01-31T12:00:00Z INFO fmc: connected`.
    Text,
    /// `<6>fmc: connected`, for systemd's journal, which has the time and the priority.
    Journal,
    /// An object, with the journal's priority before it if the journal reads it.
    Json { journal: bool },
    /// `estreamer: no such file`.
    Plain,
}

impl<S, N> FormatEvent<S, N> for Layout
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        _: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let mut line = Line::default();
        event.record(&mut line);
        let now = OffsetDateTime::from(SystemTime::now());
        self.write(&mut writer, event.metadata().level(), now, line)
    }
}

impl Layout {
    /// Writes the line with its end. It has no other control character.
    fn write(
        self,
        out: &mut dyn Write,
        level: &Level,
        now: OffsetDateTime,
        line: Line,
    ) -> fmt::Result {
        match self {
            Self::Text => writeln!(out, "{} {level} {line}", utc(now)),
            Self::Journal => writeln!(out, "<{}>{line}", priority(level)),
            Self::Json { journal } => {
                if journal {
                    write!(out, "<{}>", priority(level))?;
                }
                writeln!(out, "{}", line.json(level, now))
            }
            Self::Plain => match *level {
                Level::WARN => writeln!(out, "estreamer: warning: {line}"),
                _ => writeln!(out, "estreamer: {line}"),
            },
        }
    }
}

/// The message of an event and its fields, without control characters.
#[derive(Debug, Default)]
struct Line {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Line {
    fn add(&mut self, field: &Field, value: String) {
        let value = printable(&value);
        match field.name() {
            "message" => self.message = value,
            name => self.fields.push((name, value)),
        }
    }

    fn json(self, level: &Level, now: OffsetDateTime) -> Value {
        let mut object = Map::new();
        object.insert("time".into(), utc(now).into());
        object.insert("level".into(), level.as_str().into());
        let (source, others) = self
            .fields
            .into_iter()
            .partition(|(name, _)| is_source(name));
        let source: Vec<_> = source;
        let others: Vec<_> = others;
        let message = [("message", self.message)];
        for (name, value) in source.into_iter().chain(message).chain(others) {
            object.insert(name.into(), value.into());
        }
        Value::Object(object)
    }
}

fn is_source(name: &str) -> bool {
    name == "source"
}

/// The source or the output first, then the message, which says what other fields hold.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, value) in &self.fields {
            match *name {
                "source" => write!(f, "{value}: ")?,
                "output" => write!(f, "output {value}: ")?,
                _ => {}
            }
        }
        f.write_str(&self.message)
    }
}

impl Visit for Line {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.add(field, format!("{value:?}"));
    }
}

/// The priority of syslog(3).
fn priority(level: &Level) -> u8 {
    match *level {
        Level::ERROR => 3,
        Level::WARN => 4,
        Level::INFO => 6,
        _ => 7,
    }
}

fn utc(now: OffsetDateTime) -> String {
    let second = now.replace_nanosecond(0).unwrap_or(now);
    // No clock shows a year that RFC 3339 lacks.
    second.format(&Rfc3339).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line() -> Line {
        Line {
            message: "connected".into(),
            fields: vec![("cause", "refused".into()), ("source", "fmc".into())],
        }
    }

    fn written(layout: Layout, level: Level) -> String {
        let now = OffsetDateTime::from_unix_timestamp(1_769_860_800).unwrap();
        let now = now.replace_nanosecond(123_456_789).unwrap();
        let mut text = String::new();
        layout.write(&mut text, &level, now, line()).unwrap();
        text
    }

    #[test]
    fn each_layout_has_the_source_first() {
        for (layout, level, expected) in [
            (
                Layout::Text,
                Level::INFO,
                "2026-01-31T12:00:00Z INFO fmc: connected\n",
            ),
            (Layout::Journal, Level::WARN, "<4>fmc: connected\n"),
            (
                Layout::Plain,
                Level::WARN,
                "estreamer: warning: fmc: connected\n",
            ),
            (Layout::Plain, Level::ERROR, "estreamer: fmc: connected\n"),
        ] {
            assert_eq!(written(layout, level), expected);
        }
    }

    #[test]
    fn json_has_time_level_source_message_and_the_other_fields() {
        let text = written(Layout::Json { journal: true }, Level::ERROR);
        let object = text.strip_prefix("<3>").unwrap();
        let expected = serde_json::json!({
            "time": "2026-01-31T12:00:00Z", "level": "ERROR", "source": "fmc",
            "message": "connected", "cause": "refused",
        });
        assert_eq!(serde_json::from_str::<Value>(object).unwrap(), expected);
    }
}
