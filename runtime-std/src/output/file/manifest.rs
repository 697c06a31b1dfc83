//! The manifest of a series: a chain of lines, one for each file that was closed,
//! compressed or removed.
//!
//! Lines are appended and made durable. One that could not be made durable is cut off again;
//! others are never changed. Each names the SHA-256 of the line before it. A line that was torn
//! by a crash stays as it is; the next one begins on a line of its own and continues the chain
//! of the complete lines.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::tally::{hex, sha256};
use crate::disk::{Disk, directory};

/// A line of a manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestLine {
    /// What was done.
    #[serde(flatten)]
    pub act: Act,
    /// When, RFC 3339.
    pub time: String,
    /// The SHA-256 of the line before it, without its line end; `None` in the first one.
    pub previous: Option<String>,
}

/// What was done to a file. Names are relative to the directory of the manifest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Act {
    /// A file was closed.
    Closed(ClosedFile),
    /// A closed file was replaced by a compressed one.
    Compressed {
        /// The name of the closed file.
        name: String,
        /// The name of the compressed file.
        into: String,
        /// The length of the compressed file.
        bytes: u64,
    },
    /// No file of ours got the name: another one has it, or the file was written to again.
    Void {
        /// The name.
        name: String,
    },
    /// A closed file was removed.
    Removed {
        /// The name of the closed file.
        name: String,
        /// Why.
        reason: String,
    },
}

/// A closed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedFile {
    /// The name of the closed file.
    pub name: String,
    /// Its name while it was open.
    pub open: String,
    /// The number of the file in its series, from 1.
    pub sequence: u64,
    /// The names of the sources.
    pub sources: Vec<String>,
    /// The first and the last archival time, UNIX seconds.
    pub first: Option<u32>,
    /// See `first`.
    pub last: Option<u32>,
    /// The number of events; `None` if the file was begun without being counted.
    pub events: Option<u64>,
    /// The length of the content.
    pub bytes: u64,
    /// The SHA-256 of the content, without compression.
    pub sha256: String,
    /// Whether another program wrote to the file, too.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mixed: bool,
}

/// A closed file, as far as the manifest knows.
#[derive(Debug, Clone)]
pub struct ManifestEntry {
    /// The file.
    pub closed: ClosedFile,
    /// When it was closed.
    pub time: String,
    /// Name and length of the compressed file.
    pub compressed: Option<(String, u64)>,
}

impl ManifestEntry {
    /// Returns the length of the file, compressed or not.
    fn length(&self) -> u64 {
        let compressed = self.compressed.as_ref();
        compressed.map_or(self.closed.bytes, |(_, bytes)| *bytes)
    }
}

/// The files that are there according to a manifest.
#[derive(Debug, Clone, Default)]
pub struct ManifestFiles {
    /// The files that were not removed, by number.
    pub present: BTreeMap<u64, ManifestEntry>,
    /// The files that were removed last.
    pub removed: VecDeque<ManifestEntry>,
    /// The sum of the lengths of the files that were not removed, compressed or not.
    pub bytes: u64,
    /// The last number.
    pub sequence: u64,
    /// The SHA-256 of the last complete line.
    pub previous: Option<String>,
}

/// How many removed files are remembered, to complete a removal that was interrupted.
const REMOVED: usize = 64;

impl ManifestFiles {
    /// Applies a line with this SHA-256.
    pub fn apply(&mut self, line: ManifestLine, hash: String) {
        match line.act {
            Act::Closed(closed) => {
                self.sequence = self.sequence.max(closed.sequence);
                let entry = ManifestEntry {
                    time: line.time,
                    compressed: None,
                    closed,
                };
                self.bytes += entry.length();
                if let Some(repeated) = self.present.insert(entry.closed.sequence, entry) {
                    self.bytes -= repeated.length();
                }
            }
            Act::Compressed { name, into, bytes } => {
                // Usually one of the last.
                let mut entries = self.present.values_mut().rev();
                if let Some(entry) = entries.find(|entry| entry.closed.name == name) {
                    self.bytes -= entry.length();
                    entry.compressed = Some((into, bytes));
                    self.bytes += bytes;
                }
            }
            Act::Void { name } => drop(self.take(&name)),
            Act::Removed { name, .. } => {
                if let Some(entry) = self.take(&name) {
                    self.removed.push_back(entry);
                    if self.removed.len() > REMOVED {
                        self.removed.pop_front();
                    }
                }
            }
        }
        self.previous = Some(hash);
    }

    fn take(&mut self, name: &str) -> Option<ManifestEntry> {
        // Usually one of the first.
        let mut entries = self.present.values();
        let entry = entries.find(|entry| entry.closed.name == name)?;
        let sequence = entry.closed.sequence;
        let entry = self.present.remove(&sequence)?;
        self.bytes -= entry.length();
        Some(entry)
    }
}

/// A manifest that this process appends to.
pub struct Manifest {
    disk: Arc<dyn Disk>,
    path: PathBuf,
    mode: u32,
    group: Option<u32>,
    has_durable_name: bool,
    /// Whether its last line is one of ours.
    ends_with_ours: bool,
    /// The files that it names.
    pub files: ManifestFiles,
}

impl Manifest {
    /// Reads the manifest; it need not exist.
    ///
    /// # Errors
    /// Those of the system.
    pub fn load(
        disk: Arc<dyn Disk>,
        path: PathBuf,
        mode: u32,
        group: Option<u32>,
    ) -> io::Result<Self> {
        let mut files = ManifestFiles::default();
        let mut ends_with_ours = false;
        let mut lines = Lines::new(disk.as_ref(), &path);
        while let Some(line) = lines.next()? {
            let line = parse(&line);
            ends_with_ours = line.is_some();
            if let Some((line, hash)) = line {
                files.apply(line, hash);
            }
        }
        Ok(Self {
            disk,
            path,
            mode,
            group,
            has_durable_name: false,
            ends_with_ours,
            files,
        })
    }

    /// Makes the last lines durable if they are ours: the process that wrote them may have been
    /// killed before it did.
    ///
    /// # Errors
    /// Those of the system.
    pub fn make_durable(&mut self) -> io::Result<()> {
        let found = self.disk.identity(&self.path)?;
        let Some(found) = found.filter(|_| self.ends_with_ours) else {
            return Ok(());
        };
        let start = found.length.saturating_sub(MAX_LINE as u64);
        self.disk.write_again(&self.path, start, found.length)?;
        self.disk.sync_names(directory(&self.path))?;
        self.has_durable_name = true;
        Ok(())
    }

    /// Appends a line durably.
    ///
    /// # Errors
    /// Those of the system. A part of the line or all of it may be there, and is cut off if that
    /// is possible.
    pub fn append(&mut self, act: Act, now: u64) -> io::Result<()> {
        let line = ManifestLine {
            act,
            time: super::naming::rfc_3339(now),
            previous: self.files.previous.clone(),
        };
        let mut text = serde_json::to_vec(&line)?;
        let hash = line_hash(&text);
        text.push(b'\n');
        let length = self.disk.identity(&self.path)?.map(|found| found.length);
        let file = self.disk.open(&self.path, self.mode)?;
        match length {
            None => super::group::give(&*self.disk, &self.path, &*file, self.group)?,
            Some(0) => {}
            Some(length) => {
                if file.read_range(length - 1, length)? != b"\n" {
                    text.insert(0, b'\n');
                }
            }
        }
        let durable_name = || match self.has_durable_name {
            true => Ok(()),
            false => self.disk.sync_names(directory(&self.path)),
        };
        let written = file.append(&text).and_then(|()| file.sync());
        if let Err(error) = written.and_then(|()| durable_name()) {
            // What a sync failed to write is not written by the next one.
            let before = length.unwrap_or(0);
            let after = file.read_range(before, before + text.len() as u64 + 1);
            if after.is_ok_and(|after| text.starts_with(&after)) {
                let _ = file.truncate(before);
            }
            return Err(error);
        }
        self.has_durable_name = true;
        self.files.apply(line, hash);
        Ok(())
    }
}

/// Parses a line; returns it with its SHA-256.
pub fn parse(bytes: &[u8]) -> Option<(ManifestLine, String)> {
    let line = serde_json::from_slice(bytes).ok()?;
    Some((line, line_hash(bytes)))
}

fn line_hash(bytes: &[u8]) -> String {
    let mut hash = sha256();
    hash.update(bytes);
    hex(hash)
}

/// The lines of a file, without holding all of it.
pub struct Lines<'d> {
    disk: &'d dyn Disk,
    path: &'d Path,
    read: u64,
    buffer: Vec<u8>,
    is_at_end: bool,
}

/// The maximum length of a line.
const MAX_LINE: usize = 64 << 10;
const CHUNK: u64 = 64 << 10;

impl<'d> Lines<'d> {
    /// Starts at the beginning of a file, which need not exist.
    pub fn new(disk: &'d dyn Disk, path: &'d Path) -> Self {
        Self {
            disk,
            path,
            read: 0,
            buffer: Vec::new(),
            is_at_end: false,
        }
    }

    /// Returns the next line without its line end; an empty one is left out. Of a line that
    /// is longer than any of ours, only a part.
    ///
    /// # Errors
    /// Those of the system.
    pub fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        loop {
            if let Some(end) = memchr::memchr(b'\n', &self.buffer) {
                let mut bytes: Vec<u8> = self.buffer.drain(..=end).collect();
                bytes.pop();
                if bytes.is_empty() {
                    continue;
                }
                return Ok(Some(bytes));
            }
            if self.is_at_end {
                let bytes = std::mem::take(&mut self.buffer);
                return Ok((!bytes.is_empty()).then_some(bytes));
            }
            // Keeps an unreadable line unreadable, and bounded.
            self.buffer.truncate(MAX_LINE);
            let range = self.read..self.read + CHUNK;
            let more = match self.disk.read_range(self.path, range.start, range.end) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
                read => read?,
            };
            self.is_at_end = more.is_empty();
            self.read += more.len() as u64;
            self.buffer.extend_from_slice(&more);
        }
    }
}

#[cfg(all(test, feature = "fuzzing"))]
mod tests;
