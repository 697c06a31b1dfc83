//! The eStreamer collector and simulator.

#[macro_use]
mod say;

#[cfg(feature = "simulate")]
pub mod catalog;
#[cfg(feature = "cli")]
pub mod cli;
pub mod client;
pub mod collect;
pub mod config;
pub mod delivery;
pub mod doctor;
pub mod failure;
pub mod format;
pub mod output;
#[cfg(feature = "simulate")]
pub mod simulate;
