//! Collects events: runs sources on one event loop, with one pipeline.
//!
//! - [`run`]: a run from start to end, across reloads.
//! - `supervisor`: the sources of one pipeline.
//! - `source_task`: one source, with `resolver`, `backoff`, `rotation` (its servers in turn)
//!   and `forms` (the request forms to try).
//! - `collector`: one connection.

mod backoff;
mod capture;
mod client_tls;
mod collector;
mod forms;
#[cfg(feature = "listen")]
mod listening;
#[cfg(not(feature = "listen"))]
#[path = "not_listening.rs"]
mod listening;
mod options;
mod pause;
mod progress_line;
mod resolver;
mod rotation;
pub mod run;
mod source_task;
mod summary;
mod supervisor;

use capture::Capture;
pub use options::{Health, Heartbeat, PendingSignals, Reload, Reset, Run, Watch};
pub use summary::Summary;
