//! Client and collector for Cisco's eStreamer protocol.
//!
//! - [`Client`]: one connection, blocking, for programs of your own.
//! - [`collect`]: many sources at once, delivered to outputs under a bookmark.
//! - [`doctor`]: why a server does not answer, or answers and stays silent.
//! - [`capture`]: recorded streams, message by message.
//!
//! An event's way through a collection is the order of [`collect`], [`delivery`],
//! [`format`](mod@format) and [`output`]; [`config`] says what there is of each.

#[macro_use]
mod say;

pub mod capture;
pub mod certificate;
pub mod client;
pub mod collect;
pub mod config;
pub mod count;
pub mod delivery;
pub mod digest;
pub mod disk;
pub mod doctor;
pub mod explain;
pub mod failure;
mod form_hints;
pub mod format;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod input;
pub mod output;
mod refusal;
mod sync;
pub mod thread;

// The examples of the READMEs compile.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct ProjectReadme;
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct CrateReadme;

pub use client::Client;
