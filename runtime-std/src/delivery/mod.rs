//! Exactly-once delivery: everything between the event loop and the outputs.
//!
//! Batches of all sources share one sequence of numbers. A *bookmark* is the state after
//! batch n: for each source the resume point and the digests of records delivered since
//! then, for each file its length. The journal holds bookmarks. A restart restores the
//! files to the bookmark, requests events from the resume point, and drops exactly the
//! records that were delivered before.
//!
//! - [`dedup`]: numbers batches and drops records that were delivered before.
//! - [`bookmark`]: the durable state.
//! - [`pipeline`]: the threads. `pipeline/progress.rs` decides which bundles may be
//!   acknowledged, and which batches may be committed.
//! - [`counts`], [`ledger`]: counts per source, and the reports about them. `deviation`:
//!   deviations of a server from the guide.

pub mod bookmark;
pub mod counts;
pub mod dedup;
mod deviation;
pub mod ledger;
pub mod pipeline;
