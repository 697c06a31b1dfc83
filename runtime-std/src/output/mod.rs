//! The outputs: one trait, and one file for each kind of output.
//!
//! To add an output, implement [`Output`] in a new file of this folder and add a row to
//! [`receivers::receivers`].

mod connection;
pub mod destination;
#[cfg(any(feature = "http", feature = "kafka"))]
mod error_file;
#[cfg(any(feature = "http", feature = "kafka"))]
mod event_queue;
pub mod file;
#[cfg(feature = "http")]
pub(crate) mod http;
pub(crate) mod kafka;
pub mod options;
pub mod pattern;
pub mod receivers;
mod refused;
pub mod stdout;
pub mod stream;
mod syslog;
pub mod tls;
mod udp;

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use estreamer_core::fqe::EventKind;

use crate::digest::Digest;
use crate::disk::{DiskFile, FileMark, FileRange};
use crate::format::head::PartHead;
use file::notice::FileNotice;
use file::tally::FileTally;
pub use refused::RefusedEvents;

/// Formatted records for one destination: one file, or the whole output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputPart {
    /// The path, for an output to files.
    pub path: Arc<Path>,
    /// The event type, if each event type has its own file.
    pub event: &'static str,
    /// The source of the records.
    pub source: Arc<str>,
    /// The number of the hour or day, counted from 1970, if each has its own file;
    /// otherwise 0.
    pub period: u32,
    /// What the file has to hold before the data. It is part of the file: written with the
    /// data, proven, and replaced with it after a crash.
    pub head: PartHead,
    /// The data to append.
    pub bytes: Vec<u8>,
    /// The number of records.
    pub events: u64,
    /// The first and the last archival second of the records.
    pub archival: Option<(u32, u32)>,
    /// The records in `bytes`, in order. Empty for an output that does not ask for them
    /// by `RecordNeeds`.
    pub records: Vec<RecordInfo>,
}

/// A formatted record, for an output that frames each event by itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordInfo {
    /// Where its bytes end in [`OutputPart::bytes`], line end included. They begin where
    /// those of the record before it end.
    pub end: usize,
    /// The event type; `None` for a record of another type.
    pub kind: Option<EventKind>,
    /// The source that sent it.
    pub source: Arc<str>,
    /// The device that the event names (`Device` or `DeviceUUID`).
    pub device: Option<String>,
    /// The connection that the event belongs to, in one word. `None` if the event does not
    /// name it, and for an output that does not ask for it by `RecordNeeds`.
    pub connection: Option<String>,
    /// The archival time in UNIX seconds.
    pub archival: Option<u32>,
    /// The time in the event, in microseconds since 1970.
    pub time: Option<u64>,
    /// The digest of source, record type and data.
    pub digest: Digest,
    /// The number of equal records of the same archival second before it. The first is 0.
    pub ordinal: u32,
}

impl RecordInfo {
    /// Returns the time of the event, else the archival time, in microseconds since 1970.
    pub fn micros(&self) -> Option<u64> {
        let archival = self.archival.filter(|&second| second != 0);
        self.time
            .or(archival.map(|second| u64::from(second) * 1_000_000))
    }
}

impl OutputPart {
    /// Returns an empty part for a destination.
    pub fn new(path: Arc<Path>, event: &'static str, source: Arc<str>, period: u32) -> Self {
        Self {
            path,
            event,
            source,
            period,
            head: PartHead::Nothing,
            bytes: Vec::new(),
            records: Vec::new(),
            events: 0,
            archival: None,
        }
    }

    /// Counts a record with this archival second.
    pub fn count(&mut self, archival: Option<u32>) {
        self.events += 1;
        if let Some(second) = archival {
            let (first, last) = self.archival.unwrap_or((second, second));
            self.archival = Some((first.min(second), last.max(second)));
        }
    }

    /// Returns each record with its bytes, without the line end.
    pub fn lines(&self) -> impl Iterator<Item = (&RecordInfo, &[u8])> {
        let starts = std::iter::once(0).chain(self.records.iter().map(|record| record.end));
        self.records.iter().zip(starts).map(|(record, start)| {
            let line = self.bytes.get(start..record.end).unwrap_or_default();
            (record, line.strip_suffix(b"\n").unwrap_or(line))
        })
    }

    /// Returns the length of the data in bytes.
    pub fn length(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// An open file that has to be closed.
pub struct DueFile {
    /// The path by which the output knows it.
    pub path: Arc<Path>,
    /// The path in the bookmark.
    pub marked: Arc<Path>,
    /// The file.
    pub file: Arc<dyn DiskFile>,
}

/// The result of writing a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// The destination has accepted the batch.
    Accepted,
    /// The batch is pending; [`Output::accepted`] reports its acceptance.
    Taken,
}

/// A pending batch that was accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AcceptedBatch {
    /// The batch number.
    pub n: u64,
    /// Its length in bytes.
    pub bytes: u64,
}

/// The reader of standard output closed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderLeft;

impl fmt::Display for ReaderLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reader of standard output closed it")
    }
}

impl std::error::Error for ReaderLeft {}

/// A receiver has not acknowledged what it was sent before, so that no more is sent. It may still
/// do so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAcknowledged(pub(crate) &'static str);

impl fmt::Display for NotAcknowledged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} have not acknowledged earlier events yet", self.0)
    }
}

impl std::error::Error for NotAcknowledged {}

/// An output. Batches arrive in the order of their numbers; a failed batch is retried until
/// it is written.
///
/// Inputs: [`prepare`](Self::prepare), [`write`](Self::write),
/// [`poll`](Self::poll), [`reopen`](Self::reopen), [`finish`](Self::finish).
/// Outputs: [`accepted`](Self::accepted), [`is_idle`](Self::is_idle),
/// [`poll_interval`](Self::poll_interval), [`notices`](Self::notices). Only for outputs to files:
/// [`recover`](Self::recover), [`check_files`](Self::check_files),
/// [`due`](Self::due), [`close`](Self::close), [`take_released`](Self::take_released),
/// [`unmarked`](Self::unmarked), [`let_go`](Self::let_go),
/// [`set_marked`](Self::set_marked), [`plan`](Self::plan), [`tallies`](Self::tallies),
/// [`files`](Self::files). The bookmark uses them to know which bytes are ours.
pub trait Output: Send {
    /// Opens files before the first batch, so that errors are reported at the start.
    ///
    /// # Errors
    /// The path and the error of the system.
    fn prepare(&mut self) -> Result<(), (PathBuf, io::Error)> {
        Ok(())
    }

    /// Writes a batch completely or not at all. After an error it is retried.
    ///
    /// # Errors
    /// Those of the system. An error of kind [`io::ErrorKind::Other`] with `ReaderLeft`
    /// means that a retry is useless.
    fn write(&mut self, n: u64, parts: &[OutputPart]) -> io::Result<Acceptance>;

    /// Checks the state of pending batches.
    ///
    /// # Errors
    /// Those of the system. Pending batches are sent again at the next call.
    fn poll(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Returns the next pending batch that is now accepted.
    fn accepted(&mut self) -> Option<AcceptedBatch> {
        None
    }

    /// Returns whether no batch is pending.
    fn is_idle(&self) -> bool {
        true
    }

    /// Returns whether events wait in this process that were never sent.
    fn has_unsent(&self) -> bool {
        false
    }

    /// Returns the time until the next useful poll; `None` if no batch is pending.
    fn poll_interval(&self) -> Option<Duration> {
        None
    }

    /// Closes files; the next batch reopens them by name.
    ///
    /// # Errors
    /// Those of the system.
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// Announces that no more batches follow.
    fn finish(&mut self) {}

    /// Returns the events that were refused or truncated since the last call.
    fn take_refused(&mut self) -> Option<RefusedEvents> {
        None
    }

    /// Returns whether there are notices to tell before marks are durable; only once between two
    /// marks, because another program may go on changing a file.
    fn has_notices(&mut self) -> bool {
        false
    }

    /// Returns the new notices about files.
    fn notices(&mut self) -> Vec<FileNotice> {
        Vec::new()
    }

    /// Checks before a batch that the open files are still those at their paths.
    ///
    /// # Errors
    /// Those of the system.
    fn check_files(&mut self, _parts: &[OutputPart]) -> io::Result<()> {
        Ok(())
    }

    /// Tells the output, before [`prepare`](Self::prepare), which files the last process
    /// wrote and what they hold.
    fn recover(
        &mut self,
        _files: &BTreeMap<Arc<Path>, FileMark>,
        _tallies: &BTreeMap<Arc<Path>, FileTally>,
    ) {
    }

    /// Returns the open files that have to be closed before these parts are written. Sync
    /// and commit each, then [`close`](Self::close) it.
    ///
    /// # Errors
    /// Those of the system.
    fn due(&mut self, _parts: &[OutputPart]) -> io::Result<Vec<DueFile>> {
        Ok(Vec::new())
    }

    /// Closes a file that is due: it gets the name of a closed file.
    ///
    /// # Errors
    /// Those of the system. Each step that was done stays done; call it again.
    fn close(&mut self, _due: &DueFile) -> io::Result<()> {
        Ok(())
    }

    /// Returns the paths of closed files that no open file has now. The bookmark does not
    /// need their marks any more.
    fn let_go(&self) -> Vec<Arc<Path>> {
        Vec::new()
    }

    /// Returns what the files hold with these parts, for files that are counted.
    fn tallies(&self, _parts: &[OutputPart]) -> Vec<FileTally> {
        Vec::new()
    }

    /// Returns newly released files: they get no more data. Sync and commit them before
    /// writing to their successors.
    fn take_released(&mut self) -> Vec<Arc<dyn DiskFile>> {
        Vec::new()
    }

    /// Returns the marks of open files that are not in the bookmark yet.
    fn unmarked(&self) -> Vec<FileMark> {
        Vec::new()
    }

    /// Records that the bookmark has the marks of all open files, and of no other.
    fn set_marked(&mut self) {}

    /// Returns the byte ranges that a batch will use; `None` for an output without files.
    fn plan(&mut self, _parts: &[OutputPart]) -> Option<SmallVec<[FileRange; 1]>> {
        None
    }

    /// Adds the open files to `open`, so that they can be synced.
    fn files(&self, _open: &mut Vec<Arc<dyn DiskFile>>) {}
}
