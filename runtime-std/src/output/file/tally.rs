//! What a file holds: events, their archival times and their sources, and the SHA-256 of
//! its content.

use std::path::Path;
use std::sync::Arc;

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::super::OutputPart;

/// The events of a file up to an offset.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileTally {
    /// The absolute path without symbolic links.
    pub path: Arc<Path>,
    /// The offset in bytes.
    pub end: u64,
    /// When the first byte was written, in UNIX seconds.
    pub begun: u64,
    /// The number of events; `None` if the file was begun without being counted.
    pub events: Option<u64>,
    /// The first and the last archival second.
    pub archival: Option<(u32, u32)>,
    /// The names of the sources, at most [`MAX_SOURCES`].
    pub sources: Vec<Arc<str>>,
    /// Whether something else wrote to the file, too.
    pub is_mixed: bool,
}

/// The maximum number of sources that are named.
pub const MAX_SOURCES: usize = 64;

impl FileTally {
    /// Returns the tally of a file that was empty at `now`.
    pub fn empty(path: Arc<Path>, now: u64) -> Self {
        Self {
            path,
            end: 0,
            begun: now,
            events: Some(0),
            archival: None,
            sources: Vec::new(),
            is_mixed: false,
        }
    }

    /// Returns the tally of a file with this length, of which `before` is known. Bytes that
    /// were added by something else are told; after bytes were removed, nothing is known.
    pub fn resumed(path: Arc<Path>, end: u64, now: u64, before: Option<Self>) -> Self {
        match before {
            _ if end == 0 => Self::empty(path, now),
            Some(before) if before.end <= end => Self {
                is_mixed: before.is_mixed || before.end < end,
                path,
                end,
                ..before
            },
            before => Self {
                end,
                events: None,
                is_mixed: before.is_some(),
                ..Self::empty(path, now)
            },
        }
    }

    /// Counts a part that extends the file to `end`.
    pub fn add(&mut self, part: &OutputPart, end: u64, now: u64) {
        if self.end == 0 {
            self.begun = now;
        }
        self.end = end;
        self.events = self.events.map(|events| events + part.events);
        self.archival = match (self.archival, part.archival) {
            (Some((a, b)), Some((c, d))) => Some((a.min(c), b.max(d))),
            (one, other) => one.or(other),
        };
        let is_named = self.sources.contains(&part.source);
        if !is_named && !part.source.is_empty() && self.sources.len() < MAX_SOURCES {
            self.sources.push(part.source.clone());
        }
    }
}

/// The content of an open file that is going to be proven.
#[derive(Clone)]
pub(super) struct Content {
    pub(super) tally: FileTally,
    /// The hash of the first `tally.end` bytes, if there is a manifest.
    pub(super) hash: Option<Context>,
}

impl Content {
    /// Adds a part, with the bytes before it, that extends the file to `end`.
    pub(super) fn add(&mut self, part: &OutputPart, header: &[u8], end: u64, now: u64) {
        self.tally.add(part, end, now);
        if let Some(hash) = &mut self.hash {
            hash.update(header);
            hash.update(&part.bytes);
        }
    }
}

/// Returns an empty SHA-256.
pub fn sha256() -> Context {
    Context::new(&SHA256)
}

/// Returns a finished SHA-256 in hexadecimal.
pub fn hex(hash: Context) -> String {
    let digest = hash.finish();
    digest
        .as_ref()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
