//! The eStreamer collector and simulator.

pub mod catalog;
pub mod cli;
pub mod collect;
pub mod doctor;
pub mod simulate;
