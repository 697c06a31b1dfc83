//! The eStreamer protocol without an operating system.
#![no_std]
