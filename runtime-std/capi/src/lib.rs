//! The C library. Its interface is `include/estreamer.h`.

// The names are C's.
#![allow(non_camel_case_types)]

// The same files as without an operating system.
#[path = "../../../core/capi/src/layer/mod.rs"]
pub mod layer;
mod system;
