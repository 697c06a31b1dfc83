//! The bookmark: what survives a crash.
//!
//! - [`entry`], [`journal`]: the bytes on disk, and appending to them.
//! - [`reading`]: from those bytes back to what they hold ([`recovery`]);
//!   [`version_1`] reads what the version before left.
//! - [`settle`]: brings the files of the last run into the state of a cut.
//! - [`opening`]: a start, from whatever the last process left behind.
//! - [`state_dir`]: the directory all that is kept in.

pub mod entry;
pub mod journal;
pub mod opening;
pub mod pending;
pub mod reading;
pub mod recovery;
pub mod settle;
pub mod state_dir;
pub mod version_1;
