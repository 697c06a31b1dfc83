//! The file for events that a receiver refuses.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::event_queue::QueuedEvent;
use crate::disk::{Disk, RealDisk, directory};

/// The file; opened for the first event.
pub(in crate::output) struct ErrorFile {
    path: Option<PathBuf>,
    file: Option<File>,
}

/// A line of the file.
#[derive(Serialize)]
struct ErrorLine<'a> {
    estreamer_refused: RefusedEvent<'a>,
}

#[derive(Serialize)]
struct RefusedEvent<'a> {
    reason: &'a str,
    source: &'a str,
    event_type: Option<&'a str>,
    archival: Option<u32>,
    digest: String,
    /// The event, if it is text.
    event: Option<&'a str>,
    /// The bytes of the event, if it is not.
    data_base64: Option<String>,
}

impl ErrorFile {
    pub(in crate::output) fn new(path: Option<PathBuf>) -> Self {
        Self { path, file: None }
    }

    /// Returns the path, for messages.
    pub(in crate::output) fn place(&self) -> String {
        let path = self.path.as_ref();
        path.map_or_else(String::new, |path| path.display().to_string())
    }

    /// Appends events with the reasons, one a line, and makes them durable.
    ///
    /// # Errors
    /// Those of the system, with the path.
    pub(in crate::output) fn append(
        &mut self,
        events: &[(QueuedEvent<'_>, &str)],
    ) -> io::Result<()> {
        let Some(path) = &self.path else {
            return Err(io::Error::other(
                "the receiver refuses an event, and there is no file for it; set errors, or state",
            ));
        };
        let mut lines = Vec::new();
        for (QueuedEvent { record, line }, reason) in events {
            let text = std::str::from_utf8(line).ok();
            let line = ErrorLine {
                estreamer_refused: RefusedEvent {
                    reason,
                    source: &record.source,
                    event_type: record.kind.map(|kind| kind.name()),
                    archival: record.archival,
                    digest: format!("{:?}", record.digest),
                    event: text,
                    data_base64: text.is_none().then(|| STANDARD.encode(line)),
                },
            };
            serde_json::to_writer(&mut lines, &line)?;
            lines.push(b'\n');
        }
        let told = |error: io::Error| {
            let text = format!("cannot keep refused events in {}: {error}", path.display());
            io::Error::new(error.kind(), text)
        };
        let file = match &mut self.file {
            Some(file) => file,
            None => {
                let mut options = OpenOptions::new();
                options.read(true).append(true).create(true).mode(0o640);
                let file = options.open(path).map_err(told)?;
                // Without a durable name, a synced file may be lost.
                RealDisk.sync_names(directory(path)).map_err(told)?;
                self.file.insert(file)
            }
        };
        let length = file.metadata().map_err(told)?.len();
        if length > 0 {
            let mut last = [0];
            file.read_exact_at(&mut last, length - 1).map_err(told)?;
            if last != *b"\n" {
                // A killed process left half a line.
                lines.insert(0, b'\n');
            }
        }
        let written = file.write_all(&lines).and_then(|()| file.sync_data());
        written.map_err(|error| {
            // Half a line would hide the next one.
            let _ = file.set_len(length);
            told(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::event_queue::tests::part;

    #[test]
    fn half_a_line_of_a_killed_process_does_not_hide_the_next_one() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("refused.ndjson");
        std::fs::write(&path, "{\"estreamer_ref").unwrap();
        let mut file = ErrorFile::new(Some(path.clone()));
        let part = part(&["a", "b"]);
        for (record, line) in part.records.iter().zip([b"a", b"b"]) {
            file.append(&[(QueuedEvent { record, line }, "why")])
                .unwrap();
        }
        let text = std::fs::read_to_string(path).unwrap();
        let (half, lines) = text.split_once('\n').unwrap();
        assert_eq!(half, "{\"estreamer_ref");
        let lines = lines.lines().map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line["estreamer_refused"]["event"]
                .as_str()
                .unwrap()
                .to_owned()
        });
        assert_eq!(lines.collect::<Vec<_>>(), ["a", "b"]);
    }
}
