//! Standard error, shared by log lines and the progress line.

use std::io::{self, Write};
use std::sync::{Mutex, PoisonError};

use indicatif::ProgressBar;

/// The progress line, while there is one.
static PROGRESS: Mutex<Option<ProgressBar>> = Mutex::new(None);

/// Log lines are written above this progress line from now on.
pub(crate) fn give_way_to(progress: Option<ProgressBar>) {
    *PROGRESS.lock().unwrap_or_else(PoisonError::into_inner) = progress;
}

/// Writes log lines, each in one piece. It never fails: a standard error that cannot be
/// written to is no reason to stop, least of all on the disk that is full.
#[derive(Default)]
pub(super) struct StandardError;

impl Write for StandardError {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let progress = PROGRESS.lock().unwrap_or_else(PoisonError::into_inner);
        let _ = match &*progress {
            Some(progress) => progress.suspend(|| io::stderr().write_all(line)),
            None => io::stderr().write_all(line),
        };
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
