//! A simulated eStreamer server, for tests of clients.
//!
//! - [`pki`]: a throw-away Internal CA with server and client certificates.
//! - [`generator`]: related events of all four types, deterministic by seed.
//! - [`selection`]: what a client asked for, and events rendered accordingly.
//! - [`replay`]: the lines of a file as events.
//! - [`archive`]: what of these is stored when, and who gets what.
//! - [`tamper`], [`chaos`]: what a server does differently and wrong, by name.
//! - [`request_length`]: how strictly it takes the length of a request.
//! - [`catalog`]: which fields and field sets each event type has.
//! - [`service`]: the server built from these parts; [`Simulator`] runs it on a
//!   thread of its own.

pub mod archive;
pub mod catalog;
pub mod chaos;
mod feed;
pub mod generator;
mod not_json;
pub mod opaque;
mod packet;
pub mod pki;
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
