//! The C library. Its interface is `include/estreamer.h`.
//!
//! - [`layer`]: decoder and session without I/O, the same files as in
//!   `core/capi`.
//! - [`client`]: a client that connects by itself.

// The names are C's.
#![allow(non_camel_case_types)]

pub mod client;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[path = "../../../core/capi/src/layer/mod.rs"]
pub mod layer;
mod system;
