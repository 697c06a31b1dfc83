//! The eStreamer collector and simulator.
