//! One turn of receiving: from the socket into the window, and out of it frame by
//! frame.

use estreamer_core::decode::{Frame, Head, Kind};
use estreamer_core::session::{ClientSession, End, Instant};

use super::{ClientEnd, Sink};
use crate::batch::Assembler;
use crate::transport::{Fill, Transport};

/// Bytes a client takes from its socket in one turn.
const TURN_BYTES: usize = 256 << 10;
/// Bytes of a peer's error text that are kept.
const ERROR_TEXT: usize = 4096;

/// What a turn of receiving works on.
pub(super) struct Receiver<'a, S> {
    pub(super) transport: &'a mut Transport,
    pub(super) window: &'a mut Assembler,
    pub(super) session: &'a mut ClientSession,
    pub(super) sink: &'a mut S,
    pub(super) error_text: &'a mut ErrorText,
}

/// How a turn of receiving ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// The socket may have more.
    More,
    /// The socket has nothing for now.
    Blocked,
    /// There is no room: the socket is left alone until some is given back.
    Stalled,
}

impl<S: Sink> Receiver<'_, S> {
    pub(super) fn receive(mut self, now: Instant) -> Result<Reading, ClientEnd> {
        let mut taken = 0;
        // The first round looks at what is in the window already.
        loop {
            if !self.steps(now)? {
                return Ok(Reading::Stalled);
            }
            if taken >= TURN_BYTES {
                return Ok(Reading::More);
            }
            let Some(room) = self.window.room() else {
                return Ok(Reading::Stalled);
            };
            match self.transport.fill(room)? {
                Fill::Bytes(count) => {
                    self.sink.received(&room[..count]);
                    self.window.filled(count);
                    taken += count;
                }
                Fill::Blocked => return Ok(Reading::Blocked),
                Fill::Eof => return Err(ended(self.session.handle_eof())),
            }
        }
    }

    /// Steps through the unread bytes; false if a large record waits for room.
    fn steps(&mut self, now: Instant) -> Result<bool, ClientEnd> {
        while self.window.is_open() {
            let input = self.window.unread();
            let step = self.session.step(input, now).map_err(ended)?;
            if let Some(frame) = &step.frame {
                self.error_text.keep(frame, input);
                if frame.head().is_some_and(|head| head.kind == Kind::Null) {
                    self.sink.null();
                }
                self.window.frame(frame, self.session.received());
            }
            self.window.consume(step.consumed);
            if step.consumed == 0 && step.frame.is_none() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The text of a peer's error message, whole or in pieces.
#[derive(Default)]
pub(super) struct ErrorText {
    pub(super) bytes: Vec<u8>,
    inside: bool,
}

impl ErrorText {
    fn keep(&mut self, frame: &Frame, input: &[u8]) {
        let is_error = |head: &Head| matches!(head.kind, Kind::Error { .. });
        let part = match frame {
            Frame::Message { head, body } if is_error(head) => body,
            Frame::Chunk { body } if self.inside => body,
            Frame::Begin { head, .. } => {
                self.inside = is_error(head);
                return;
            }
            _ => return,
        };
        let room = ERROR_TEXT.saturating_sub(self.bytes.len());
        let part = part.of(input);
        self.bytes.extend_from_slice(&part[..part.len().min(room)]);
    }
}

pub(super) fn ended(end: End) -> ClientEnd {
    ClientEnd::Session(end, String::new())
}
