//! Where events go: one trait, one file for each kind of output.
//!
//! To add an output: implement [`Output`] in a file here, and add a row to
//! [`destination::RECEIVERS`].

pub mod destination;
pub mod file;
pub mod pattern;
pub mod stdout;
pub mod tcp;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use smallvec::SmallVec;

use crate::disk::{DiskFile, FileMark, FileRange};
use file::FileNotice;

/// What goes to one place: one file, or the whole output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutputPart {
    /// The file, of an output to files.
    pub path: Arc<Path>,
    /// The event type it is for, where each has a file of its own.
    pub event: &'static str,
    /// What is appended.
    pub bytes: Vec<u8>,
}

impl OutputPart {
    /// Bytes that are appended.
    pub fn length(&self) -> u64 {
        self.bytes.len() as u64
    }
}

/// What became of a batch that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Acceptance {
    /// Whatever it writes to has it.
    Accepted,
    /// It is on its way; [`Output::accepted`] tells when it was accepted.
    Taken,
}

/// The reader of standard output has closed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReaderLeft;

impl fmt::Display for ReaderLeft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("nobody reads standard output any more")
    }
}

impl std::error::Error for ReaderLeft {}

/// One output. Batches come in the order of their numbers; a batch that failed
/// comes again until it is written.
///
/// Inputs: [`prepare`](Self::prepare), [`write`](Self::write),
/// [`poll`](Self::poll), [`reopen`](Self::reopen), [`finish`](Self::finish).
/// Outputs: [`accepted`](Self::accepted), [`is_idle`](Self::is_idle),
/// [`poll_interval`](Self::poll_interval), [`notices`](Self::notices). Of outputs to files also
/// [`check_files`](Self::check_files), [`take_released`](Self::take_released), [`unmarked`](Self::unmarked),
/// [`set_marked`](Self::set_marked), [`plan`](Self::plan), [`files`](Self::files): by
/// them a bookmark knows which bytes are ours.
pub trait Output: Send {
    /// Opens what can be opened before the first batch, so that what cannot be
    /// used is told at the start.
    ///
    /// # Errors
    /// What cannot be used, and the system's reason.
    fn prepare(&mut self) -> Result<(), (PathBuf, io::Error)> {
        Ok(())
    }

    /// Writes a batch, all of it or none. After an error it comes again.
    ///
    /// # Errors
    /// The system's; [`ReaderLeft`] in one of kind [`io::ErrorKind::Other`] where
    /// trying again is of no use.
    fn write(&mut self, n: u64, parts: &[OutputPart]) -> io::Result<Acceptance>;

    /// Looks what became of batches on their way.
    ///
    /// # Errors
    /// The system's; they are sent again at the next call.
    fn poll(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// The next batch that was taken and is accepted now, with its bytes.
    fn accepted(&mut self) -> Option<(u64, u64)> {
        None
    }

    /// Whether no batch is on its way.
    fn is_idle(&self) -> bool {
        true
    }

    /// How long until it is worth polling again; `None` if nothing is on its way.
    fn poll_interval(&self) -> Option<Duration> {
        None
    }

    /// Closes files, which are opened by their names again at the next batch.
    ///
    /// # Errors
    /// The system's.
    fn reopen(&mut self) -> io::Result<()> {
        Ok(())
    }

    /// No more batches will come.
    fn finish(&mut self) {}

    /// What is to be reported of its files, since the last time.
    fn notices(&mut self) -> Vec<FileNotice> {
        Vec::new()
    }

    /// Looks before a batch whether the files are still those that were written.
    ///
    /// # Errors
    /// The system's.
    fn check_files(&mut self, _parts: &[OutputPart]) -> io::Result<()> {
        Ok(())
    }

    /// Files that nothing is written to any more, since the last time: to be made
    /// durable and committed before anything goes to their successors.
    fn take_released(&mut self) -> Vec<Arc<dyn DiskFile>> {
        Vec::new()
    }

    /// Files that are open and not in the bookmark as they are now.
    fn unmarked(&self) -> Vec<FileMark> {
        Vec::new()
    }

    /// The bookmark has all of them.
    fn set_marked(&mut self) {}

    /// Where the bytes of a batch will be; `None` of an output without files.
    fn plan(&mut self, _parts: &[OutputPart]) -> Option<SmallVec<[FileRange; 1]>> {
        None
    }

    /// Adds the open files to a list, to make them durable.
    fn files(&self, _open: &mut Vec<Arc<dyn DiskFile>>) {}
}
