//! The eStreamer collector and simulator.

pub mod simulate;
