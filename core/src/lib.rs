#![doc = include_str!("../README.md")]
#![no_std]

#[cfg(test)]
extern crate std;

pub mod decode;
mod error;

pub mod fqe;
//IO
//pub mod io;
pub mod quirk;
pub mod session;
pub mod wire;

pub use error::{ConfigError, Malformed, PeerError, ResourceError};
