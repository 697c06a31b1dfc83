//! Fuzz targets, as in `estreamer_core::fuzzing`.
//!
//! - `delivery`: after any crash, each event is in each output exactly once, and the
//!   bookmark is never ahead of the outputs.
//! - `journal`: a journal is read up to its first invalid frame.
//! - `capture`: any recorded stream can be explained.
//! - `config`: a configuration is parsed, or its errors are reported by line.
//! - `envelope`: any record becomes one line that accounts for all its bytes.
//! - `filter`: a condition is refused, or reads back the same; fields that are kept and
//!   fields that are dropped are the whole event.
//! - `formats`: any event becomes one record in each format, from which readers get every
//!   value back.
//! - `redact`: a redacted stream has the same messages, and a secret does not come through.
//! - `answers`: any answer of an HTTP receiver means one thing, and events are accepted only
//!   by a success.
//!
//! `collector` and `disk` are the parts of `delivery` and of the model in `tests/model`.

mod answers;
pub mod aside;
pub mod collector;
mod config;
mod delivery;
pub mod disk;
mod filter;
mod formats;
mod journal;
mod output;
mod readers;
mod redact;
pub mod server;

pub use crate::delivery::bookmark::entry::{BatchEntry, JournalEntry, frame};
pub use crate::format::readers::{Block, CapturedPacket, pcapng};
pub use crate::output::file::FileOutput;
pub use crate::output::file::compression::content;
pub use crate::output::file::notice::FileNotice;
pub use crate::output::file::settings::FileSettings;
#[cfg(feature = "http")]
pub use crate::output::http::bulk_output;
pub use crate::output::{Output, OutputPart};
pub use answers::answers;
pub use config::config;
pub use delivery::delivery;
pub use filter::filter;
pub use formats::formats;
pub use journal::journal;
pub use readers::{capture, envelope};
pub use redact::redact;

use std::io;
use std::path::Path;

use estreamer_core::fuzzing::Target;

/// Returns the content of a file of the operating system, decompressed by its extension.
///
/// # Errors
/// Those of the system, or content that is not compressed in this format.
pub fn content_of(path: &Path) -> io::Result<Vec<u8>> {
    content(&crate::disk::RealDisk, path)
}

/// The targets of this crate.
pub const TARGETS: &[Target] = &[
    ("delivery", delivery),
    ("journal", journal),
    ("capture", capture),
    ("envelope", envelope),
    ("config", config),
    ("filter", filter),
    ("formats", formats),
    ("redact", redact),
    ("answers", answers),
];
