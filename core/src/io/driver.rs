//! What a client does between two waits. The blocking and the async client share it: they
//! differ only in how they wait for the stream.

use super::Received;
use crate::decode::Frame;
use crate::session::{ClientConfig, ClientSession, End, Instant};
use crate::{ConfigError, ResourceError};

/// A session with its window, and the nulls on their way.
///
/// The order: [`begin`](Self::begin), then [`step`](Self::step) until it returns a frame.
/// When it returns `None`, send [`output`](Self::output) while [`refill`](Self::refill)
/// returns true, and read into [`room`](Self::room).
#[derive(Debug)]
pub(super) struct Driver<'w> {
    session: ClientSession,
    window: &'w mut [u8],
    /// The unread bytes of the window: `unread.0..unread.1`.
    unread: (usize, usize),
    /// Nulls to send, and how many of their bytes are sent.
    out: [u8; OUT],
    out_sent: usize,
    out_len: usize,
}

/// A frame, and where its bytes begin in the window.
pub(super) struct Found(usize, Frame);

/// Room for four nulls.
const OUT: usize = 32;

// What docs/microcontrollers.md says: a session, and 64 bytes.
#[cfg(target_pointer_width = "32")]
const _: () = assert!(size_of::<Driver<'_>>() <= 288 + 64);

impl<'w> Driver<'w> {
    pub(super) fn new(
        window: &'w mut [u8],
        config: ClientConfig,
        now: Instant,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            session: ClientSession::new(window.len(), config, now)?,
            window,
            unread: (0, 0),
            out: [0; OUT],
            out_sent: 0,
            out_len: 0,
        })
    }

    /// Builds the request in the window.
    #[cfg(feature = "json")]
    pub(super) fn request(
        &mut self,
        request: &crate::fqe::Request<'_>,
        config: &ClientConfig,
    ) -> Result<&[u8], crate::fqe::RequestError> {
        if config.expected.is_none() {
            self.session.expect(request.expected());
        }
        request.emit(config.quirks, self.window)
    }

    pub(super) const fn session(&self) -> &ClientSession {
        &self.session
    }

    /// The owner waits for a frame from now on.
    pub(super) fn begin(&mut self, now: Instant) {
        self.session.set_reading(true, now);
    }

    /// Decodes the next frame of the unread bytes. Without one, handles the deadlines.
    pub(super) fn step(&mut self, now: Instant) -> Result<Option<Found>, End> {
        loop {
            let (start, end) = self.unread;
            let unread = self.window.get(start..end).unwrap_or_default();
            let step = self.session.step(unread, now)?;
            self.unread.0 = start + step.consumed;
            if let Some(frame) = step.frame {
                self.session.set_reading(false, now);
                return Ok(Some(Found(start, frame)));
            }
            if step.consumed == 0 {
                self.session.handle_timeout(now)?;
                return Ok(None);
            }
        }
    }

    /// Returns a frame with its bytes.
    pub(super) fn received(&self, Found(start, frame): Found) -> Received<'_> {
        let bytes = match &frame {
            Frame::Message { body, .. } | Frame::Chunk { body } => {
                body.of(self.window.get(start..).unwrap_or_default())
            }
            _ => &[],
        };
        Received { frame, bytes }
    }

    /// Marks all units returned so far as delivered.
    pub(super) fn delivered(&mut self) {
        self.session.delivered(self.session.received());
    }

    /// Returns the bytes to send, and how many of them are sent.
    pub(super) fn output(&mut self) -> (&[u8], &mut usize) {
        let out = self.out.get(..self.out_len).unwrap_or_default();
        (out, &mut self.out_sent)
    }

    /// Takes more output of the session, after all of it was sent. Returns false if there
    /// is none.
    pub(super) fn refill(&mut self, now: Instant) -> bool {
        self.out_sent = 0;
        self.out_len = self.session.poll_transmit(&mut self.out, now);
        self.out_len > 0
    }

    /// Returns where to read more bytes. There is room: the session never needs more input
    /// than the window holds.
    pub(super) fn room(&mut self) -> &mut [u8] {
        let (start, end) = self.unread;
        self.window.copy_within(start..end, 0);
        self.unread = (0, end - start);
        self.window.get_mut(end - start..).unwrap_or_default()
    }

    /// Records the bytes that were read; none is the end of the stream.
    pub(super) fn filled(&mut self, count: usize) -> Result<(), End> {
        if count == 0 {
            return Err(self.session.handle_eof());
        }
        self.unread.1 = (self.unread.1 + count).min(self.window.len());
        Ok(())
    }

    /// Ends the session, and writes the message for the peer into the window. Returns its
    /// length.
    pub(super) fn close(&mut self, reason: &str) -> Result<usize, ResourceError> {
        self.session.close(reason, self.window)
    }

    /// Returns what [`close`](Self::close) has written.
    pub(super) fn farewell(&self, length: usize) -> &[u8] {
        self.window.get(..length).unwrap_or_default()
    }
}
