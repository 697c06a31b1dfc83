//! Holds back what a client sends, as a long way does.

use std::collections::VecDeque;
use std::time::Duration;

use estreamer_core::session::Instant;

use crate::buffer::ByteBuffer;
use crate::event_loop::after;
use crate::transport::{Fill, Transport, TransportError};

/// What is on its way from the client.
pub(super) struct Distance {
    delay: Duration,
    bytes: ByteBuffer,
    /// When how many of the bytes arrive.
    arrivals: VecDeque<(Instant, usize)>,
}

/// Bytes on their way, at most.
const SIZE: usize = 64 << 10;

impl Distance {
    pub(super) fn new(delay: Duration) -> Self {
        Self {
            delay,
            bytes: ByteBuffer::new(SIZE),
            arrivals: VecDeque::new(),
        }
    }

    /// Fills the buffer with what has arrived. The end of the stream arrives last.
    pub(super) fn fill(
        &mut self,
        transport: &mut Transport,
        received: &mut ByteBuffer,
        now: Instant,
    ) -> Result<Fill, TransportError> {
        if self.delay.is_zero() {
            return transport.fill_buffer(received);
        }
        let mut is_open = true;
        while self.bytes.unread().len() < SIZE {
            match transport.fill_buffer(&mut self.bytes)? {
                Fill::Bytes(count) => self.arrivals.push_back((after(now, self.delay), count)),
                Fill::Blocked => break,
                Fill::Eof => {
                    is_open = false;
                    break;
                }
            }
        }
        let mut filled = 0;
        while let Some((due, count)) = self.arrivals.front_mut()
            && *due <= now
        {
            let room = received.room();
            let fits = room.len().min(*count);
            if fits == 0 {
                break;
            }
            let given = self.bytes.give(&mut room[..fits]);
            received.filled(given);
            filled += given;
            *count -= given;
            if *count == 0 {
                self.arrivals.pop_front();
            }
        }
        Ok(match filled {
            0 if self.arrivals.is_empty() && !is_open => Fill::Eof,
            0 => Fill::Blocked,
            _ => Fill::Bytes(filled),
        })
    }

    /// Returns when the next bytes arrive.
    pub(super) fn due(&self) -> Option<Instant> {
        self.arrivals.front().map(|(due, _)| *due)
    }
}
