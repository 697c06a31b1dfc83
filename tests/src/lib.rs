//! The harness of the end-to-end tests: the real program, run as a user runs it.

pub mod archive;
pub mod bulk;
#[cfg(feature = "kafka")]
pub mod cluster;
mod delivery;
mod fleet;
mod hostile;
pub mod http;
pub mod http_server;
mod port;
mod process;
pub mod random;
mod raw;
pub mod receiver;
mod server;
pub mod speaker;

pub use delivery::{ODD, Scene, at_each, lines, whole_lines};
pub use fleet::{Fleet, stored, wait_for_lines};
pub use hostile::{Hostile, Stream};
pub use port::ClosedPort;
pub use process::{
    Ended, Running, after_reboot, copy_program, counted, estreamer, message, program, wait_until,
    warnings,
};
pub use raw::Raw;
pub use server::{Pki, Simulator, collect, collect_all, events, expected_lines};

use std::path::PathBuf;

/// A file of this crate's `data` directory.
pub fn data(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("data")
        .join(name)
}

/// The lines of a text, each read as JSON.
///
/// # Panics
/// When a line is not JSON.
pub fn json_lines(text: &[u8]) -> Vec<serde_json::Value> {
    text.split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| match serde_json::from_slice(line) {
            Ok(value) => value,
            Err(error) => panic!("{error}: {}", String::from_utf8_lossy(line)),
        })
        .collect()
}
