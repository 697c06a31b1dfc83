//! The eStreamer protocol over sockets.

pub mod tls;
