//! One whole conversation, the same on a microcontroller and on a bare kernel:
//! the request goes out, three bundles come in through a window of 1 KiB, each
//! is acknowledged once it is delivered, a malformed record is survived, a
//! record larger than the window comes in pieces, and the server's error
//! message ends it. [`hold`] is the application, `server` the script.

#![no_std]

mod client;
mod server;

pub use client::{Note, hold};
pub use server::{CSV, JSON, LARGE, Server};
