//! What ends a pipeline.

use std::fmt;
use std::io;
use std::time::Duration;

use crate::delivery::bookmark::opening::OpeningError;
use crate::failure::Failure;

/// What ended a pipeline.
#[derive(Debug)]
#[non_exhaustive]
pub enum PipelineError {
    /// The reader of standard output has closed it.
    ReaderLeft,
    /// An output cannot be written any more.
    Output(String, io::Error),
    /// What was written could not be made durable: all since the last commit is
    /// cut off and comes again.
    NotDurable(io::Error),
    /// The bookmark was removed while the process ran.
    BookmarkGone(io::Error),
    /// An output took too long to finish.
    Late(Duration),
}

impl PipelineError {
    /// Whether it stands in place of one that was there before: that something is
    /// not durable has consequences of its own.
    pub(super) fn outranks(&self, other: &Self) -> bool {
        let rank = |error: &Self| match error {
            Self::NotDurable(_) | Self::BookmarkGone(_) => 1,
            _ => 0,
        };
        rank(self) > rank(other)
    }
}

impl fmt::Display for PipelineError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ReaderLeft => f.write_str("nobody reads standard output any more"),
            Self::Output(what, error) => write!(f, "cannot write to {what}: {error}"),
            Self::NotDurable(error) => {
                write!(f, "what was written could not be made durable: {error}")
            }
            Self::BookmarkGone(error) => write!(
                f,
                "the bookmark is gone: {error}. Events were written since, and nothing knows \
                 which"
            ),
            Self::Late(limit) => write!(
                f,
                "an output did not take what was under way within {} s",
                limit.as_secs_f32()
            ),
        }
    }
}

impl std::error::Error for PipelineError {}

/// Why a pipeline does not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// Bookmark or files.
    Opening(OpeningError),
    /// The system allows no further thread.
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
