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
pub mod output;
pub mod signals;
pub mod simulate;
