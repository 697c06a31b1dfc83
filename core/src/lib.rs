// The tour shows the default features.
#![cfg_attr(
    all(feature = "json", feature = "embedded-io"),
    doc = include_str!("../README.md")
)]
#![cfg_attr(
    not(all(feature = "json", feature = "embedded-io")),
    doc = "The eStreamer protocol for fully-qualified events, without an operating system."
)]
#![no_std]

// The derive of `arbitrary` needs it; fuzzers run on hosts.
#[cfg(any(test, feature = "arbitrary"))]
extern crate std;

mod count;
pub mod decode;
mod error;
pub mod fqe;
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing;
#[cfg(feature = "embedded-io")]
pub mod io;
pub mod quirk;
pub mod session;
pub mod wire;

pub use error::{ConfigError, Malformed, PeerError, ResourceError};
