//! What came before: numbering batches, and leaving out what comes again.

pub mod delivered;
pub mod high_water_mark;
pub mod replay_filter;
pub mod sequencer;
pub(crate) mod server_number;
