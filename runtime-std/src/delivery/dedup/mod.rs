//! Numbers batches, and drops records that were delivered before.
//!
//! - [`sequencer`]: numbers each batch and decides which records to deliver.
//! - [`replay_filter`]: the records that a new connection is expected to repeat.
//! - [`delivered`]: the digests of delivered records of a source.
//! - `ordinals`: numbers equal records of a second.
//! - [`high_water_mark`]: the newest archival second and the resume point.

pub mod delivered;
pub mod high_water_mark;
mod ordinals;
pub mod replay_filter;
pub mod sequencer;
pub(crate) mod server_number;
