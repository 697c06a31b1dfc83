//! Feeds a stream to a session in chunks of any size.

use crate::decode::Step;
use crate::session::{ClientSession, End, Instant, ServerSession, Statistics};

const NOW: Instant = Instant(0);

/// What the tests of both kinds of session need.
pub trait Session {
    /// Whether the session returns the decoder's frames unchanged. A server's
    /// session changes some requests.
    const PLAIN: bool;
    /// One step.
    ///
    /// # Errors
    /// Why the session ended.
    fn step(&mut self, input: &[u8]) -> Result<Step, End>;
    /// Sends what there is to send.
    fn transmit(&mut self) {}
    /// The end of the stream.
    fn end(&mut self) -> End;
    /// Units received by a client; credit of a server.
    fn units(&self) -> u64;
    /// The counters.
    fn statistics(&self) -> Statistics;
}

impl Session for ClientSession {
    const PLAIN: bool = true;

    fn step(&mut self, input: &[u8]) -> Result<Step, End> {
        self.step(input, NOW)
    }

    fn transmit(&mut self) {
        while self.poll_transmit(&mut [0; 24], NOW) > 0 {}
        assert_eq!(self.acknowledged(), self.received(), "each unit once");
    }

    fn end(&mut self) -> End {
        self.handle_eof()
    }

    fn units(&self) -> u64 {
        self.received()
    }

    fn statistics(&self) -> Statistics {
        *self.statistics()
    }
}

impl Session for ServerSession {
    const PLAIN: bool = false;

    fn step(&mut self, input: &[u8]) -> Result<Step, End> {
        self.step(input, NOW)
    }

    fn end(&mut self) -> End {
        self.handle_eof()
    }

    fn units(&self) -> u64 {
        u64::from(self.credit())
    }

    fn statistics(&self) -> Statistics {
        *self.statistics()
    }
}

/// Feeds `stream` through a window, in chunks of the sizes that `chunk` returns.
/// Passes each step with its input to `observe`, and returns why the session ended.
///
/// # Panics
/// If the session needs more input than the window, or more steps than it should.
pub fn feed<S: Session>(
    session: &mut S,
    stream: &[u8],
    window: usize,
    mut chunk: impl FnMut() -> usize,
    mut observe: impl FnMut(&Step, &[u8]),
) -> End {
    let (mut start, mut end) = (0, 0);
    // A step consumes a byte, begins or ends something of at least one byte, or
    // needs at least one more byte.
    let mut steps = 8 + 8 * stream.len();
    loop {
        loop {
            steps = steps.checked_sub(1).expect("steps are bounded");
            let input = &stream[start..end];
            let step = match session.step(input) {
                Ok(step) => step,
                Err(end) => return end,
            };
            observe(&step, input);
            start += step.consumed;
            if step.consumed == 0 && step.frame.is_none() {
                break;
            }
        }
        session.transmit();
        if end == stream.len() {
            return session.end();
        }
        let room = start + window;
        assert!(end < room, "a full window is always enough");
        end = end.saturating_add(chunk()).min(room).min(stream.len());
    }
}
