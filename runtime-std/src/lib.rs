//! The eStreamer collector and simulator.

pub mod catalog;
pub mod simulate;
