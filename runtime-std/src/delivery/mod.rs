//! Nothing lost, nothing twice: what happens between the event loop and the
//! outputs.
//!
//! Batches of all sources get one running number n. A *bookmark* is a cut n: for
//! each source where to resume and the digests of what was delivered from there
//! on, for each file how long it was after batch n. The journal holds bookmarks.
//! A restart brings the files to the bookmark, asks the server from there, and
//! removes exactly what was delivered before.
//!
//! - [`dedup`]: what came before.
//! - [`bookmark`]: what survives a crash.
//! - [`pipeline`]: the threads and their order.
//! - [`counts`], [`ledger`]: what affects the promise, counted and reported;
//!   `deviation`: what a server does otherwise than it was asked.

pub mod bookmark;
pub mod counts;
pub mod dedup;
mod deviation;
pub mod ledger;
pub mod pipeline;
