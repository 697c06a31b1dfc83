//! Where events go. Each output takes batches in order, and votes for a batch
//! once it has accepted it.

pub mod destination;
pub mod file;
pub mod pattern;
pub mod tcp;
