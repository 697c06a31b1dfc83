//! Fuzz targets, as in `estreamer_core::fuzzing`.
//!
//! - `delivery`: after any crash, each event is in each output exactly once, and the
//!   bookmark is never ahead of the outputs.
//! - `journal`: a journal is read up to its first invalid frame.
//! - `capture`: any recorded stream can be explained.
//! - `config`: a configuration is parsed, or its errors are reported by line.
//! - `envelope`: any record becomes one line that accounts for all its bytes.
//! - `formats`: any event becomes one line in each format, from which readers get every value
//!   back.
//!
//! `collector` and `disk` are the parts of `delivery` and of the model in `tests/model`.

pub mod collector;
mod config;
mod delivery;
pub mod disk;
mod formats;
mod journal;
mod readers;
pub mod server;

pub use crate::delivery::bookmark::entry::{BatchEntry, JournalEntry, frame};
pub use crate::output::file::{FileNotice, FileOutput};
pub use crate::output::{Output, OutputPart};
pub use config::config;
pub use delivery::delivery;
pub use formats::formats;
pub use journal::journal;
pub use readers::{capture, envelope};

use estreamer_core::fuzzing::Target;

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    ("delivery", delivery),
    ("journal", journal),
    ("capture", capture),
    ("envelope", envelope),
    ("config", config),
    ("formats", formats),
];
