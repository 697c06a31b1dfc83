//! One turn of receiving: from the socket into the arena, and out of it frame by
//! frame.

use std::collections::VecDeque;

use estreamer_core::session::{ClientSession, End, Instant};

use super::end::ClientEnd;
use super::event::ClientEvent;
use crate::buffer::BatchBuilder;
use crate::error_text::ErrorText;
use crate::transport::{Fill, Transport};

/// Bytes that a client takes from its socket in one turn.
const BYTES_PER_TURN: usize = 256 << 10;

/// The parts of a connection that one turn of receiving uses.
pub(super) struct ReceiveTurn<'a> {
    pub(super) transport: &'a mut Transport,
    pub(super) builder: &'a mut BatchBuilder,
    pub(super) session: &'a mut ClientSession,
    pub(super) error_text: &'a mut ErrorText,
    pub(super) bytes_received: &'a mut u64,
    /// Where copies of the plaintext go, if they are wanted.
    pub(super) capture: Option<&'a mut VecDeque<ClientEvent>>,
}

/// How a turn of receiving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// The socket may have more.
    More,
    /// The socket has no more bytes now.
    Blocked,
    /// There is no memory: the socket is not read until some is given back.
    Stalled,
}

impl ReceiveTurn<'_> {
    /// Receives until the socket has no more bytes, memory is used up, or the turn
    /// is over.
    pub(super) fn receive(mut self, now: Instant) -> Result<Reading, ClientEnd> {
        let reading = self.read(now);
        self.transport.tls.release();
        reading
    }

    fn read(&mut self, now: Instant) -> Result<Reading, ClientEnd> {
        let mut taken = 0;
        // The first round decodes bytes that an earlier turn left.
        loop {
            let Self {
                builder,
                session,
                error_text,
                ..
            } = self;
            let decoded = decode(builder, session, error_text, now);
            if !decoded.map_err(ClientEnd::session)? {
                return Ok(Reading::Stalled);
            }
            if taken >= BYTES_PER_TURN {
                return Ok(Reading::More);
            }
            let Some(room) = self.builder.room() else {
                return Ok(Reading::Stalled);
            };
            match self.transport.fill(room)? {
                Fill::Bytes(count) => {
                    if let Some(events) = &mut self.capture {
                        events.push_back(ClientEvent::Received(room[..count].to_vec()));
                    }
                    self.builder.filled(count);
                    *self.bytes_received += count as u64;
                    taken += count;
                }
                Fill::Blocked => return Ok(Reading::Blocked),
                Fill::Eof => return Err(ClientEnd::session(self.session.handle_eof())),
            }
        }
    }
}

/// Decodes the unread bytes; returns false if a record waits for memory.
pub(crate) fn decode(
    builder: &mut BatchBuilder,
    session: &mut ClientSession,
    error_text: &mut ErrorText,
    now: Instant,
) -> Result<bool, End> {
    while builder.is_open() {
        let input = builder.unread();
        let step = session.step(input, now)?;
        if let Some(frame) = &step.frame {
            error_text.keep(frame, input);
            builder.take_frame(frame, session.received());
        }
        builder.consume(step.consumed);
        if step.consumed == 0 && step.frame.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}
