//! The other end: what a simulated eStreamer server is made of.
//!
//! - [`pki`]: a throw-away Internal CA with server and client certificates.
//!
//! Nothing here opens a socket; the server built from these parts does.

pub mod pki;
