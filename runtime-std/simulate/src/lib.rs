//! A simulated eStreamer server, for tests of clients.
//!
//! - [`pki`]: a throw-away Internal CA with server and client certificates.
//! - [`generator`]: related events of all four types, deterministic by seed.
//! - [`selection`]: parses a request and renders events for it.
//! - [`replay`]: the lines of a file as events.
//! - [`archive`]: stored events, and readers of them.
//! - [`tamper`]: deviations of a server; [`chaos`]: faults. Add a quirk in `tamper/quirks.rs`.
//! - [`request_length`]: how a server interprets the length of a request.
//! - [`catalog`]: the fields and field sets of each event type.
//! - [`recording`]: a server that sends recorded bytes.
//! - [`service`]: the server on the event loop; [`Simulator`] runs it on its own thread.

pub mod archive;
pub mod catalog;
pub mod chaos;
mod count;
mod feed;
pub mod generator;
mod not_json;
pub mod opaque;
mod packet;
pub mod pki;
pub mod recording;
pub mod replay;
pub mod request_length;
pub mod selection;
mod served;
pub mod service;
mod simulator;
pub mod tamper;

pub use served::{SeenRequest, Served};
pub use simulator::{Simulator, SimulatorBuilder};

// The example of the README runs.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
