//! Collecting: sources on one event loop, a pipeline, and the run that holds
//! them together.
//!
//! - [`run`]: from start to end, over reloads.
//! - `fleet`: the sources of one pipeline. `station`: one of them, with its
//!   `resolver`, its `backoff`, whose `turn` it is of its servers, and what is tried of
//!   the request's `forms`. `collector`: one connection.

mod backoff;
mod capture;
mod collector;
mod fleet;
mod forms;
mod options;
mod progress;
mod resolver;
pub mod run;
mod station;
mod summary;
mod turn;

use capture::Capture;
pub use options::{Health, Heartbeat, PendingSignals, Reload, Reset, Run, Watch};
pub use summary::Summary;
