//! Everything a server sends passes here, where a feed may change it.

use estreamer_core::session::Instant;

use super::feed::Feed;
use super::outgoing::Outgoing;
use crate::event_loop::after;
use crate::transport::{Transport, TransportError};

/// Bytes that were changed by a feed, or are too many to be sent at once.
#[derive(Default)]
pub(super) struct Outbox {
    bytes: Vec<u8>,
    sent: usize,
    pieces: usize,
    not_before: Option<Instant>,
    close: bool,
}

/// What [`Outbox::pump`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pumped {
    /// The outbox is empty.
    Empty,
    /// It waits for the socket, or for [`Outbox::due`].
    Waiting,
    /// The turn is used up, and there is more to send.
    Again,
    /// The connection is to be closed.
    Close,
}

/// Bytes queued with the transport at once, at most.
const CHUNK: usize = 256 << 10;
/// Pieces sent in one turn.
const PIECES_PER_TURN: u32 = 4096;

impl Outbox {
    /// Sends a message, or what the feed replaces it with.
    pub(super) fn put(
        &mut self,
        feed: &mut impl Feed,
        transport: &mut Transport,
        outgoing: Outgoing,
        message: &[u8],
        now: Instant,
    ) {
        match feed.tamper(outgoing, message) {
            None if self.is_empty() && message.len() <= CHUNK => transport.send(message),
            None => self.bytes.extend_from_slice(message),
            Some(tampered) => {
                self.bytes.extend_from_slice(&tampered.bytes);
                self.pieces = tampered.pieces;
                self.close |= tampered.close;
                if !tampered.pause.is_zero() {
                    self.not_before = Some(after(now, tampered.pause));
                }
            }
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes.is_empty() && !self.close
    }

    /// Returns when the next byte may be sent, if that is not up to the socket.
    pub(super) fn due(&self) -> Option<Instant> {
        self.not_before
    }

    /// Sends what is due, as much as the socket takes.
    pub(super) fn pump(
        &mut self,
        transport: &mut Transport,
        now: Instant,
    ) -> Result<Pumped, TransportError> {
        if self.is_empty() {
            return Ok(Pumped::Empty);
        }
        if self.not_before.is_some_and(|due| now < due) {
            return Ok(Pumped::Waiting);
        }
        self.not_before = None;
        for _ in 0..PIECES_PER_TURN {
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
                0 => CHUNK.min(rest.len()),
                most => most.min(rest.len()),
            };
            transport.send(&rest[..length]);
            self.sent += length;
        }
        Ok(Pumped::Again)
    }
}
