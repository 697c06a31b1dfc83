//! One turn of receiving: from the socket into the window, and out of it frame by
//! frame.

use estreamer_core::decode::Kind;
use estreamer_core::session::{ClientSession, End, Instant};

use super::{ClientEnd, Sink};
use crate::batch::Assembler;
use crate::error_text::ErrorText;
use crate::transport::{Fill, Transport};

/// Bytes a client takes from its socket in one turn.
const TURN_BYTES: usize = 256 << 10;

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

pub(super) fn ended(end: End) -> ClientEnd {
    ClientEnd::Session(end, String::new())
}
