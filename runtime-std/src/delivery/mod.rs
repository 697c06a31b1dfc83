//! Nothing lost, nothing twice: what happens between the event loop and the
//! outputs.
//!
//! Batches of all sources get one running number n. A *bookmark* is a cut n:
//! for each source where to resume and the digests of what was delivered from
//! there on, for each file how long it was after batch n. The journal holds
//! bookmarks; a restart cuts the files to the bookmark, asks the server from
//! there, and removes exactly what was delivered before.
//!
//! - [`digest`]: what makes two records the same.
//! - [`archival`]: how far a source has come, in its own archival seconds.
//! - [`delivered`], [`seam`]: what was handed on, and what of it comes again.
//! - [`sequence`]: numbers batches, and leaves out what comes again.
//! - [`entry`], [`journal`], [`recovery`]: the bookmark on disk, and back.
//! - [`opening`]: a start, from whatever the last process left behind.
//! - [`state`]: the directory all that is kept in.
//! - [`pipeline`]: the threads, and what they are told ([`order`]).
//! - [`ledger`]: what bears on the promise, counted and told; `deviation`: what a
//!   server does otherwise than it was asked.
//! - [`disk`]: the file operations all of that is made of.

pub mod archival;
mod committing;
pub mod delivered;
mod deviation;
pub mod digest;
pub mod disk;
pub mod entry;
pub mod journal;
mod layout;
pub mod ledger;
mod lossy;
mod numbering;
pub mod opening;
pub mod order;
pub mod pipeline;
pub mod recovery;
mod retry;
pub mod seam;
pub mod sequence;
pub mod state;
mod tail;
mod votes;
mod writer;
