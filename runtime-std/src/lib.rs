//! The eStreamer collector and simulator.

#[macro_use]
mod say;

pub mod catalog;
pub mod cli;
pub mod collect;
pub mod delivery;
pub mod doctor;
pub mod format;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod output;
pub mod simulate;
