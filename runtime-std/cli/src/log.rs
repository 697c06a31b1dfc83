//! The log: what the program and its libraries tell, as lines on standard error.
//!
//! - `collect` and `demo` log: time, level and message, or one JSON object a line.
//! - Every other command prints its results and errors as plain lines: `estreamer: …`.
//!
//! A standard error that cannot be written to stops nothing.

mod line;
mod writer;

use std::env;
use std::fs::{File, Metadata};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;

use clap::{Args, ValueEnum};
use tracing::Level;

pub(crate) use line::Layout;
pub(crate) use writer::give_way_to;

/// The options of a command that logs.
#[derive(Args, Clone)]
pub(crate) struct LogArgs {
    /// How log lines look on standard error: text (time, level, message) or json (one object a
    /// line). When systemd reads them, text lines have a priority in place of the time.
    #[arg(long, value_name = "FORMAT", default_value_t = LogFormat::Text, value_enum, hide_possible_values = true)]
    log_format: LogFormat,
    /// Log details, too, such as each attempt to connect.
    #[arg(short, long, conflicts_with = "quiet")]
    verbose: bool,
    /// Log warnings and errors only; no progress line and no summary.
    #[arg(short, long)]
    pub(crate) quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    Text,
    Json,
}

impl LogArgs {
    /// Starts the log.
    pub(crate) fn start(&self) {
        let layout = match (self.log_format, is_journal(io::stderr().as_fd())) {
            (LogFormat::Text, false) => Layout::Text,
            (LogFormat::Text, true) => Layout::Journal,
            (LogFormat::Json, journal) => Layout::Json { journal },
        };
        let level = match (self.quiet, self.verbose) {
            (true, _) => Level::WARN,
            (false, false) => Level::INFO,
            (false, true) => Level::DEBUG,
        };
        start(layout, level);
    }
}

/// Prints plain lines from now on.
pub(crate) fn plain() {
    start(Layout::Plain, Level::INFO);
}

fn start(layout: Layout, level: Level) {
    let subscriber = tracing_subscriber::fmt()
        .event_format(layout)
        .with_writer(writer::StandardError::default)
        .with_max_level(level)
        .finish();
    // Fails only if it was started before.
    let _ = tracing::subscriber::set_global_default(subscriber);
}

/// Returns whether systemd's journal reads this file: `JOURNAL_STREAM` names its device and
/// inode, and is inherited by processes whose output goes elsewhere.
pub(crate) fn is_journal(file: BorrowedFd<'_>) -> bool {
    let Ok(stream) = env::var("JOURNAL_STREAM") else {
        return false;
    };
    metadata(file).is_some_and(|of| stream == format!("{}:{}", of.dev(), of.ino()))
}

/// Returns what is known of an open file.
pub(crate) fn metadata(file: BorrowedFd<'_>) -> Option<Metadata> {
    File::from(file.try_clone_to_owned().ok()?).metadata().ok()
}
