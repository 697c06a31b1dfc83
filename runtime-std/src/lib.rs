//! Client and collector for Cisco's eStreamer protocol.
//!
//! - [`Client`]: one server, for your own program: blocking, or in its loop.
//! - [`collect`]: many sources at once, delivered to outputs under a bookmark.
//! - [`doctor`]: finds out why a server does not answer or sends no events.
//! - `verify` (feature `archive`): proves the files of an archive.
//! - [`capture`]: decodes recorded streams, message by message.
//! - [`telemetry`]: what a collection does, while it runs.
//!
//! [`config`] holds the settings of a collection, [`failure`] what is reported when
//! something fails. What happens meanwhile goes to the program's subscriber of `tracing`,
//! with the fields `source` and `output`: never an event, a password or a key.

pub mod capture;
mod certificate;
pub mod client;
pub mod collect;
pub mod config;
mod count;
mod delivery;
mod digest;
mod disk;
pub mod doctor;
mod event;
mod explain;
pub mod failure;
mod filter;
mod form_hints;
mod format;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod input;
mod output;
mod quantity;
mod reconnect;
mod refusal;
#[doc(hidden)]
pub mod shared;
mod sync;
pub mod telemetry;
mod thread;
mod trouble;
mod utc;
#[cfg(feature = "archive")]
pub mod verify;

// The examples of the READMEs compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ProjectReadme;
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct CrateReadme;

pub use client::Client;
