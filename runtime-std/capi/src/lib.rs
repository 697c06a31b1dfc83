//! `libestreamer`: the eStreamer protocol and a blocking client for C programs.
//!
//! The interface is `include/estreamer.h`, which includes `estreamer_core.h`:
//!
//! - decoder and session without I/O: the crate `estreamer-core-capi`, whose symbols
//!   the library exports;
//! - a client that makes its own connection: [`client`].
//!
//! The allocator of the library keeps a reserve, so that a failed allocation ends in a
//! status.

// C names.
#![allow(non_camel_case_types)]

pub mod client;
mod region;
mod reserve;
pub mod setters;
pub mod settings;
pub mod step;
