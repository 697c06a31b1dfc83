//! The eStreamer collector and simulator.

#[macro_use]
mod say;

pub mod catalog;
pub mod cli;
pub mod collect;
pub mod config;
pub mod delivery;
pub mod doctor;
pub mod failure;
pub mod format;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod output;
pub mod signals;
pub mod simulate;
