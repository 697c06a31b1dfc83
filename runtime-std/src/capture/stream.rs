//! Reads a recorded stream message by message, in bounded memory.

use std::io::{self, Read};

use estreamer_core::decode::{Decoder, Frame, Limits, Oversize};

use super::CaptureError;

/// Messages up to this size in bytes are read completely, larger ones in pieces.
const WINDOW: usize = 1 << 20;

/// The decoder at the start of a stream.
const START: Decoder = match Decoder::new(WINDOW, Limits::UNLIMITED, Oversize::Pieces) {
    Ok(decoder) => decoder,
    // Checked when this is compiled.
    Err(_) => panic!(),
};

/// A recorded stream: one direction of a connection without TLS.
pub(super) struct Stream {
    decoder: Decoder,
    window: Vec<u8>,
    /// The unread bytes in the window.
    start: usize,
    end: usize,
    /// The bytes of the current piece.
    consumed: usize,
}

/// A frame with its bytes.
pub(super) struct Piece<'a> {
    /// Bytes before it in the stream.
    pub(super) offset: u64,
    /// `None` for bytes without meaning at the end of a message.
    pub(super) frame: Option<Frame>,
    pub(super) bytes: &'a [u8],
    /// These bytes, and what was read of the following ones.
    pub(super) unread: &'a [u8],
}

impl Stream {
    pub(super) fn new() -> Self {
        Self {
            decoder: START,
            window: vec![0; WINDOW],
            start: 0,
            end: 0,
            consumed: 0,
        }
    }

    /// Returns the next piece; `None` at the end of the input.
    ///
    /// # Errors
    /// The input cannot be read, or the rest is not an eStreamer stream.
    pub(super) fn next(
        &mut self,
        input: &mut impl Read,
    ) -> Result<Option<Piece<'_>>, CaptureError> {
        self.start += self.consumed;
        self.consumed = 0;
        let (offset, step) = loop {
            let offset = self.decoder.offset();
            let unread = &self.window[self.start..self.end];
            let step = self.decoder.step(unread).map_err(CaptureError::Peer)?;
            if step.consumed > 0 || step.frame.is_some() {
                break (offset, step);
            }
            if !self.fill(input)? {
                return Ok(None);
            }
        };
        self.consumed = step.consumed;
        let unread = &self.window[self.start..self.end];
        Ok(Some(Piece {
            offset,
            frame: step.frame,
            bytes: &unread[..step.consumed],
            unread,
        }))
    }

    /// Returns the bytes that were read and are in no piece.
    pub(super) fn rest(&self) -> &[u8] {
        &self.window[self.start + self.consumed..self.end]
    }

    /// Reads more. Returns whether there was anything.
    fn fill(&mut self, input: &mut impl Read) -> Result<bool, CaptureError> {
        self.window.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        loop {
            match input.read(&mut self.window[self.end..]) {
                Ok(count) => {
                    self.end += count;
                    return Ok(count > 0);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(CaptureError::Read(error)),
            }
        }
    }
}
