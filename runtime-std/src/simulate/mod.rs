//! The other end: what a simulated eStreamer server is made of.
//!
//! - [`pki`]: a throw-away Internal CA with server and client certificates.
//! - [`generator`]: related events of all four types, deterministic by seed.
//! - [`selection`]: what a client asked for, and events rendered accordingly.
//! - [`replay`]: the lines of a file as events.
//! - [`archive`]: what of these is stored when, and who gets what.
//! - [`service`]: the server built from these parts.

pub mod archive;
mod feed;
pub mod generator;
mod packet;
pub mod pki;
pub mod replay;
pub mod selection;
pub mod service;
