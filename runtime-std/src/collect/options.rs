//! What concerns a run rather than a configuration.

use std::path::PathBuf;

use crate::config::Config;
use crate::failure::Failure;
use crate::signals;

/// Reads the configuration again.
pub type Reload = Box<dyn FnMut() -> Result<Config, Failure>>;

/// What of a bookmark is discarded at a start.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Reset {
    /// Nothing.
    #[default]
    Nothing,
    /// All of it.
    All,
    /// What is known of this source.
    Source(String),
}

/// What concerns a run rather than a configuration.
#[derive(Default)]
pub struct Run {
    /// Stop after so many events were delivered.
    pub limit: Option<u64>,
    /// Stop when no event came for so many milliseconds.
    pub idle: Option<u32>,
    /// Record what is received in this file, and what is sent beside it.
    pub capture: Option<PathBuf>,
    /// No progress line and no summary.
    pub quiet: bool,
    /// What of the bookmark to discard.
    pub reset: Reset,
    /// Try a source again although it never worked.
    pub patient: bool,
    /// How to read the configuration again when that is asked for.
    pub reload: Option<Reload>,
    /// What was asked for by signal before; `None`: signals were not watched.
    pub asked: Option<signals::Asked>,
}
