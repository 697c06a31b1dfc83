#![doc = include_str!("../README.md")]

pub mod buffer;
pub mod client;
mod error_text;
pub mod event_loop;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
pub mod server;
pub mod tls;
mod transport;

pub use estreamer_core as core;
