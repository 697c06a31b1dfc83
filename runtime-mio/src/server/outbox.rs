//! The one place where everything a server says passes, and may be changed.

use estreamer_core::session::Instant;

use super::Feed;
use crate::transport::{Broken, Transport};

/// A message on its way out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outgoing {
    /// Nothing yet: the client's certificate was just accepted.
    Start,
    /// Anything but a bundle or an error.
    Other,
    /// A bundle; they are counted from 1.
    Bundle(u32),
    /// An error message, with which the server closes.
    Error,
    /// Nothing more: the client has closed, or sent an error.
    End,
}

/// What goes out in a message's place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tampered {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Bytes in a TLS record, at most; 0: as many as fit.
    pub pieces: usize,
    /// Milliseconds to wait before the first byte; at [`Outgoing::End`], before
    /// the connection is closed.
    pub pause: u32,
    /// The connection is closed behind the last byte, without close_notify.
    pub close: bool,
}

/// What was tampered with, or is too large to be sent at once, and waits.
#[derive(Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
    pieces: usize,
    not_before: Option<Instant>,
    close: bool,
}

/// How far an outbox has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pumped {
    /// It holds nothing.
    Empty,
    /// It waits for the socket, or for [`Outbox::due`].
    Waiting,
    /// There is more to do at once.
    Again,
    /// The connection is to be closed.
    Close,
}

/// Bytes handed to the transport at once: what it cannot send, it moves about.
const AT_ONCE: usize = 256 << 10;
/// Pieces sent in one turn, so that other connections get theirs.
const PIECES: u32 = 4096;

impl Outbox {
    /// Sends a message, or what the feed makes of it.
    pub(super) fn put(
        &mut self,
        feed: &mut dyn Feed,
        transport: &mut Transport,
        outgoing: Outgoing,
        message: &[u8],
        now: Instant,
    ) {
        match feed.tamper(outgoing, message) {
            None if self.is_empty() && message.len() <= AT_ONCE => transport.send(message),
            None => self.bytes.extend_from_slice(message),
            Some(tampered) => {
                self.bytes.extend_from_slice(&tampered.bytes);
                self.pieces = tampered.pieces;
                self.close |= tampered.close;
                if tampered.pause > 0 {
                    self.not_before = Some(now.after(tampered.pause));
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.close
    }

    /// When waiting is over, if it is not for the socket.
    pub(super) fn due(&self) -> Option<Instant> {
        self.not_before
    }

    /// Sends what is due, as far as the socket takes it.
    pub(super) fn pump(
        &mut self,
        transport: &mut Transport,
        now: Instant,
    ) -> Result<Pumped, Broken> {
        if self.is_empty() {
            return Ok(Pumped::Empty);
        }
        if self.not_before.is_some_and(|due| now < due) {
            return Ok(Pumped::Waiting);
        }
        self.not_before = None;
        for _ in 0..PIECES {
            transport.flush()?;
            if !transport.is_flushed() {
                return Ok(Pumped::Waiting);
            }
            let rest = &self.bytes[self.sent..];
            if rest.is_empty() {
                self.bytes = Vec::new();
                self.sent = 0;
                return Ok(match self.close {
                    true => Pumped::Close,
                    false => Pumped::Empty,
                });
            }
            let length = match self.pieces {
                0 => AT_ONCE.min(rest.len()),
                most => most.min(rest.len()),
            };
            transport.send(&rest[..length]);
            self.sent += length;
        }
        Ok(Pumped::Again)
    }
}
