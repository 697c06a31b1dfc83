//! The bookmark: what survives a crash.

pub mod entry;
pub mod journal;
pub mod opening;
mod pending;
pub mod recovery;
pub mod state_dir;
