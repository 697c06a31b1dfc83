//! The errors of a pipeline.

use std::fmt;
use std::io;

use crate::delivery::bookmark::opening::OpeningError;
use crate::failure::Failure;

/// Why a pipeline ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum PipelineError {
    /// The reader of standard output closed it.
    ReaderLeft,
    /// An output cannot be written.
    Output(String, io::Error),
    /// A sync failed. Everything after the last commit is truncated and delivered again.
    NotDurable(io::Error),
    /// The bookmark was removed during the run.
    BookmarkGone(io::Error),
    /// An error of this program: the bookmark would promise more than the outputs have. It
    /// stays as it was.
    Contradiction(io::Error),
    /// An output took too long to finish.
    Late,
    /// A write or a sync did not return before the time for a stop was over.
    DiskHangs,
}

impl PipelineError {
    /// Returns whether it replaces an earlier error: failed durability needs its own
    /// handling.
    pub(super) fn outranks(&self, other: &Self) -> bool {
        let rank = |error: &Self| match error {
            Self::NotDurable(_) | Self::BookmarkGone(_) | Self::Contradiction(_) => 1,
            _ => 0,
        };
        rank(self) > rank(other)
    }
}

impl fmt::Display for PipelineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReaderLeft => f.write_str("the reader of standard output closed it"),
            Self::Output(what, error) => write!(f, "cannot write to {what}: {error}"),
            Self::NotDurable(error) => {
                write!(f, "cannot make written events durable: {error}")
            }
            Self::BookmarkGone(error) => write!(
                f,
                "the bookmark was removed: {error}. It does not contain the events written since"
            ),
            Self::Contradiction(error) => write!(
                f,
                "this is an error of the program itself: {error}. The bookmark stays as it was"
            ),
            Self::Late => f.write_str("an output did not accept the pending events in time"),
            Self::DiskHangs => {
                f.write_str("the disk of a file or of the state directory does not answer")
            }
        }
    }
}

impl std::error::Error for PipelineError {}

/// Why a pipeline does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The bookmark or a file cannot be used.
    Opening(OpeningError),
    /// The system refuses another thread.
    Thread(Failure),
}

impl From<OpeningError> for StartError {
    fn from(error: OpeningError) -> Self {
        Self::Opening(error)
    }
}

impl From<Failure> for StartError {
    fn from(failure: Failure) -> Self {
        Self::Thread(failure)
    }
}
