//! The other end: what a simulated eStreamer server is made of.
//!
//! - [`pki`]: a throw-away Internal CA with server and client certificates.
//! - [`generator`]: related events of all four types, deterministic by seed.
//! - [`selection`]: what a client asked for, and events rendered accordingly.
//!
//! Nothing here opens a socket; the server built from these parts does.

pub mod generator;
pub mod pki;
pub mod selection;
