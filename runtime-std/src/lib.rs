//! The eStreamer collector and simulator.

#[macro_use]
mod say;

#[cfg(feature = "simulate")]
pub mod catalog;
#[cfg(feature = "cli")]
pub mod cli;
pub mod client;
#[cfg(feature = "cli")]
pub mod collect;
pub mod config;
mod count;
pub mod delivery;
pub mod digest;
pub mod disk;
pub mod doctor;
mod explain;
pub mod failure;
mod form_hints;
pub mod format;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod input;
pub mod output;
#[cfg(feature = "cli")]
mod refusal;
#[cfg(feature = "cli")]
pub mod signals;
#[cfg(feature = "simulate")]
pub mod simulate;
mod sync;
mod thread;

// The README's examples compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

pub use client::Client;
