//! What fuzzers call, as in `estreamer_core::fuzzing`.
//!
//! - `delivery`: whatever crashes, each event is in each output exactly once,
//!   and the bookmark is never ahead of the outputs.
//! - `journal`: a journal is read as far as it is whole.
//! - `capture`: a recorded stream is explained, whatever it holds.
//! - `config`: a configuration is understood, or its mistakes are told by line.
//! - `envelope`: any record is one line, and all of it is accounted for.
//!
//! `collector` and `disk` are what `delivery` and the model in
//! `tests/model` are made of.

pub mod collector;
mod config;
mod delivery;
pub mod disk;
mod journal;
mod readers;
pub mod server;

pub use crate::delivery::bookmark::entry::{BatchEntry, JournalEntry, frame};
pub use crate::output::file::{FileNotice, FileOutput};
pub use crate::output::{Output, OutputPart};
pub use config::config;
pub use delivery::delivery;
pub use journal::journal;
pub use readers::{capture, envelope};

use estreamer_core::fuzzing::Target;

/// The targets here.
pub const TARGETS: &[Target] = &[
    ("delivery", delivery),
    ("journal", journal),
    ("capture", capture),
    ("envelope", envelope),
    ("config", config),
];
