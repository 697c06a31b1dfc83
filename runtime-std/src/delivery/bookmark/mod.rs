//! The bookmark: the durable state of a collection.
//!
//! - [`entry`], [`journal`]: the journal entries, and appending them.
//! - [`pending`]: batches after the last commit.
//! - [`reading`], [`recovery`]: reads a journal back; [`version_1`] reads the format of
//!   version 1.
//! - [`settle`]: restores the output files of the last run to the bookmark.
//! - [`opening`]: opens the bookmark at the start of a run.
//! - [`state_dir`]: the directory with lock, key and journal.

pub mod entry;
pub mod journal;
pub mod opening;
pub mod pending;
pub mod reading;
pub mod recovery;
pub mod settle;
pub mod state_dir;
pub mod version_1;
