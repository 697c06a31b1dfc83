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
//! - [`pipeline`]: the threads. `pipeline/acknowledgement.rs` decides what may be
//!   acknowledged, `pipeline/progress.rs` what is committed.
//! - [`counts`], [`output_counts`], [`ledger`]: counts per source and per output, and the
//!   reports about them. [`volumes`], [`quirk_counts`]: their parts. `deviation`: deviations
//!   of a server from the guide. [`position`]: how far a source has come in its archive.

pub mod bookmark;
pub mod counts;
pub mod dedup;
mod deviation;
pub mod ledger;
pub mod output_counts;
pub mod pipeline;
pub mod position;
pub mod quirk_counts;
pub mod volumes;
