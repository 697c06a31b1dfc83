//! Paths with the placeholders `{source}`, `{event}`, `{date}` and `{hour}`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Write};
use std::path::PathBuf;

use estreamer_core::fqe::EventKind;

use super::file::naming;
use super::file::settings::{DATE_DIGIT, DatedPath, HOUR_DIGIT};

/// A path with placeholders.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Vec<PathPart>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum PathPart {
    Text(String),
    Source,
    Event,
    /// The date of the archival time, UTC, as in 20260131.
    Date,
    /// The hour of the archival time, UTC, from 00 to 23.
    Hour,
}

impl Pattern {
    /// Parses a path.
    ///
    /// # Errors
    /// The unknown placeholder.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some((before, tail)) = rest.split_once('{') {
            let Some((name, tail)) = tail.split_once('}') else {
                return Err(format!(
                    "{text:?} has an opening brace without a closing one"
                ));
            };
            parts.push(PathPart::Text(before.into()));
            parts.push(match name {
                "source" => PathPart::Source,
                "event" => PathPart::Event,
                "date" => PathPart::Date,
                "hour" => PathPart::Hour,
                _ => {
                    return Err(format!(
                        "{{{name}}} is unknown; use {{source}}, {{event}}, {{date}} or {{hour}}"
                    ));
                }
            });
            rest = tail;
        }
        parts.push(PathPart::Text(rest.into()));
        parts.retain(|part| !matches!(part, PathPart::Text(text) if text.is_empty()));
        if parts.contains(&PathPart::Hour) && !parts.contains(&PathPart::Date) {
            return Err("{hour} needs {date}: a day later, the hour has the same name".into());
        }
        match parts.is_empty() {
            true => Err("the path is empty".into()),
            false => Ok(Self(parts)),
        }
    }

    /// Returns the path for an event type of a source, whose name is escaped by
    /// [`segment`]. Date and hour are those of the second 0.
    pub fn path(&self, source: &str, event: &str) -> PathBuf {
        self.path_at(source, event, 0)
    }

    /// Returns the path for an event of this archival time, UNIX seconds.
    pub fn path_at(&self, source: &str, event: &str, second: u64) -> PathBuf {
        self.filled(source, event, &naming::date(second), &naming::hour(second))
            .into()
    }

    fn filled(&self, source: &str, event: &str, date: &str, hour: &str) -> String {
        let mut path = String::with_capacity(128);
        for part in &self.0 {
            match part {
                PathPart::Text(text) => path.push_str(text),
                PathPart::Source => path.push_str(&segment(source)),
                PathPart::Event => path.push_str(event),
                PathPart::Date => path.push_str(date),
                PathPart::Hour => path.push_str(hour),
            }
        }
        path
    }

    /// Returns the seconds of a day or an hour, if each has its own file.
    pub fn period(&self) -> Option<u32> {
        let has = |part| self.0.contains(&part);
        match (has(PathPart::Date), has(PathPart::Hour)) {
            (_, true) => Some(3600),
            (true, false) => Some(86_400),
            (false, false) => None,
        }
    }

    /// Returns the paths of all dates and hours for an event type of a source. Its base
    /// path is in the directory before the first date or hour, and has the rest of the
    /// path as its name.
    pub fn dated_path(&self, source: &str, event: &str) -> DatedPath {
        let (date, hour) = ([DATE_DIGIT; 8].concat(), [HOUR_DIGIT; 2].concat());
        let template = self.filled(source, event, &date, &hour);
        let first =
            template.find([DATE_DIGIT, HOUR_DIGIT].map(|it| it.chars().next().unwrap_or('/')));
        let start = template[..first.unwrap_or(0)]
            .rfind('/')
            .map_or(0, |at| at + 1);
        let name = template[start..]
            .replace(&date, "date")
            .replace(&hour, "hour");
        DatedPath {
            base: format!("{}{}", &template[..start], name.replace('/', "-")).into(),
            directory: start,
            template,
        }
    }

    /// Returns every path for these sources and event types, with its source. Without
    /// `events`, for all event types. For files of an hour or a day, the base paths of
    /// their series.
    pub fn paths<'s>(
        &self,
        sources: impl Iterator<Item = &'s str>,
        events: Option<&[EventKind]>,
    ) -> BTreeMap<PathBuf, &'s str> {
        let path = |source: &str, event: &str| match self.period() {
            None => self.path(source, event),
            Some(_) => self.dated_path(source, event).base,
        };
        self.all(sources, events, path)
    }

    /// Returns the paths of all dates and hours for these sources and event types; none if
    /// a file has no hour or day.
    pub fn dated_paths<'s>(
        &self,
        sources: impl Iterator<Item = &'s str>,
        events: Option<&[EventKind]>,
    ) -> Vec<DatedPath> {
        if self.period().is_none() {
            return Vec::new();
        }
        let path = |source: &str, event: &str| self.dated_path(source, event);
        self.all(sources, events, path).into_keys().collect()
    }

    fn all<'s, P: Ord>(
        &self,
        sources: impl Iterator<Item = &'s str>,
        events: Option<&[EventKind]>,
        path: impl Fn(&str, &str) -> P,
    ) -> BTreeMap<P, &'s str> {
        let events: Vec<&str> = match events {
            Some(kinds) => kinds.iter().map(|kind| kind.name()).collect(),
            None => {
                let known = EventKind::ALL.map(EventKind::name);
                known.into_iter().chain([OTHER]).collect()
            }
        };
        let paths = sources.flat_map(|source| {
            let of_source = events.iter().map(move |event| (source, event));
            let path = &path;
            of_source.map(move |(source, event)| (path(source, event), source))
        });
        paths.collect()
    }

    /// Returns whether each event type has its own file.
    pub fn by_event(&self) -> bool {
        self.0.contains(&PathPart::Event)
    }

    /// Returns whether each source has its own file.
    pub fn by_source(&self) -> bool {
        self.0.contains(&PathPart::Source)
    }

    /// Resolves a relative path against `base`.
    #[must_use]
    pub fn under(mut self, base: &str) -> Self {
        let absolute =
            matches!(self.0.first(), Some(PathPart::Text(text)) if text.starts_with('/'));
        if !base.is_empty() && !absolute {
            let slash = if base.ends_with('/') { "" } else { "/" };
            self.0.insert(0, PathPart::Text(format!("{base}{slash}")));
        }
        self
    }
}

/// The value of `{event}` for records of other types.
pub const OTHER: &str = "other";

/// Escapes the name of a source for use in a path. Different names stay different, and no
/// name leads to another directory or hides a file: each byte of `/`, `\`, `%`, control
/// characters and a leading dot becomes `%` and two hexadecimal digits.
pub fn segment(source: &str) -> Cow<'_, str> {
    let stays = |(at, character): (usize, char)| match character {
        '/' | '\\' | '%' => false,
        '.' => at > 0,
        other => !other.is_control(),
    };
    if source.char_indices().all(stays) {
        return Cow::Borrowed(source);
    }
    let mut segment = String::with_capacity(source.len() + 8);
    for (at, character) in source.char_indices() {
        if stays((at, character)) {
            segment.push(character);
            continue;
        }
        for byte in character.encode_utf8(&mut [0; 4]).bytes() {
            // Writing to a String cannot fail.
            let _ = write!(segment, "%{byte:02X}");
        }
    }
    Cow::Owned(segment)
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                PathPart::Text(text) => f.write_str(text)?,
                PathPart::Source => f.write_str("{source}")?,
                PathPart::Event => f.write_str("{event}")?,
                PathPart::Date => f.write_str("{date}")?,
                PathPart::Hour => f.write_str("{hour}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_become_source_and_event() {
        let pattern = Pattern::parse("/log/{source}/{event}.ndjson").unwrap();
        assert!(pattern.by_event());
        assert_eq!(
            pattern.path("fmc-1", "FileEvent"),
            PathBuf::from("/log/fmc-1/FileEvent.ndjson")
        );
        assert_eq!(pattern.to_string(), "/log/{source}/{event}.ndjson");
    }

    #[test]
    fn a_source_cannot_lead_out_of_its_directory() {
        let pattern = Pattern::parse("/log/{source}/x").unwrap();
        for (source, path) in [
            ("../etc/x", "/log/%2E.%2Fetc%2Fx/x"),
            ("..", "/log/%2E./x"),
            (".", "/log/%2E/x"),
            (".hidden", "/log/%2Ehidden/x"),
            ("a\0b\n", "/log/a%00b%0A/x"),
        ] {
            assert_eq!(pattern.path(source, ""), PathBuf::from(path));
        }
    }

    #[test]
    fn ordinary_names_stay_and_no_two_names_become_the_same() {
        for name in ["fmc-berlin_2.example", "[::1]:8302", "a b", "Zürich"] {
            assert_eq!(segment(name), name);
        }
        let names = [
            "a/b", "a_b", "a\\b", "a%2Fb", "a%b", "%2E", ".", "..", "a.", "\u{85}",
        ];
        let segments: std::collections::BTreeSet<_> = names.map(segment).into();
        assert_eq!(segments.len(), names.len());
    }

    #[test]
    fn a_relative_path_is_taken_from_its_base_and_an_absolute_one_is_not() {
        for (text, base, expected) in [
            ("{event}", "/etc/{x}", "/etc/{x}/FileEvent"),
            ("log/{event}", "conf/", "conf/log/FileEvent"),
            ("log", "", "log"),
            ("/log", "/etc", "/log"),
        ] {
            let pattern = Pattern::parse(text).unwrap().under(base);
            assert_eq!(pattern.path("", "FileEvent"), PathBuf::from(expected));
        }
    }

    #[test]
    fn what_is_no_placeholder_is_named() {
        for (text, part) in [
            ("{day}", "{date}"),
            ("{hour}", "{date}"),
            ("a{", "closing"),
            ("", "empty"),
        ] {
            assert!(Pattern::parse(text).unwrap_err().contains(part), "{text}");
        }
    }
}
