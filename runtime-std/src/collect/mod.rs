//! Collecting: sources on one event loop, a pipeline, and the run that holds
//! them together.
//!
//! - [`run`]: from start to end, over reloads.
//! - `fleet`: the sources of one pipeline. `station`: one of them, with its
//!   `resolver` and its `backoff`, and its request's place among the `forms`.
//!   `collector`: one connection.

mod backoff;
mod capture;
mod collector;
mod fleet;
mod forms;
mod progress;
mod resolver;
pub mod run;
mod station;
mod summary;

use capture::Capture;
pub use run::{Reload, Run};
pub use summary::Summary;
