//! The lines of a file as events, byte for byte.

use std::fmt;
use std::fs;
use std::io;
use std::ops::Range;
use std::path::{Path, PathBuf};

use estreamer_core::fqe::EventKind;
use serde::Deserialize;

/// A file of events, one a line, in memory.
#[derive(Debug)]
pub struct Replay {
    bytes: Vec<u8>,
    events: Vec<(EventKind, u32, Range<usize>)>,
}

/// One event of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// What its `EventType` says.
    pub kind: EventKind,
    /// The latest of the times it names, UNIX seconds: when a server could have
    /// stored it at the earliest.
    pub archival: u32,
    /// The line without its end.
    pub data: &'a [u8],
}

/// Why a file cannot be replayed.
#[derive(Debug)]
pub enum ReplayError {
    /// It cannot be read.
    Read(PathBuf, io::Error),
    /// A line is no event.
    Line {
        /// The file.
        path: PathBuf,
        /// Counted from 1.
        number: usize,
        /// What is wrong with it.
        reason: String,
    },
    /// It holds no line.
    Empty(PathBuf),
}

impl Replay {
    /// Reads a file of events as JSON, one a line. Empty lines are left out.
    ///
    /// # Errors
    /// [`ReplayError`] names file and line.
    pub fn open(path: &Path) -> Result<Self, ReplayError> {
        let bytes = fs::read(path).map_err(|error| ReplayError::Read(path.into(), error))?;
        let mut events = Vec::new();
        let mut start = 0;
        for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
            let end = start + line.len();
            if !line.trim_ascii().is_empty() {
                let (kind, archival) = read(line).map_err(|reason| ReplayError::Line {
                    path: path.into(),
                    number: number + 1,
                    reason,
                })?;
                events.push((kind, archival, start..end));
            }
            start = end + 1;
        }
        if events.is_empty() {
            return Err(ReplayError::Empty(path.into()));
        }
        Ok(Self { bytes, events })
    }

    /// Event `index`, counted from 0.
    pub fn line(&self, index: usize) -> Option<Line<'_>> {
        let (kind, archival, range) = self.events.get(index)?;
        Some(Line {
            kind: *kind,
            archival: *archival,
            data: &self.bytes[range.clone()],
        })
    }
}

/// The fields that tell what an event is and when it was.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Fields {
    event_type: String,
    event_second: Option<u32>,
    first_packet_second: Option<u32>,
    last_packet_second: Option<u32>,
}

fn read(line: &[u8]) -> Result<(EventKind, u32), String> {
    let fields: Fields = serde_json::from_slice(line).map_err(|error| error.to_string())?;
    let kind = EventKind::from_name(&fields.event_type)
        .ok_or_else(|| format!("EventType {:?} is not known", fields.event_type))?;
    let times = [
        fields.event_second,
        fields.first_packet_second,
        fields.last_packet_second,
    ];
    // An archival time of 0 would mean metadata.
    let archival = times.into_iter().flatten().max().unwrap_or(1).max(1);
    Ok((kind, archival))
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::Line {
                path,
                number,
                reason,
            } => write!(
                f,
                "{} line {number} is no event: {reason}; give one JSON object a line, with an EventType",
                path.display()
            ),
            Self::Empty(path) => write!(f, "{} holds no event", path.display()),
        }
    }
}

impl std::error::Error for ReplayError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn replay(text: &str) -> Result<Replay, ReplayError> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("events.ndjson");
        fs::write(&path, text).unwrap();
        Replay::open(&path)
    }

    #[test]
    fn lines_are_kept_byte_for_byte_with_the_latest_time_they_name() {
        let first = r#"{"EventType":"FileEvent", "EventSecond":7, "FirstPacketSecond":5}"#;
        let second = r#"{ "EventType" : "ConnectionEvent" } "#;
        let replay = replay(&format!("{first}\n\n{second}")).unwrap();
        assert_eq!(
            replay.line(0),
            Some(Line {
                kind: EventKind::File,
                archival: 7,
                data: first.as_bytes()
            })
        );
        assert_eq!(replay.line(1).unwrap().data, second.as_bytes());
        assert_eq!(replay.line(2), None);
    }

    #[test]
    fn a_line_that_is_no_event_is_named() {
        let good = r#"{"EventType":"FileEvent"}"#;
        for (bad, part) in [
            ("nonsense", "line 2"),
            ("{}", "EventType"),
            (r#"{"EventType":"Foo"}"#, "Foo"),
        ] {
            let error = replay(&format!("{good}\n{bad}\n")).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
        assert!(matches!(replay("\n"), Err(ReplayError::Empty(_))));
    }
}
