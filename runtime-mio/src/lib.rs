//! The eStreamer protocol over sockets: mutual TLS and one thin event loop.

pub mod arena;
pub mod batch;
pub mod client;
mod error_text;
pub mod event_loop;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
mod record;
pub mod server;
pub mod tls;
mod transport;
mod window;

pub use estreamer_core as core;
