//! What a collection does, while it runs.
//!
//! - [`Status`]: a snapshot, as JSON.
//! - [`StatusHandle`]: takes a snapshot of a run, from any thread.
//! - `monitor`: the live state that the snapshot is taken of. The counts are those of the
//!   ledger of the delivery; `cause`, `rate` and `process` are the rest.
//! - [`words`]: its numbers for people.
//! - `listen` (feature `listen`): serves the snapshot over HTTP, as JSON, as `metrics` and
//!   as a `page`.

pub(crate) mod cause;
mod handle;
#[cfg(feature = "listen")]
pub mod listen;
#[cfg(feature = "listen")]
mod metrics;
pub(crate) mod monitor;
#[cfg(feature = "listen")]
mod page;
mod process;
mod rate;
mod status;
pub mod words;

pub use handle::StatusHandle;
pub use status::*;
