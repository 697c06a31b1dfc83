//! What a server sends, and what it sends instead on purpose.

use std::time::Duration;

/// What a server is about to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outgoing {
    /// Nothing yet: the client's certificate was accepted.
    Start,
    /// A message that is neither a bundle nor an error message.
    Other,
    /// The bundle with this number, counted from 1.
    Bundle(u32),
    /// An error message, after which the server closes.
    Error,
    /// Nothing more: the client has closed, or sent an error message.
    End,
}

/// What is sent instead of a message.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tampered {
    /// The bytes to send.
    pub bytes: Vec<u8>,
    /// Bytes in a TLS record, at most; 0 means as many as fit.
    pub pieces: usize,
    /// Time to wait before the first byte; at [`Outgoing::End`], before the
    /// connection is closed.
    pub pause: Duration,
    /// Whether the connection is closed after the last byte, without close_notify.
    pub close: bool,
}
