//! Fuzz targets, as in `estreamer_core::fuzzing`.
//!
//! - `capi`: any sequence of calls of the C functions keeps the promises of the header.
//! - `agreement`: the C session and the blocking client in Rust get the same records from a
//!   stream, and send the same bytes.

mod agreement;
mod capi;

pub use agreement::agreement;
pub use capi::capi;

use estreamer_core::fuzzing::Target;

/// The targets of this crate.
pub const TARGETS: &[Target] = &[("capi", capi), ("agreement", agreement)];
