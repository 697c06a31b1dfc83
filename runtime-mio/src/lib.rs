//! The eStreamer protocol over sockets.
