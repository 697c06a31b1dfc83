//! Collects events: runs sources on one event loop, with one pipeline.
//!
//! - [`run`]: a run from start to end, across reloads.
//! - `supervisor`: the sources of one pipeline; `arena`: what each of them receives into;
//!   `unused`: bookmarks that none of them uses; [`usable`]: what a supervisor refuses.
//! - `source_task`: one source, which connects as `reconnect` decides.
//! - `collector`: the session of one `connection`; `connection_log`: what is told about it;
//!   `history`: what a reload must not forget.

mod arena;
mod capture;
mod client_tls;
mod collector;
mod connection;
mod connection_log;
mod history;
#[cfg(feature = "listen")]
mod listening;
#[cfg(not(feature = "listen"))]
#[path = "not_listening.rs"]
mod listening;
mod options;
pub mod run;
mod source_task;
mod summary;
mod supervisor;
mod unused;
pub mod usable;

use capture::Capture;
pub use options::{Health, Heartbeat, PendingSignals, Reload, Reset, Run, Watch};
pub use summary::Summary;
